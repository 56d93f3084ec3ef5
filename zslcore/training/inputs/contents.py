"""Hashes of the files that a run depends on: pictures, weights, features and word vectors.

These files may change without a change of their names. A missing file counts as unchanged.
"""

import hashlib
import os

from zslcore._io.hashes import file_hash, file_hashes
from zslcore._io.locations import cache_root, user_path
from zslcore._io.reading import check_regular
from zslcore.backbone import BACKBONES, weights_id
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.image_labels import labels_file
from zslcore.data.semantics import LARGEST
from zslcore.errors import InputError
from zslcore.training.inputs.stored import features_id, missing_pictures_hint

DIGITS = 12  # hex digits of a hash in names and in metrics.json, as for weights


def pictures_id(benchmark: Benchmark) -> str:
    """12 hex digits over the content of all pictures; InputError if one is missing that was never read before."""
    names = [str(path).removeprefix(f"{benchmark.root}{os.sep}") for path in benchmark.image_paths]
    manifest = cache_root() / "hashes" / f"{benchmark.name}-{benchmark.fingerprint}.json"
    hashes = file_hashes(dict(zip(names, benchmark.image_paths)), manifest)
    if hashes is None:
        check_pictures(benchmark)
        raise InputError(f"the pictures of {benchmark.name} changed while they were read")
    ordered = "\n".join(hashes[name] for name in names)
    return hashlib.sha256(ordered.encode()).hexdigest()[:DIGITS]


def check_pictures(benchmark: Benchmark) -> None:
    """Raise InputError if pictures are missing, with what can be used instead."""
    try:
        benchmark.check_images()
    except InputError as error:
        raise InputError(f"{error}; {missing_pictures_hint(benchmark)}") from None


def file_contents(config: RunConfig, benchmark: Benchmark) -> dict[str, str]:
    """Hashes, by name, of the files that a training reads besides the benchmark's tables. Missing files have no entry.

    The names are ``images`` or ``features`` and, for trainings that use them, ``weights``, ``word_vectors``,
    ``attribute_names`` and ``image_labels``. ``benchmark`` must be as loaded, before another class split, because
    imported features belong to its fingerprint.
    """
    contents = {}
    try:
        if config.backbone in BACKBONES:
            contents["images"] = pictures_id(benchmark)
        else:
            contents["features"] = features_id(benchmark, config.backbone)
    except InputError:  # missing files raise an error when they are read
        pass
    from_file = config.backbone in BACKBONES and config.weights not in ("imagenet", "random")
    if from_file and os.path.isfile(user_path(config.weights, what="weights")):
        contents["weights"] = weights_id(config.weights)
    if config.network != "basic" and (vectors := benchmark.word_vectors_file(config.word_vectors)).is_file():
        check_regular(vectors, largest=LARGEST)
        contents["word_vectors"] = file_hash(vectors)[:DIGITS]
    if config.network == "gem" and config.decorrelation:  # over the groups of attributes, which their names give
        names = "\n".join(benchmark.attribute_names)
        contents["attribute_names"] = hashlib.sha256(names.encode()).hexdigest()[:DIGITS]
    if config.targets == "images" and labels_file(benchmark.root, benchmark.name) is not None:
        contents["image_labels"] = hashlib.sha256(benchmark.image_attributes.tobytes()).hexdigest()[:DIGITS]
    return contents


def changed_contents(found: dict[str, str], stored: dict[str, str]) -> list[str]:
    """``"content of NAME"`` for each of the :func:`file_contents` found that differs from the stored one."""
    return [f"content of {name}" for name, digest in found.items() if stored.get(name) != digest]

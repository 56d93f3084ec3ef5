"""The tables of SynthBirds in the layout of the xlsa17 benchmark: attributes, labels, splits, names, word vectors."""

import io
import pickle
from pathlib import Path

import numpy as np
import scipy.io
from jaxtyping import Float, Int

from zslcore.synthbirds import schema
from zslcore.synthbirds.settings import NAME, VERSION, Settings

_TEST_SEEN_SHARE = 0.22


def attribute_shares(values: Int[np.ndarray, "n groups"], images_per_class: int) -> Float[np.ndarray, "A C"]:
    """Percent (0..100) of the images of each class that show each attribute; images lie class by class.

    >>> attribute_shares(np.array([[0] * 10, [1] * 10]), 2)[:3, 0].tolist()
    [50.0, 50.0, 0.0]
    """
    shown = np.concatenate([np.eye(len(names))[values[:, g]] for g, names in enumerate(schema.GROUPS.values())], axis=1)
    return 100 * shown.reshape(-1, images_per_class, shown.shape[1]).mean(axis=1).T


def write_tables(
    root: Path, settings: Settings, names: tuple[str, ...], images: list[str], values: Int[np.ndarray, "n groups"]
) -> None:
    """att_splits.mat, res101.mat, class lists, attribute names and word vectors, written below ``root``.

    ``names``: the C class folders; ``images``: the n stored paths, class by class; ``values``: the value of each group
    in each image.

    >>> import tempfile
    >>> from zslcore.data.benchmark import Benchmark
    >>> values = schema.draw_benchmark(0, schema.sample_class_distributions(0, 4), 2)
    >>> images = [f"SYNTH/images/{name}/{number}.png" for name in "abcd" for number in range(2)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tables(Path(folder), Settings(0, 4, 1, 2), ("a", "b", "c", "d"), images, values)
    ...     benchmark = Benchmark.load(folder, NAME)
    >>> sorted(benchmark.class_names), [path.parent.name for path in benchmark.image_paths]
    (['a', 'b', 'c', 'd'], ['a', 'a', 'b', 'b', 'c', 'c', 'd', 'd'])
    >>> [benchmark.class_names[label] for label in benchmark.labels]
    ['a', 'a', 'b', 'b', 'c', 'c', 'd', 'd']
    """
    rng = np.random.default_rng([settings.seed, 4])
    order = rng.permutation(settings.num_classes)  # as in the real files, classes are not in folder order
    place = np.argsort(order)
    labels = np.repeat(place, settings.images_per_class)
    percent = attribute_shares(values, settings.images_per_class)[:, order]
    split, classes = split_images(settings, rng, labels)
    table = root / "xlsa17" / "data" / NAME
    table.mkdir(parents=True, exist_ok=True)
    _save_mat(
        table / "att_splits.mat",
        att=percent / np.linalg.norm(percent, axis=0),
        original_att=percent,
        allclasses_names=_cells([names[c] for c in order]),
        **{f"{key}_loc": (index + 1).astype(np.int32)[:, None] for key, index in split.items()},
    )
    _save_mat(table / "res101.mat", labels=(labels + 1).astype(np.int32)[:, None], image_files=_cells(images))
    for file, members in classes.items():
        (table / f"{file}.txt").write_text("".join(f"{names[order[c]]}\n" for c in members))
    attributes = schema.attribute_names()
    for folder in ("w2v", "names"):
        (root / "Attribute" / folder).mkdir(parents=True, exist_ok=True)
    (root / "Attribute" / "names" / f"{NAME}.txt").write_text("".join(f"{name}\n" for name in attributes))
    vectors = pickle.dumps(schema.word_vectors(attributes), protocol=4)
    (root / "Attribute" / "w2v" / f"{NAME}_attribute.pkl").write_bytes(vectors)


def split_images(
    settings: Settings, rng: np.random.Generator, labels: Int[np.ndarray, " n"]
) -> tuple[dict[str, Int[np.ndarray, " m"]], dict[str, list[int]]]:
    """Image indices (0-based, unsorted) of the five splits, and the classes of the five class lists.

    ``labels`` (n,): the class of each image. About 22 % of the images of each seen class test it, at least one;
    a quarter of the seen classes, but no more than there are unseen ones, are for validation.

    >>> settings = Settings(num_classes=5, num_unseen=1, images_per_class=10)
    >>> split, classes = split_images(settings, np.random.default_rng(0), np.repeat(np.arange(5), 10))
    >>> {name: len(images) for name, images in split.items()}  # 2 of each seen class, 4 x 8 less, are for tests
    {'trainval': 32, 'test_seen': 8, 'test_unseen': 10, 'train': 24, 'val': 8}
    """
    seen = settings.num_classes - settings.num_unseen
    num_val = min(settings.num_unseen, seen - 1, max(1, seen // 4))
    shuffled = rng.permutation(settings.num_classes)
    unseen, val, train = np.split(shuffled, [settings.num_unseen, settings.num_unseen + num_val])
    held_out = max(1, round(_TEST_SEEN_SHARE * settings.images_per_class))
    images = rng.permutation(len(labels))
    by_class = {c: images[labels[images] == c] for c in shuffled}
    test_seen = np.concatenate([by_class[c][:held_out] for c in (*train, *val)])
    kept = images[~np.isin(images, test_seen)]
    split = {
        "trainval": kept[~np.isin(labels[kept], unseen)],
        "test_seen": test_seen,
        "test_unseen": kept[np.isin(labels[kept], unseen)],
        "train": kept[np.isin(labels[kept], train)],
        "val": kept[np.isin(labels[kept], val)],
    }
    lists = {
        "allclasses": range(settings.num_classes),
        "trainclasses1": sorted(train),
        "valclasses1": sorted(val),
        "testclasses": sorted(unseen),
        "trainvalclasses": sorted([*train, *val]),
    }
    return split, {name: [int(c) for c in members] for name, members in lists.items()}


def _cells(texts: list[str]) -> np.ndarray:
    """An n x 1 MATLAB cell array of strings."""
    cells = np.empty((len(texts), 1), dtype=object)
    cells[:, 0] = texts
    return cells


def _save_mat(path: Path, **arrays: np.ndarray) -> None:
    """``scipy.io.savemat`` with a header that tells no time: same arrays, same bytes."""
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, arrays)
    header = f"MATLAB 5.0 MAT-file, zslcore {NAME} version {VERSION}".encode()
    path.write_bytes(header.ljust(116) + buffer.getvalue()[116:])

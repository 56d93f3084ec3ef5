"""Tables of SynthBirds in the xlsa17 layout: attributes, labels, splits, names and word vectors."""

import io
import pickle
from pathlib import Path

import numpy as np
import scipy.io
from jaxtyping import Float, Int

from zslcore.synthbirds import schema
from zslcore.synthbirds.schema import NAME, VERSION, Rng, Settings, Values

_TEST_SEEN_SHARE = 0.22


def shown_attributes(values: Values) -> Float[np.ndarray, "n A"]:
    """1 for each attribute that an image shows, 0 for the others."""
    return np.concatenate([np.eye(len(names))[values[:, g]] for g, names in enumerate(schema.GROUPS.values())], axis=1)


def attribute_shares(values: Values, images_per_class: int) -> Float[np.ndarray, "A C"]:
    """Percentage of the images of each class that show each attribute; the images are ordered by class."""
    shown = shown_attributes(values)
    return 100 * shown.reshape(-1, images_per_class, shown.shape[1]).mean(axis=1).T


def write_tables(root: Path, settings: Settings, names: tuple[str, ...], images: list[str], values: Values) -> None:
    """Write att_splits.mat, res101.mat, class lists, attribute names and word vectors below ``root``.

    ``names`` are the folder names of the classes; ``images`` are the stored paths, class by class; ``values`` are the
    drawn values of each image.
    """
    rng = np.random.default_rng([settings.seed, 4])
    order = rng.permutation(settings.num_classes)  # as in the real files, rows are not in folder order
    labels = np.repeat(np.argsort(order), settings.images_per_class)
    percent = attribute_shares(values, settings.images_per_class)[:, order]
    splits, classes = split_images(settings, rng, labels)
    folder = root / "xlsa17" / "data" / NAME
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        "att": percent / np.linalg.norm(percent, axis=0),
        "original_att": percent,
        "allclasses_names": _cells([names[c] for c in order]),
    }
    for split, index in splits.items():
        arrays[f"{split}_loc"] = (index + 1).astype(np.int32)[:, None]
    _save_mat(folder / "att_splits.mat", arrays)
    labels = (labels + 1).astype(np.int32)[:, None]
    _save_mat(folder / "res101.mat", {"labels": labels, "image_files": _cells(images)})
    for file, members in classes.items():
        _write_lines(folder / f"{file}.txt", [names[order[c]] for c in members])
    attributes = schema.attribute_names()
    for part in ("w2v", "names"):
        (root / "Attribute" / part).mkdir(parents=True, exist_ok=True)
    _write_lines(root / "Attribute" / "names" / f"{NAME}.txt", attributes)
    vectors = pickle.dumps(schema.word_vectors(attributes), protocol=4)
    (root / "Attribute" / "w2v" / f"{NAME}_attribute.pkl").write_bytes(vectors)


def split_images(
    settings: Settings, rng: Rng, labels: Int[np.ndarray, " n"]
) -> tuple[dict[str, Int[np.ndarray, " m"]], dict[str, list[int]]]:
    """Draw the image indices (0-based, unsorted) of the five splits, and the classes of the five class lists.

    About 22 % of the images of each seen class, at least one, go to test_seen. A quarter of the seen classes, but no
    more than there are unseen classes, are validation classes.
    """
    seen = settings.num_classes - settings.num_unseen
    num_val = min(settings.num_unseen, seen - 1, max(1, seen // 4))
    shuffled = rng.permutation(settings.num_classes)
    unseen, val, train = np.split(shuffled, [settings.num_unseen, settings.num_unseen + num_val])
    held_out = max(1, round(_TEST_SEEN_SHARE * settings.images_per_class))
    images = rng.permutation(len(labels))
    test_seen = np.concatenate([images[labels[images] == c][:held_out] for c in (*train, *val)])
    kept = images[~np.isin(images, test_seen)]
    splits = {
        "trainval": kept[~np.isin(labels[kept], unseen)],
        "test_seen": test_seen,
        "test_unseen": kept[np.isin(labels[kept], unseen)],
        "train": kept[np.isin(labels[kept], train)],
        "val": kept[np.isin(labels[kept], val)],
    }
    lists = {
        "allclasses": list(range(settings.num_classes)),
        "trainclasses1": sorted(train.tolist()),
        "valclasses1": sorted(val.tolist()),
        "testclasses": sorted(unseen.tolist()),
        "trainvalclasses": sorted([*train.tolist(), *val.tolist()]),
    }
    return splits, lists


def _cells(texts: list[str]) -> np.ndarray:  # an n x 1 MATLAB cell array
    return np.array(texts, dtype=object)[:, None]


def _write_lines(path: Path, lines: list[str] | tuple[str, ...]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _save_mat(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """``scipy.io.savemat`` without the time in the header, so that equal arrays give equal bytes."""
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, arrays)
    header = f"MATLAB 5.0 MAT-file, zslcore {NAME} version {VERSION}".encode()
    path.write_bytes(header.ljust(116) + buffer.getvalue()[116:])

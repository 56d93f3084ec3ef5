"""Tables of SynthBirds in the xlsa17 layout: attributes, labels, splits, names and word vectors."""

import pickle
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from zslcore import layout
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
    percent = attribute_shares(values, settings.images_per_class).T[order]
    splits, classes = split_images(settings, rng, labels)
    tables = layout.Tables(
        class_names=[names[c] for c in order],
        attribute_names=schema.attribute_names(),
        attributes=percent / np.linalg.norm(percent, axis=1, keepdims=True),
        original_attributes=percent,
        labels=labels,
        image_files=images,
        splits=splits,
        class_lists=classes,
    )
    layout.write_tables(root, NAME, tables, comment=f"{NAME} version {VERSION}")
    vectors = root / "Attribute" / "w2v" / f"{NAME}_attribute.pkl"
    vectors.parent.mkdir(parents=True, exist_ok=True)
    vectors.write_bytes(pickle.dumps(schema.word_vectors(tables.attribute_names), protocol=4))


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
    return splits, layout.class_lists(train.tolist(), val.tolist(), unseen.tolist())

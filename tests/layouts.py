"""Small data sets in the layouts of aPY, AWA1, FLO and SUN, whose classes can be learned from their attributes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml
from PIL import Image
from scipy.io import savemat
from tiny import cells, locations

# the study with all its methods, in seconds
SMALL_STUDY = {"epochs": 2, "episodes": 10}
METHODS = {
    "cross_entropy_tuned": {"scale": 10.0},
    "cross_entropy_centred": {"scale": 10.0},
    "mse_matched": {"lam": 5.0},
    "eszsl": {"loss_options": {"gamma": 100.0, "lam": 1.0}},
    "sae": {"loss_options": {"lam": 0.1}},
}
PICTURES = {"backbone": "resnet18", "weights": "random", "image_size": 32}
FEATURES = {"backbone": "res101"}


class Layout:
    """The tables of a data set; a layout changes ``splits``, ``images`` and ``names`` before :meth:`write`."""

    def __init__(self, root: Path, name: str, classes: list[str], unseen: int, vectors: np.ndarray, per_class: int = 6):
        self.root, self.name, self.classes = root, name, classes
        self.folder = root / "xlsa17" / "data" / name
        count = len(classes)
        self.labels = np.repeat(np.arange(count), per_class)
        first_val = count - 2 * unseen
        is_unseen, is_val = self.labels >= count - unseen, (self.labels >= first_val) & (self.labels < count - unseen)
        last = np.arange(len(self.labels)) % per_class == per_class - 1
        self.splits = {
            "att": vectors / np.linalg.norm(vectors, axis=0),
            "allclasses_names": cells(classes),
            "train_loc": locations(~is_unseen & ~is_val),
            "val_loc": locations(is_val),
            "trainval_loc": locations(~is_unseen & ~last),
            "test_seen_loc": locations(~is_unseen & last),
            "test_unseen_loc": locations(is_unseen),
        }
        rng = np.random.default_rng(0)
        projection = rng.normal(size=(len(vectors), 24))
        self.features = self.splits["att"].T[self.labels] @ projection + 0.1 * rng.normal(size=(len(self.labels), 24))
        self.images = {"labels": (self.labels + 1).astype(float)[:, None]}
        self.lists = {
            "trainclasses1": classes[:first_val],
            "valclasses1": classes[first_val : count - unseen],
            "trainvalclasses": classes[: count - unseen],
            "testclasses": classes[count - unseen :],
        }

    def name_images(self, stored: list[str]) -> None:
        self.images["image_files"] = cells(stored)

    def write(self, settings: dict) -> None:
        self.folder.mkdir(parents=True)
        savemat(self.folder / "att_splits.mat", self.splits)
        savemat(self.folder / "res101.mat", self.images)
        for file, names in self.lists.items():
            (self.folder / f"{file}.txt").write_text("".join(f"{name}\n" for name in names))
        content = {"settings": SMALL_STUDY | settings, "methods": METHODS}
        (self.folder / "settings.yml").write_text(yaml.safe_dump(content))

    def write_pictures(self, paths: list[str]) -> None:
        """A picture of 8 x 8 coloured squares for each image, from its features."""
        for path, row in zip(paths, self.features, strict=True):
            file = self.root / self.name / path
            if not file.exists():  # aPY lists a picture once for each object
                file.parent.mkdir(parents=True, exist_ok=True)
                squares = (128 + 60 * np.resize(row, (8, 8, 3))).clip(0, 255).astype(np.uint8)
                Image.fromarray(squares).resize((32, 32)).save(file)


def apy(root: Path) -> Layout:
    """aPY: ``att`` alone, attributes without names, photographs of two sources, some listed once for each object."""
    rng = np.random.default_rng(1)
    classes = ["aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "bag", "building", "carriage", "centaur"]
    layout = Layout(root, "APY", classes, 3, rng.uniform(0, 1, (64, 10)) ** 3)
    paths = [
        f"apascal/JPEGImages/{number:06}.jpg" if label < 6 else f"ayahoo/{classes[label]}_{number}.jpg"
        for number, label in enumerate(layout.labels)
    ]
    paths[7] = paths[0]  # an aeroplane and a bicycle in one photograph
    prefix = "/BS/Deep_Fragments/work/MSc/data/"
    layout.name_images([prefix + path for path in paths])
    layout.write_pictures(
        [path.replace("apascal/JPEGImages/", "images/").replace("ayahoo/", "images/") for path in paths]
    )
    layout.write(PICTURES)
    return layout


def awa1(root: Path) -> Layout:
    """AWA1: features without pictures, percentages in which -1 is missing, a numbered list of attributes."""
    rng = np.random.default_rng(2)
    classes = [
        "antelope",
        "grizzly+bear",
        "killer+whale",
        "beaver",
        "dalmatian",
        "persian+cat",
        "horse",
        "mole",
        "tiger",
    ]
    percent = rng.uniform(0, 100, (85, 9)).round(2)
    layout = Layout(root, "AWA1", classes, 2, percent)
    layout.splits["original_att"] = percent.copy()
    layout.splits["original_att"][3, [1, 4]] = -1
    filled = np.clip(layout.splits["original_att"], 0, None)
    layout.splits["att"] = filled / np.linalg.norm(filled, axis=0)
    layout.images["features"] = layout.features.T
    folder = "/BS/xian/work/data/AwA/JPEGImages"
    layout.name_images([f"{folder}/{classes[label]}/{number}.jpg" for number, label in enumerate(layout.labels)])
    names = root / "Attribute" / "names" / "AWA1.txt"
    names.parent.mkdir(parents=True)
    names.write_text("".join(f"{index + 1:5}\tquality {index}\n" for index in range(85)))
    layout.write(FEATURES)
    return layout


def flo(root: Path) -> Layout:
    """FLO: sentence vectors of any sign, neither names nor lists of classes, pictures in one folder, features."""
    layout = Layout(
        root, "FLO", [f"flower {index}" for index in range(12)], 3, np.random.default_rng(3).normal(size=(128, 12))
    )
    layout.splits["att"] = 3 * layout.splits["att"].astype(np.float32)
    del layout.splits["allclasses_names"]
    layout.lists = {}
    layout.images["features"] = layout.features.T
    layout.name_images(
        [f"/BS/Deep_Fragments/work/Flowers/jpg/image_{number:05}.jpg" for number in range(len(layout.labels))]
    )
    layout.write(FEATURES)
    return layout


def sun(root: Path, *, classes: int = 717) -> Layout:
    """SUN: 717 classes in nested folders, few images each, 102 attributes."""
    names = [f"{'abcdefghij'[index % 10]}_scene_{index}{'_outdoor' * (index % 3 == 0)}" for index in range(classes)]
    original = np.random.default_rng(4).uniform(0, 1, (102, classes)) ** 4
    layout = Layout(root, "SUN", names, classes // 10, original, per_class=5)
    layout.splits["original_att"] = original
    paths = []
    for number, label in enumerate(layout.labels):
        folder = names[label].replace("_outdoor", "/outdoor")
        paths.append(f"images/{names[label][0]}/{folder}/sun_{number:06}.jpg")
    layout.name_images([f"/BS/Deep_Fragments/work/MSc/data/SUN/{path}" for path in paths])
    layout.write_pictures(paths)
    layout.write(PICTURES | {"ways": 8})
    return layout


def standard_split(root: Path) -> Layout:
    """The split before xlsa17's: no test images of seen classes, 2 unseen classes."""
    layout = _features_only(root, "STANDARD", np.random.default_rng(5).uniform(0, 1, (30, 8)), unseen=2)
    del layout.splits["test_seen_loc"]
    layout.write(FEATURES)
    return layout


def standardised(root: Path) -> Layout:
    """Class vectors with mean 0 and variance 1 over the classes, in one group of attributes."""
    vectors = np.random.default_rng(6).normal(size=(12, 9))
    vectors = (vectors - vectors.mean(1, keepdims=True)) / vectors.std(1, keepdims=True)
    layout = _features_only(root, "STANDARDISED", vectors, unseen=2)
    layout.splits["original_att"] = vectors
    names = root / "Attribute" / "names" / "STANDARDISED.txt"
    names.parent.mkdir(parents=True)
    names.write_text("".join(f"has_colour::{index}\n" for index in range(12)))
    layout.write(FEATURES)
    return layout


def _features_only(root: Path, name: str, vectors: np.ndarray, *, unseen: int) -> Layout:
    layout = Layout(root, name, [f"class_{index}" for index in range(vectors.shape[1])], unseen, vectors)
    layout.images["features"] = layout.features.T
    layout.name_images([f"{name}/images/{number}.jpg" for number in range(len(layout.labels))])
    return layout


LAYOUTS: dict[str, Callable[[Path], Layout]] = {
    "APY": apy,
    "AWA1": awa1,
    "FLO": flo,
    "SUN": sun,
    "STANDARD": standard_split,
    "STANDARDISED": standardised,
}

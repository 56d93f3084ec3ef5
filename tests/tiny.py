"""A tiny but complete data set in the xlsa17 layout, to be spoiled in one way at a time; settings of small runs."""

import pickle
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark

CLASS_NAMES = ["lark", "heron", "auk", "finch", "gull", "stork", "owl", "wren"]
ATTRIBUTE_NAMES = [f"has_{part}::{value}" for part in ("bill", "wing_color", "size") for value in "abc"]
UNSEEN, VAL = [2, 5], [1, 6]  # class indices; the other four are the train classes

SMALL = {"backbone": "resnet18", "weights": "random", "image_size": 64, "device": "cpu"}
SMALL_RUN = RunConfig(dataset="SYNTH", **SMALL, epochs=6, episodes=4, ways=4, lr=0.003, lam=3.0)
LINEAR_RUN = RunConfig(dataset="SYNTH", backbone="resnet18", device="cpu", ways=6, lam=5.0, key_dim=8)  # on `features`
TINY_RUN = RunConfig(dataset="TINY", **SMALL | {"image_size": 32}, epochs=1, episodes=2, ways=3)


class TinyDataset:
    """8 classes (2 unseen) of 5 images, 9 attributes: change ``splits`` or ``images``, then :meth:`load`.

    Images 5c to 5c + 4 are those of class c. As in AWA2, ``train_loc`` and ``val_loc`` hold the test_seen images too.
    """

    name = "TINY"

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "xlsa17" / "data" / self.name
        self.folder.mkdir(parents=True)
        original = np.random.default_rng(0).uniform(1, 100, size=(len(ATTRIBUTE_NAMES), len(CLASS_NAMES)))
        labels = np.repeat(np.arange(len(CLASS_NAMES)), 5)
        unseen, val, last = np.isin(labels, UNSEEN), np.isin(labels, VAL), np.arange(40) % 5 == 4
        self.splits = {
            "original_att": original,
            "att": original / np.linalg.norm(original, axis=0),
            "allclasses_names": cells(CLASS_NAMES),
            "train_loc": locations(~unseen & ~val),
            "val_loc": locations(val),
            "test_seen_loc": locations(~unseen & last),
            "test_unseen_loc": locations(unseen),
            "trainval_loc": locations(~unseen & ~last),
        }
        names = [f"{CLASS_NAMES[label]}/{index:02}.png" for index, label in enumerate(labels)]
        self.images = {
            "image_files": cells([f"{self.name}/images/{name}" for name in names]),
            "labels": (labels + 1).astype(np.uint16)[:, None],
        }
        self.image_paths = [root / self.name / "images" / name for name in names]
        for file, members in self.class_lists().items():
            (self.folder / f"{file}.txt").write_text("".join(f"{CLASS_NAMES[index]}\n" for index in members))
        (root / "Attribute" / "names").mkdir(parents=True)
        self.names_file.write_text("\n".join(ATTRIBUTE_NAMES) + "\n")
        self.vectors_file.parent.mkdir()
        self.vectors_file.write_bytes(pickle.dumps(np.random.default_rng(1).normal(size=(9, 6))))

    @staticmethod
    def class_lists() -> dict[str, list[int]]:
        """Class indices of each class list, in an order of their own as in the real files."""
        seen = [index for index in range(len(CLASS_NAMES)) if index not in UNSEEN]
        train = [index for index in seen if index not in VAL]
        return {"trainvalclasses": seen[::-1], "testclasses": UNSEEN[::-1], "trainclasses1": train, "valclasses1": VAL}

    @property
    def names_file(self) -> Path:
        return self.root / "Attribute" / "names" / f"{self.name}.txt"

    @property
    def vectors_file(self) -> Path:
        return self.root / "Attribute" / "w2v" / f"{self.name}_attribute.pkl"

    def write(self) -> None:
        savemat(self.folder / "att_splits.mat", self.splits)
        savemat(self.folder / "res101.mat", self.images)

    def write_images(self) -> None:
        """Noise of 40 x 32 pixels, another for every image."""
        rng = np.random.default_rng(2)
        for path in self.image_paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (32, 40, 3), dtype=np.uint8)).save(path)

    def load(self) -> Benchmark:
        self.write()
        return Benchmark.load(self.root, self.name)


def cells(strings: list[str]) -> np.ndarray:
    """A MATLAB cell array of strings, as a column."""
    return np.array(strings, dtype=object)[:, None]


def locations(mask: np.ndarray) -> np.ndarray:
    """1-based positions as a column of uint16, the type of the real files."""
    return (np.flatnonzero(mask) + 1).astype(np.uint16)[:, None]


class NarrowResNet(ResNet):
    """A residual network of a fiftieth of ResNet-18's weights, with as many outputs: quick to train, store and hash."""

    def __init__(self) -> None:
        super().__init__(BasicBlock, [1, 1, 1, 1], num_classes=10)
        self.inplanes = 8
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(8)
        self.layer1 = self._make_layer(BasicBlock, 8, 1)
        self.layer2 = self._make_layer(BasicBlock, 8, 1, stride=2)
        self.layer3 = self._make_layer(BasicBlock, 8, 1, stride=2)
        self.layer4 = self._make_layer(Bottleneck, 128, 1, stride=2)

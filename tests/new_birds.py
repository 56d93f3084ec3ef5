"""What a user brings to make a data set: a folder of pictures for each class, and a table of the classes."""

import csv

import numpy as np
from PIL import Image

CLASSES = ["great tit", "Krähe", "owl, barn", "lark", "heron", "auk", "finch", "gull"]
ATTRIBUTES = ["has_size::small", "colour, main", "länge"]


class Source:
    """A folder of 8 classes with 5 to 8 noisy pictures each, and its table."""

    def __init__(self, folder):
        self.pictures, self.table = folder / "pictures", folder / "classes.csv"
        rng = np.random.default_rng(0)
        for index, name in enumerate(CLASSES):
            (self.pictures / name).mkdir(parents=True)
            for number in range(5 + index % 4):
                pixels = rng.integers(0, 256, (24, 30, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(self.pictures / name / f"{name} {number}.png")
        self.values = rng.uniform(0.1, 5, size=(8, 3)).round(3)
        self.rows = [["class", *ATTRIBUTES], *([name, *map(str, row)] for name, row in zip(CLASSES, self.values))]
        self.write()

    def write(self, encoding="utf-8", delimiter=","):
        with open(self.table, "w", newline="", encoding=encoding) as file:
            csv.writer(file, delimiter=delimiter).writerows(self.rows)


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

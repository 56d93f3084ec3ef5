"""Bad files beside the tables: word vectors, class tables of new data sets, boxes, labels of single images."""

import os
import pickle

import numpy as np
import scipy.io
from bad_inputs.cases import Call, cases
from bad_inputs.world import train
from tiny import cells

from zslcore.data.benchmark import Benchmark

CASES, bad = cases("Data sets: other files")
GEM = {"network": "gem"}


def _vectors(what: str, *says: str):
    """A case that writes other word vectors; the function gives the bytes of the file."""

    def add(content):
        @bad(what, "TINY_attribute.pkl", *says)
        def _(world):
            file = world.data / "Attribute" / "w2v" / "TINY_attribute.pkl"
            file.write_bytes(content() if callable(content) else content)
            return train(**GEM)

    return add


class _Command:
    def __reduce__(self):
        return os.system, ("touch canary",)


_vectors("a pickle that starts a program", "system")(lambda: pickle.dumps(_Command()))
_vectors("a pickle that loads a module", "builtins")(b"cbuiltins\neval\n(V__import__('os')\ntR.")
_vectors("a pickle of 9 bytes that asks for 2 GB")(b"\x80\x04\x8e" + (2 << 30).to_bytes(8, "little"))
_vectors("a pickle with a memo of 2 billion entries")(b"\x80\x04Nr\xff\xff\xff\x7f.")
_vectors("an empty pickle")(b"")
_vectors("a pointer of Git LFS as word vectors", "git lfs pull")(b"version https://git-lfs.github.com/spec/v1\n")
_vectors("word vectors as text", "numpy.save")(b"black 0.1 0.2 0.3\nwhite 0.4 0.5 0.6\n")
_vectors("half a pickle")(lambda: pickle.dumps(np.ones((9, 6)))[:60])
_vectors("a list as word vectors", "list")(lambda: pickle.dumps([[1.0] * 6] * 9))
_vectors("word vectors of objects")(lambda: pickle.dumps(np.array([["a"] * 6] * 9, dtype=object)))
_vectors("word vectors of text")(lambda: pickle.dumps(np.array([["a"] * 6] * 9)))
_vectors("one word vector too few", "8")(lambda: pickle.dumps(np.ones((8, 6))))
_vectors("word vectors of one axis", "(9,)")(lambda: pickle.dumps(np.ones(9)))
_vectors("word vectors without dimensions", "(9, 0)")(lambda: pickle.dumps(np.ones((9, 0))))
_vectors("NaN in a word vector", "nan")(lambda: pickle.dumps(np.full((9, 6), np.nan)))


@bad("a named pipe as word vectors", "TINY_attribute.pkl", "pipe")
def _(world):
    file = world.data / "Attribute" / "w2v" / "TINY_attribute.pkl"
    file.unlink()
    os.mkfifo(file)
    return train(**GEM)


@bad("word vectors of 4 GB", "big.npy", "4,294,967,296")
def _(world):
    with open(world / "big.npy", "wb") as file:
        file.truncate(4 << 30)
    return train(**GEM, word_vectors="big.npy")


def _table(what: str, content: str | bytes, *says: str) -> None:
    """A case with another CSV of class attributes."""

    @bad(what, "birds.csv", *says)
    def _(world):
        file = world / "birds.csv"
        content_ = content(file.read_text()) if callable(content) else content
        file.write_bytes(content_ if isinstance(content_, bytes) else content_.encode())
        return ["data", "make", "birds", "birds.csv", "--name", "NEW"]


_table("an empty class table", "")
_table("a class table without attributes", "class\nlark\n")
_table("a class table that is no text", b"\xff\xfe\x00,1\n")
_table("a word for an attribute", lambda text: text.replace(",5,", ",five,", 1), "'five'")
_table("NaN for an attribute", lambda text: text.replace(",5,", ",nan,", 1), "'nan'")
_table("an attribute of 400 digits", lambda text: text.replace(",5,", f",{'9' * 400},", 1), "999")
_table("a row too short", lambda text: text.replace(",5,", ",", 1), "line 2", "lark")
_table("a class twice", lambda text: text.replace("heron", "lark"), "'lark'")
_table("an attribute twice", lambda text: text.replace("::b", "::a"), "has_bill::a")
_table("a class without a folder", lambda text: text.replace("heron", "ostrich"), "'heron'")
_table("a class that is all zero", lambda text: text.replace("heron,2,3,4,5,6,7,8,9,10", "heron" + ",0" * 9), "heron")
_table("an open quote", lambda text: text.replace("heron", '"heron'))
_table("a workbook as class table", b"PK\x03\x04", "CSV")
_table("a class that leads out of the folder", lambda text: text.replace("heron", "../heron"), "'../heron'")
_table("two classes", "class,a\nlark,1\nheron,2\n", "2")


@bad("a named pipe as class table", "pipe.csv", "pipe")
def _(world):
    os.mkfifo(world / "pipe.csv")
    return ["data", "make", "birds", "pipe.csv", "--name", "NEW"]


@bad("a class of three images", "'lark'", "3")
def _(world):
    for path in sorted((world / "birds" / "lark").iterdir())[:2]:
        path.unlink()
    return ["data", "make", "birds", "birds.csv", "--name", "NEW"]


@bad("a named pipe among the images of a class", "pipe.png")
def _(world):
    os.mkfifo(world / "birds" / "lark" / "pipe.png")
    return ["data", "make", "birds", "birds.csv", "--name", "NEW"]


def _boxes(what: str, lines: str, *says: str) -> None:
    @bad(what, *says)
    def _(world):
        (world / "images.txt").write_text("1 lark/00.png\n")
        (world / "boxes.txt").write_text(lines)
        return ["data", "subset", "TINY", "--name", "NEW", "--boxes", "boxes.txt"]


_boxes("a box without numbers", "1 a b c d\n", "boxes.txt", "a b c d")
_boxes("a box without width", "1 0 0 0 5\n", "boxes.txt", "0 0 0 5")
_boxes("a box NaN", "1 nan 0 5 5\n", "boxes.txt", "nan")
_boxes("an image without a box", "1 0 0 5 5\n", "boxes.txt", "lark/01.png")
_boxes("a line without an id", "box\n", "boxes.txt", "'box'")


@bad("a named pipe as boxes", "boxes.txt", "pipe")
def _(world):
    (world / "images.txt").write_text("1 lark/00.png\n")
    os.mkfifo(world / "boxes.txt")
    return ["data", "subset", "TINY", "--name", "NEW", "--boxes", "boxes.txt"]


def _labels(what: str, lines: str, *says: str) -> None:
    @bad(what, "image_attribute_labels.txt", *says)
    def _(world):
        folder = world.data / "TINY"
        (folder / "attributes").mkdir()
        (folder / "attributes" / "image_attribute_labels.txt").write_text(lines)
        (folder / "images.txt").write_text("1 lark/00.png\n2 lark/01.png\n")
        call = 'Benchmark.load("data", "TINY").image_attributes'
        return Call(call, lambda: Benchmark.load(world.data, "TINY").image_attributes)


_labels("no label of an image", "")
_labels("a word for a label", "1 1 yes\n", "'1 1 yes'")
_labels("a label 2", "1 1 1\n1 2 2\n", "2")
_labels("a label of an unknown image", "7 1 1\n", "7")
_labels("a label of an unknown attribute", "1 99 1\n", "99")
_labels("a label NaN", "1 1 nan\n", "nan")


@bad("a struct in place of a matrix of SUN's labels", "attributeLabels_continuous.mat")
def _(world):
    folder = world.data / "TINY" / "SUNAttributeDB"
    folder.mkdir()
    scipy.io.savemat(folder / "images.mat", {"images": cells(["lark/00.png"])})
    scipy.io.savemat(folder / "attributeLabels_continuous.mat", {"labels_cv": {"a": 1}})
    call = 'Benchmark.load("data", "TINY").image_attributes'
    return Call(call, lambda: Benchmark.load(world.data, "TINY").image_attributes)

"""Bad files of a data set: splits, class vectors, lists, image lists, names and word vectors."""

import os
import pickle
import shutil

import numpy as np
import scipy.io
from bad_inputs.cases import Call, cases
from bad_inputs.world import Tables, check, train
from tiny import cells

from zslcore.data.benchmark import Benchmark

CASES, bad = cases("Data sets: tables")
GEM = {"network": "gem"}


def _splits(what: str, *says: str):
    """A case that spoils ``att_splits.mat``."""

    def add(spoil):
        @bad(what, "att_splits.mat", *says)
        def _(world):
            tables = Tables(world)
            spoil(tables.splits)
            tables.write()
            return check()

    return add


def _images(what: str, *says: str):
    """A case that spoils ``res101.mat``."""

    def add(spoil):
        @bad(what, "res101.mat", *says)
        def _(world):
            tables = Tables(world)
            spoil(tables.images)
            tables.write()
            return check()

    return add


def _changed(key: str, place: tuple, value: object):
    def spoil(arrays: dict) -> None:
        arrays[key] = arrays[key].astype(float) if isinstance(value, float) else arrays[key].copy()
        arrays[key][place] = value

    return spoil


def _without(key: str):
    return lambda arrays: arrays.pop(key)


def _with(key: str, value: object):
    return lambda arrays: arrays.update({key: value})


_splits("no class vectors", "'att'")(_without("att"))
_splits("no trainval images", "'trainval_loc'")(_without("trainval_loc"))
_splits("NaN in att", "nan", "'finch'")(_changed("att", (2, 3), np.nan))
_splits("infinity in original_att", "inf", "'finch'")(_changed("original_att", (2, 3), np.inf))
_splits("1e300 in att", "inf", "'finch'")(_changed("att", (2, 3), 1e300))
_splits("a class without attributes", "'finch'")(_changed("att", (slice(None), 3), 0.0))
_splits("text as att", "att")(_with("att", "many"))
_splits("complex numbers as att", "complex")(lambda s: s.update(att=s["att"] * 1j))
_splits("a cell array as att", "att", "object")(_with("att", cells(["a", "b"])))
_splits("a struct as att", "att_splits.mat")(_with("att", {"a": 1}))
_splits("an empty att", "att")(_with("att", np.zeros((0, 0))))
_splits("att of three axes", "att", "(9, 8, 2)")(lambda s: s.update(att=np.ones((9, 8, 2))))
_splits("att transposed", "transpose")(lambda s: s.update(att=s["att"].T))
_splits("att of one class less", "(9, 7)")(lambda s: s.update(att=s["att"][:, :7]))
_splits("original_att of one attribute less", "(8, 8)")(lambda s: s.update(original_att=s["original_att"][:8]))
_splits("att that is not original_att normalised", "'lark'")(lambda s: s.update(att=s["att"][:, ::-1]))
_splits("one class vector that is another's", "'finch'")(
    lambda s: s["att"].__setitem__((slice(None), 3), s["att"][:, 4])
)
_splits("a class name twice", "'lark'")(lambda s: s.update(allclasses_names=cells(["lark"] * 8)))
_splits("an empty class name", "allclasses_names")(_changed("allclasses_names", (2, 0), ""))
_splits("numbers as class names", "allclasses_names")(_with("allclasses_names", np.arange(8)[:, None]))
_splits("location 0", "0")(_changed("trainval_loc", (0, 0), 0))
_splits("location beyond the images", "41")(_changed("test_seen_loc", (0, 0), 41))
_splits("half a location", "1.5")(_changed("trainval_loc", (0, 0), 1.5))
_splits("NaN as location", "nan")(_changed("trainval_loc", (0, 0), np.nan))
_splits("location -1", "-1")(lambda s: s.update(trainval_loc=s["trainval_loc"].astype(int) * -1))
_splits("text as locations", "trainval_loc")(_with("trainval_loc", "all"))
_splits("an image twice in a split", "repeats 1")(lambda s: s["trainval_loc"].__setitem__((1, 0), 1))
_splits("an empty split", "test_unseen_loc")(_with("test_unseen_loc", np.zeros((0, 1))))
_splits("an image to train and to test on", "test_seen_loc", "1")(
    lambda s: s.update(test_seen_loc=np.concatenate([s["test_seen_loc"], [[1]]]))
)
_splits("an unseen image among the seen ones", "test_unseen_loc")(
    lambda s: s.update(trainval_loc=np.concatenate([s["trainval_loc"], s["test_unseen_loc"][:1]]))
)
_images("no labels", "'labels'")(_without("labels"))
_images("no image list", "'image_files'")(_without("image_files"))
_images("label 0", "labels", "0")(_changed("labels", (0, 0), 0))
_images("label of no class", "labels", "9")(_changed("labels", (0, 0), 9))
_images("a fraction as label", "labels", "1.5")(_changed("labels", (0, 0), 1.5))
_images("text as labels", "labels")(_with("labels", "birds"))
_images("a label less than images", "39", "40")(lambda i: i.update(labels=i["labels"][:-1]))
_images("an image less than labels", "39", "40")(lambda i: i.update(image_files=i["image_files"][:-1]))
_images("an image file without name", "image_files")(_changed("image_files", (3, 0), ""))
_images("a folder as image file", "image_files", "'..'")(_changed("image_files", (3, 0), ".."))
_images("numbers as image files", "image_files")(_with("image_files", np.arange(40)[:, None]))
_images("a line break in an image file", "'TINY/images/a\\nb.png'")(
    _changed("image_files", (3, 0), "TINY/images/a\nb.png")
)
_images("the image list shifted by one", "wren/39.png", "'lark'")(
    lambda i: i.update(image_files=np.roll(i["image_files"], 1))
)
_images("one image with another's label", "finch/15.png", "'lark'")(_changed("labels", (15, 0), 1))
_images("one file to train and to test on", "lark/00.png")(
    lambda i: i["image_files"].__setitem__(4, i["image_files"][0])
)


@bad("image files outside the root", "data/TINY/images/0.png", "missing")
def _(world):
    outside = world.root.parent / "outside"
    shutil.copytree(world.images / "lark", outside)
    tables = Tables(world)
    for index in range(5):
        tables.images["image_files"][index] = f"../../../outside/{index}.png"
        (outside / f"{index:02}.png").rename(outside / f"{index}.png")
        (world.images / "lark" / f"{index:02}.png").unlink()
    tables.write()
    return check(backbone="resnet18", weights="random", image_size=32)


@bad("an absolute path as image file", "hostname", "missing")
def _(world):
    tables = Tables(world)
    tables.images["image_files"][0] = "/etc/hostname"
    tables.write()
    return check(backbone="resnet18", weights="random", image_size=32)


def _file(name: str, content: bytes, what: str, *says: str, **settings: object) -> None:
    """A case with other bytes in a file below ``data/xlsa17/data/TINY``."""

    @bad(what, name.rsplit("/", 1)[-1], *says)
    def _(world):
        (world.tables / name).write_bytes(content)
        return check(**settings)


_file("att_splits.mat", b"", "an empty att_splits.mat")
_file("att_splits.mat", b"not a MATLAB file" * 20, "text as att_splits.mat")
_file("res101.mat", b"\x89HDF\r\n\x1a\n" + b"x" * 600, "a broken MATLAB 7.3 file")
_file("res101.mat", b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM", "no variables in res101.mat", "'labels'")
_file("testclasses.txt", b"auk\nostrich\n", "an unknown class in a list", "'ostrich'")
_file("testclasses.txt", b"auk\n", "a class too few in a list", "'stork'")
_file("testclasses.txt", b"", "an empty class list")
_file("trainvalclasses.txt", b"auk\n", "an unseen class in the list of the seen ones")
_file("valclasses1.txt", b"\xff\xfe\x00\xd8", "a class list of half a character")


@bad("att_splits.mat cut in the middle", "att_splits.mat")
def _(world):
    file = world.tables / "att_splits.mat"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return check()


@bad("att_splits.mat is missing", "att_splits.mat")
def _(world):
    (world.tables / "att_splits.mat").unlink()
    return check()


@bad("res101.mat is missing", "res101.mat")
def _(world):
    (world.tables / "res101.mat").unlink()
    return check()


@bad("a named pipe as res101.mat", "res101.mat")
def _(world):
    (world.tables / "res101.mat").unlink()
    os.mkfifo(world.tables / "res101.mat")
    return check()


@bad("a named pipe as class list", "testclasses.txt")
def _(world):
    (world.tables / "testclasses.txt").unlink()
    os.mkfifo(world.tables / "testclasses.txt")
    return check()


@bad("a folder as attribute names", "TINY.txt")
def _(world):
    file = world.data / "Attribute" / "names" / "TINY.txt"
    file.unlink()
    file.mkdir()
    return check()


@bad("train and val classes that are not the seen ones", "train and val")
def _(world):
    (world.tables / "trainclasses1.txt").write_text("lark\n")
    return check()


@bad("one changed bit in the type of a variable", "att_splits.mat")
def _(world):
    file = world.tables / "att_splits.mat"
    content = bytearray(file.read_bytes())
    content[128 + 9] ^= 0x40
    file.write_bytes(content)
    return check()


@bad("an attribute name too few", "TINY.txt", "8")
def _(world):
    (world.data / "Attribute" / "names" / "TINY.txt").write_text("\n".join("abcdefgh"))
    return check()


@bad("an attribute name twice", "TINY.txt", "'a'")
def _(world):
    (world.data / "Attribute" / "names" / "TINY.txt").write_text("\n".join("aabcdefgh"))
    return check()


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

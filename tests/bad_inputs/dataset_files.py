"""Bad tables of a data set: splits, class vectors, image lists, class lists and names."""

import os
import shutil

import numpy as np
from bad_inputs.cases import cases
from bad_inputs.world import Tables, check
from tiny import cells

CASES, bad = cases("Data sets: tables")


def _spoiled(file: str, attribute: str):
    """A function that adds a case with spoiled arrays in a file of :class:`Tables`."""

    def case(what: str, *says: str):
        def add(spoil):
            @bad(what, file, *says)
            def _(world):
                tables = Tables(world)
                spoil(getattr(tables, attribute))
                tables.write()
                return check()

        return add

    return case


_splits = _spoiled("att_splits.mat", "splits")
_images = _spoiled("res101.mat", "images")


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

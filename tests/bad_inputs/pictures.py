"""Bad pictures, weights of a backbone, and features to import."""

import os
import struct
import warnings
import zlib

import numpy as np
import scipy.io
import torch
from bad_inputs.cases import cases
from bad_inputs.world import PICTURES, Tables, check, train
from PIL import Image
from safetensors.torch import save_file

from zslcore.backbone import build_backbone

CASES, bad = cases("Pictures, weights and features")


def _png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG of one colour with any size in its header."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = data or zlib.compress(bytes((3 * width + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _picture(what: str, *says: str):
    """A case with other bytes in one picture, whose features are computed."""

    def add(content):
        @bad(what, "heron/07.png", *says)
        def _(world):
            path = world.images / "heron" / "07.png"
            path.write_bytes(content(path.read_bytes()))
            return train(**PICTURES)

    return add


_picture("an empty picture")(lambda whole: b"")
_picture("text as picture")(lambda whole: b"no picture")
_picture("half a picture")(lambda whole: whole[: len(whole) // 2])
_picture("a picture with other bytes in its middle")(lambda whole: whole[:500] + bytes(500) + whole[1000:])
_picture("a picture of 100,000 x 1 pixels", "100000")(lambda whole: _png(100_000, 1))
_picture("a picture of 1 x 100,000 pixels", "100000")(lambda whole: _png(1, 100_000))
_picture("a picture that says 60,000 x 60,000 pixels")(lambda whole: _png(60_000, 60_000, b"x"))
_picture("a picture without pixels")(lambda whole: _png(0, 0, b"x"))
_picture("a vector graphic")(
    lambda whole: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/hostname"/></svg>'
)
_picture("PostScript")(lambda whole: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(canary) (w) file\n")


@bad("a picture of numbers that are no colours", "heron/07.png")
def _(world):
    path = world.images / "heron" / "07.png"
    Image.fromarray(np.full((32, 40), 0.5, dtype=np.float32)).save(path, format="TIFF")
    return train(**PICTURES)


@bad("a picture that is missing", "heron/07.png", "1 of 40")
def _(world):
    (world.images / "heron" / "07.png").unlink()
    return train(**PICTURES)


@bad("a folder as picture", "heron/07.png", "1 of 40")
def _(world):
    (world.images / "heron" / "07.png").unlink()
    (world.images / "heron" / "07.png").mkdir()
    return train(**PICTURES)


@bad("a named pipe as picture", "heron/07.png", "1 of 40")
def _(world):
    (world.images / "heron" / "07.png").unlink()
    os.mkfifo(world.images / "heron" / "07.png")
    return train(**PICTURES)


@bad("a link to nothing as picture", "heron/07.png", "1 of 40")
def _(world):
    (world.images / "heron" / "07.png").unlink()
    (world.images / "heron" / "07.png").symlink_to("nowhere.png")
    return train(**PICTURES)


@bad("half a picture to fine-tune on", "heron/07.png")
def _(world):
    path = world.images / "heron" / "07.png"
    path.write_bytes(path.read_bytes()[:2000])
    return train(**PICTURES, fine_tune="true", standardize="false")


@bad("half a picture in a subset", "heron/07.png")
def _(world):
    path = world.images / "heron" / "07.png"
    path.write_bytes(path.read_bytes()[:2000])
    return ["data", "subset", "TINY", "--name", "NEW", "--size", "16"]


@bad("text as picture of a new data set", "heron/07.png")
def _(world):
    (world / "birds" / "heron" / "07.png").write_text("no picture")
    return ["data", "make", "birds", "birds.csv", "--name", "NEW"]


def _weights(what: str, name: str, *says: str):
    """A case with weights of resnet18; the function writes the file."""

    def add(write):
        @bad(what, name, *says)
        def _(world):
            write(world / name)
            return train(**PICTURES | {"weights": name})

    return add


def _state(**changes: object) -> dict[str, object]:
    state = build_backbone("resnet18", weights="random").model.state_dict()
    for key, change in changes.items():
        name = key.replace("__", ".")
        state[name] = change(state[name]) if callable(change) else change
    return state


class _Command:
    def __reduce__(self):
        return os.system, ("touch canary",)


def _save_as_zip_without_end(path) -> None:
    torch.save(_state(), path)
    path.write_bytes(path.read_bytes()[:-1000])


_weights("empty weights", "w.pth")(lambda path: path.touch())
_weights("text as weights", "w.pth")(lambda path: path.write_text("weights"))
_weights("weights cut at their end", "w.pth")(_save_as_zip_without_end)
_weights("weights that start a program", "w.pth", "w.pth")(lambda path: torch.save({"conv1.weight": _Command()}, path))
_weights("a list as weights", "w.pth", "list")(lambda path: torch.save([1, 2], path))
_weights("a tensor as weights", "w.pth", "Tensor")(lambda path: torch.save(torch.ones(3), path))
_weights("weights of another network", "w.pth", "missing")(
    lambda path: torch.save({"layer.weight": torch.ones(2, 2)}, path)
)
_weights("a tensor of another shape", "w.pth", "conv1.weight")(
    lambda path: torch.save(_state(conv1__weight=torch.ones(3, 3)), path)
)
_weights("a number in place of a tensor", "w.pth", "conv1.weight")(
    lambda path: torch.save(_state(conv1__weight=3), path)
)
_weights("NaN in weights", "w.pth", "conv1.weight")(
    lambda path: torch.save(_state(conv1__weight=lambda tensor: tensor * torch.nan), path)
)
_weights("infinity in weights", "w.safetensors", "bn1.running_var")(
    lambda path: save_file(_state(bn1__running_var=lambda tensor: tensor / 0), path)
)
_weights("weights whose features are not finite", "w.pth")(
    lambda path: torch.save(_state(bn1__weight=lambda tensor: tensor * 3e38), path)
)
_weights("weights with a negative variance", "w.pth")(
    lambda path: torch.save(_state(bn1__running_var=lambda tensor: tensor * -1), path)
)
_weights("empty safetensors", "w.safetensors")(lambda path: path.touch())
_weights("safetensors that say 2^60 bytes", "w.safetensors")(
    lambda path: path.write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
)
_weights("safetensors of no tensors", "w.safetensors", "missing")(
    lambda path: path.write_bytes((2).to_bytes(8, "little") + b"{}")
)


@bad("weights of two networks", "w.pth", "'a.'", "'b.'")
def _(world):
    state = _state()
    torch.save({f"{prefix}.{key}": value for prefix in "ab" for key, value in state.items()}, world / "w.pth")
    return train(**PICTURES | {"weights": "w.pth"})


@bad("a named pipe as weights", "weights", "'pipe.pth'")
def _(world):
    os.mkfifo(world / "pipe.pth")
    return train(**PICTURES | {"weights": "pipe.pth"})


def _features(what: str, name: str, *says: str):
    """A case with features to import; the function writes the file."""

    def add(write):
        @bad(what, name, *says)
        def _(world):
            write(world / name)
            return ["features", "import", "clip", name, "--dataset", "TINY"]

    return add


def _npy(array: np.ndarray):
    return lambda path: np.save(path, array)


def _header(shape: str, dtype: str = "<f4"):
    """An .npy file that says more than it holds."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return lambda path: path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + text.encode() + bytes(64))


def _with_nan() -> np.ndarray:
    values = np.ones((40, 6))
    values[7, 2] = np.nan
    return values


_features("one row too few", "f.npy", "39")(_npy(np.ones((39, 6))))
_features("features transposed", "f.npy", "transposed")(_npy(np.ones((6, 40))))
_features("features of one axis", "f.npy", "(40,)")(_npy(np.ones(40)))
_features("features of three axes", "f.npy", "(40, 6, 2)")(_npy(np.ones((40, 6, 2))))
_features("features without channels", "f.npy", "(40, 0)")(_npy(np.ones((40, 0))))
_features("NaN in features", "f.npy", "nan", "image 8")(_npy(_with_nan()))
_features("features beyond float32", "f.npy", "inf", "image 1")(_npy(np.full((40, 6), 1e300)))
_features("complex features", "f.npy", "complex")(_npy(np.ones((40, 6)) * 1j))
_features("features of text", "f.npy", "<U1")(_npy(np.full((40, 6), "a")))
_features("features of objects", "f.npy")(lambda path: np.save(path, np.array([_Command()] * 40), allow_pickle=True))
_features("empty features", "f.npy")(lambda path: path.touch())
_features("features that say 1e15 rows", "f.npy")(_header("(1000000000000000, 6)"))
_features("features that say a negative size", "f.npy")(_header("(-40, 6)"))
_features("features whose header is code", "f.npy")(_header("__import__('os').system('touch canary')"))
_features("two arrays", "f.npz", "['a', 'b']")(lambda path: np.savez(path, a=np.ones(3), b=np.ones(3)))
_features("no array", "f.npz", "[]")(lambda path: np.savez(path))
_features("half an archive", "f.npz")(lambda path: path.write_bytes(b"PK\x03\x04half"))
_features("a MATLAB file without features", "f.mat", "'features'")(lambda path: scipy.io.savemat(path, {"x": 1}))
_features("features in a CSV file", "f.csv", "f.csv")(lambda path: path.write_text("1,2\n"))
_features("a named pipe as features", "f.npy")(os.mkfifo)


@bad("res101.mat without features", "res101.mat", "'features'")
def _(world):
    tables = Tables(world)
    del tables.images["features"]
    tables.write()
    return check()


@bad("res101.mat with features of another number of images", "res101.mat", "(6, 39)")
def _(world):
    tables = Tables(world)
    tables.images["features"] = tables.images["features"][:, :-1]
    tables.write()
    return check()


@bad("infinity in the features of res101.mat", "res101.mat", "inf")
def _(world):
    tables = Tables(world)
    with warnings.catch_warnings(action="ignore"):
        tables.images["features"] = tables.images["features"] / np.zeros((6, 40))
    tables.write()
    return train()


@bad("imported features of another version of the data set", "'clip'", "TINY")
def _(world):
    from zslcore import cli

    assert cli.main(["features", "import", "clip", "clip.npy", "--dataset", "TINY"]) == 0
    tables = Tables(world)
    tables.splits["att"] = tables.splits["original_att"] = tables.splits["original_att"] * 2
    tables.write()
    return check(backbone="clip")

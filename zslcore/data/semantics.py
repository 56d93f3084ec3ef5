"""Names, groups and word vectors of attributes."""

import io
import os
import pickle
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from zslcore._io.locations import user_path
from zslcore._io.reading import OTHER_KINDS, check_regular, kind_of
from zslcore.data.xlsa17 import read_lines
from zslcore.errors import InputError, one_line

LARGEST = 1 << 30  # bytes of a file of word vectors, which is read as a whole: CUB's has 750 kB
_TEXT_VECTOR = re.compile(rb"[^\s\x80]+(?:[ \t]-?\d*\.?\d+(?:e-?\d+)?){2}")  # a word and numbers, as in GloVe's files
_OTHER_FILES = {
    **OTHER_KINDS,
    b"pk\x03\x04": "a zip archive, as torch.save and numpy.savez write: save the array alone with numpy.save",
}


class _StoredType:
    """Replaces ``numpy.dtype`` in a pickle: holds the type code and the byte order."""

    def __init__(self, code: str, *_: object) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]


class _StoredArray:
    """Replaces ``numpy.ndarray`` in a pickle: ``values`` holds the numbers."""

    def __init__(self, *_: object) -> None:
        self.values = None  # numpy first creates an empty array, then sets its state

    def __setstate__(self, state: tuple) -> None:
        _, shape, stored_type, is_fortran, content = state
        self.fill(content, stored_type, shape, "F" if is_fortran else "C")

    def fill(
        self, content: bytes | bytearray | str, stored_type: _StoredType, shape: tuple, order: str
    ) -> "_StoredArray":
        if not re.fullmatch("[fiu][1248]", stored_type.code):
            raise pickle.UnpicklingError(f"it holds values of type {stored_type.code!r}")
        content = content.encode("latin1") if isinstance(content, str) else content  # text: bytes of Python 2
        self.values = np.frombuffer(content, stored_type.order + stored_type.code).reshape(shape, order=order)
        return self


# Names in a pickled array, written by numpy 1 or numpy 2, and their replacements
_STAND_INS = {
    "ndarray": _StoredArray,
    "dtype": _StoredType,
    "_reconstruct": _StoredArray,
    "_frombuffer": lambda *state: _StoredArray().fill(*state),  # protocol 5
    "encode": lambda text, _: text.encode("latin1"),  # protocols 0 to 2 write bytes as text
}
_NUMPY_MODULES = {f"numpy.{core}.{part}" for core in ("core", "_core") for part in ("multiarray", "numeric")}


class _ArrayUnpickler(pickle.Unpickler):
    """Reads arrays of numbers and refuses everything else, because a pickle can call any function.

    numpy's own functions are also replaced: with a forged ``dtype`` they would read bytes of the file as pointers.
    """

    def find_class(self, module: str, name: str) -> object:
        if module not in {"numpy", "_codecs", *_NUMPY_MODULES} or name not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _STAND_INS[name]


def load_word_vectors(path: Path | str, *, num_attributes: int) -> Float[np.ndarray, "A k"]:
    """Read float32 word vectors from a ``.npy`` file or a pickled array; pickles from the internet are safe to read.

    A row can be all zero (``man-made`` in SUN), so guard its norm before dividing.
    """
    path = user_path(path, what="word vectors")
    try:
        check_regular(path, largest=LARGEST)
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"no word vectors at {path}: {error.strerror}") from None
    try:
        if content.startswith(b"\x93NUMPY"):
            vectors = np.load(io.BytesIO(content), allow_pickle=False)
        else:
            vectors = _ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()
            vectors = vectors.values if isinstance(vectors, _StoredArray) else vectors
    except Exception as error:  # a damaged pickle can fail in any way
        kind = "text: write it with numpy.save" if _TEXT_VECTOR.match(content) else kind_of(content, _OTHER_FILES)
        reason = f"is {kind}" if kind else f"cannot be read: {one_line(error)}"
        wanted = "a numpy array and nothing else, as a .npy file or a pickle"
        raise InputError(f"{path} must hold {wanted}, but {reason}") from None
    is_array = isinstance(vectors, np.ndarray)
    if not is_array or vectors.dtype.kind not in "fiu" or vectors.ndim != 2 or not vectors.shape[1]:
        given = f"an array of shape {vectors.shape} and type {vectors.dtype}" if is_array else type(vectors).__name__
        raise InputError(f"{path} must hold a numpy array of numbers (attributes, dimensions), got {given}")
    if len(vectors) != num_attributes:
        raise InputError(f"{path} must hold one vector for each of the {num_attributes} attributes, got {len(vectors)}")
    with np.errstate(over="ignore"):
        vectors = vectors.astype(np.float32)
    if not np.isfinite(vectors).all():
        raise InputError(f"{path} must hold finite numbers, got {vectors[~np.isfinite(vectors)][0]}")
    return vectors


def read_attribute_names(path: Path, *, num_attributes: int) -> tuple[str, ...]:
    """Names of the attributes, one per line. Without a file they are called ``attribute 1``, ``attribute 2``, ...

    If all lines begin with numbers counted from 1 or 0, as in ``1 black``, the numbers are removed. They are kept if
    names would otherwise be equal, as for ``2 legs`` and ``3 legs``.
    """
    if not os.path.lexists(path):  # a broken link is no missing file
        return tuple(f"attribute {index + 1}" for index in range(num_attributes))
    names = tuple(read_lines(path))
    if len(names) != num_attributes:
        raise InputError(f"{path} must hold one name for each of the {num_attributes} attributes, got {len(names)}")
    numbered = [re.fullmatch(r"\(?(\d+)[\s.,:;)]+(?:[-–]\s+)?(.+)", name) for name in names]
    numbers = [int(found[1]) for found in numbered if found]
    if numbers in (list(range(len(names))), list(range(1, len(names) + 1))):
        unnumbered = tuple(found[2] for found in numbered)
        names = unnumbered if len(set(unnumbered)) == len(names) else names
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{path} must name each attribute once, but repeats {repeated!r:.100}")
    return names


def attribute_groups(names: Sequence[str]) -> dict[str, list[int]]:
    """Attribute indices by group, in order of appearance.

    The group of ``has_crown_color::red`` is ``crown color``. A name without ``::`` (AWA2, SUN) is its own group.

    Example:
        >>> attribute_groups(["has_crown_color::red", "has_crown_color::blue", "furry"])
        {'crown color': [0, 1], 'furry': [2]}
    """
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        groups.setdefault(_words(name.split("::")[0]), []).append(index)
    return groups


def pretty(name: str) -> str:
    """Name of an attribute for axis labels: ``crown color: red`` for ``has_crown_color::red``."""
    return ": ".join(_words(part) for part in name.split("::"))


def _words(name: str) -> str:
    return name.removeprefix("has_").replace("_", " ")

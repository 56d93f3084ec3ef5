"""Attributes as people read them: their names, the groups they come in, and their word vectors."""

import io
import pickle
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from zslcore.data.xlsa17 import read_lines
from zslcore.errors import InputError


class _StoredType:
    """Stands in for ``numpy.dtype`` in a pickle: a type of number and its byte order."""

    def __init__(self, code: str, *_: object) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]


class _StoredArray:
    """Stands in for ``numpy.ndarray`` in a pickle; ``values`` are set from its bytes."""

    values: np.ndarray | None = None

    def __init__(self, *_: object) -> None:
        pass  # numpy makes an empty array first, whatever its arguments

    def __setstate__(self, state: tuple) -> None:
        _, shape, stored_type, is_fortran, content = state
        self.values = _numbers(content, stored_type, shape, "F" if is_fortran else "C")


def _from_buffer(content: bytes | bytearray, stored_type: _StoredType, shape: tuple, order: str) -> _StoredArray:
    array = _StoredArray()
    array.values = _numbers(content, stored_type, shape, order)
    return array


def _numbers(content: bytes | bytearray, stored_type: _StoredType, shape: tuple, order: str) -> np.ndarray:
    if not re.fullmatch("[fiu][1248]", stored_type.code):
        raise pickle.UnpicklingError(f"it holds values of type {stored_type.code!r}")
    return np.frombuffer(content, np.dtype(stored_type.order + stored_type.code)).reshape(shape, order=order)


# what a pickled array names, under numpy 1 and numpy 2, and what is called in its place
_STAND_INS = {
    "ndarray": _StoredArray,
    "dtype": _StoredType,
    "_reconstruct": _StoredArray,
    "_frombuffer": _from_buffer,
    "encode": lambda text, _: text.encode("latin1"),  # protocols 0 to 2 write bytes as text
}
_MODULES = {
    "numpy",
    *(f"numpy.{core}.{part}" for core in ("core", "_core") for part in ("multiarray", "numeric")),
    "_codecs",
}


class _ArrayUnpickler(pickle.Unpickler):
    """Reads arrays of numbers and refuses everything else: a pickle can run any program it names.

    Not even numpy is called: a forged ``dtype`` makes it read any bytes of the file as pointers to objects.
    """

    def find_class(self, module: str, name: str) -> object:
        if module not in _MODULES or name not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _STAND_INS[name]


def load_word_vectors(path: Path, *, num_attributes: int) -> Float[np.ndarray, "A k"]:
    """Word vectors of the attributes, float32 (A, k), from a pickled array or a ``.npy`` file.

    Files from the internet are not trusted: only numpy arrays are unpickled. A row of zeros (SUN's ``man-made``) is
    kept, so guard its norm before dividing. Raises InputError for a missing or truncated file, one that holds anything
    but an array, a wrong number of rows, or values that are not finite.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "TINY_attribute.pkl"
    >>> _ = path.write_bytes(pickle.dumps(np.ones((3, 300))))
    >>> load_word_vectors(path, num_attributes=3).shape
    (3, 300)
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"no word vectors at {path}: {error.strerror}") from None
    try:
        if Path(path).suffix == ".npy":
            vectors = np.load(io.BytesIO(content), allow_pickle=False)
        else:
            vectors = _ArrayUnpickler(io.BytesIO(content)).load()
            vectors = vectors.values if isinstance(vectors, _StoredArray) else vectors
    except Exception as error:  # a damaged pickle can fail in any way
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{path} must hold a numpy array and nothing else, but cannot be read: {reason}") from None
    if not isinstance(vectors, np.ndarray) or vectors.dtype.kind not in "fiu" or vectors.ndim != 2:
        raise InputError(
            f"{path} must hold a numpy array of numbers (attributes, dimensions), got {_describe(vectors)}"
        )
    if len(vectors) != num_attributes:
        raise InputError(f"{path} must hold one vector for each of {num_attributes} attributes, got {len(vectors)}")
    with np.errstate(over="ignore"):
        vectors = vectors.astype(np.float32)
    if not np.isfinite(vectors).all():
        raise InputError(f"{path} must hold finite numbers, got {vectors[~np.isfinite(vectors)][0]}")
    return vectors


def _describe(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and type {value.dtype}"
    return f"a {type(value).__name__}"


def read_attribute_names(path: Path, *, num_attributes: int) -> tuple[str, ...]:
    """Names of the attributes, one a line; ``attribute 1`` and so on where the file does not exist.

    The original archives do not all ship names, and a benchmark without them is still a benchmark.

    >>> read_attribute_names(Path("absent.txt"), num_attributes=2)
    ('attribute 1', 'attribute 2')
    """
    if not Path(path).is_file():
        return tuple(f"attribute {index + 1}" for index in range(num_attributes))
    names = tuple(read_lines(Path(path)))
    if len(names) != num_attributes:
        raise InputError(f"{path} must hold one name for each of {num_attributes} attributes, got {len(names)}")
    return names


def attribute_groups(names: Sequence[str]) -> dict[str, list[int]]:
    """Attributes by group, in order of appearance: what stands before ``::`` in CUB's way of naming.

    A name without ``::`` (AWA2, SUN) is a group of its own.

    >>> attribute_groups(["has_crown_color::red", "has_crown_color::blue", "furry"])
    {'crown color': [0, 1], 'furry': [2]}
    """
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        groups.setdefault(_words(name.split("::")[0]), []).append(index)
    return groups


def pretty(name: str) -> str:
    """An attribute's name for axis labels.

    >>> pretty("has_crown_color::red")
    'crown color: red'
    """
    return ": ".join(_words(part) for part in name.split("::"))


def _words(name: str) -> str:
    return name.removeprefix("has_").replace("_", " ")

"""Attributes as people read them: their names, the groups they come in, and their word vectors."""

import io
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from zslcore.errors import InputError

# what a pickled numpy array is made of, under the names of numpy 1 and numpy 2; nothing else may be called
_ARRAY_PARTS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),  # how protocol 2 writes the bytes of an array
}


class _ArrayUnpickler(pickle.Unpickler):
    """Reads numpy arrays and refuses everything else: a pickle can run any program it names."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ARRAY_PARTS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def load_word_vectors(path: Path, *, num_attributes: int) -> Float[np.ndarray, "A k"]:
    """Word vectors of the attributes, float32 (A, k), from a pickled array or a ``.npy`` file.

    Files from the internet are not trusted: only numpy arrays are unpickled. A row of zeros (SUN's ``man-made``) is
    kept, so guard its norm before dividing. Raises InputError for a missing or truncated file, one that holds anything
    but an array, a wrong number of rows, or values that are not finite.
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
    except Exception as error:  # a damaged pickle can fail in any way
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} must hold a numpy array and nothing else, but cannot be read: {reason}") from None
    if not isinstance(vectors, np.ndarray) or vectors.dtype.kind not in "fiu" or vectors.ndim != 2:
        raise InputError(
            f"{path} must hold a numpy array of numbers (attributes, dimensions), got {_describe(vectors)}"
        )
    if len(vectors) != num_attributes:
        raise InputError(f"{path} must hold one vector for each of {num_attributes} attributes, got {len(vectors)}")
    if not np.isfinite(vectors).all():
        raise InputError(f"{path} must hold finite numbers, got NaN or infinity")
    return vectors.astype(np.float32)


def _describe(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and type {value.dtype}"
    return f"a {type(value).__name__}"


def read_attribute_names(path: Path, *, num_attributes: int) -> tuple[str, ...]:
    """Names of the attributes, one a line; ``attribute 1`` and so on where the file does not exist.

    The original archives do not all ship names, and a benchmark without them is still a benchmark.
    """
    if not Path(path).is_file():
        return tuple(f"attribute {index + 1}" for index in range(num_attributes))
    names = tuple(Path(path).read_text(encoding="utf-8").split("\n"))
    names = tuple(name.strip() for name in names if name.strip())
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

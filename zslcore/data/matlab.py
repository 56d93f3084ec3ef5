"""Variables of MATLAB files of any version: up to 7 with scipy, 7.3 with h5py."""

import math
import mmap
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from zslcore._io.extras import MissingExtraError, require
from zslcore._io.reading import OTHER_KINDS, kind_of

Buffer = bytes | mmap.mmap

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Types and classes of the MAT-file format, version 5
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
_NUMBERS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}  # bytes of a value, by type
_TEXT = {1, 2, 4, 16, 17, 18}
_CELL, _CHAR, _NUMERIC, _OPAQUE = 1, 4, range(6, 16), 17
_COMPLEX_FLAG = 0x800
_OTHER_KINDS = {2: "a structure", 3: "an object", 5: "a sparse matrix", 17: "an object"}


# First bytes, in small letters, of other files under the name of a MATLAB file: the kind of file, and what to do
_OTHER_FILES = {
    **OTHER_KINDS,
    b"# created by octave": "text of Octave: write it with save -v7",
    b"octave-1": "a binary file of Octave: write it with save -v7",
    b"\x80": "a pickle of Python: write it with scipy.io.savemat",
}


class OtherFileError(ValueError):
    """A file of another kind; the message names the kind and says what to do."""


class OtherVariableError(ValueError):
    """A variable of a kind that is not read."""

    def __init__(self, name: str, kind: str = "") -> None:
        given = f", but is {kind}" if kind else ""
        super().__init__(f"{name} must be a full matrix of numbers, text or a cell array{given}")


def read_variables(path: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Those of the named variables that a file holds; any exception for a damaged one.

    Numbers are arrays, text is an array of one string per row, and a cell array is an array of such arrays.
    """
    names = list(names)
    if is_hdf5(path):
        return _read_hdf5(path, names)
    with open(path, "rb") as file:
        head = file.read(129)
    if kind := kind_of(head, _OTHER_FILES):
        raise OtherFileError(kind)
    if len(head) > 128 and 0 not in head[:4]:  # else of version 4, or too short
        check_structure(path, names)
    content = loadmat(path, variable_names=names)
    return {name: content[name] for name in names if name in content}


def is_hdf5(path: Path) -> bool:
    """Whether a file is of version 7.3: HDF5, with or without MATLAB's header."""
    with open(path, "rb") as file:
        head = file.read(520)
    return _HDF5_SIGNATURE in (head[:8], head[512:])


def check_structure(path: Path, names: list[str]) -> None:
    """Raise ValueError if elements of a file of version 5 have unknown types or sizes that do not fit.

    scipy does not check these, so that one changed bit can crash Python.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
        if order is None:
            raise ValueError("it has no MATLAB header")
        start = 128
        while start < len(content):
            kind, begin, end, start = _element(content, start, len(content), order)
            if kind == _COMPRESSED:
                _check_compressed(content[begin:end], order, names)
            elif kind != _MATRIX:
                raise ValueError(f"it has a variable of type {kind}")
            elif _header(content, begin, end, order)[0] in names:
                _check_matrix(content, begin, end, order)


def _check_compressed(content: bytes, order: str, names: list[str]) -> None:
    """Check a compressed variable; one that is not among the names only up to its name."""
    head = zlib.decompressobj().decompress(content, 1024)
    kind, begin, end, _ = _element(head, 0, 1 << 40, order)
    if kind != _MATRIX:
        raise ValueError(f"it has a variable of type {kind}")
    if _header(head, begin, min(end, len(head)), order)[0] in names:
        whole = zlib.decompress(content)
        _check_matrix(whole, begin, _element(whole, 0, len(whole), order)[2], order)


def _element(content: Buffer, start: int, limit: int, order: str) -> tuple[int, int, int, int]:
    """Type, begin and end of the data, and begin of the next element."""
    if start + 8 > limit:
        raise ValueError("an element is incomplete")
    first, size = struct.unpack_from(f"{order}II", content, start)
    if first >> 16:  # up to 4 bytes in the element itself
        kind, size, begin, after = first & 0xFFFF, first >> 16, start + 4, start + 8
    else:
        kind, begin = first, start + 8
        after = begin + size + (0 if kind in (_MATRIX, _COMPRESSED) else -size % 8)
    if begin + size > limit or (after == start + 8 and size > 4):
        raise ValueError("an element is larger than its place")
    return kind, begin, begin + size, after


def _header(content: Buffer, start: int, limit: int, order: str) -> tuple[str, int, tuple[int, ...], int]:
    """Name, class with flags and shape of a matrix, and begin of its data."""
    kind, begin, end, start = _element(content, start, limit, order)
    if (kind, end - begin) != (_UINT32, 8):
        raise ValueError("a matrix has no flags")
    (flags,) = struct.unpack_from(f"{order}I", content, begin)
    shape: tuple[int, ...] = ()
    if flags & 0xFF != _OPAQUE:
        kind, begin, end, start = _element(content, start, limit, order)
        if kind != _INT32 or end - begin < 8 or (end - begin) % 4 or end - begin > 128:
            raise ValueError("a matrix has no shape")
        shape = struct.unpack_from(f"{order}{(end - begin) // 4}i", content, begin)
        if min(shape) < 0:
            raise ValueError("a matrix has a negative size")
    kind, begin, end, start = _element(content, start, limit, order)
    if kind != _INT8:
        raise ValueError("a matrix has no name")
    return bytes(content[begin:end]).decode("latin1"), flags, shape, start


def _check_matrix(content: Buffer, start: int, limit: int, order: str) -> None:
    """Check a matrix with its data, and the cells of a cell array."""
    name, flags, shape, start = _header(content, start, limit, order)
    of_class = flags & 0xFF
    if of_class == _CELL:
        for _ in range(math.prod(shape)):
            kind, begin, end, start = _element(content, start, limit, order)
            if kind != _MATRIX:
                raise ValueError(f"a cell is of type {kind}")
            if end > begin:
                _check_matrix(content, begin, end, order)
    elif of_class == _CHAR:
        kind, begin, end, _ = _element(content, start, limit, order)
        if kind not in _TEXT or math.prod(shape) > end - begin:
            raise ValueError(f"text is of type {kind} or too short")
    elif of_class in _NUMERIC:
        for _ in range(2 if flags & _COMPLEX_FLAG else 1):
            kind, begin, end, start = _element(content, start, limit, order)
            if kind not in _NUMBERS or end - begin != math.prod(shape) * _NUMBERS[kind]:
                raise ValueError(f"numbers are of type {kind}, or not as many as their shape says")
    elif of_class in _OTHER_KINDS:
        raise OtherVariableError(name, _OTHER_KINDS[of_class])
    else:
        raise ValueError(f"{name} is of the unknown class {of_class}")


def _read_hdf5(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    try:
        require("hdf5", "h5py")
    except MissingExtraError as error:
        raise MissingExtraError(f"{path} is a MATLAB 7.3 file: {error}") from None
    import h5py

    with h5py.File(path, "r") as file:
        return {name: _hdf5_value(file, file[name]) for name in names if name in file}


def _hdf5_value(file: Any, stored: Any) -> np.ndarray:
    """A dataset as scipy would give it. MATLAB marks its datasets, and stores their axes in reverse order."""
    import h5py

    if "OCTAVE_NEW_FORMAT" in stored.attrs:
        raise OtherFileError("an HDF5 file of Octave: write it with save -v7")
    if not isinstance(stored, h5py.Dataset):
        raise OtherVariableError(stored.name.lstrip("/"), "a structure or a sparse matrix")
    of_class = stored.attrs.get("MATLAB_class")
    if stored.attrs.get("MATLAB_empty", 0):
        return np.zeros(tuple(stored[()]), dtype=str if of_class == b"char" else float)
    if h5py.check_string_dtype(stored.dtype) is not None:
        return np.array(stored.asstr()[()], dtype=str)
    values = stored[()] if of_class is None else stored[()].T
    if h5py.check_ref_dtype(stored.dtype) is h5py.Reference:
        cells = np.empty(values.shape, dtype=object)
        for place, reference in np.ndenumerate(values):
            cells[place] = _hdf5_value(file, file[reference])
        return cells
    if of_class == b"char":
        return np.array([row.astype("<u2").tobytes().decode("utf-16-le") for row in np.atleast_2d(values)])
    return values

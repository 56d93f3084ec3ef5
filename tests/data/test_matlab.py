"""MATLAB files: of version 7.3, of other programs, and with changed bits, which crash scipy's own reader."""

import gzip
import pickle
import struct
import sys

import h5py
import numpy as np
import pytest
import scipy.sparse
from scipy.io import savemat
from tiny import cells

from zslcore._io.extras import MissingExtraError
from zslcore.data import matlab
from zslcore.data.benchmark import Benchmark
from zslcore.data.matlab import check_structure, read_variables
from zslcore.data.xlsa17 import MatFile
from zslcore.errors import InputError

HEADER = b"MATLAB 7.3 MAT-file, Platform: GLNXA64 HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM"


def save_hdf5(path, variables, *, header=True):
    """Write variables as MATLAB does with ``-v7.3``: axes reversed, text as numbers, cells as references."""
    with h5py.File(path, "w", userblock_size=512 if header else 0) as file:
        for name, value in variables.items():
            _store(file, name, np.asarray(value))
    if header:
        with open(path, "r+b") as file:
            file.write(HEADER)


def _store(file, name, value):
    if value.dtype == object:
        references = np.empty(value.shape, dtype=h5py.ref_dtype)
        for number, (place, text) in enumerate(np.ndenumerate(value)):
            _store(file, f"#refs#/{name}{number}", np.array([text]))
            references[place] = file[f"#refs#/{name}{number}"].ref
        stored, of_class = file.create_dataset(name, data=references.T, dtype=h5py.ref_dtype), b"cell"
    elif value.dtype.kind == "U":
        codes = [np.frombuffer(row.ljust(value.itemsize // 4).encode("utf-16-le"), "<u2") for row in value.tolist()]
        stored, of_class = file.create_dataset(name, data=np.array(codes).T), b"char"
    else:
        stored, of_class = file.create_dataset(name, data=value.T), b"double"
    stored.attrs["MATLAB_class"] = np.bytes_(of_class)


@pytest.mark.parametrize("header", [True, False])
def test_files_of_version_7_3_give_the_same_benchmark(tiny, header):
    tiny.splits["allclasses_names"][4, 0] = "gülĺ"  # beyond Latin-1
    (tiny.folder / "trainclasses1.txt").write_text("lark\nfinch\ngülĺ\nwren\n", encoding="utf-8")
    (tiny.folder / "trainvalclasses.txt").unlink()
    expected = tiny.load()
    save_hdf5(tiny.folder / "att_splits.mat", tiny.splits, header=header)
    save_hdf5(tiny.folder / "res101.mat", tiny.images, header=header)
    read = Benchmark.load(tiny.root, "TINY")
    assert read.class_names == expected.class_names
    assert read.fingerprint == expected.fingerprint


def test_character_matrices_and_empty_arrays_of_version_7_3(tmp_path):
    save_hdf5(tmp_path / "a.mat", {"names": np.array(["ab", "c"]), "none": np.uint64([0, 3])})
    with h5py.File(tmp_path / "a.mat", "r+") as file:
        file["none"].attrs["MATLAB_empty"] = np.uint8(1)
    file = MatFile.read(tmp_path / "a.mat", ("names", "none"))
    assert file.strings("names") == ["ab", "c"]
    assert file.variables["none"].shape == (0, 3)


def test_plain_hdf5_files_have_axes_in_their_own_order(tmp_path):
    matrix = np.arange(6.0).reshape(2, 3)
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["att"], file["names"] = matrix, ["x", "yz"]
    read = read_variables(tmp_path / "a.mat", ["att", "names"])
    np.testing.assert_array_equal(read["att"], matrix)
    assert read["names"].tolist() == ["x", "yz"]


def test_without_h5py_the_message_names_file_and_extra(tiny, monkeypatch):
    tiny.write()
    save_hdf5(tiny.folder / "res101.mat", tiny.images)
    monkeypatch.setattr("zslcore._io.extras.find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=r"res101\.mat is a MATLAB 7\.3 file: .*pip install 'zslcore\[hdf5\]'"):
        Benchmark.load(tiny.root, "TINY")


def test_h5py_is_imported_for_version_7_3_alone(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)  # its import raises ImportError
    tiny.load()


def test_damaged_or_foreign_content_of_version_7_3_is_an_input_error(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(HEADER.ljust(512, b"\0") + b"\x89HDF\r\n\x1a\n" + bytes(4096))
    with pytest.raises(InputError, match=r"a\.mat cannot be read as a MATLAB 7\.3 file, it may be incomplete"):
        MatFile.read(path, ("att",))
    with h5py.File(path, "w") as file:
        file.create_group("att")["data"] = [1.0]  # a sparse matrix
    with pytest.raises(
        InputError, match="att must be a full matrix of numbers, text or a cell array, but is a structure"
    ):
        MatFile.read(path, ("att",))


@pytest.mark.parametrize("do_compression", [False, True])
def test_every_changed_bit_gives_arrays_or_an_exception(tmp_path, do_compression):
    """Some of these bits would end Python with a segmentation fault in scipy."""
    path, rng = tmp_path / "a.mat", np.random.default_rng(0)
    content = {"names": cells(["lark", "heron", "a"]), "att": rng.random((2, 3)), "labels": np.uint16([[1], [2]])}
    savemat(path, content, do_compression=do_compression)
    whole, refused = path.read_bytes(), 0
    for position in range(8 * 128, 8 * len(whole), 5):
        changed = bytearray(whole)
        changed[position // 8] ^= 1 << position % 8
        path.write_bytes(changed)
        try:
            read_variables(path, content)
        except Exception:
            refused += 1
    assert refused > 60


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (128, 77, "variable of type 77"),
        (136, 9, "no flags"),
        (152, 6, "no shape"),
        (163, 255, "negative size"),
        (168, 2, "no name"),
        (177, 77, "numbers are of type"),
        (180, 9, "larger than its place"),
        (144, 2, "but is a structure"),
        (144, 99, "att is of the unknown class 99"),
    ],
)
def test_changed_tags_are_named_before_scipy_reads_them(tmp_path, place, value, message):
    path = tmp_path / "a.mat"
    savemat(path, {"att": np.ones((1, 1))})
    check_structure(path, ["att"])
    content = bytearray(path.read_bytes())
    content[place] = value
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        check_structure(path, ["att"])


def test_structures_are_passed_over_unless_they_are_asked_for(tmp_path):
    savemat(tmp_path / "a.mat", {"info": {"by": "someone"}, "att": np.ones((2, 2))})
    assert set(read_variables(tmp_path / "a.mat", ["att", "absent"])) == {"att"}
    with pytest.raises(
        InputError, match="info must be a full matrix of numbers, text or a cell array, but is a structure"
    ):
        MatFile.read(tmp_path / "a.mat", ("info",))


def test_variables_that_are_not_asked_for_are_not_unpacked(tmp_path, monkeypatch):
    savemat(tmp_path / "a.mat", {"features": np.zeros((64, 1000)), "labels": np.ones((2, 1))}, do_compression=True)
    sizes, unpack = [], matlab.zlib.decompress
    monkeypatch.setattr(
        matlab.zlib, "decompress", lambda content: sizes.append(len(unpack(content))) or unpack(content)
    )
    check_structure(tmp_path / "a.mat", ["labels"])
    assert max(sizes) < 1000


OTHER_FILES = {
    "octave.txt": (b"# Created by Octave 8.4.0\n# name: att\n# type: matrix\n", "text of Octave: .* save -v7"),
    "octave": (b"Octave-1-L\0" + bytes(200), "a binary file of Octave: .* save -v7"),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS: run git lfs pull"),
    "git-annex": (b"/annex/objects/MD5E-s123--0.mat\n", "git-annex: run git annex get"),
    "page": (b"\n<!DOCTYPE html><html><title>Google Drive</title>" + bytes(200), "HTML page, so its download failed"),
    "old page": (b"<HTML><HEAD>" + b"x" * 200, "HTML page, so its download failed"),
    "gzip": (gzip.compress(bytes(1000)), "compressed by gzip: unpack it"),
    "zip": (b"PK\x03\x04" + bytes(200), "a zip archive: unpack it"),
    "pickle": (pickle.dumps({"att": list(range(100))}), "a pickle of Python: .* scipy.io.savemat"),
}


@pytest.mark.parametrize(("content", "message"), OTHER_FILES.values(), ids=OTHER_FILES)
def test_other_files_under_the_name_of_a_matlab_file_are_named(tiny, content, message):
    tiny.write()
    (tiny.folder / "att_splits.mat").write_bytes(content)
    with pytest.raises(InputError, match=rf"att_splits\.mat must be a MATLAB file, but is .*{message}"):
        Benchmark.load(tiny.root, "TINY")


def test_hdf5_files_of_octave_are_named(tiny):
    tiny.write()
    with h5py.File(tiny.folder / "att_splits.mat", "w") as file:
        file.create_group("att").attrs["OCTAVE_NEW_FORMAT"] = np.uint8(1)
    with pytest.raises(
        InputError, match=r"must be a MATLAB file, but is an HDF5 file of Octave: write it with save -v7"
    ):
        Benchmark.load(tiny.root, "TINY")


def test_version_4_is_read(tmp_path):
    savemat(tmp_path / "a.mat", {"att": np.ones((2, 3))}, format="4")
    assert read_variables(tmp_path / "a.mat", ["att"])["att"].shape == (2, 3)


def test_big_endian_files_are_read(tmp_path):
    parts = [struct.pack(">4I", 6, 8, 6, 0), struct.pack(">2I2i", 5, 8, 1, 2), struct.pack(">2I8s", 1, 3, b"att")]
    matrix = b"".join(parts) + struct.pack(">2I2d", 9, 16, 0.5, 0.25)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
    (tmp_path / "a.mat").write_bytes(header + struct.pack(">2I", 14, len(matrix)) + matrix)
    assert read_variables(tmp_path / "a.mat", ["att"])["att"].tolist() == [[0.5, 0.25]]


@pytest.mark.parametrize("kind", ["a sparse matrix", "a structure"])
def test_variables_of_other_kinds_are_named_and_not_called_truncated(tiny, kind):
    att = tiny.splits["att"]
    tiny.splits["att"] = scipy.sparse.csc_matrix(att) if kind == "a sparse matrix" else {"values": att}
    message = rf"^.*att_splits\.mat: att must be a full matrix of numbers, text or a cell array, but is {kind}$"
    with pytest.raises(InputError, match=message):
        tiny.load()

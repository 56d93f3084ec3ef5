"""Word vectors from files that are not trusted, attribute names and groups."""

import builtins
import gzip
import itertools
import os
import pickle
import pickletools

import numpy as np
import pytest
from numpy._core.multiarray import _reconstruct

from zslcore.data.semantics import attribute_groups, load_word_vectors, pretty, read_attribute_names
from zslcore.errors import InputError

VECTORS = np.random.default_rng(0).normal(size=(4, 6))


def spoiled(value):
    vectors = VECTORS.copy()
    vectors[1, 2] = value
    return vectors


def load(tmp_path, content: bytes, *, num_attributes=4, suffix=".pkl"):
    path = tmp_path / f"vectors{suffix}"
    path.write_bytes(content)
    return load_word_vectors(path, num_attributes=num_attributes)


class Call:
    """Pickles as a call of ``function``, with an optional state to be set on the result."""

    def __init__(self, function, *arguments, state=None):
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.parts


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "array",
    [
        VECTORS,
        VECTORS.astype(np.float32),
        VECTORS.astype(">f8"),
        np.asfortranarray(VECTORS),
        np.arange(24, dtype=np.int16).reshape(4, 6),
    ],
    ids=["float64", "float32", "big-endian", "Fortran order", "int16"],
)
def test_arrays_of_every_pickle_protocol_load_as_float32(tmp_path, protocol, array):
    vectors = load(tmp_path, pickle.dumps(array, protocol=protocol))
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, array.astype(np.float32))


def test_names_of_numpy_1_are_known(tmp_path):
    content = pickle.dumps(VECTORS, protocol=0)
    assert b"numpy._core.multiarray" in content
    vectors = load(tmp_path, content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    np.testing.assert_array_equal(vectors, VECTORS.astype(np.float32))


PYTHON_2 = {  # what Python 2 writes, where bytes are text, around the content of an array
    0: b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I4\nI6\nt"
    b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'%s'\ntb.",
    2: b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x04K\x06\x86"
    b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\xc0%stb.",
}


@pytest.mark.parametrize("protocol", PYTHON_2)
def test_pickles_of_python_2_load(tmp_path, protocol):
    content = VECTORS.astype("<f8").tobytes()
    pickled = PYTHON_2[protocol] % ("".join(map("\\x{:02x}".format, content)).encode() if protocol == 0 else content)
    np.testing.assert_array_equal(pickle.loads(pickled, encoding="latin1"), VECTORS)
    np.testing.assert_array_equal(load(tmp_path, pickled), VECTORS.astype(np.float32))


def test_a_path_may_be_text_and_begin_with_the_home_folder(tmp_path, monkeypatch):
    np.save(tmp_path / "plain.npy", VECTORS)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in (str(tmp_path / "plain.npy"), "~/plain.npy"):
        assert load_word_vectors(path, num_attributes=4).shape == (4, 6)


def test_the_content_tells_the_format(tmp_path):
    np.save(tmp_path / "array.npy", VECTORS)
    for suffix in (".NPY", ".pkl"):
        vectors = load(tmp_path, (tmp_path / "array.npy").read_bytes(), suffix=suffix)
        np.testing.assert_array_equal(vectors, VECTORS.astype(np.float32))
    np.testing.assert_array_equal(load(tmp_path, pickle.dumps(VECTORS), suffix=".npy"), VECTORS.astype(np.float32))
    with pytest.raises(InputError, match=r"vectors\.txt must hold a numpy array .*, as a \.npy file or a pickle, but"):
        load(tmp_path, b"black 0.1 0.2\nwhite 0.3 0.4\n", suffix=".txt")


def test_npy_file_loads_and_may_not_hold_objects(tmp_path):
    np.save(tmp_path / "plain.npy", VECTORS)
    vectors = load_word_vectors(tmp_path / "plain.npy", num_attributes=4)
    np.testing.assert_array_equal(vectors, VECTORS.astype(np.float32))
    np.save(tmp_path / "objects.npy", VECTORS.astype(object))
    with pytest.raises(InputError, match=r"objects\.npy must hold a numpy array and nothing else"):
        load_word_vectors(tmp_path / "objects.npy", num_attributes=4)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (os.mkdir, ("MARK",), r"\w+\.mkdir"),
        (os.system, ("mkdir MARK",), r"\w+\.system"),
        (builtins.eval, ("__import__('os').mkdir('MARK')",), r"\w+\.eval"),
        (np.savetxt, ("MARK", [1.0]), r"numpy\S*\.savetxt"),
        (np.load, ("vectors.npy",), r"numpy\S*\.load"),
        (np.memmap, ("MARK", "float64", "w+", 0, (4, 6)), r"numpy\S*\.memmap"),
        (getattr, (VECTORS, "tofile"), r"\w+\.getattr"),
    ],
    ids=["mkdir", "system", "eval", "savetxt", "load", "memmap", "getattr"],
)
def test_pickled_calls_are_refused_and_not_run(tmp_path, monkeypatch, protocol, function, arguments, named):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps([VECTORS, Call(function, *arguments)], protocol=protocol)
    with pytest.raises(InputError, match=f"must hold a numpy array and nothing else.*: it asks for {named}$"):
        load(tmp_path, content)
    assert not (tmp_path / "MARK").exists()
    if "MARK" in str(arguments):
        pickle.loads(content)  # the gadget works where nothing stops it, so that its absence above means something
        assert (tmp_path / "MARK").exists()


def test_dotted_names_of_protocol_4_do_not_reach_methods(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(Call(np.ndarray.tofile, VECTORS, "MARK"), protocol=4)
    with pytest.raises(InputError, match="nothing else"):
        load(tmp_path, content)
    assert not (tmp_path / "MARK").exists()


FORGED_TYPE = Call(np.dtype, "O8", False, True, state=(3, "|", None, None, None, -1, -1, 0))
FORGED = Call(_reconstruct, np.ndarray, (0,), b"b", state=(1, (4, 6), FORGED_TYPE, False, b"A" * 192))


@pytest.mark.parametrize(
    "content",
    [
        np.full((4, 6), None, dtype=object),
        VECTORS.astype(object),
        VECTORS.astype(complex),
        VECTORS.astype("S8"),
        np.zeros((4, 6), dtype=[("a", float)]),
        VECTORS > 0,
        FORGED,  # bytes that numpy would take for pointers to objects
    ],
    ids=["None", "objects", "complex", "text", "records", "truth values", "forged pointers"],
)
def test_arrays_of_anything_but_numbers_are_refused(tmp_path, content):
    with pytest.raises(InputError, match="must hold a numpy array"):
        load(tmp_path, pickle.dumps(content))


def test_objects_smuggled_in_an_object_array_are_not_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    array = np.full((4, 6), 0.5, dtype=object)
    array[2, 3] = Call(os.mkdir, "MARK")
    with pytest.raises(InputError, match="must hold a numpy array and nothing else"):
        load(tmp_path, pickle.dumps(array))
    assert not (tmp_path / "MARK").exists()


@pytest.mark.parametrize(
    ("content", "given"),
    [
        (VECTORS.tolist(), "list"),
        ({"vectors": VECTORS}, "dict"),
        (VECTORS[0], r"an array of shape \(6,\) and type float64"),
        (VECTORS[None], r"an array of shape \(1, 4, 6\)"),
        (np.ndarray, "type"),
        (None, "NoneType"),
    ],
    ids=["list", "dict", "1-D", "3-D", "class", "None"],
)
def test_what_is_given_instead_of_a_matrix_is_named(tmp_path, content, given):
    with pytest.raises(InputError, match=rf"must hold a numpy array of numbers.*, got {given}"):
        load(tmp_path, pickle.dumps(content))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_truncated_anywhere_is_an_input_error(tmp_path, protocol):
    content = pickle.dumps(VECTORS[:, :2], protocol=protocol)
    for length in range(len(content)):
        with pytest.raises(InputError, match=r"vectors\.pkl must hold a numpy array") as caught:
            load(tmp_path, content[:length])
        assert "\n" not in str(caught.value)


def test_npy_file_truncated_anywhere_is_an_input_error(tmp_path):
    np.save(tmp_path / "plain.npy", VECTORS)
    content = (tmp_path / "plain.npy").read_bytes()
    for length in range(len(content)):
        with pytest.raises(InputError, match=r"vectors\.npy must hold a numpy array and nothing else"):
            load(tmp_path, content[:length], suffix=".npy")


def test_pickle_with_a_changed_byte_gives_an_array_or_an_input_error(tmp_path):
    rng = np.random.default_rng(0)
    content = pickle.dumps(VECTORS[:, :2], protocol=4)
    refused = 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= int(rng.integers(1, 256))
        try:
            load(tmp_path, bytes(changed))
        except InputError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (VECTORS[:3], "one vector for each of the 4 attributes, got 3"),
        (spoiled(np.nan), "finite numbers, got nan"),
        (spoiled(-np.inf), "finite numbers, got -inf"),
        (spoiled(1e300), "finite numbers, got inf"),
    ],
    ids=["rows", "NaN", "infinity", "beyond float32"],
)
def test_wrong_rows_and_values_are_refused(tmp_path, array, message):
    with pytest.raises(InputError, match=message):
        load(tmp_path, pickle.dumps(array))


def test_missing_vectors_and_a_folder_in_their_place(tmp_path):
    with pytest.raises(InputError, match=r"no word vectors at .*absent\.pkl: No such file or directory"):
        load_word_vectors(tmp_path / "absent.pkl", num_attributes=4)
    with pytest.raises(InputError, match=r"no word vectors at .*: Is a directory"):
        load_word_vectors(tmp_path, num_attributes=4)


def test_real_pickles_name_only_the_parts_of_an_array(real_data):
    for path in (real_data / "Attribute" / "w2v").glob("*.pkl"):
        opcodes = pickletools.genops(path.read_bytes())
        assert {argument for opcode, argument, _ in opcodes if opcode.name == "GLOBAL"} <= {
            "numpy.core.multiarray _reconstruct",
            "numpy ndarray",
            "numpy dtype",
            "_codecs encode",
        }


def test_names_are_read_one_a_line_and_numbered_where_there_is_no_file(tmp_path):
    (tmp_path / "names.txt").write_bytes("has_size::très petit\r\n\n furry \n".encode())
    assert read_attribute_names(tmp_path / "names.txt", num_attributes=2) == ("has_size::très petit", "furry")
    with pytest.raises(InputError, match=r"names\.txt must hold one name for each of the 3 attributes, got 2"):
        read_attribute_names(tmp_path / "names.txt", num_attributes=3)
    assert read_attribute_names(tmp_path / "absent.txt", num_attributes=2) == ("attribute 1", "attribute 2")


def test_groups_of_cub_are_its_28_parts(real_data):
    names = read_attribute_names(real_data / "Attribute" / "names" / "CUB.txt", num_attributes=312)
    groups = attribute_groups(names)
    assert len(groups) == 28
    assert sorted(itertools.chain(*groups.values())) == list(range(312))
    assert len(groups["bill shape"]) == 9  # dagger, hooked, ..., specialized
    assert len(groups["primary color"]) == 15
    assert all(names[index].startswith("has_wing_pattern::") for index in groups["wing pattern"])


def test_groups_keep_the_order_of_appearance_and_gather_scattered_members():
    assert attribute_groups(["b::x", "a::x", "b::y", "new world"]) == {"b": [0, 2], "a": [1], "new world": [3]}


def test_pretty_names():
    assert pretty("has_breast_pattern::multi-colored") == "breast pattern: multi-colored"
    assert pretty("new_world") == "new world"
    assert pretty("does_not_has_x") == "does not has x"


OTHER_FILES = {
    "git-lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "a pointer of Git LFS: run git lfs pull",
    ),
    "page": (b"\n<!DOCTYPE html><html>", "an HTML page, so its download failed: download it again"),
    "gzip": (gzip.compress(pickle.dumps(VECTORS)), "compressed by gzip: unpack it"),
    "GloVe": (b"black 0.1 -2.5e-3 7\nwhite 1 2 3\n", r"text: write it with numpy\.save"),
    "torch.save": (b"PK\x03\x04" + bytes(200), r"a zip archive, .*: save the array alone with numpy\.save"),
}


@pytest.mark.parametrize(("content", "message"), OTHER_FILES.values(), ids=OTHER_FILES)
def test_other_files_under_the_name_of_word_vectors_are_named(tmp_path, content, message):
    wanted = r"vectors\.pkl must hold a numpy array and nothing else, as a \.npy file or a pickle, but is "
    with pytest.raises(InputError, match=f"{wanted}{message}$"):
        load(tmp_path, content)

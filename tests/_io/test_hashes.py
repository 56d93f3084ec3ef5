"""Hashes of files: the truth is the content, and unchanged files are not read again."""

import hashlib
import os

import pytest

from zslcore._io import hashes
from zslcore._io.hashes import file_hashes


@pytest.fixture
def files(tmp_path):
    for name in "abc":
        (tmp_path / name).write_text(name)
    return {name: tmp_path / name for name in "abc"}


@pytest.fixture
def read(monkeypatch):
    """Names of the files that are read."""
    names, original = [], hashes.file_hash
    monkeypatch.setattr(hashes, "file_hash", lambda path: (names.append(path.name), original(path))[1])
    return names


def test_hashes_are_those_of_hashlib(files, tmp_path):
    found = file_hashes(files, tmp_path / "manifest.json")
    assert found == {name: hashlib.sha256(name.encode()).hexdigest() for name in files}


def test_only_changed_files_are_read_again(files, tmp_path, read):
    manifest = tmp_path / "cache" / "manifest.json"
    first = file_hashes(files, manifest)
    assert file_hashes(files, manifest) == first
    assert read == ["a", "b", "c"]
    files["b"].write_text("B")
    second = file_hashes(files, manifest)
    assert read == ["a", "b", "c", "b"]
    assert {name for name in files if second[name] != first[name]} == {"b"}


def test_a_file_with_the_size_and_time_of_the_old_one_is_noticed(files, tmp_path):
    first, status = file_hashes(files, tmp_path / "manifest.json"), files["a"].stat()
    files["a"].write_text("A")
    os.utime(files["a"], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file_hashes(files, tmp_path / "manifest.json")["a"] != first["a"]


def test_the_same_content_written_later_has_the_same_hash(files, tmp_path, read):
    first = file_hashes(files, tmp_path / "manifest.json")
    os.utime(files["a"], ns=(1, 1))
    assert file_hashes(files, tmp_path / "manifest.json") == first
    assert read[3:] == ["a"]


def test_a_missing_file_counts_as_unchanged_only_if_it_is_known(files, tmp_path, read):
    files["c"].unlink()
    assert file_hashes(files, tmp_path / "manifest.json") is None
    assert not read
    assert not (tmp_path / "manifest.json").exists()
    files["c"].write_text("c")
    first = file_hashes(files, tmp_path / "manifest.json")
    files["c"].unlink()
    assert file_hashes(files, tmp_path / "manifest.json") == first
    files["c"].mkdir()  # a folder is no file either
    assert file_hashes(files, tmp_path / "manifest.json") == first


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"a": 3}', '{"files": 3}', '{"files": {}, "hash": 3}'])
def test_a_damaged_manifest_is_made_again(files, tmp_path, content):
    expected = file_hashes(files, tmp_path / "manifest.json")
    (tmp_path / "other.json").write_text(content)
    assert file_hashes(files, tmp_path / "other.json") == expected
    assert (tmp_path / "other.json").read_text() == (tmp_path / "manifest.json").read_text()


def test_a_changed_digit_in_a_manifest_is_noticed(files, tmp_path):
    """It was taken for the hash of a file."""
    expected, manifest = file_hashes(files, tmp_path / "manifest.json"), tmp_path / "manifest.json"
    digest = expected["a"]
    manifest.write_text(manifest.read_text().replace(digest, digest[::-1]))
    assert file_hashes(files, manifest) == expected


def test_a_manifest_that_cannot_be_written_is_done_without(files, tmp_path):
    (tmp_path / "blocked").write_text("a file where the folder would be")
    assert len(file_hashes(files, tmp_path / "blocked" / "manifest.json")) == 3

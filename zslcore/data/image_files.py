"""Where the images of a benchmark are: the paths that its file stores, as paths below the data folder.

A stored path begins with folders of its authors, so only its tail counts.
"""

import os
import posixpath
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from zslcore._io.locations import CONTROL
from zslcore.data.xlsa17 import classes_by_key, name_key
from zslcore.errors import InputError
from zslcore.layout import expected_folder

_IMAGES = ("images", "JPEGImages")  # what follows the last folder of one of these names is the tail


def tails(file: Path, stored: Sequence[str], num_classes: int) -> list[str]:
    """Paths of the images below their folder, from the ``image_files`` of a file.

    The tail of a path is what follows its last folder ``images`` or ``JPEGImages``. A relative path without such a
    folder is the tail itself. Absolute paths without one lose the folders that they share, and so do all paths if each
    class has such a folder of its own.
    """
    split = [_parts(path) for path in stored]
    for path, (parts, _) in zip(stored, split):
        if not parts or CONTROL.search(path):
            raise InputError(f"image_files in {file} must name files, got {path!r:.100}")
    cuts = [max((k + 1 for k in range(len(parts) - 1) if parts[k] in _IMAGES), default=0) for parts, _ in split]
    holders = {parts[cut - 2] for (parts, _), cut in zip(split, cuts) if cut >= 2}
    per_class = len(holders) >= max(2, num_classes)  # class/images/file
    whole = [per_class or (foreign and not cut) for (_, foreign), cut in zip(split, cuts)]
    shared = _num_shared([parts[:-1] for (parts, _), is_whole in zip(split, whole) if is_whole])
    return ["/".join(parts[shared if is_whole else cut :]) for (parts, _), cut, is_whole in zip(split, cuts, whole)]


def _num_shared(folders: list[list[str]]) -> int:
    """Number of folders at the beginning that all paths share."""
    number = 0
    for level in zip(*folders):
        if len(set(level)) > 1:
            break
        number += 1
    return number


def _parts(stored: str) -> tuple[list[str], bool]:
    """Folders and name of a stored path, and whether it begins outside: at a root or drive, or with ``..``."""
    path = posixpath.normpath(stored.replace("\\", "/"))
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    drive = bool(parts) and parts[0].endswith(":")
    return parts[drive:], drive or path.startswith(("/", ".."))


def locate(root: Path, name: str, tails: Sequence[str]) -> tuple[Path, ...]:
    """Path of each image: in the expected folder, or else where its tail is found below the data set's folder.

    A file with the same name alone is taken if only one image has this name. Where no file fits, upper and lower case
    are taken as equal.
    """
    folder = root / expected_folder(name)
    expected = [folder / tail for tail in tails]
    samples = {posixpath.dirname(tail): path for tail, path in zip(tails, expected)}
    if all(os.path.isfile(path) for path in samples.values()):
        return tuple(expected)
    fitting = _fitting(root, name, tails)
    return tuple(files[0] if len(files) == 1 else path for path, files in zip(expected, fitting))


def found_several_times(root: Path, name: str, tails: Sequence[str]) -> dict[Path, list[Path]]:
    """The files that fit an image equally well, by its expected path, for images that have several."""
    expected = [root / expected_folder(name) / tail for tail in tails]
    return {path: files for path, files in zip(expected, _fitting(root, name, tails)) if len(files) > 1}


def _fitting(root: Path, name: str, tails: Sequence[str]) -> list[list[Path]]:
    """The files that fit each image best, all below the data set's folder."""
    found = _files_by_name(root / expected_folder(name).parts[0])
    sharing = Counter(_folded(tail.rsplit("/", 1)[-1]) for tail in set(tails))
    return [_best(root / expected_folder(name) / tail, tail, found, sharing) for tail in tails]


def _best(expected: Path, tail: str, found: dict[str, list[Path]], sharing: Counter) -> list[Path]:
    name = _folded(expected.name)
    candidates = found.get(name, [])
    if not candidates or expected in candidates:
        return [expected]
    wanted = _without_images(Path(tail))
    ends = [_without_images(path)[-len(wanted) :] for path in candidates]
    same = [path for path, end in zip(candidates, ends) if end == wanted]
    if not same:
        same = [path for path, end in zip(candidates, ends) if list(map(_folded, end)) == list(map(_folded, wanted))]
    if len(same) != 1 and sharing[name] == 1:
        same = candidates
    return same


def _without_images(path: Path) -> list[str]:
    return [part for part in path.parts if part not in _IMAGES]


def _folded(name: str) -> str:
    """A name without the difference of upper and lower case, and of composed and decomposed letters."""
    return unicodedata.normalize("NFC", name).casefold()


def _files_by_name(top: Path) -> dict[str, list[Path]]:
    """All files below a folder by their folded name; links to folders are followed, each folder once."""
    found, visited = defaultdict(list), set()
    for folder, folders, names in os.walk(top, followlinks=True):
        if (real := os.path.realpath(folder)) in visited:
            folders.clear()
            continue
        visited.add(real)
        for name in names:
            found[_folded(name)].append(Path(folder, name))
    return found


def check_folders(file: Path, paths: Sequence[str], labels: Int[np.ndarray, " n"], class_names: Sequence[str]) -> None:
    """Check that no image lies in the folder of another class, where its own class has a folder.

    The folder ``apse/indoor`` is that of the class ``apse_indoor``: the folders, or the last of them, give the name.
    """
    by_key = classes_by_key(class_names)
    folders = [posixpath.dirname(path) for path in paths]
    by_folder = {folder: _class_of_folder(folder, by_key) for folder in set(folders)}
    shown = [by_folder[folder] for folder in folders]
    with_folder = set(shown)
    wrong = [
        image
        for image, (shows, label) in enumerate(zip(shown, labels.tolist()))
        if shows not in (None, label) and label in with_folder
    ]
    if wrong:
        first = wrong[0]
        raise InputError(
            f"image_files and labels in {file} must agree, but {len(wrong)} images lie in the folder of another class, "
            f"the first is {first + 1}: {paths[first]} has the label {class_names[labels[first]]!r}"
        )


def _class_of_folder(folder: str, by_key: dict[str, int]) -> int | None:
    parts = [part for part in folder.split("/") if part not in _IMAGES]
    keys = (name_key("_".join(parts[start:])) for start in range(len(parts)))
    return next((by_key[key] for key in keys if key in by_key), None)


def repeated(paths: Iterable[Path]) -> list[list[int]]:
    """Positions of the paths that lead to one file, for each file that several lead to."""
    groups = defaultdict(list)
    for position, path in enumerate(paths):
        groups[_identity(path)].append(position)
    return [positions for positions in groups.values() if len(positions) > 1]


def _identity(path: Path) -> object:
    """The same value for all paths, links among them, that lead to one file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return os.path.normpath(path)
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)

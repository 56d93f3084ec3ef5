"""Where the images of a benchmark are: the paths that its file stores, as paths below the data folder.

A stored path begins with folders of its authors, so only its tail counts.
"""

import os
import posixpath
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from zslcore._io.locations import CONTROL
from zslcore.data.class_names import class_finder
from zslcore.errors import InputError
from zslcore.layout import expected_folder

_IMAGES = ("images", "JPEGImages")  # the tail is the part after the last folder of one of these names


def tails(file: Path, stored: Sequence[str], num_classes: int) -> list[str]:
    """Paths of the images below their folder, from the ``image_files`` of a file.

    The tail of a path is the part after its last folder ``images`` or ``JPEGImages``. A relative path without such a
    folder is the tail itself. Absolute paths without such a folder lose the folders that they share. All paths lose
    their shared folders in two cases: if each class has such a folder of its own, or if pictures of one machine would
    have the same tail (``train/images/1.jpg`` and ``test/images/1.jpg``).
    """
    split = [_parts(path) for path in stored]
    for path, (parts, _) in zip(stored, split):
        if not parts or CONTROL.search(path):
            raise InputError(f"image_files in {file} must name files, got {path!r:.100}")
    cuts = [max((k + 1 for k in range(len(parts) - 1) if parts[k] in _IMAGES), default=0) for parts, _ in split]
    below = [tuple(parts[cut:]) for (parts, _), cut in zip(split, cuts)]
    holders = {parts[cut - 2] for (parts, _), cut in zip(split, cuts) if cut >= 2}
    several = len(holders) >= max(2, num_classes)  # class/images/file
    several = several or _confused(split, below)
    whole = [several or (foreign and not cut) for (_, foreign), cut in zip(split, cuts)]
    shared = _num_shared([parts[:-1] for (parts, _), is_whole in zip(split, whole) if is_whole])
    return ["/".join(parts[shared:] if is_whole else tail) for (parts, _), is_whole, tail in zip(split, whole, below)]


def _confused(split: Iterable[tuple[list[str], bool]], tails: Iterable[tuple[str, ...]]) -> bool:
    """Whether paths of one machine have one tail: two relative ones, or two absolute ones below a common folder."""
    known: dict[tuple[str, ...], tuple[list[str], bool]] = {}
    for (parts, foreign), tail in zip(split, tails):
        earlier, was_foreign = known.setdefault(tail, (parts, foreign))
        if parts != earlier and foreign == was_foreign and (not foreign or parts[0] == earlier[0]):
            return True
    return False


def _num_shared(folders: Iterable[Sequence[str]]) -> int:
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

    A file with the same name in another folder is taken if only one image has this name. If no file fits, upper and
    lower case count as equal. If still no file fits, the folders that all tails share are left out.
    """
    folder = root / expected_folder(name)
    expected = tuple(folder / tail for tail in tails)
    split = [posixpath.split(tail) for tail in tails]
    listed = {inner: _names(folder / inner) for inner, _ in split}
    if all(file in listed[inner] for inner, file in split):
        return expected
    fitting = _fitting(root, name, tails)
    return tuple(files[0] if len(files) == 1 else path for path, files in zip(expected, fitting))


def _names(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()


def found_several_times(root: Path, name: str, tails: Sequence[str]) -> dict[Path, list[Path]]:
    """The files that fit an image equally well, by its expected path, for images that have several."""
    expected = [root / expected_folder(name) / tail for tail in tails]
    return {path: files for path, files in zip(expected, _fitting(root, name, tails)) if len(files) > 1}


def _fitting(root: Path, name: str, tails: Sequence[str]) -> list[list[Path]]:
    """The files that fit each image best, all below the data set's folder."""
    folder = root / expected_folder(name)
    top = root / expected_folder(name).parts[0]
    found = _files_by_name(top)
    sharing = Counter(folded(tail.rsplit("/", 1)[-1]) for tail in set(tails))
    shared = _num_shared([_without_images(Path(tail))[:-1] for tail in tails])
    result = []
    for tail in tails:
        key = folded(posixpath.basename(tail))
        candidates = found.get(key, [])
        if not candidates or folder / tail in candidates:
            result.append([folder / tail])
            continue
        wanted = _without_images(Path(tail))
        files = _ending(wanted, candidates, top) or _ending(wanted[shared:], candidates, top)
        result.append(candidates if len(files) != 1 and sharing[key] == 1 else files)
    return result


def _ending(wanted: list[str], files: list[Path], top: Path) -> list[Path]:
    """The files whose paths end as wanted, or the only one whose path below ``top`` is no longer than that."""
    ends = {file: _without_images(file)[-len(wanted) :] for file in files}
    same = [file for file, end in ends.items() if end == wanted]
    if not same:
        same = [file for file, end in ends.items() if list(map(folded, end)) == list(map(folded, wanted))]
    whole = [file for file in same if len(_without_images(file.relative_to(top))) == len(wanted)]
    return whole if len(whole) == 1 else same


def _without_images(path: Path) -> list[str]:
    return [part for part in path.parts if part not in _IMAGES]


def folded(name: str) -> str:
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
            found[folded(name)].append(Path(folder, name))
    return found


def check_folders(file: Path, paths: Sequence[str], labels: Int[np.ndarray, " n"], class_names: Sequence[str]) -> None:
    """Check that no image lies in the folder of another class, where its own class has a folder.

    The folder ``apse/indoor`` is that of the class ``apse_indoor``: one of the folders, or the last of them together,
    give the name.
    """
    find = class_finder(class_names)
    folders = [posixpath.dirname(path) for path in paths]
    by_folder = {folder: _classes_of_folder(folder, find) for folder in set(folders)}
    with_folder = set().union(*by_folder.values())
    wrong = []
    for image, (folder, label) in enumerate(zip(folders, labels.tolist())):
        if by_folder[folder] and label not in by_folder[folder] and label in with_folder:
            wrong.append(image)
    if wrong:
        first = wrong[0]
        raise InputError(
            f"image_files and labels in {file} must agree, but {len(wrong)} images lie in the folder of another class, "
            f"the first is {first + 1}: {paths[first]} has the label {class_names[labels[first]]!r}"
        )


def _classes_of_folder(folder: str, find: Callable[[str], int | None]) -> set[int]:
    """The classes that a folder may stand for: by each of its parts, and by those from one to the last."""
    parts = [part for part in folder.split("/") if part not in _IMAGES]
    names = [*parts, *("_".join(parts[start:]) for start in range(len(parts)))]
    return {index for index in map(find, names) if index is not None}


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

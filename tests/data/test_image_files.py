"""Stored image paths of every kind, and where the files are found."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import CLASS_NAMES, cells

from zslcore.data import image_files
from zslcore.data.benchmark import describe_repeated
from zslcore.errors import InputError

CUB, AWA2 = "CUB/CUB_200_2011/images", "AWA2/Animals_with_Attributes2/JPEGImages"


def tails(*stored, num_classes=9):
    return image_files.tails(Path("res101.mat"), stored, num_classes)


def move(tiny, *folders):
    """Move the pictures to another folder below the data set's own."""
    (tiny.root / "TINY" / "images").rename(tiny.root / "moved")
    target = tiny.root.joinpath("TINY", *folders)
    target.parent.mkdir(parents=True, exist_ok=True)
    (tiny.root / "TINY").rmdir() if target == tiny.root / "TINY" else None
    (tiny.root / "moved").rename(target)
    return target


def restore(tiny, prefix, *, relative=lambda path: path):
    names = [path.relative_to(tiny.root / "TINY" / "images").as_posix() for path in tiny.image_paths]
    tiny.images["image_files"] = cells([prefix + relative(name) for name in names])


@pytest.mark.parametrize(
    ("name", "stored", "expected"),
    [
        ("CUB", "/BS/xian/work/data/CUB_200_2011/images/001.A/x.jpg", f"{CUB}/001.A/x.jpg"),
        ("CUB", "/BS/Deep_Fragments/work/CUB_200_2011/CUB_200_2011/images/200.B_C/x.jpg", f"{CUB}/200.B_C/x.jpg"),
        ("CUB", "CUB_200_2011/images/001.A/x.jpg", f"{CUB}/001.A/x.jpg"),
        ("AWA2", "/BS/xian/work/Animals_with_Attributes2//JPEGImages/antelope/x.jpg", f"{AWA2}/antelope/x.jpg"),
        ("AWA2", "Animals_with_Attributes2//JPEGImages/polar+bear/x.jpg", f"{AWA2}/polar+bear/x.jpg"),
        ("SUN", "/BS/xian/work/data/SUN/images/a/abbey/x.jpg", "SUN/images/a/abbey/x.jpg"),
        ("SUN", "/BS/images/SUN/images/a/apse/indoor/x.jpg", "SUN/images/a/apse/indoor/x.jpg"),
        ("OWN", "/home/anyone/x.jpg", "OWN/images/x.jpg"),
        # only a folder of that very name counts, and the last one
        ("OWN", "data/images/cat_images/x.jpg", "OWN/images/cat_images/x.jpg"),
        ("OWN", "my_images/a/x.jpg", "OWN/images/my_images/a/x.jpg"),
        ("OWN", "/data/JPEGImages/images/a/x.jpg", "OWN/images/a/x.jpg"),
        ("OWN", "/data/images/JPEGImages//a/x.jpg", "OWN/images/a/x.jpg"),
    ],
)
def test_prefix_of_the_authors_is_replaced_by_our_folder(name, stored, expected):
    (path,) = image_files.locate(Path("root"), name, tails(stored))
    assert path == Path("root") / expected


@pytest.mark.parametrize("prefix", ["/BS/x/APY/ayahoo_test_images/", "/BS/x/flowers/jpg/", "C:/x/JPEGs/", "../../x/"])
def test_folders_that_all_foreign_paths_share_are_no_part_of_the_tail(prefix):
    assert tails(f"{prefix}a/1.jpg", f"{prefix}b/2.jpg") == ["a/1.jpg", "b/2.jpg"]


def test_two_sources_each_have_their_prefix():
    stored = ["/BS/x/VOC2012/JPEGImages/2008_1.jpg", "/BS/x/ayahoo_test_images/bag_1.jpg"]
    assert tails(*stored, "/BS/x/ayahoo_test_images/mug_2.jpg") == ["2008_1.jpg", "bag_1.jpg", "mug_2.jpg"]


@pytest.mark.parametrize(
    "stored", ["D:\\data\\OWN\\images\\a\\1.jpg", "OWN\\images\\a\\1.jpg", "\\\\host\\images\\a\\1.jpg"]
)
def test_windows_separators(stored):
    assert tails(stored) == ["a/1.jpg"]


@pytest.mark.parametrize("prefix", ["/BS/x/OWN/", "OWN/", "", "D:\\OWN\\"])
def test_a_folder_images_inside_each_class_keeps_the_class(prefix):
    stored = [f"{prefix}{name}/images/{number}.jpg" for name in "abc" for number in (1, 2)]
    assert tails(*stored, num_classes=3) == [f"{name}/images/{number}.jpg" for name in "abc" for number in (1, 2)]


@pytest.mark.parametrize(
    "stored",
    ["/etc/passwd", "images/../../../etc/passwd", "../../etc/passwd", "a/../../../../etc/passwd", "/../passwd"],
)
def test_no_path_leads_out_of_the_data_folder(tmp_path, stored):
    for path in image_files.locate(tmp_path, "OWN", tails(stored, "images/a/1.jpg")):
        assert Path(os.path.normpath(path)).is_relative_to(tmp_path / "OWN" / "images")


@pytest.mark.parametrize("stored", ["..", "/", ".", "D:\\"])
def test_a_path_without_a_name_is_refused(stored):
    with pytest.raises(InputError, match=r"^image_files in res101\.mat must name files, got "):
        tails(stored, "a/1.jpg")


@pytest.mark.parametrize("folders", [("jpg",), ("TINY_2012", "JPEGImages"), ()], ids=["jpg", "deep", "none"])
def test_pictures_are_found_in_other_folders_of_the_data_set_and_the_fingerprint_stays(tiny, folders):
    expected = tiny.load()
    tiny.write_images()
    folder = move(tiny, *folders)
    restore(tiny, "/BS/someone/work/TINY/pictures/")
    benchmark = tiny.load()
    assert benchmark.image_paths[7] == folder / "heron" / "07.png"
    benchmark.check_images()
    assert benchmark.fingerprint == expected.fingerprint


def test_pictures_are_found_in_a_folder_images_inside_each_class(tiny):
    tiny.write_images()
    folder = move(tiny, "pictures")
    for name in CLASS_NAMES:
        (folder / name).rename(folder / "own")
        (folder / name).mkdir()
        (folder / "own").rename(folder / name / "images")
    restore(tiny, "/BS/someone/", relative=lambda name: name.replace("/", "/images/"))
    benchmark = tiny.load()
    assert benchmark.image_paths[7] == folder / "heron" / "images" / "07.png"
    benchmark.check_images()


def test_upper_and_lower_case_are_equal_where_no_file_fits(tiny):
    tiny.write_images()
    renamed = []
    for path in tiny.image_paths:
        folder = path.parent.with_name(path.parent.name.upper())
        folder.mkdir(exist_ok=True)
        renamed.append(path.rename(folder / f"{path.stem}.PNG"))
    benchmark = tiny.load()
    assert list(benchmark.image_paths) == renamed
    benchmark.check_images()


def test_two_files_that_differ_in_case_alone_are_two(tiny):
    tiny.write_images()
    path = tiny.image_paths[7]
    path.with_suffix(".Png").write_bytes(path.read_bytes())
    path.rename(path.with_suffix(".PNG"))
    assert tiny.load().image_paths[7] == path
    path.with_suffix(".Png").unlink()
    path.with_suffix(".PNG").rename(path)
    path.with_suffix(".PNG").touch()
    assert tiny.load().image_paths[7] == path


def test_pictures_in_one_flat_folder_are_found_by_their_names(tiny):
    tiny.write_images()
    folder = tiny.root / "TINY" / "all"
    folder.mkdir()
    for path in tiny.image_paths:
        path.rename(folder / path.name)
    benchmark = tiny.load()
    assert benchmark.image_paths[7] == folder / "07.png"
    benchmark.check_images()


def test_pictures_that_are_there_twice_are_named(tiny):
    tiny.write_images()
    move(tiny, "pictures")
    shutil.copytree(tiny.root / "TINY" / "pictures", tiny.root / "TINY" / "backup")
    message = (
        r"^40 of 40 images of TINY were found several times, such as \S+/lark/00\.png and \S+/lark/00\.png: remove"
    )
    with pytest.raises(InputError, match=message):
        tiny.load().check_images()
    (tiny.root / "TINY" / "backup" / "lark" / "00.png").unlink()
    with pytest.raises(InputError, match=r"^39 of 40 images of TINY were found several times"):
        tiny.load().check_images()
    shutil.rmtree(tiny.root / "TINY" / "backup")
    tiny.load().check_images()


def test_a_picture_of_another_class_with_the_same_name_is_not_taken(tiny):
    tiny.images["image_files"] = cells([f"{CLASS_NAMES[image // 5]}/{image % 5}.png" for image in range(40)])
    present = tiny.root / "TINY" / "other" / "lark" / "0.png"
    present.parent.mkdir(parents=True)
    present.write_bytes(b"")
    benchmark = tiny.load()
    assert benchmark.image_paths[0] == present
    with pytest.raises(InputError, match=r"^39 of 40 images of TINY are missing: \S*TINY/images/lark/1\.png"):
        benchmark.check_images()


def test_folders_that_link_to_each_other_are_searched_once(tiny):
    tiny.write_images()
    folder = move(tiny, "jpg")
    (folder / "again").symlink_to(folder, target_is_directory=True)
    tiny.load().check_images()


@pytest.mark.parametrize("stored", ["images/lark/a\0b.png", f"images/lark/{'x' * 300}.png"], ids=["NUL", "long"])
def test_impossible_file_names_are_missing_images(tiny, stored):
    tiny.write_images()
    tiny.images["image_files"][0, 0] = stored
    with pytest.raises(InputError, match=r"^1 of 40 images of TINY are missing"):
        tiny.load().check_images()


def test_pipes_and_folders_are_missing_images(tiny):
    tiny.write_images()
    for path in tiny.image_paths[:2]:
        path.unlink()
    os.mkfifo(tiny.image_paths[0])
    tiny.image_paths[1].mkdir()
    with pytest.raises(InputError, match=r"^2 of 40 images of TINY are missing"):
        tiny.load().check_images()


@pytest.mark.parametrize("way", ["same path", "other prefix", "link", "hard link", "dots"])
def test_paths_that_lead_to_one_file_are_counted_and_named(tiny, way):
    tiny.write_images()
    first, last = tiny.image_paths[0], tiny.image_paths[10]  # of a seen and of an unseen class
    stored = tiny.images["image_files"]
    if way == "same path":
        stored[10, 0] = stored[0, 0]
    elif way == "other prefix":
        stored[10, 0] = "/BS/other/images/lark/00.png"
    elif way == "dots":
        stored[10, 0] = "TINY/images/auk/./../lark/00.png"
    else:
        last.unlink()
        last.symlink_to(first) if way == "link" else last.hardlink_to(first)
    benchmark = tiny.load()
    assert benchmark.repeated_images() == [[0, 10]]
    assert describe_repeated(benchmark) == (
        "1 image file is listed more than once (1 with several labels, 1 in several splits): "
        f"{first} is image 1 ('lark', trainval), 11 ('auk', test_unseen)"
    )


def test_many_repeated_files_are_counted_and_three_named(tiny):
    stored = tiny.images["image_files"]
    stored[1:3], stored[5:8], stored[10:14], stored[15:17] = stored[0], stored[5], stored[10], stored[15]
    message = describe_repeated(tiny.load())
    assert message.startswith("4 image files are listed more than once (0 with several labels, 0 in several splits): ")
    assert "11 ('auk', test_unseen), 12 ('auk', test_unseen), 13 ('auk', test_unseen), ...; ..." in message


def check_folders(paths, labels, names):
    image_files.check_folders(Path("res101.mat"), paths, np.array(labels), names)


def test_an_image_in_the_folder_of_another_class_is_refused():
    message = r"1 images lie in the folder of another class, the first is 2: x/cat/2\.jpg has the label 'dog'$"
    with pytest.raises(InputError, match=message):
        check_folders(["x/cat/1.jpg", "x/cat/2.jpg", "x/dog/3.jpg"], [0, 1, 1], ["cat", "dog"])


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("images/a/apse/indoor", "apse_indoor"),
        ("001.Black_footed_Albatross", "Black footed Albatross"),
        ("cat/images", "cat"),
        ("Épée", "epee"),
        ("mammals/polar bear", "polar+bear"),
    ],
)
def test_spellings_of_a_folder_agree_with_the_class(folder, name):
    check_folders([f"{folder}/1.jpg", "dog/2.jpg"], [0, 1], [name, "dog"])
    with pytest.raises(InputError, match="folder of another class"):
        check_folders([f"{folder}/1.jpg", f"{folder}/3.jpg", "dog/2.jpg"], [0, 1, 1], [name, "dog"])


@pytest.mark.parametrize(
    "paths",
    [
        ["cat/1.jpg", "cat/2.jpg"],  # lynxes are kept with the cats: no folder is theirs
        ["JPEGImages/1.jpg", "ayahoo/2.jpg"],
        ["1.jpg", "2.jpg"],
        ["n0001/1.jpg", "n0002/2.jpg"],
    ],
)
def test_folders_that_are_not_of_one_class_each_raise_no_alarm(paths):
    check_folders(paths, [0, 1], ["cat", "lynx"])


@pytest.mark.parametrize("prefixes", [("train/", "test/"), ("", "test/"), ("/home/me/one/", "/home/me/two/")])
def test_pictures_of_several_folders_called_images_are_told_apart(tiny, prefixes):
    """As Roboflow and YOLO export them, with the same names in each."""
    for image, path in enumerate(tiny.image_paths):
        prefix, name = prefixes[image % 2], f"images/{path.parent.name}/{image // 2}.png"
        tiny.images["image_files"][image, 0] = prefix + name
        file = tiny.root / "TINY" / prefix.removeprefix("/home/me/") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (image, 0, 0)).save(file)
    benchmark = tiny.load()
    benchmark.check_images()
    assert len(set(benchmark.image_names)) == 40
    assert [Image.open(path).getpixel((0, 0))[0] for path in benchmark.image_paths] == list(range(40))


@pytest.mark.parametrize("differing", ["first", "all but the last"])
@pytest.mark.parametrize("way", ["case", "folder"])
def test_pictures_that_differ_in_part_only_are_found(tiny, way, differing):
    """One picture of a folder that fits says nothing of the others."""
    tiny.write_images()
    for image, path in enumerate(tiny.image_paths):
        if image % 5 == 0 or (differing != "first" and image % 5 < 4):
            target = path.with_suffix(".PNG") if way == "case" else path.parent / "more" / path.name
            target.parent.mkdir(exist_ok=True)
            path.rename(target)
    tiny.load().check_images()


@pytest.mark.parametrize("prefix", ["data/birds/", "./data/birds/", "img/", "Images/", "~/birds/"])
def test_folders_that_all_relative_paths_share_may_be_missing(tiny, prefix):
    """As ``glob("data/birds/*/*.png")`` lists them, with names that each class has."""
    tiny.write_images()
    for image, path in enumerate(tiny.image_paths):
        target = path.with_name(f"{image % 5}.png")
        path.rename(target)
        tiny.images["image_files"][image, 0] = f"{prefix}{path.parent.name}/{target.name}"
    benchmark = tiny.load()
    benchmark.check_images()
    assert len(set(benchmark.image_paths)) == 40


def test_folders_within_the_folder_of_a_class_may_have_names_of_classes():
    check_folders(["3/1/a.jpg", "3/2/b.jpg", "1/3/c.jpg"], [0, 0, 1], ["3", "1"])

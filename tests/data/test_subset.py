"""``zslcore data subset``: CUB100 is what CUB gives; crops and sizes; what cannot be kept is refused."""

import os

import numpy as np
import pytest
from PIL import Image
from tiny import CLASS_NAMES, UNSEEN, VAL, cells

from zslcore import cli
from zslcore.data.benchmark import SPLITS, Benchmark
from zslcore.data.subset import make_subset
from zslcore.errors import InputError


@pytest.fixture
def large(tiny):
    """The tiny data set with its images, 40 x 32 pixels of noise."""
    tiny.write_images()
    return tiny.load()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "small"


@pytest.fixture
def boxes(tiny, tmp_path):
    """Boxes of all images: 20 x 10 pixels from x = 5 and y = 8, and ids that are not in the order of the images."""
    names = [path.relative_to(tiny.root / "TINY" / "images") for path in tiny.image_paths][::-1]
    folder = tmp_path / "boxes"
    folder.mkdir()
    (folder / "images.txt").write_text("".join(f"{number} {name}\n" for number, name in enumerate(names, start=1)))
    lines = [f"{number} 5.2 8.0 20.0 10.0\n" for number in range(1, 41)]
    (folder / "bounding_boxes.txt").write_text("".join(lines))
    return folder / "bounding_boxes.txt"


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_classes_keep_their_rows_roles_and_splits(large, root):
    names = ["wren", "auk", "owl", "lark"]
    small = make_subset(large, "SMALL", root=root, classes=names)
    rows = [0, 2, 6, 7]
    assert small.class_names == ("lark", "auk", "owl", "wren")
    np.testing.assert_array_equal(small.attributes, large.attributes[rows])
    np.testing.assert_array_equal(small.original_attributes, large.original_attributes[rows])
    assert [small.unseen_classes.tolist(), small.val_classes.tolist()] == [[1], [2]]
    assert small.attribute_names == large.attribute_names
    np.testing.assert_array_equal(small.word_vectors(), large.word_vectors())
    for split in SPLITS:
        paths = [large.image_paths[index] for index in large.split(split) if large.labels[index] in rows]
        assert [small.image_paths[index].name for index in small.split(split)] == [path.name for path in paths]
        for index, path in zip(small.split(split), paths):
            assert small.image_paths[index].read_bytes() == path.read_bytes()


def test_all_classes_are_kept_by_default(large, root):
    again = make_subset(large, "TINY", root=root, images="hardlink")
    assert again.fingerprint == large.fingerprint
    assert os.path.samefile(again.image_paths[0], large.image_paths[0])


def test_images_in_another_folder_and_listed_twice_are_kept(tiny, large, root, boxes):
    tiny.images["image_files"][1] = tiny.images["image_files"][0]
    (tiny.root / "TINY" / "images").rename(tiny.root / "TINY" / "pictures")
    again = make_subset(tiny.load(), "TINY", root=root, images="hardlink")
    assert again.fingerprint == tiny.load().fingerprint
    assert os.path.samefile(again.image_paths[1], tiny.root / "TINY" / "pictures" / "lark" / "00.png")
    assert pixels(make_subset(tiny.load(), "SMALL", root=root, boxes=boxes).image_paths[7]).shape == (10, 20, 3)


def test_without_word_vectors_there_are_none(tiny, large, root):
    tiny.vectors_file.unlink()
    small = make_subset(large, "SMALL", root=root)
    with pytest.raises(InputError, match="no word vectors at"):
        small.word_vectors()


def test_classes_may_be_numbered_or_spelt_otherwise(large, root, tmp_path):
    (tmp_path / "classes.txt").write_text("1\tLark\n2\theron\n3\tAUK\n")
    assert make_subset(large, "SMALL", root=root, classes=tmp_path / "classes.txt").class_names[2] == "auk"


def test_classes_without_images_are_kept_by_default_and_never_drawn(tiny, root):
    tiny.write_images()
    original = np.hstack([tiny.splits["original_att"], np.full((9, 1), 50.0)])
    tiny.splits |= {"original_att": original, "att": original / np.linalg.norm(original, axis=0)}
    tiny.splits["allclasses_names"] = cells([*CLASS_NAMES, "dodo"])
    large = tiny.load()
    assert make_subset(large, "TINY", root=root).fingerprint == large.fingerprint
    assert "dodo" not in make_subset(large, "SMALL", root=root, classes=8).class_names
    with pytest.raises(InputError, match="classes must be 1 to 8 of TINY, got 9"):
        make_subset(large, "OTHER", root=root, classes=9)


def test_a_number_of_classes_is_drawn_in_proportion(large, root):
    assert (len(UNSEEN), len(VAL), len(CLASS_NAMES)) == (2, 2, 8)
    drawn = set()
    for seed in range(6):
        small = make_subset(large, "SMALL", root=root / str(seed), classes=4, seed=seed, images="symlink")
        assert [len(small.train_classes), len(small.val_classes), len(small.unseen_classes)] == [2, 1, 1]
        drawn.add(small.class_names)
    assert len(drawn) > 1
    again = make_subset(large, "SMALL", root=root / "again", classes=np.int64(4), seed=5, images="symlink")
    assert again.fingerprint == small.fingerprint
    assert make_subset(large, "TINY", root=root, classes=8).fingerprint == large.fingerprint


def test_cub100_is_a_subset_of_cub(real_data, real_benchmark, tmp_path):
    """The committed fingerprint of CUB100 covers class vectors, labels, image paths and splits."""
    for name in ("xlsa17", "Attribute"):
        (tmp_path / "whole" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "whole" / name).symlink_to(real_data / name)
    (tmp_path / "whole" / "CUB" / "CUB_200_2011").mkdir(parents=True)
    (tmp_path / "whole" / "CUB" / "CUB_200_2011" / "images").symlink_to(real_data / "CUB100" / "images")
    whole, wanted = Benchmark.load(tmp_path / "whole", "CUB"), real_benchmark("CUB100")
    small = make_subset(whole, "CUB100", root=tmp_path, classes=list(wanted.class_names), images="symlink")
    assert small.fingerprint == wanted.fingerprint
    assert len(small.image_paths) == 5902
    np.testing.assert_array_equal(small.word_vectors(), wanted.word_vectors())


@pytest.mark.parametrize(
    ("size", "square", "shape"),
    [(None, False, (10, 20)), (5, False, (5, 10)), (30, False, (30, 60)), (12, True, (12, 12))],
)
def test_crops_and_sizes(large, root, boxes, size, square, shape, monkeypatch):
    small = make_subset(large, "SMALL", root=root, boxes=boxes, size=size, square=square)
    assert pixels(small.image_paths[7]).shape == (*shape, 3)
    if size is None:  # images.txt may come from Windows
        names = boxes.with_name("images.txt")
        names.write_text("\ufeff" + names.read_text().replace("/", "\\"), encoding="utf-8")
        monkeypatch.setenv("HOME", str(boxes.parent))
        again = make_subset(large, "AGAIN", root=root, boxes="~/bounding_boxes.txt")
        assert again.image_paths[7].read_bytes() == small.image_paths[7].read_bytes()
        np.testing.assert_array_equal(pixels(small.image_paths[7]), pixels(large.image_paths[7])[8:18, 5:25])


def test_size_without_boxes_keeps_the_whole_picture(large, root):
    small = make_subset(large, "SMALL", root=root, size=16)
    assert pixels(small.image_paths[7]).shape == (16, 20, 3)
    assert abs(pixels(small.image_paths[7]).mean() - pixels(large.image_paths[7]).mean()) < 2


def test_pictures_are_written_upright(tiny, root):
    tiny.write_images()
    tags = Image.Exif()
    tags[0x0112] = 6  # the top is at the right
    path = tiny.image_paths[0]
    Image.fromarray(pixels(path)).save(path, exif=tags)
    with Image.open(make_subset(tiny.load(), "SMALL", root=root, size=16).image_paths[0]) as written:
        assert written.size == (16, 20)
        assert not written.getexif()


def test_an_image_without_a_known_ending_cannot_be_written_again(tiny, root):
    tiny.image_paths[0] = tiny.image_paths[0].with_suffix(".picture")
    tiny.images["image_files"][0, 0] = tiny.images["image_files"][0, 0].replace(".png", ".picture")
    for path in tiny.image_paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 32)).save(path, "PNG")
    large = tiny.load()
    with pytest.raises(InputError, match=r"00\.picture must have an ending of an image format"):
        make_subset(large, "SMALL", root=root, size=16)
    assert not list(root.rglob("*"))
    assert make_subset(large, "SAME", root=root).image_paths[0].suffix == ".picture"  # copied as it is


def test_boxes_are_cut_at_the_border(large, root, boxes):
    boxes.write_text(boxes.read_text().replace("1 5.2 8.0 20.0 10.0", "1 -3 -2.6 100 12", 1))
    small = make_subset(large, "SMALL", root=root, boxes=boxes)
    np.testing.assert_array_equal(pixels(small.image_paths[-1]), pixels(large.image_paths[-1])[:9])


def edit(old, new):
    return lambda boxes: boxes.write_text(boxes.read_text().replace(old, new, 1))


MISTAKES = {
    "unknown class": ({"classes": "dodo"}, None, r"classes must be a number, .* 'dodo' is none of them"),
    "no unseen": (
        {"classes": "lark,owl"},
        None,
        r"must hold train, val and unseen classes of TINY, but hold no unseen class",
    ),
    "no val": ({"classes": "lark,auk"}, None, r"but hold no val class"),
    "too few": ({"classes": 2}, None, r"but hold no \w+ class"),
    "too many": ({"classes": 9}, None, r"classes must be 1 to 8 of TINY, got 9"),
    "size": ({"size": 0}, None, r"size must be a whole number of 1 to 4096 pixels, got 0"),
    "size as text": ({"size": "16"}, None, r"size must be a whole number of 1 to 4096 pixels, got '16'"),
    "two sizes": ({"size": (16, 16)}, None, r"size must be a whole number of 1 to 4096 pixels, got \(16, 16\)"),
    "fraction as size": ({"size": 16.5}, None, r"size must be a whole number of 1 to 4096 pixels, got 16\.5"),
    "square": ({"square": True}, None, r"square needs the size of its side"),
    "square as text": ({"size": 9, "square": "no"}, None, r"square must be True or False, got 'no'"),
    "seed": ({"seed": -1}, None, r"seed must be a whole number of at least 0, got -1"),
    "links": ({"size": 9, "images": "symlink"}, None, r"images must be copy where they are cropped or resized"),
    "no box": ({}, edit("7 5.2 8.0 20.0 10.0\n", ""), r"must give a box for each image, but have none for \w+/33\.png"),
    "text": ({}, edit("1 5.2 8.0", "1 x 8.0"), r"left, top, width and height of image 1, got x 8\.0 20\.0 10\.0"),
    "no height": ({}, edit("7 5.2 8.0 20.0 10.0", "7 5.2 8.0 20.0 0"), r"of image 7, got 5\.2 8\.0 20\.0 0"),
    "not finite": ({}, edit("7 5.2", "7 nan"), r"of image 7, got nan"),
    "a value missing": ({}, edit("7 5.2", "7"), r"width and height of image 7, got 8\.0 20\.0 10\.0"),
    "outside": ({}, edit("7 5.2", "7 60"), r"the box of .*33\.png must overlap the image of 40 x 32 pixels"),
    "no images.txt": ({}, lambda boxes: boxes.with_name("images.txt").unlink(), r"images\.txt is missing"),
    "no file": ({}, lambda boxes: boxes.unlink(), r"bounding_boxes\.txt is missing"),
}


@pytest.mark.parametrize(("options", "change", "message"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.usefixtures("unchecked")
def test_a_mistake_is_one_sentence_and_writes_nothing(large, root, boxes, options, change, message):
    root.mkdir()
    if change:
        change(boxes)
        options = {"boxes": boxes}
    with pytest.raises(InputError, match=message):
        make_subset(large, "SMALL", root=root, **options)
    assert not list(root.rglob("*"))


@pytest.mark.usefixtures("unchecked")
def test_the_name_of_a_benchmark_is_no_benchmark(root):
    with pytest.raises(InputError, match=r"^benchmark must be a Benchmark, such as .*\('TINY'\), got 'TINY'$"):
        make_subset("TINY", "SMALL", root=root, classes=3)


def test_missing_images_are_counted(large, root):
    large.image_paths[0].unlink()
    with pytest.raises(InputError, match="1 of 25 images of TINY are missing"):
        make_subset(large, "SMALL", root=root, classes="lark,heron,auk,owl,wren")
    make_subset(large, "SMALL", root=root, classes="heron,auk,owl,wren")


def test_command_line(large, boxes, monkeypatch, capsys):
    monkeypatch.setenv("ZSLCORE_DATA", str(large.root))
    words = ["data", "subset", "TINY", "--name", "SMALL", "--boxes", str(boxes), "--size", "8", "--square"]
    assert cli.main([*words, "--classes", "4", "--seed", "1"]) == 0
    assert "4 classes x 9 attributes" in capsys.readouterr().out
    assert pixels(Benchmark.load(large.root, "SMALL").image_paths[0]).shape == (8, 8, 3)
    assert cli.main(words) == 2
    assert capsys.readouterr().err.endswith("exists already: give the new data set another name\n")
    assert cli.main(["data", "subset", "TINY"]) == 2
    assert "required: --name" in capsys.readouterr().err

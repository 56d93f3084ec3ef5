"""Labels and parts of single images: the real files against their counts, and every way to spoil a file."""

import bz2
import gzip
import lzma

import numpy as np
import pytest
from scipy.io import savemat
from tiny import cells

from zslcore.errors import InputError
from zslcore.synthbirds import load_ground_truth, schema

IMAGES = range(40)


@pytest.fixture
def labels():
    return np.random.default_rng(5).integers(0, 2, size=(40, 9))


@pytest.fixture
def folder(tiny):
    folder = tiny.root / "TINY"
    (folder / "attributes").mkdir(parents=True)
    (folder / "parts").mkdir()
    return folder


@pytest.fixture
def cub(tiny, folder, labels):
    """CUB's files for TINY: ids in another order than the images, and one image that the benchmark does not have."""
    names = [path.relative_to(folder / "images").as_posix() for path in tiny.image_paths]
    ids = {name: 40 - row for row, name in enumerate(names)} | {"lark/other.png": 41}
    (folder / "images.txt").write_text("".join(f"{ids[name]} {name}\n" for name in ids))
    lines = [f"{40 - row} {a + 1} {labels[row, a]} 3 1.5" for row in IMAGES for a in range(9)]
    lines += ["41 1 1 3 1.5"]
    file = folder / "attributes" / "image_attribute_labels.txt"
    file.write_text("\n".join(lines) + "\n")
    return file


def replace_line(file, number, text):
    lines = file.read_text().splitlines()
    lines[number - 1] = text
    file.write_text("\n".join(lines) + "\n")


def mark_byte_order(file):
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())


def use_windows_separators(file):
    file.write_text(file.read_text().replace("/", "\\"))


class TestCub:
    def test_labels_follow_the_file_names(self, tiny, cub, labels):
        read = tiny.load().image_attributes
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, labels)

    def test_images_may_be_in_another_folder_and_listed_twice(self, tiny, cub, labels, folder):
        tiny.write_images()
        (folder / "images").rename(folder / "pictures")
        tiny.images["image_files"][39] = tiny.images["image_files"][1]
        labels[39] = labels[1]
        np.testing.assert_array_equal(tiny.load().image_attributes, labels)

    @pytest.mark.parametrize(("suffix", "opener"), [(".xz", lzma.open), (".gz", gzip.open), (".bz2", bz2.open)])
    def test_compressed_files_are_read(self, tiny, cub, labels, suffix, opener):
        with opener(f"{cub}{suffix}", "wb") as packed:
            packed.write(cub.read_bytes())
        cub.unlink()
        np.testing.assert_array_equal(tiny.load().image_attributes, labels)

    def test_names_may_differ_in_case(self, tiny, cub, labels, folder):
        """All labels were missing without a word where only some names were spelled alike."""
        file = folder / "images.txt"
        names = file.read_text().splitlines()
        file.write_text("\n".join([names[0], *(name.upper() for name in names[1:])]) + "\n")
        np.testing.assert_array_equal(tiny.load().image_attributes, labels)

    def test_names_that_differ_in_case_alone_are_kept_apart(self, tiny, cub, labels):
        first = tiny.images["image_files"][0][0]
        tiny.images["image_files"][1] = first.replace("lark", "LARK")
        read = tiny.load().image_attributes
        np.testing.assert_array_equal(read[0], labels[0])
        assert np.isnan(read[1]).all()

    def test_what_has_no_line_is_nan(self, tiny, cub, labels):
        kept = [line for line in cub.read_text().splitlines() if line.split()[1] in "13" and line.split()[0] != "40"]
        cub.write_text("\n".join(kept))
        read = tiny.load().image_attributes
        np.testing.assert_array_equal(read[1:, [0, 2]], labels[1:, [0, 2]])
        assert np.isnan(read[0]).all()
        assert np.isnan(read[:, [1, 3, 4, 5, 6, 7, 8]]).all()

    def test_ids_may_be_large(self, tiny, cub, labels, folder):
        """Numbers of a photo site, for example."""
        for file in (cub, folder / "images.txt"):
            lines = [line.split(maxsplit=1) for line in file.read_text().splitlines()]
            file.write_text("".join(f"{10**12 + int(image)} {rest}\n" for image, rest in lines))
        np.testing.assert_array_equal(tiny.load().image_attributes, labels)

    def test_further_columns_and_empty_lines_are_ignored(self, tiny, cub, labels):
        """A few lines of the original file have more than five columns."""
        replace_line(cub, 3, cub.read_text().splitlines()[2] + " 0 12.8\n")
        np.testing.assert_array_equal(tiny.load().image_attributes, labels)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("40 one 1", r"image_attribute_labels\.txt must hold 3 numbers per line, got '40 one 1' in line 7$"),
            ("40 1", r"must hold 3 numbers per line, got '40 1' in line 7$"),
            ("40 10 1", r"must hold attribute ids in 1\.\.9, got 10 in line 7$"),
            ("40 0 1", r"must hold attribute ids in 1\.\.9, got 0 in line 7$"),
            ("40 1.5 1", r"must hold attribute ids in 1\.\.9, got 1\.5 in line 7$"),
            ("40 nan 1", r"must hold attribute ids in 1\.\.9, got nan in line 7$"),
            ("42 1 1", r"must hold image ids of images\.txt, got 42 in line 7$"),
            ("-1 1 1", r"must hold image ids of images\.txt, got -1 in line 7$"),
            ("40 1 2", r"must hold 0 or 1 in column 3, got 2 in line 7$"),
        ],
    )
    def test_a_malformed_line_is_named(self, tiny, cub, line, message):
        replace_line(cub, 7, line)
        with pytest.raises(InputError, match=message):
            tiny.load().image_attributes  # noqa: B018

    def test_lines_are_counted_with_the_empty_ones(self, tiny, cub):
        replace_line(cub, 2, "")
        replace_line(cub, 7, "40 10 1")
        with pytest.raises(InputError, match=r"got 10 in line 7$"):
            tiny.load().image_attributes  # noqa: B018

    def test_a_truncated_file_is_named(self, tiny, cub):
        packed = lzma.compress(cub.read_bytes())
        cub.with_name(f"{cub.name}.xz").write_bytes(packed[: len(packed) // 2])
        cub.unlink()
        with pytest.raises(InputError, match=r"image_attribute_labels\.txt\.xz cannot be read, it may be truncated"):
            tiny.load().image_attributes  # noqa: B018

    def test_an_empty_file_and_other_bytes_are_named(self, tiny, cub):
        cub.write_text("")
        with pytest.raises(InputError, match="must hold at least one line, but is empty"):
            tiny.load().image_attributes  # noqa: B018
        cub.write_bytes(b"1 1 \xff\n")
        with pytest.raises(InputError, match="must be a text file in UTF-8"):
            tiny.load().image_attributes  # noqa: B018

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (None, r"images\.txt is missing$"),
            ("1 a.png\nb.png\n", r"images\.txt must hold an id and a name per line, got 'b\.png' in line 2$"),
            ("1 a.png\n", r"must name images of the data set, such as 'lark/00\.png', but names none$"),
        ],
    )
    def test_the_list_of_images_is_checked(self, tiny, cub, folder, text, message):
        (folder / "images.txt").unlink()
        if text:
            (folder / "images.txt").write_text(text)
        with pytest.raises(InputError, match=message):
            tiny.load().image_attributes  # noqa: B018


class TestSun:
    @pytest.fixture
    def sun(self, tiny, folder, labels):
        """SUN's files for TINY without the first image, with shares of three annotators."""
        stored = folder / "SUNAttributeDB"
        stored.mkdir()
        names = [path.relative_to(folder / "images").as_posix() for path in tiny.image_paths[:0:-1]]
        votes = np.where(labels[:0:-1] == 1, 2 / 3, 1 / 3)
        files = {"images": {"images": cells(names)}, "attributeLabels_continuous": {"labels_cv": votes}}
        self.write(stored, files)
        return stored, files

    @staticmethod
    def write(stored, files):
        for name, content in files.items():
            savemat(stored / f"{name}.mat", content, do_compression=True)

    @pytest.mark.usefixtures("sun")
    def test_majorities_follow_the_file_names(self, tiny, labels):
        read = tiny.load().image_attributes
        np.testing.assert_array_equal(read[1:], labels[1:])
        assert np.isnan(read[0]).all()

    def test_names_may_differ_in_case(self, tiny, sun, labels):
        stored, files = sun
        files["images"]["images"][0, 0] = files["images"]["images"][0, 0].upper()
        self.write(stored, files)
        np.testing.assert_array_equal(tiny.load().image_attributes[1:], labels[1:])

    def test_windows_separators_are_read(self, tiny, sun, labels):
        stored, files = sun
        files["images"] = {"images": np.char.replace(files["images"]["images"].astype(str), "/", "\\").astype(object)}
        self.write(stored, files)
        np.testing.assert_array_equal(tiny.load().image_attributes[1:], labels[1:])

    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (lambda files: files["attributeLabels_continuous"].update(labels_cv=np.ones((39, 8))), r"\(39, 8\)"),
            (
                lambda files: files["attributeLabels_continuous"]["labels_cv"].__setitem__((1, 2), 3),
                "got 3.0 for image",
            ),
            (lambda files: files["attributeLabels_continuous"]["labels_cv"].__setitem__((1, 2), np.nan), "got nan for"),
            (lambda files: files.update(images={"images": cells([f"{i}.png" for i in range(39)])}), "names none"),
        ],
    )
    def test_malformed_files_are_named(self, tiny, sun, spoil, message):
        stored, files = sun
        spoil(files)
        self.write(stored, files)
        with pytest.raises(InputError, match=message):
            tiny.load().image_attributes  # noqa: B018


class TestParts:
    @pytest.fixture
    def located(self, cub, folder):
        (folder / "parts" / "parts.txt").write_text("1 beak\n2 left eye\n")
        file = folder / "parts" / "part_locs.txt"
        file.write_text("40 1 10.5 20 1\n40 2 0 0 0\n39 2 3 4 1\n")
        return file

    @pytest.mark.usefixtures("located")
    def test_invisible_and_unmarked_parts_have_no_position(self, tiny):
        parts = tiny.load().parts()
        assert parts.names == ("beak", "left eye")
        np.testing.assert_array_equal(parts.positions[0], [[10.5, 20], [np.nan, np.nan]])
        np.testing.assert_array_equal(parts.visible[:3], [[1, 0], [np.nan, 1], [np.nan, np.nan]])

    @pytest.mark.usefixtures("located")
    def test_an_image_that_is_listed_twice_has_its_parts_twice(self, tiny):
        tiny.images["image_files"][39] = tiny.images["image_files"][0]
        parts = tiny.load().parts()
        np.testing.assert_array_equal(parts.positions[39], [[10.5, 20], [np.nan, np.nan]])
        np.testing.assert_array_equal(parts.visible[[0, 1, 39]], [[1, 0], [np.nan, 1], [1, 0]])

    def test_compressed_files_are_read(self, tiny, located):
        expected = tiny.load().parts()
        for file in (located, located.with_name("parts.txt")):
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
            file.unlink()
        read = tiny.load().parts()
        assert read.names == expected.names
        np.testing.assert_array_equal(read.positions, expected.positions)

    def test_parts_are_numbered_by_their_ids(self, tiny, located):
        located.with_name("parts.txt").write_text("2 left eye\n1 beak\n")
        parts = tiny.load().parts()
        assert parts.names == ("beak", "left eye")
        np.testing.assert_array_equal(parts.positions[0], [[10.5, 20], [np.nan, np.nan]])

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("0 beak\n1 left eye\n", r"parts\.txt must number the parts from 1, got 0, 1$"),
            ("1 beak\n1 left eye\n", r"parts\.txt must hold each id once, but repeats 1 in line 2$"),
        ],
    )
    def test_parts_with_other_numbers_are_refused(self, tiny, located, text, message):
        located.with_name("parts.txt").write_text(text)
        with pytest.raises(InputError, match=message):
            tiny.load().parts()

    def test_a_broken_link_to_the_boxes_is_refused(self, tiny, located, folder):
        (folder / "bounding_boxes.txt").symlink_to("annex")
        with pytest.raises(InputError, match=r"bounding_boxes\.txt is missing$"):
            tiny.load().parts()

    def test_faults_are_named(self, tiny, located):
        located.write_text("40 3 1 1 1\n")
        with pytest.raises(InputError, match=r"part_locs\.txt must hold part ids in 1\.\.2, got 3 in line 1$"):
            tiny.load().parts()
        located.unlink()
        with pytest.raises(InputError, match=r"no part positions for TINY: .*TINY must hold parts/part_locs\.txt"):
            tiny.load().parts()

    def test_synth_knows_its_parts(self, small_synth):
        parts, truth = small_synth.parts(), load_ground_truth(small_synth.root)
        assert parts.names == schema.PARTS
        np.testing.assert_allclose(parts.positions, truth.positions)
        np.testing.assert_allclose(parts.visible, truth.visible)


@pytest.mark.parametrize("change", [mark_byte_order, use_windows_separators])
def test_files_from_windows_are_read(tiny, cub, labels, folder, change):
    (folder / "parts" / "parts.txt").write_text("1 beak\n")
    (folder / "parts" / "part_locs.txt").write_text("40 1 10.5 20 1\n")
    (folder / "bounding_boxes.txt").write_text("40 5 6 7 8\n")
    for file in (cub, *folder.glob("*.txt"), *folder.glob("parts/*.txt")):
        change(file)
    parts = tiny.load().parts()
    assert parts.names == ("beak",)
    assert [parts.positions[0, 0].tolist(), parts.birds[0].tolist()] == [[10.5, 20], [5, 6, 12, 14]]
    np.testing.assert_array_equal(tiny.load().image_attributes, labels)


def test_a_data_set_without_labels_is_told_where_they_should_be(tiny):
    message = (
        r"for TINY: .*TINY must hold attributes/image_attribute_labels\.txt \(also compressed\) or SUNAttributeDB/"
    )
    with pytest.raises(InputError, match=message):
        tiny.load().image_attributes  # noqa: B018


def test_class_vectors_of_synth_are_means_of_its_labels(small_synth):
    labels = small_synth.image_attributes
    assert labels.shape == (112, 57)
    means = np.stack([labels[small_synth.labels == c].mean(0) for c in range(14)])
    np.testing.assert_allclose(means, small_synth.original_attributes / 100, atol=1e-6)


def test_fingerprints_do_not_depend_on_labels(tiny, folder):
    without = tiny.load().fingerprint
    (folder / "attributes" / "image_attribute_labels.txt").write_text("nonsense")
    assert tiny.load().fingerprint == without


@pytest.mark.parametrize(
    ("name", "images", "attributes"), [("CUB100", 5902, 104), ("SUN", 14317, 102)], ids=["CUB100", "SUN"]
)
def test_real_labels(real_benchmark, name, images, attributes):
    """Class means of the labels follow the class table."""
    benchmark = real_benchmark(name)
    labels = benchmark.image_attributes
    assert np.isfinite(labels).any(1).sum() == images
    there = np.isfinite(labels).any(0)
    assert there.sum() == attributes
    labels, classes = labels[:, there], range(len(benchmark.class_names))
    means = np.stack([np.nanmean(labels[benchmark.labels == c], axis=0) for c in classes])
    assert np.corrcoef(means.ravel(), benchmark.vectors("original")[:, there].ravel())[0, 1] > 0.97

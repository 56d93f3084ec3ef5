"""SynthBirds against recomputation from its pictures and ground truth, and against the layout of the real files."""

import pickle
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image
from small_birds import SMALL, tree_bytes

from zslcore import synthbirds
from zslcore.data import Benchmark
from zslcore.errors import InputError
from zslcore.synthbirds import Settings, anatomy, schema
from zslcore.synthbirds.tables import attribute_shares, split_images


@pytest.fixture(scope="module")
def splits(root) -> dict[str, np.ndarray]:
    return scipy.io.loadmat(root / "xlsa17/data/SYNTH/att_splits.mat")


@pytest.fixture(scope="module")
def images(root) -> dict[str, np.ndarray]:
    return scipy.io.loadmat(root / "xlsa17/data/SYNTH/res101.mat")


def class_list(root: Path, name: str) -> list[str]:
    return (root / f"xlsa17/data/SYNTH/{name}.txt").read_text().split()


def files(images: dict[str, np.ndarray]) -> list[str]:
    return [str(cell[0]) for cell in images["image_files"][:, 0]]


def test_layout_is_that_of_the_real_files(root, splits, images):
    num_attributes = len(schema.attribute_names())
    assert splits["att"].shape == splits["original_att"].shape == (num_attributes, 6)
    assert images["labels"].shape == images["image_files"].shape == (30, 1)
    assert images["labels"].min() == 1
    assert images["labels"].max() == 6
    names = [str(cell[0]) for cell in splits["allclasses_names"][:, 0]]
    assert len(set(names)) == 6
    assert names == class_list(root, "allclasses")
    for file, label in zip(files(images), images["labels"][:, 0]):
        assert Path(file).parts[:3] == ("SYNTH", "images", names[label - 1])
        with Image.open(root / file) as picture:
            assert (picture.size, picture.mode, picture.info) == ((64, 64), "RGB", {})
    assert (root / "Attribute/names/SYNTH.txt").read_text().split() == list(schema.attribute_names())


def test_class_names_are_not_in_folder_order(splits):
    names = [str(cell[0]) for cell in splits["allclasses_names"][:, 0]]
    assert names != sorted(names)


def test_splits_partition_the_images_and_respect_the_classes(root, splits, images):
    loc = {key: splits[f"{key}_loc"].ravel() for key in ("trainval", "test_seen", "test_unseen", "train", "val")}
    everything = np.concatenate([loc["trainval"], loc["test_seen"], loc["test_unseen"]])
    assert sorted(everything) == list(range(1, 31))  # 1-based, disjoint, complete
    assert sorted([*loc["train"], *loc["val"]]) == sorted(loc["trainval"])
    names = [str(cell[0]) for cell in splits["allclasses_names"][:, 0]]
    of = {key: {names[label - 1] for label in images["labels"][index - 1, 0]} for key, index in loc.items()}
    lists = {
        key: set(class_list(root, key)) for key in ("trainclasses1", "valclasses1", "testclasses", "trainvalclasses")
    }
    assert of["train"] == lists["trainclasses1"]
    assert of["val"] == lists["valclasses1"]
    assert of["test_unseen"] == lists["testclasses"]
    assert of["trainval"] == of["test_seen"] == lists["trainvalclasses"] == of["train"] | of["val"]
    assert not of["trainval"] & of["test_unseen"]
    assert not of["train"] & of["val"]
    assert len(of["test_unseen"]) == 2


def test_default_sizes_give_thirty_ten_ten_classes():
    labels = np.repeat(np.arange(50), 30)
    split, lists = split_images(Settings(), np.random.default_rng(0), labels)
    assert [len(lists[key]) for key in ("trainclasses1", "valclasses1", "testclasses")] == [30, 10, 10]
    share = len(split["test_seen"]) / (len(split["test_seen"]) + len(split["trainval"]))
    assert 0.2 <= share <= 0.25


def test_attributes_are_the_share_of_drawn_values(root, splits, images):
    truth, names = synthbirds.load_ground_truth(root), schema.attribute_names()
    assert truth.group_names == tuple(schema.GROUPS)
    counts = np.zeros((len(names), 6))
    for image, label in enumerate(images["labels"][:, 0]):
        for group, value in zip(truth.group_names, truth.values[image]):
            counts[names.index(f"has_{group}::{schema.GROUPS[group][value]}"), label - 1] += 1
    percent = 100 * counts / 5
    np.testing.assert_allclose(splits["original_att"], percent)
    np.testing.assert_allclose(splits["att"], percent / np.sqrt((percent**2).sum(axis=0)), rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(splits["att"], axis=0), 1)


def test_class_values_are_skewed_as_those_of_cub():
    """CUB: 43 % zeros, three quarters of the values under 13 %, a few near 100 %."""
    shares = schema.sample_class_distributions(0, 50)
    values = schema.draw_benchmark(0, shares, 30)
    percent = attribute_shares(values, 30)
    assert 0.3 < (percent == 0).mean() < 0.65
    assert np.median(percent) < 10
    assert (percent > 90).mean() > 0.02
    assert (percent.max(axis=1) > 30).all()  # every attribute belongs to some class


def test_same_seed_same_bytes_whatever_the_workers(root, tmp_path):
    time.sleep(max(0.0, 1.1 - time.time() % 1))  # another second: a time stamp in a header would show
    again = synthbirds.generate(tmp_path, **SMALL, workers=1)
    first, second = tree_bytes(root), tree_bytes(again)
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []


def test_fingerprint_stays(root):
    """Committed results carry fingerprints: another one would make them results of other data."""
    assert Benchmark.load(root, "SYNTH").fingerprint == "4a447f21116d45da"


def test_another_seed_other_bytes(root, tmp_path):
    other = synthbirds.generate(tmp_path, **SMALL, seed=1, workers=1)
    first, second = tree_bytes(root), tree_bytes(other)
    for path in ("SYNTH/ground_truth.npz", "xlsa17/data/SYNTH/att_splits.mat"):
        assert first[path] != second[path]
    pictures = {data for path, data in first.items() if path.endswith(".png")}
    assert len(pictures) == 30
    assert not pictures & set(second.values())


def test_parts_lie_inside_the_picture_and_their_boxes(root):
    truth = synthbirds.load_ground_truth(root)
    assert truth.positions.shape == (30, len(schema.PARTS), 2)
    assert (truth.positions >= 0).all()
    assert (truth.positions < 64).all()
    left, top, right, bottom = np.moveaxis(truth.extents, -1, 0)
    x, y = np.moveaxis(truth.positions, -1, 0)
    assert ((left <= x) & (x <= right) & (top <= y) & (y <= bottom)).all()
    assert (right - left > 2).all()
    assert (right <= 64).all()
    assert (bottom <= 64).all()
    assert ((truth.visible >= 0) & (truth.visible <= 1)).all()
    assert dict(zip(truth.group_names, truth.group_parts)) == schema.PART_OF_GROUP
    assert truth.part_names == schema.PARTS


@pytest.fixture(scope="module")
def flock(tmp_path_factory) -> tuple[list[np.ndarray], synthbirds.GroundTruth]:
    """Enough pictures, at the default size, to count how often a colour is where it should be."""
    folder = tmp_path_factory.mktemp("flock")
    root = synthbirds.generate(folder, num_classes=20, num_unseen=2, images_per_class=8, workers=2)
    stored = scipy.io.loadmat(root / "xlsa17/data/SYNTH/res101.mat")
    pictures = [np.asarray(Image.open(root / file), dtype=float) for file in files(stored)]
    return pictures, synthbirds.load_ground_truth(root)


def test_some_parts_are_hidden_but_most_are_not(flock):
    visible = flock[1].visible[:, :-1]
    assert 0.02 < (visible < 0.9).mean() < 0.3


def nearest_color(picture: np.ndarray, position: np.ndarray, colors: tuple[str, ...]) -> int:
    """The colour name nearest to the median of the 3 x 3 pixels at a position."""
    x, y = position.astype(int)
    patch = np.median(picture[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3), axis=0)
    return int(np.argmin([np.linalg.norm(patch - schema.PALETTE[name]) for name in colors]))


@pytest.mark.parametrize("group", ["crown_color", "wing_color", "breast_color"])
def test_drawn_colours_are_where_the_ground_truth_says(flock, group):
    pictures, truth = flock
    g, p = truth.group_names.index(group), truth.part_names.index(schema.PART_OF_GROUP[group])
    pattern = {"wing_color": "wing_pattern", "breast_color": "breast_pattern"}.get(group)
    plain = truth.values[:, truth.group_names.index(pattern)] == 0 if pattern else np.ones(len(pictures), dtype=bool)
    chosen = np.flatnonzero((truth.visible[:, p] > 0.95) & plain)
    assert len(chosen) > 10
    hits = [
        nearest_color(pictures[i], truth.positions[i, p], schema.GROUPS[group]) == truth.values[i, g] for i in chosen
    ]
    assert np.mean(hits) > 0.75


def test_word_vectors_hold_an_array_whose_rows_share_what_names_share(root):
    path = root / "Attribute/w2v/SYNTH_attribute.pkl"
    vectors = pickle.loads(path.read_bytes())
    names = schema.attribute_names()
    assert (vectors.shape, vectors.dtype) == ((len(names), 300), np.float64)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)
    row = dict(zip(names, vectors))
    crown_red = row["has_crown_color::red"]
    assert crown_red @ row["has_crown_color::blue"] > 0.5  # two of three words
    assert crown_red @ row["has_wing_color::red"] > 0.5
    assert abs(crown_red @ row["has_tail_shape::fan"]) < 0.25


def test_names_stay_unique_when_classes_are_many():
    names = schema.class_names(schema.sample_class_distributions(3, 400))
    assert len({name.partition(".")[2].lower() for name in names}) == 400


def test_spline_passes_through_its_points():
    points = np.random.default_rng(0).normal(size=(7, 2))
    np.testing.assert_allclose(anatomy.spline(points, steps=5)[::5], points, atol=1e-12)


def test_generate_keeps_its_neighbours(tmp_path):
    (tmp_path / "xlsa17/data/CUB").mkdir(parents=True)
    (tmp_path / "xlsa17/data/CUB/allclasses.txt").write_text("001.A\n")
    synthbirds.generate(tmp_path, num_classes=4, num_unseen=1, images_per_class=2, size=32, workers=1)
    assert (tmp_path / "xlsa17/data/CUB/allclasses.txt").read_text() == "001.A\n"
    assert synthbirds.is_complete(tmp_path, Settings(0, 4, 1, 2, 32))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("num_classes", 3), ("num_unseen", 4), ("num_unseen", 0), ("images_per_class", 1), ("size", 16), ("seed", -1)],
)
def test_impossible_settings_are_named(tmp_path, setting, value):
    with pytest.raises(InputError, match=rf"{setting} must be .* got {value}"):
        synthbirds.generate(tmp_path, **{**SMALL, setting: value})
    assert list(tmp_path.iterdir()) == []


def test_workers_below_one_are_refused(tmp_path):
    with pytest.raises(InputError, match="workers"):
        synthbirds.generate(tmp_path, **SMALL, workers=0)


def test_settings_that_differ_have_different_stamps():
    assert Settings().stamp != replace(Settings(), size=96).stamp

"""ReMSE's weights of a run, and attention beside the true parts."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from zslcore import InputError
from zslcore.analysis import energy_inside
from zslcore.config import RunConfig
from zslcore.remse import class_error, remse_weights
from zslcore.study.chapters import attention
from zslcore.study.chapters.attention import (
    attention_over_picture,
    attention_verdicts,
    describe_attention,
    final_weights,
    measure_attention,
    typical_attributes,
    untrained,
)
from zslcore.synthbirds import load_ground_truth
from zslcore.training import Run, fit
from zslcore.training.evaluation import predict

SETTINGS = {"backbone": "resnet18", "weights": "random", "image_size": 64, "device": "cpu", "lam": 3.0}
SHORT = {"epochs": 2, "episodes": 3, "ways": 4}
ATTENTION = RunConfig(dataset="SYNTH", network="attention", key_dim=8, loss="mse", **SETTINGS, **SHORT)


@pytest.fixture(autouse=True)
def _no_window():
    with mpl.rc_context({"backend": "Agg"}):
        yield
    plt.close("all")


@pytest.fixture
def still(small_world, tmp_path):
    """A run with attention whose steps are too small to move a weight."""
    return Run.load(fit(ATTENTION.replace(lr=1e-30), tmp_path / "still"))


class TestWeights:
    @pytest.mark.parametrize("changes", [{}, {"memory": "ema", "reference": "median"}, {"normalize": False}])
    def test_are_remse_of_all_training_images(self, small_world, small_synth, tmp_path, changes):
        config = RunConfig(dataset="SYNTH", loss="remse", **SETTINGS, **SHORT, **changes)
        run = Run.load(fit(config, tmp_path / "run"))
        images = small_synth.split("trainval")
        prediction = predict(run.model(small_synth), run.inputs(small_synth), images)
        labels = torch.from_numpy(small_synth.labels[images])
        target = torch.from_numpy(small_synth.attributes)[labels]
        error = class_error(prediction, target, labels, len(small_synth.class_names), normalize=config.normalize)
        reference = {"reference": config.reference}
        expected = remse_weights(error[small_synth.seen_classes], p=config.p, p2=config.p2, **reference)
        weights = final_weights(run, small_synth)
        assert weights.shape == (10, 57)
        assert weights.max() > 1
        np.testing.assert_allclose(weights, expected.numpy(), rtol=1e-5)

    def test_refuse_another_loss(self, small_synth, still):
        with pytest.raises(InputError, match="needs a run with loss 'remse', got 'mse'"):
            final_weights(still, small_synth)


class TestTypicalAttributes:
    def test_are_the_largest_of_their_groups(self):
        rng = np.random.default_rng(0)
        groups = {"a": [0, 3, 4], "b": [1], "c": [2, 5, 6, 7]}
        for _ in range(20):
            vector = rng.integers(0, 4, size=8).astype(np.float32)  # with many equal values
            found = typical_attributes(vector, groups, count=2)
            peaks = sorted((max(vector[members]) for members in groups.values()), reverse=True)
            assert vector[found].tolist() == peaks[:2]
            assert len({name for name, members in groups.items() for one in found if one in members}) == 2

    def test_of_few_groups_are_one_of_each(self):
        found = typical_attributes(np.array([1.0, 2.0, 2.0]), {"a": [0], "b": [1, 2]}, count=9)
        assert found.tolist() == [1, 0]

    def test_refuse_none(self):
        with pytest.raises(InputError, match="count must be at least 1"):
            typical_attributes(np.ones(1), {"a": [0]}, count=0)


class TestAttention:
    def test_of_a_run_that_did_not_move_is_that_of_the_untrained_one(self, small_synth, still):
        images = np.arange(0, 112, 9)
        before = untrained(still).attention(small_synth, images)
        np.testing.assert_array_equal(still.attention(small_synth, images), before)

    def test_of_a_run_that_moved_is_another(self, small_world, small_synth, tmp_path):
        run = Run.load(fit(ATTENTION.replace(lr=0.1), tmp_path / "run"))
        images = np.arange(5)
        trained, before = run.attention(small_synth, images), untrained(run).attention(small_synth, images)
        assert np.abs(trained - before).max() > 1e-4
        np.testing.assert_array_equal(run.attention(small_synth, images), trained)  # the run is what it was

    def test_measured_is_of_the_part_of_the_group(self, small_synth, still):
        truth, images = load_ground_truth(small_synth.root), small_synth.split("test_unseen")
        measured = measure_attention(still, small_synth, images)
        assert {name: list(frames) for name, frames in measured.items()} == {
            "pointing": ["mse", "untrained"],
            "energy": ["mse", "untrained"],
        }
        # by hand for the legs: their attributes by name, their part by name
        legs = [index for index, name in enumerate(small_synth.attribute_names) if "leg_color" in name]
        part = truth.part_names.index("leg")
        maps = still.attention(small_synth, images)[:, legs].reshape(len(images), len(legs), 2, 2)
        boxes, visible = truth.extents[images][:, [part]], truth.visible[images][:, [part]]
        expected = energy_inside(maps, boxes, 48, visible, groups=np.zeros(len(legs), int))
        row = measured["energy"]["mse"].set_index("group").loc["leg color"]
        assert row["value"] == pytest.approx(expected["value"].item())
        assert row["chance"] == pytest.approx(expected["chance"].item())

    def test_over_a_picture_has_the_boxes_of_the_truth_where_the_parts_are(self, small_synth, still):
        truth, image = load_ground_truth(small_synth.root), 100
        figure = attention_over_picture(still, small_synth, image, count=3)
        panels = [axis for axis in figure.axes if axis.axison]
        assert len(panels) == 4
        for axis in panels[1:]:
            group = axis.get_title().replace("\n", " ").split(":")[0].replace(" ", "_")
            part = truth.part_names.index(truth.group_parts[truth.group_names.index(group)])
            corners = axis.patches[0].get_bbox().extents
            np.testing.assert_allclose(corners / 64, truth.extents[image, part] / 48, rtol=1e-6)

    def test_over_a_picture_of_unknown_parts_has_no_boxes(self, small_synth, still, monkeypatch):
        monkeypatch.setattr(attention, "has_parts", lambda benchmark: False)
        figure = attention_over_picture(still, small_synth, 3)
        assert not any(axis.patches for axis in figure.axes)

    def test_of_a_crop_is_measured_with_the_boxes_on_the_crop(self, small_world, small_synth, tmp_path):
        run = Run.load(fit(ATTENTION.replace(resize_ratio=1.125, epochs=1), tmp_path / "run"))
        truth, images = load_ground_truth(small_synth.root), np.arange(40)
        found = measure_attention(run, small_synth, images)["energy"]["mse"].set_index("group").loc["tail shape"]
        tails = [index for index, name in enumerate(small_synth.attribute_names) if "tail_shape" in name]
        part = truth.part_names.index("tail")
        boxes = truth.extents[images][:, [part]] * 72 / 48 - 4  # resized from 48 to 72 pixels, 4 cut off each side
        maps = run.attention(small_synth, images)[:, tails].reshape(40, len(tails), 2, 2)
        visible = truth.visible[images][:, [part]]
        (expected,) = energy_inside(maps, boxes, 64, visible, groups=np.zeros(len(tails), int)).itertuples()
        assert found["images"] == expected.images
        assert found["value"] == pytest.approx(expected.value, rel=1e-5)
        assert found["chance"] == pytest.approx(expected.chance, rel=1e-5)

    def test_crop_cuts_as_much_off_the_boxes(self, small_world, small_synth, tmp_path):
        run = Run.load(fit(ATTENTION.replace(resize_ratio=1.125, epochs=1), tmp_path / "run"))
        truth = load_ground_truth(small_synth.root)
        figure = attention_over_picture(run, small_synth, 100, count=1)
        group = figure.axes[1].get_title().replace("\n", " ").split(":")[0].replace(" ", "_")
        part = truth.part_names.index(truth.group_parts[truth.group_names.index(group)])
        corners = figure.axes[1].patches[0].get_bbox().extents
        np.testing.assert_allclose((corners + 4) / 72, truth.extents[100, part] / 48, rtol=1e-6)


def measured(*rows):
    return pd.DataFrame(rows, columns=["group", "value", "low", "high", "chance"])


NOTHING = ("habitat", np.nan, np.nan, np.nan, np.nan)


class TestVerdicts:
    @pytest.mark.parametrize(
        ("trained", "untrained", "expected"),
        [
            ((0.9, 0.8, 1.0, 0.2), (0.5, 0.4, 0.6, 0.2), "supported"),
            ((0.5, 0.4, 0.7, 0.2), (0.5, 0.4, 0.6, 0.2), "inconclusive"),  # from the features alone
            ((0.3, 0.25, 0.4, 0.3), (0.1, 0.05, 0.2, 0.3), "inconclusive"),  # better than before, not than chance
            ((0.3, 0.2, 0.35, 0.1), (0.5, 0.4, 0.6, 0.1), "contradicted"),  # worse than before
            ((0.1, 0.05, 0.2, 0.3), (0.1, 0.05, 0.2, 0.3), "contradicted"),  # worse than chance
            ((np.nan,) * 4, (np.nan,) * 4, "not testable"),
        ],
    )
    def test_needs_more_than_chance_and_than_the_untrained_network(self, trained, untrained, expected):
        frames = {"remse": measured(("wing_color", *trained)), "untrained": measured(("wing_color", *untrained))}
        (row,) = attention_verdicts({"energy": frames}).to_dict("records")
        assert row["verdict"] == expected
        assert row["claim"] == "Training taught the attention of wing color to find its part."
        assert row["measure"] == "energy"

    def test_of_nothing_measured_are_none(self):
        assert attention_verdicts({}).empty

    def test_sentence_leaves_out_groups_with_nothing_to_measure(self):
        trained = measured(("wing", 0.8, 0.7, 0.9, 0.2), ("tail_shape", 0.4, 0.1, 0.5, 0.2), NOTHING)
        before = measured(("wing", 0.5, 0.4, 0.6, 0.2), ("tail_shape", 0.1, 0.0, 0.15, 0.2), NOTHING)
        text = describe_attention({"remse": trained, "untrained": before})
        assert "Mean over the groups: 0.60 for + ReMSE, 0.30 for the untrained network, 0.20 by chance." in text
        assert "of + ReMSE lies above chance in 1 of 2 groups, and above that of the untrained network in 1." in text
        assert "highest for wing (0.80) and lowest for tail shape (0.40)" in text
        assert text.endswith("untrained network lies above chance in 1 of 2 groups, and below chance in 1.")

"""The experiment on image labels: its configs, what a row holds, how it resumes, and its section of the page."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import average_precision_score
from tiny import SMALL

from zslcore import InputError
from zslcore.analysis import theil_index
from zslcore.config import RunConfig
from zslcore.data.tasks import test_task as zero_shot_task
from zslcore.study.experiments import configs as experiments
from zslcore.study.experiments import image_training
from zslcore.study.experiments.image_training import image_configs, image_row
from zslcore.study.pages.map_pages import section
from zslcore.study.pages.map_sections import IMAGE_MEASURES, image_sentence
from zslcore.study.pages.map_tables import image_differences
from zslcore.training.evaluation import predict
from zslcore.training.inputs.sources import load_inputs
from zslcore.training.loop import train
from zslcore.training.run import restore_model

CONFIG = RunConfig(dataset="SYNTH", **SMALL, epochs=2, episodes=4, ways=4, loss="mse", targets="images")


def test_configs_are_the_arms_of_the_map_on_both_targets():
    configs = image_configs("SYNTH", seeds=[0, 3])
    assert len(configs) == 2 * (1 + 2 * 2 * 3)
    assert [config.seed for config in configs] == [0] * 13 + [3] * 13
    assert sum(config.loss == "none" for config in configs) == 2
    images, classes = (
        [config.replace(targets="classes") for config in configs if config.targets == targets and config.loss != "none"]
        for targets in ("images", "classes")
    )
    assert images == classes
    assert {(config.loss, config.lam_cls, config.lam) for config in images} == {
        (loss, *weights) for loss in ("mse", "remse", "remse_permuted") for weights in ((1.0, 60.0), (0.0, 3000.0))
    }
    assert all(config.equal_lambda for config in images if config.loss != "mse")


@pytest.fixture
def partly_labelled(small_synth):
    """The small SYNTH without labels of its first ten attributes."""
    labels = small_synth.image_attributes.copy()
    labels[:, :10] = np.nan
    other = dataclasses.replace(small_synth)
    other.__dict__["image_attributes"] = labels
    return other


@pytest.mark.usefixtures("small_world")
class TestRows:
    @pytest.fixture(params=[False, True])
    def data(self, request, small_synth, partly_labelled, monkeypatch):
        data = partly_labelled if request.param else small_synth
        monkeypatch.setattr(image_training, "load_benchmark", lambda name: data)
        return data

    def test_a_row_is_the_model_after_its_last_epoch(self, data):
        row = image_row(CONFIG).iloc[0]
        inputs, task = load_inputs(CONFIG, data, torch.device("cpu")), zero_shot_task(data)
        trained = train(CONFIG, data, inputs, task, progress=False)
        assert row["T1"] == round(100 * trained.rows[-1]["T1"], 2)
        assert (row["method"], row["lam"], row["targets"]) == ("mse", CONFIG.lam, "images")
        known = np.flatnonzero(~np.isnan(data.image_attributes[0]))
        model = restore_model(CONFIG, data, trained.state, inputs.device)
        positives = data.image_attributes[task.train][:, known].mean(0, dtype=np.float64)
        order = np.argsort(positives, kind="stable")
        rare, common = order[: -(-len(known) // 3)], order[-(len(known) // 3) :]
        for split, images in (("seen", task.test_seen), ("unseen", task.test_unseen)):
            prediction = predict(model, inputs, images).numpy()[:, known].astype(np.float64)
            prediction /= np.linalg.norm(prediction, axis=1, keepdims=True)
            truth, classes = data.image_attributes[images][:, known], data.labels[images]
            precision = np.full(len(known), np.nan)
            for attribute in np.flatnonzero(truth.any(0)):
                precision[attribute] = 100 * average_precision_score(truth[:, attribute], prediction[:, attribute])
            assert row[f"{split}_precision"] == pytest.approx(np.nanmean(precision), abs=1e-3)
            assert row[f"{split}_rare_precision"] == pytest.approx(np.nanmean(precision[rare]), abs=1e-3)
            assert row[f"{split}_common_precision"] == pytest.approx(np.nanmean(precision[common]), abs=1e-3)
            vectors = data.attributes[classes][:, known].astype(np.float64)
            for measure, target in (("theil", vectors), ("image_theil", truth)):
                squared = (prediction - target / np.linalg.norm(target, axis=1, keepdims=True)) ** 2
                cells = np.stack([squared[classes == one].mean(0) for one in np.unique(classes)])
                assert row[f"{split}_{measure}"] == pytest.approx(theil_index(cells), abs=1e-4)
        scores = prediction @ (data.attributes[data.unseen_classes][:, known]).T
        scores /= np.linalg.norm(data.attributes[data.unseen_classes][:, known], axis=1)
        right = data.unseen_classes[scores.argmax(1)] == classes
        accuracy = np.mean([right[classes == one].mean() for one in data.unseen_classes])
        assert row["labelled_T1"] == pytest.approx(100 * accuracy, abs=1e-3)
        if len(known) == data.attributes.shape[1]:
            assert row["labelled_T1"] == pytest.approx(row["T1"], abs=0.01)
        assert row["rare_positives"] < 100 * positives.mean() < row["common_positives"]

    def test_an_interrupted_experiment_resumes(self, data, tmp_path, monkeypatch):
        configs = [CONFIG, CONFIG.replace(targets="classes")]
        monkeypatch.setattr(experiments, "image_configs", lambda dataset, seeds: configs)
        whole = experiments.run_experiment("image_training", "SYNTH", splits=0, output=tmp_path / "whole", device="cpu")
        measured = []

        def interrupted(config):
            measured.append(config.targets)
            if len(measured) == 2:
                raise KeyboardInterrupt
            return image_row(config)

        monkeypatch.setattr(experiments, "image_row", interrupted)
        with pytest.raises(KeyboardInterrupt):
            experiments.run_experiment("image_training", "SYNTH", splits=0, output=tmp_path, device="cpu")
        resumed = experiments.run_experiment("image_training", "SYNTH", splits=0, output=tmp_path, device="cpu")
        assert measured == ["images", "classes", "classes"]
        pd.testing.assert_frame_equal(
            resumed.drop(columns="seconds"), whole.drop(columns="seconds"), check_dtype=False, rtol=1e-6
        )
        assert resumed["settings"].str.contains("targets=images").tolist() == [True, False]


def test_data_without_image_labels_is_refused(tiny, monkeypatch):
    benchmark = tiny.load()
    monkeypatch.setattr(image_training, "load_benchmark", lambda name: benchmark)
    with pytest.raises(InputError, match=r"^no attribute labels of single images for TINY"):
        image_row(CONFIG.replace(dataset="TINY"))


@pytest.fixture
def rows():
    """Rows of four seeds: on image labels ReMSE is better by 1 point at λ = 60, and worse by 1 alone."""
    found, noise = [], np.random.default_rng(0).normal(scale=1e-3, size=(4, 13))
    for seed in range(4):
        settings = [("cross_entropy", 0.0, "classes")]
        for targets in ("classes", "images"):
            settings += [(m, lam, targets) for lam in (60.0, np.inf) for m in ("mse", "remse", "remse_permuted")]
        for column, (method, lam, targets) in enumerate(settings):
            gain = (1 if lam == 60 else -1) * (method == "remse") * (targets == "images") + 2 * (targets == "images")
            row = {"seed": seed, "method": method, "lam": lam, "targets": targets, "device": "X", "settings": f"{seed}"}
            row |= dict.fromkeys(IMAGE_MEASURES, 40.0 + seed + gain + noise[seed, column])
            found.append(row | {"rare_positives": 12.0, "common_positives": 37.0})
    setting = {"dataset": "X", "network": "basic", "fine_tune": False, "vectors": "normalised", "scale": 20.0}
    return pd.DataFrame(found).assign(class_split=0, **setting)


def test_differences_are_paired_on_each_kind_of_targets(rows):
    table = image_differences(rows, measures=["unseen_precision"])
    assert len(table) == 2 * 2 * 3 + 2
    found = table.set_index(["targets", "lam", "method"])["difference"]
    assert found["images", 60.0, "remse"] == pytest.approx(1, abs=0.01)
    assert found["images", np.inf, "remse"] == pytest.approx(-1, abs=0.01)
    assert found["classes", 60.0, "remse"] == pytest.approx(0, abs=0.01)
    assert found["images", 60.0, "mse"] == pytest.approx(2, abs=0.01)  # against the cross entropy
    assert found["both", np.inf, "images"] == pytest.approx(2, abs=0.01)
    assert (table["pairs"] == 4).all()


def test_the_sentence_names_the_lambdas(rows):
    assert image_sentence(rows) == (
        "**Does ReMSE help on image labels? Compared with the MSE, its average precision on unseen classes is higher "
        "at λ = 60, and lower at λ = ∞. That of the rarest third of the attributes is higher at λ = 60, and lower at "
        "λ = ∞. The largest of these differences is 1.00 points.**"
    )
    rows.loc[rows["method"] == "remse", list(IMAGE_MEASURES)] = rows.loc[
        rows["method"] == "mse", list(IMAGE_MEASURES)
    ].to_numpy()
    assert image_sentence(rows).count("not significantly higher or lower at any λ") == 2


def test_the_section_shows_every_comparison(rows, tmp_path):
    (tmp_path / "X").mkdir()
    rows.to_csv(tmp_path / "X" / "image_training.csv", index=False)
    text = section(tmp_path, "X", "image_training")
    assert text.startswith("`python -m zslcore.study.experiments X image_training`, `results/X/image_training.csv`: 4 ")
    assert "12 % in the rarest third and 37 % in the commonest third" in text
    assert "41.5 % with cross entropy alone. With the MSE at λ = 60 it is 41.5 % if the targets are class" in text
    assert "vectors and 43.5 % if they are image labels." in text
    assert "Over 4 seeds of the benchmark's own split:" in text
    lines = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(lines) == 2 * 2 * 3 + 2
    assert sum(line.startswith("| ReMSE − MSE | image labels | 60 | **1.00** (") for line in lines) == 1
    assert sum(line.startswith("| image labels − class vectors | – | ∞ | **2.00** (") for line in lines) == 1


@pytest.mark.parametrize("dataset", ["CUB100", "SYNTH"])
def test_class_vectors_give_the_accuracies_of_the_map(dataset):
    """Both experiments train the same configs on class vectors; other processors round otherwise."""
    results = Path(__file__).parents[3] / "results" / dataset
    images, of_map = (pd.read_csv(results / f"{name}.csv").set_index("settings") for name in ("image_training", "map"))
    shared = images.index.intersection(of_map.index)
    assert len(shared) >= 7
    np.testing.assert_allclose(images.loc[shared, "T1"], of_map.loc[shared, "T1"], atol=1.5)

"""``fit``: what a run folder holds, under which protocol its numbers were read, and what happens on the way there."""

import copy
import dataclasses
import importlib
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import balanced_accuracy_score
from tiny import SMALL_RUN

import zslcore
from zslcore import InputError
from zslcore.analysis import theil_index
from zslcore.training import Run, fit
from zslcore.training.errors_by_class import error_statistics, prediction_errors
from zslcore.training.fit import default_folder, fit_all
from zslcore.training.identity import run_name

training = importlib.import_module("zslcore.training.fit")  # the name zslcore.training.fit is the function

FILES = {"config.json", "history.csv", "metrics.json", "hashes.json", "checkpoint/model.safetensors"}


pytestmark = pytest.mark.usefixtures("small_world")


@pytest.fixture
def no_training(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("this must not train")

    monkeypatch.setattr(training, "train", refuse)


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def history_of(run, task):
    return run.history[run.history["task"] == task].reset_index(drop=True)


class TestFolder:
    def test_holds_these_files(self, run):
        assert files(run.folder) == FILES

    def test_config_reads_back(self, run):
        assert run.config == SMALL_RUN

    def test_history_has_a_row_per_epoch_of_each_training(self, run):
        columns = ["epoch", "loss", "classification_loss", "regression_loss", "amplification", "lr"]
        assert list(run.history) == [*columns, "T1", "U", "S", "H", "gamma", "AUSUC", "task"]
        for task in ("fold_1", "fold_2", "fold_3", "test"):
            assert history_of(run, task)["epoch"].tolist() == list(range(SMALL_RUN.epochs))
        assert len(run.history) == 4 * SMALL_RUN.epochs
        assert np.isfinite(run.history.drop(columns="task").to_numpy()).all()

    def test_metrics_have_one_structure(self, run, small_synth):
        metrics = run.metrics
        assert list(metrics) == [
            *("dataset", "protocols", "validation", "errors", "effective_lambda", "cost", "environment", "contents"),
        ]
        assert metrics["dataset"] == {"name": "SYNTH", "fingerprint": small_synth.fingerprint}
        accuracies = {"T1", "U", "S", "H", "AUSUC"}
        assert set(metrics["protocols"]) == {"clean", "paper"}
        assert set(metrics["protocols"]["clean"]) == accuracies | {"gamma", "epoch"}
        assert set(metrics["protocols"]["paper"]) == accuracies | {"gamma", "epoch", "epoch_T1", "epoch_AUSUC"}
        assert set(metrics["validation"]) == accuracies | {"gamma"}
        for values in (*metrics["protocols"].values(), metrics["validation"]):
            assert all(0 <= values[name] <= 1 for name in accuracies)
        assert metrics["cost"]["seconds"] > 0
        assert metrics["environment"]["torch"] == torch.__version__
        assert metrics["environment"]["zslcore"] == zslcore.__version__
        assert metrics["environment"]["device"]

    def test_text_files_name_no_folder_of_this_machine(self, run, small_synth, small_cache):
        for name in ("config.json", "metrics.json", "history.csv"):
            text = (run.folder / name).read_text()
            assert not re.search(r"""(^|["',\s])(/|~|[A-Za-z]:\\)\w""", text), name
            for folder in (small_synth.root, small_cache, run.folder.parent, Path.cwd(), Path.home()):
                assert str(folder) not in text
            assert os.uname().nodename not in text

    def test_default_folder_is_named_by_data_set_and_settings(self, tmp_path):
        assert default_folder(SMALL_RUN) == tmp_path / "SYNTH" / run_name(SMALL_RUN)
        assert fit(SMALL_RUN.replace(epochs=1)) == tmp_path / "SYNTH" / run_name(SMALL_RUN.replace(epochs=1))
        assert files(tmp_path / "SYNTH" / run_name(SMALL_RUN.replace(epochs=1))) == FILES


class TestCleanProtocol:
    def test_epoch_is_the_last_and_gamma_comes_from_the_folds(self, run):
        last, clean = run.history.groupby("task").last(), run.metrics["protocols"]["clean"]
        assert clean["epoch"] == SMALL_RUN.epochs - 1
        assert clean["gamma"] == run.metrics["validation"]["gamma"]
        for name in ("T1", "U", "S", "H", "gamma", "AUSUC"):
            mean = (last.loc["fold_1", name] + last.loc["fold_2", name] + last.loc["fold_3", name]) / 3
            assert run.metrics["validation"][name] == pytest.approx(mean, rel=1e-12)

    def test_folds_train_for_as_many_steps_per_class(self, run, small_synth, monkeypatch, tmp_path):
        """4 steps an epoch for the 10 seen classes, of which the folds train on 6, 7 and 7."""
        original, steps = training.train, {}

        def noted(config, benchmark, inputs, task, **settings):
            steps[task.name] = config.episodes
            return original(config, benchmark, inputs, task, **settings)

        monkeypatch.setattr(training, "train", noted)
        fit(SMALL_RUN, tmp_path / "noted")
        assert steps == {"fold_1": 2, "fold_2": 3, "fold_3": 3, "test": 4}

    def test_the_fixture_tells_the_protocols_apart(self, run):
        """The folds choose another gamma than the test split would: else nothing here is tested."""
        clean, paper = (run.metrics["protocols"][name] for name in ("clean", "paper"))
        assert clean["gamma"] != pytest.approx(paper["gamma"])
        assert clean["H"] < paper["H"]

    def test_accuracies_are_those_of_the_checkpoint(self, run, small_synth):
        evaluation, clean = run.evaluate(small_synth), run.metrics["protocols"]["clean"]
        seen, unseen, harmonic, _ = evaluation.curve.at(clean["gamma"])
        assert (clean["S"], clean["U"], clean["H"]) == (seen, unseen, harmonic)
        assert (clean["T1"], clean["AUSUC"]) == (evaluation.t1, evaluation.curve.ausuc)

    @pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
    def test_accuracies_equal_scikit_learns_from_the_predicted_attributes(self, run, small_synth):
        clean = run.metrics["protocols"]["clean"]
        for split, name in (("test_seen", "S"), ("test_unseen", "U")):
            images = small_synth.split(split)
            prediction = run.predict(small_synth, images).astype(float)
            prediction /= np.linalg.norm(prediction, axis=1, keepdims=True)
            scores = SMALL_RUN.scale * prediction @ small_synth.attributes.T
            scores[:, small_synth.seen_classes] -= clean["gamma"]
            found = balanced_accuracy_score(small_synth.labels[images], scores.argmax(1))
            assert clean[name] == pytest.approx(found)

    def test_accuracies_stand_in_the_history_of_the_final_training(self, run):
        row = history_of(run, "test").loc[run.metrics["protocols"]["clean"]["epoch"]]
        for name in ("T1", "AUSUC"):
            assert run.metrics["protocols"]["clean"][name] == pytest.approx(row[name], rel=1e-12)

    def test_test_images_choose_nothing(self, run, small_synth, monkeypatch, tmp_path):
        """With all features of test images replaced by noise, the same gamma is chosen."""
        original = training.load_inputs

        def spoiled(config, benchmark, device, **settings):
            inputs = original(config, benchmark, device, **settings)
            for split in ("test_seen", "test_unseen"):
                images = benchmark.split(split)
                noise = np.random.default_rng(0).normal(size=inputs.maps[images].shape)
                inputs.maps[images] = torch.from_numpy(noise).float()
            return inputs

        monkeypatch.setattr(training, "load_inputs", spoiled)
        noise = Run.load(fit(SMALL_RUN, tmp_path / "noise")).metrics
        clean = run.metrics["protocols"]["clean"]
        assert noise["validation"] == run.metrics["validation"]
        assert noise["protocols"]["clean"]["gamma"] == clean["gamma"]
        assert noise["protocols"]["clean"]["T1"] != clean["T1"]


class TestPaperProtocol:
    def test_is_the_best_of_every_measure_on_the_test_split(self, run):
        test, paper = history_of(run, "test"), run.metrics["protocols"]["paper"]
        for name, epoch in (("T1", "epoch_T1"), ("H", "epoch"), ("AUSUC", "epoch_AUSUC")):
            assert paper[name] == pytest.approx(test[name].max(), rel=1e-12)
            assert paper[epoch] == test[name].idxmax()
        for name in ("U", "S", "gamma"):
            assert paper[name] == pytest.approx(test[name][paper["epoch"]], rel=1e-12)

    def test_every_measure_has_a_best_epoch_of_its_own(self):
        names = ("T1", "U", "S", "H", "gamma", "AUSUC")
        values = [(0.9, 0.1, 0.2, 0.13, 1.0, 0.1), (0.5, 0.4, 0.6, 0.48, 2.0, 0.2), (0.6, 0.9, 0.3, 0.45, 3.0, 0.3)]
        rows = [dict(zip(names, row, strict=True)) for row in values]
        expected = {"T1": 0.9, "U": 0.4, "S": 0.6, "H": 0.48, "gamma": 2.0, "AUSUC": 0.3}
        assert training.paper_protocol(rows) == expected | {"epoch_T1": 0, "epoch": 1, "epoch_AUSUC": 2}

    def test_is_never_below_the_clean_one(self, run):
        clean, paper = (run.metrics["protocols"][name] for name in ("clean", "paper"))
        for name in ("T1", "H", "AUSUC"):
            assert paper[name] >= clean[name]


class TestErrors:
    def test_matrices_equal_a_plain_loop(self, run, small_synth):
        seen, unseen = run.errors(small_synth)
        for matrix, split, classes in (
            (seen, "test_seen", small_synth.seen_classes),
            (unseen, "test_unseen", small_synth.unseen_classes),
        ):
            images = small_synth.split(split)
            prediction = run.predict(small_synth, images).astype(float)
            prediction /= np.linalg.norm(prediction, axis=1, keepdims=True)
            assert matrix.shape == (len(classes), small_synth.attributes.shape[1])
            for row, index in zip(matrix, classes, strict=True):
                of_class = prediction[small_synth.labels[images] == index]
                expected = ((of_class - small_synth.attributes[index].astype(float)) ** 2).mean(0)
                np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-12)

    def test_statistics_are_those_of_the_checkpoint(self, run, small_synth):
        parts = zip(("test_seen", "test_unseen"), run.errors(small_synth), strict=True)
        for split, matrix in parts:
            stored = run.metrics["errors"][split]
            classes = small_synth.labels[small_synth.split(split)]
            labels = small_synth.attributes[np.unique(classes)].astype(float)
            correlation = np.mean([stats.pearsonr(*pair).statistic for pair in zip(labels, matrix, strict=True)])
            assert stored["mean"] == pytest.approx(matrix.mean(), rel=1e-12)
            assert stored["coefficient_of_variation"] == pytest.approx(matrix.std() / matrix.mean(), rel=1e-12)
            assert stored["theil"] == pytest.approx(theil_index(matrix), rel=1e-12)
            assert stored["label_correlation"] == pytest.approx(correlation, rel=1e-9)

    def test_a_class_without_test_images_is_left_out(self, run, small_synth):
        """Zeros for it would count as perfect predictions."""
        absent, images = small_synth.seen_classes[1], small_synth.split("test_seen")
        rest = images[small_synth.labels[images] != absent]
        fewer = dataclasses.replace(small_synth, _splits=small_synth._splits | {"test_seen": rest})
        seen, _ = prediction_errors(run.config, run.model(small_synth), run.inputs(small_synth), fewer)
        whole, unseen = run.errors(small_synth)
        assert np.isnan(seen[1]).all()
        np.testing.assert_allclose(np.delete(seen, 1, axis=0), np.delete(whole, 1, axis=0), rtol=1e-6)
        statistics = error_statistics(seen, unseen, fewer)["test_seen"]
        assert statistics["theil"] == theil_index(np.delete(seen, 1, axis=0))
        assert np.isfinite(list(statistics.values())).all()

    def test_what_no_class_has_is_none(self, small_synth):
        """JSON has no NaN."""
        equal = np.ones_like(small_synth.attributes)
        seen, unseen = equal[small_synth.seen_classes], np.full_like(equal[small_synth.unseen_classes], np.nan)
        statistics = error_statistics(seen, unseen, small_synth)
        known = {"mean": 1.0, "coefficient_of_variation": 0.0, "theil": 0.0, "label_correlation": None}
        assert statistics["test_seen"] == known
        assert set(statistics["test_unseen"].values()) == {None}

    def test_effective_lambda_is_lambda_times_the_mean_weight(self, run):
        raised = history_of(run, "test")["amplification"].mean()
        assert run.metrics["effective_lambda"] == pytest.approx(SMALL_RUN.lam * raised, rel=1e-12)
        assert raised > 1.5

    @pytest.mark.parametrize(("loss", "expected"), [("mse", 3.0), ("none", 0.0)])
    def test_effective_lambda_without_weights(self, loss, expected, tmp_path):
        metrics = Run.load(fit(SMALL_RUN.replace(loss=loss, epochs=1), tmp_path / loss)).metrics
        assert metrics["effective_lambda"] == expected


class TestAgain:
    def test_a_finished_run_is_returned_at_once(self, run, no_training):
        before = {name: (run.folder / name).stat().st_mtime_ns for name in FILES}
        assert fit(SMALL_RUN, run.folder) == run.folder
        assert {name: (run.folder / name).stat().st_mtime_ns for name in FILES} == before

    def test_a_run_on_another_version_of_the_data_is_not_taken_for_it(self, run, no_training, monkeypatch):
        load = training.load_benchmark

        def changed(name):
            benchmark = copy.copy(load(name))
            benchmark.__dict__["fingerprint"] = "0" * 16
            return benchmark

        monkeypatch.setattr(training, "load_benchmark", changed)
        with pytest.raises(InputError, match=r"another version of \w+\); give another folder"):
            fit(SMALL_RUN, run.folder)

    def test_other_settings_in_its_folder_are_named(self, run, no_training):
        with pytest.raises(InputError, match=r"holds a run of other settings \(lam, seed\); give another folder"):
            fit(SMALL_RUN.replace(seed=1, lam=2.0), run.folder)
        assert Run.load(run.folder).config == SMALL_RUN

    def test_a_run_repeats_itself_but_for_its_cost(self, run, tmp_path):
        torch.set_num_threads(2)
        torch.rand(3)
        again = Run.load(fit(SMALL_RUN, tmp_path / "again"))
        assert {**again.metrics, "cost": None} == {**run.metrics, "cost": None}
        for name in FILES - {"metrics.json", "hashes.json"}:
            assert (again.folder / name).read_bytes() == (run.folder / name).read_bytes()

    def test_callers_random_state_is_left_alone(self, small_synth, run, tmp_path):
        before = torch.get_rng_state()
        fit(SMALL_RUN.replace(epochs=1), tmp_path / "run")
        run.model(small_synth)
        assert torch.equal(torch.get_rng_state(), before)


class TestDevice:
    """The device is not part of what a run is."""

    def test_another_device_finds_the_finished_run(self, run, no_training):
        assert fit(SMALL_RUN.replace(device="auto"), run.folder) == run.folder

    def test_another_device_resumes_an_unfinished_run(self, run, monkeypatch, tmp_path):
        with monkeypatch.context() as patch:
            patch.setattr(training, "_metrics", None)  # fails after the trainings
            with pytest.raises(TypeError):
                fit(SMALL_RUN, tmp_path / "run")
        assert (tmp_path / "run" / "checkpoint" / "fold_1" / "epoch-0006").is_dir()
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        resumed = Run.load(fit(SMALL_RUN.replace(device="auto"), tmp_path / "run"))
        assert resumed.metrics | {"cost": 0} == run.metrics | {"cost": 0}

    def test_another_device_is_no_other_name(self):
        assert len({default_folder(SMALL_RUN.replace(device=device)) for device in ("auto", "cpu", "cuda")}) == 1


def test_many_runs_under_one_bar(tmp_path, capfd, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    configs = [SMALL_RUN.replace(epochs=1, seed=seed) for seed in (0, 1)]
    folders = training.fit_all(config for config in configs)
    assert folders == [default_folder(config) for config in configs]
    assert [Run.load(folder).config for folder in folders] == configs
    bars = capfd.readouterr().err
    assert "runs: 100%" in bars
    assert "fold_1:" not in bars


@pytest.mark.usefixtures("unchecked", "no_training")
class TestArguments:
    @pytest.mark.parametrize("config", ["SYNTH", SMALL_RUN.to_dict(), Path("config.json"), None], ids=type)
    def test_a_config_is_one(self, config):
        message = f"^config must be a RunConfig, got {type(config).__name__}; make one with RunConfig.from_dict or"
        for use in (fit, default_folder, lambda config: fit_all([SMALL_RUN, config])):
            with pytest.raises(InputError, match=message):
                use(config)

    @pytest.mark.parametrize("configs", [SMALL_RUN, {"one": SMALL_RUN}], ids=type)
    def test_configs_are_a_list(self, configs):
        with pytest.raises(InputError, match=f"^configs must be a list of RunConfig, got {type(configs).__name__}$"):
            fit_all(configs)

    @pytest.mark.parametrize("num_workers", [-1, 2.0, None, "2"])
    def test_num_workers_is_a_whole_number(self, num_workers):
        message = f"^num_workers must be an integer of at least 0, got {num_workers!r}$"
        with pytest.raises(InputError, match=message):
            fit(SMALL_RUN, num_workers=num_workers)

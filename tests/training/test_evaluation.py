"""Inputs, predictions and accuracies: against scikit-learn, and whatever the batches and the device."""

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from zslcore import InputError
from zslcore._io.determinism import reproducible
from zslcore.config import RunConfig
from zslcore.data.tasks import test_task as zero_shot_task
from zslcore.data.tasks import validation_task
from zslcore.training import evaluation
from zslcore.training.device import make_accelerator, resolve_device
from zslcore.training.evaluation import evaluate, predict
from zslcore.training.inputs import sources
from zslcore.training.inputs.sources import Maps
from zslcore.training.objective import build_model

CONFIG = RunConfig(dataset="SYNTH", backbone="resnet18", device="cpu")
CPU = torch.device("cpu")


def recording_threads(function, threads):
    """The function, which now adds the number of threads that it runs on to a list."""

    def recorded(*arguments, **keywords):
        threads.append(torch.get_num_threads())
        return function(*arguments, **keywords)

    return recorded


class TestEvaluation:
    @pytest.fixture(scope="class")
    def model(self, benchmark):
        """Random weights: many mistakes of every kind."""
        with reproducible(5):
            return build_model(CONFIG, benchmark)

    @pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
    @pytest.mark.parametrize("make_task", [zero_shot_task, validation_task])
    @pytest.mark.parametrize("gamma", [0.0, -2.0, 3.0])
    def test_equals_scikit_learn(self, benchmark, features, model, make_task, gamma):
        task, maps = make_task(benchmark), Maps(features, CPU, torch.float32)
        result = evaluate(CONFIG, model, maps, benchmark, task)
        accuracies = {}
        for name, images in (("S", task.test_seen), ("U", task.test_unseen)):
            prediction = model(torch.from_numpy(features[images])).detach().double().numpy()
            prediction /= np.linalg.norm(prediction, axis=1, keepdims=True)
            scores = 20 * prediction @ benchmark.attributes.T.astype(float)  # by class of the benchmark
            scores[:, task.seen_classes] -= gamma
            allowed = np.sort(task.classes)
            chosen = allowed[scores[:, allowed].argmax(1)]
            accuracies[name] = balanced_accuracy_score(benchmark.labels[images], chosen)
        among_unseen = task.unseen_classes[scores[:, task.unseen_classes].argmax(1)]  # of the last images, the unseen
        accuracies["T1"] = balanced_accuracy_score(benchmark.labels[images], among_unseen)
        seen, unseen, _, _ = result.curve.at(gamma)
        assert (seen, unseen, result.t1) == pytest.approx([accuracies[name] for name in ("S", "U", "T1")])
        assert min(accuracies.values()) < 1  # where all is right, nothing is shown

    @pytest.mark.parametrize("batch", [1, 7, 112])
    def test_prediction_in_batches_is_the_prediction(self, benchmark, features, model, monkeypatch, batch):
        monkeypatch.setattr(sources, "PREDICT_BATCH", batch)
        images = np.random.default_rng(0).permutation(len(features))
        ours = predict(model, Maps(features, CPU, torch.float32), images)
        with torch.no_grad():
            expected = model(torch.from_numpy(features[images]))
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)

    def test_prediction_and_evaluation_run_on_one_thread_whoever_calls(self, benchmark, features, model, monkeypatch):
        threads = []
        monkeypatch.setattr(model, "forward", recording_threads(model.forward, threads))
        monkeypatch.setattr(evaluation, "cosine_scores", recording_threads(evaluation.cosine_scores, threads))
        torch.set_num_threads(2)
        maps = Maps(features, CPU, torch.float32)
        predict(model, maps, np.arange(5))
        evaluate(CONFIG, model, maps, benchmark, zero_shot_task(benchmark))
        assert threads == [1, 1, 1, 1, 1]
        assert torch.get_num_threads() == 2


class TestMaps:
    @pytest.fixture
    def on_disk(self, features, tmp_path):
        """The features at each of four locations, in half precision and memory-mapped, as whole maps are kept."""
        np.save(tmp_path / "features.npy", np.repeat(features, 4, axis=2).astype(np.float16))
        return np.load(tmp_path / "features.npy", mmap_mode="r")

    def test_rows_are_read_as_asked(self, on_disk):
        maps, images = Maps(on_disk, CPU, torch.float64), np.array([7, 0, 7])
        assert maps[images].dtype == torch.float64
        np.testing.assert_array_equal(maps[images], np.asarray(on_disk)[images].astype(float))

    def test_maps_stay_on_disk_and_pooled_features_are_copied(self, on_disk, features):
        assert isinstance(Maps(on_disk, CPU, torch.float32).maps, np.memmap)
        pooled = Maps(features, CPU, torch.float32)
        pooled.maps.zero_()
        assert features.any()


class TestDevice:
    @pytest.fixture
    def no_gpu(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    @pytest.mark.usefixtures("no_gpu")
    def test_auto_falls_back_to_the_cpu(self):
        assert resolve_device("auto") == CPU
        assert make_accelerator(CONFIG.replace(device="auto")).device == CPU

    def test_auto_takes_the_gpu_where_there_is_one(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        assert resolve_device("auto") == resolve_device("cuda") == torch.device("cuda")
        assert resolve_device("cpu") == torch.device("cpu")

    @pytest.mark.usefixtures("no_gpu")
    def test_cuda_without_a_gpu_is_named(self):
        with pytest.raises(InputError, match=r"^device must be 'auto' or 'cpu' on a machine without a CUDA GPU"):
            make_accelerator(CONFIG.replace(device="cuda"))

"""Training on the labels of single images: the loss against loops in numpy, missing labels, and what is refused."""

import dataclasses

import numpy as np
import pytest
import torch
from tiny import ATTRIBUTE_NAMES, SMALL, TINY_RUN, TinyDataset

from zslcore import InputError
from zslcore.config import RunConfig
from zslcore.data.tasks import test_task as zero_shot_task
from zslcore.training import Run, fit
from zslcore.training.conditions import check_settings
from zslcore.training.identity import identifying_settings, run_name
from zslcore.training.inputs.contents import file_contents
from zslcore.training.inputs.sources import Maps
from zslcore.training.loop import Trainer, train
from zslcore.training.objective import Objective, build_model

CONFIG = RunConfig(
    dataset="TINY", **SMALL | {"image_size": 32}, targets="images", loss="mse", lam=3.0, epochs=1, episodes=3, ways=3
)
NUM_ATTRIBUTES = len(ATTRIBUTE_NAMES)


def label_images(tiny: TinyDataset, missing: set[tuple[int, int]] = frozenset()) -> np.ndarray:
    """Write CUB's label files for TINY, without lines for the missing (image, attribute) pairs; return the labels."""
    labels = np.random.default_rng(5).integers(0, 2, size=(40, NUM_ATTRIBUTES)).astype(float)
    folder, lines = tiny.root / "TINY", []
    (folder / "attributes").mkdir(parents=True, exist_ok=True)
    names = [path.relative_to(folder / "images").as_posix() for path in tiny.image_paths]
    (folder / "images.txt").write_text("".join(f"{row + 1} {name}\n" for row, name in enumerate(names)))
    for (image, attribute), label in np.ndenumerate(labels):
        if (image, attribute) in missing:
            labels[image, attribute] = np.nan
        else:
            lines.append(f"{image + 1} {attribute + 1} {label:.0f}\n")
    (folder / "attributes" / "image_attribute_labels.txt").write_text("".join(lines))
    return labels


@pytest.fixture
def missing():
    """Attribute 2 has no labels, nor has image 0; image 6 lacks one."""
    pairs = {(image, 2) for image in range(40)} | {(0, attribute) for attribute in range(NUM_ATTRIBUTES)}
    return pairs | {(6, 4)}


@pytest.fixture
def labels(tiny, missing):
    return label_images(tiny, missing)


@pytest.fixture
def features():
    return np.random.default_rng(1).normal(size=(40, 512, 1)).astype(np.float32)


def squared_errors(prediction, target, normalize):
    """Squared error of every cell with a label, in loops: a dictionary by image and attribute."""
    errors = {}
    for image in range(len(prediction)):
        known = [attribute for attribute in range(NUM_ATTRIBUTES) if not np.isnan(target[image, attribute])]
        p, t = prediction[image, known], target[image, known]
        if normalize and known:
            p, t = (values / (np.sqrt((values**2).sum()) + 1e-10) for values in (p, t))
        for attribute, error in zip(known, (p - t) ** 2, strict=True):
            errors[image, attribute] = error
    return errors


def batch_losses(config, tiny, features, images):
    """The losses of a batch, its prediction, and the gradient by the prediction's bias."""
    benchmark = tiny.load()
    task = zero_shot_task(benchmark)
    torch.manual_seed(0)
    objective = Objective(config, build_model(config, benchmark), benchmark, task).double()
    inputs = torch.from_numpy(features[images]).double()
    classes = torch.from_numpy(task.relabel(benchmark.labels[images]))
    target = torch.from_numpy(benchmark.image_attributes[images]).double()
    losses = objective(inputs, classes, target)
    (gradient,) = torch.autograd.grad(losses.loss, objective.model.network.head[0].bias)
    return losses, objective.model(inputs).detach().numpy(), gradient.numpy(), classes.numpy()


IMAGES = np.array([0, 1, 5, 6, 15, 16])  # two each of three seen classes


@pytest.mark.parametrize("normalize", [True, False])
def test_mse_against_a_loop(tiny, labels, features, normalize):
    config = CONFIG.replace(normalize=normalize, lam_cls=0.0)
    losses, prediction, gradient, _ = batch_losses(config, tiny, features, IMAGES)

    def loss(shift):
        return 3 * np.mean(list(squared_errors(prediction + shift, labels[IMAGES], normalize).values()))

    assert losses.loss.item() == pytest.approx(loss(0))
    assert losses.amplification == 1
    steps = 1e-5 * np.eye(NUM_ATTRIBUTES)
    expected = [(loss(step) - loss(-step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(gradient, expected, atol=1e-8)
    assert gradient[2] == 0  # no image has a label


@pytest.mark.parametrize("normalize", [True, False])
def test_remse_against_a_loop(tiny, labels, features, normalize):
    config = CONFIG.replace(loss="remse", p=0.5, p2=1.5, normalize=normalize, lam_cls=0.0)
    losses, prediction, gradient, classes = batch_losses(config, tiny, features, IMAGES)
    errors = squared_errors(prediction, labels[IMAGES], normalize)
    matrix = np.full((classes.max() + 1, NUM_ATTRIBUTES), np.nan)
    for row in set(classes):
        for attribute in range(NUM_ATTRIBUTES):
            cell = [error for (image, a), error in errors.items() if (classes[image], a) == (row, attribute)]
            matrix[row, attribute] = np.mean(cell) if cell else np.nan
    of_attribute = np.array([np.nanmin(column) if np.isfinite(column).any() else 1 for column in matrix.T])
    of_class = np.array([np.nanmin(row) if np.isfinite(row).any() else 1 for row in matrix])
    weights = (1 + np.log(matrix / of_attribute)) ** 0.5 * (1 + np.log(matrix / of_class[:, None])) ** 1.5

    def loss(shift):
        shifted = squared_errors(prediction + shift, labels[IMAGES], normalize)
        return 3 * np.mean([weights[classes[image], a] * error for (image, a), error in shifted.items()])

    assert losses.loss.item() == pytest.approx(loss(0))
    assert losses.amplification.item() == pytest.approx(loss(0) / (3 * np.mean(list(errors.values()))))
    expected = [(loss(step) - loss(-step)) / 2e-5 for step in 1e-5 * np.eye(NUM_ATTRIBUTES)]
    np.testing.assert_allclose(gradient, expected, atol=1e-7)
    matched, *_ = batch_losses(config.replace(equal_lambda=True), tiny, features, IMAGES)
    assert matched.loss.item() == pytest.approx(3 * np.mean(list(errors.values())))


def test_labels_that_equal_the_class_vectors_change_nothing(tiny, labels, features):
    """Both kinds of targets then give the same losses, step by step."""
    benchmark = tiny.load()
    benchmark.__dict__["image_attributes"] = benchmark.attributes[benchmark.labels]
    inputs = Maps(features, torch.device("cpu"), torch.float32)
    for loss in ("mse", "remse", "remse_permuted"):
        config = CONFIG.replace(loss=loss)
        shown, plain = (
            train(config.replace(targets=targets), benchmark, inputs, zero_shot_task(benchmark), progress=False)
            for targets in ("images", "classes")
        )
        assert shown.rows[0]["loss"] == pytest.approx(plain.rows[0]["loss"], rel=1e-5)
        for name, value in shown.state.items():
            torch.testing.assert_close(value, plain.state[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sampling", ["episodes", "random"])
def test_every_image_comes_with_its_own_labels(tiny, labels, features, monkeypatch, sampling):
    """Whatever order the batches have, and with the images of the batch."""
    benchmark, seen = tiny.load(), []
    forward = Objective.forward

    def noted(self, inputs, classes, image_labels):
        seen.append((inputs, classes, image_labels))
        return forward(self, inputs, classes, image_labels)

    monkeypatch.setattr(Objective, "forward", noted)
    task = zero_shot_task(benchmark)
    train(CONFIG.replace(sampling=sampling), benchmark, Maps(features, torch.device("cpu"), torch.float32), task)
    assert len(seen) == CONFIG.episodes
    for inputs, classes, image_labels in seen:
        rows = [int(np.flatnonzero((features[:, :, 0] == one.numpy()).all(1))[0]) for one in inputs[:, :, 0]]
        assert set(rows) <= set(task.train)
        np.testing.assert_array_equal(image_labels.numpy(), labels[rows])
        np.testing.assert_array_equal(classes.numpy(), task.relabel(benchmark.labels[rows]))


def test_attributes_without_labels_are_not_trained(tiny, labels, features):
    benchmark = tiny.load()
    config = CONFIG.replace(loss="remse", lam_cls=0.0, weight_decay=0.0)
    inputs, task = Maps(features, torch.device("cpu"), torch.float32), zero_shot_task(benchmark)
    torch.manual_seed(config.seed)
    before = build_model(config, benchmark).network.head[0].weight.detach()
    after = train(config, benchmark, inputs, task, progress=False).state["network.head.0.weight"]
    changed = (before != after).any(1)
    assert not changed[2]
    assert changed.sum() == NUM_ATTRIBUTES - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "huber"}, "targets 'images' needs the loss mse or a ReMSE loss, which leave out missing labels, got"),
        ({"loss": "none"}, "targets 'images' needs the loss mse or a ReMSE loss, .*, got 'none'"),
        ({"loss": "eszsl"}, "targets 'images' needs the loss mse or a ReMSE loss, .*, got 'eszsl'"),
        ({"attribute_vectors": "centred"}, "targets 'images' needs attribute_vectors 'normalised' or 'original', .*"),
        ({"targets": "pictures"}, "targets must be one of classes, images, got 'pictures'"),
    ],
    ids=str,
)
def test_refused_settings(change, message):
    with pytest.raises(InputError, match=f"^{message}"):
        CONFIG.replace(**change)


class TestDataWithoutLabels:
    def test_is_refused_before_pictures_are_read(self, pictured, tmp_path):
        with pytest.raises(InputError, match="no attribute labels of single images for TINY"):
            fit(CONFIG)
        assert not list((tmp_path / "cache").glob("[fp]*"))
        assert not list((tmp_path / "runs").rglob("*.*"))

    def test_is_refused_if_only_test_images_have_labels(self, tiny):
        train_images = set((tiny.splits["trainval_loc"] - 1).ravel().tolist())
        label_images(tiny, {(image, attribute) for image in train_images for attribute in range(NUM_ATTRIBUTES)})
        message = "targets 'images' needs labels of the training images of TINY, got none"
        with pytest.raises(InputError, match=message):
            check_settings(CONFIG, tiny.load())


def test_a_run_on_image_labels_is_another_run(pictured, tiny):
    label_images(tiny)
    run = Run.load(fit(CONFIG, progress=False))
    assert run.folder.name == run_name(CONFIG) != run_name(CONFIG.replace(targets="classes"))
    assert run.config.targets == "images"
    assert np.isfinite(run.history["regression_loss"]).all()
    assert "image_labels" in run.metrics["contents"]
    assert "image_labels" not in file_contents(CONFIG.replace(targets="classes"), pictured)
    file = tiny.root / "TINY" / "attributes" / "image_attribute_labels.txt"
    text = file.read_text()
    file.write_text(text.replace("1 1 1\n", "1 1 0\n", 1) if text.startswith("1 1 1\n") else "1 1 1" + text[5:])
    with pytest.raises(InputError, match=r"holds a run of other settings \(content of image_labels\)"):
        fit(CONFIG, progress=False)


def test_the_default_is_no_part_of_a_name():
    config = TINY_RUN.replace(loss="remse")
    assert config.targets == "classes"
    assert run_name(config) == run_name(RunConfig.from_dict({**config.to_dict(), "targets": "classes"}))
    assert identifying_settings(config)["targets"] == "classes"


def test_a_step_without_image_labels_regresses_class_vectors(small_synth):
    """The steps of other trainings pass none."""
    config = RunConfig(dataset="SYNTH", **SMALL, loss="mse", ways=3, episodes=2, epochs=1)
    features = np.random.default_rng(0).normal(size=(len(small_synth.labels), 512, 1)).astype(np.float32)
    inputs = Maps(features, torch.device("cpu"), torch.float32)
    passed = []

    class Noted(Trainer):
        def _step(self, inputs, labels, image_labels=None):
            passed.append(image_labels)
            return super()._step(inputs, labels, image_labels)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zslcore.training.loop.Trainer", Noted)
        train(config, small_synth, inputs, zero_shot_task(small_synth), progress=False)
    assert passed == [None, None]
    assert dataclasses.asdict(config)["targets"] == "classes"

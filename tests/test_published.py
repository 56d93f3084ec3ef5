"""The published settings: their values as the design lists them, their files, and that they train."""

from importlib import resources

import pytest
import torch
import yaml

from zslcore import InputError
from zslcore.config import RunConfig, published_settings, study_settings
from zslcore.data.tasks import test_task as zero_shot_task
from zslcore.training.inputs.sources import load_inputs
from zslcore.training.loop import train

DATASETS = ("CUB", "AWA2", "SUN")
BACKBONES = ("resnet101", "vit_b_16")
FILES = sorted((resources.files("zslcore") / "settings" / "published").iterdir(), key=lambda file: file.name)
COMMON = {
    "network": "attention",
    "weights": "imagenet",
    "fine_tune": True,
    "resize_ratio": 1.0,
    "train_resize_ratio": 8 / 7,
    "standardize": False,
    "ratio": 1.0,
    "loss": "remse",
    "memory": "batch",
    "reference": "min",
    "unit_mean": False,
    "momentum": 0.9,
    "weight_decay": 1e-5,
    "lr_step": 10,
    "schedule": "released",
    "epochs": 30,
    "episodes": 300,
    "ways": 16,
    "shots": 2,
    "seed": 0,
}
NAMES = ("scale", "hidden", "key_dim", "lam", "p", "p2", "lr", "lr_decay")
RESNET = {
    "CUB": (20.0, 0, 1024, 0.25, 0.1, 0.75, 5e-4, 0.1),
    "AWA2": (20.0, 4096, 300, 1.0, 1.0, 0.1, 1e-4, 0.5),
    "SUN": (25.0, 0, 1024, 0.1, 0.1, 0.0, 5e-4, 0.5),
}
FIRST_RELEASE = {
    "CUB": {"memory": "running", "lam": 0.1, "p": 0.75, "p2": 0.0},
    "SUN": {"lam": 1.0, "p": 1.25, "p2": 0.0},
    "AWA2": {"lam": 1.0, "p": 1.0, "p2": 0.0, "lr": 5e-5, "ratio": 0.125},
}


def expected(dataset, backbone):
    size = {"resnet101": 448, "vit_b_16": 224}[backbone]
    values = {"dataset": dataset, "backbone": backbone, "image_size": size} | COMMON
    return values | dict(zip(NAMES, RESNET[dataset], strict=True))


def described(config, names):
    return {name: config.to_dict()[name] for name in names}


@pytest.mark.parametrize("dataset", DATASETS)
class TestValues:
    def test_resnet(self, dataset):
        values = expected(dataset, "resnet101")
        config = RunConfig.published(dataset)
        assert config == RunConfig.published(dataset, backbone="resnet101", release=None)
        assert described(config, values) == values

    def test_vit_as_released_is_plain_mse(self, dataset):
        values = expected(dataset, "vit_b_16") | {"lam": 0.1, "p": 0.0, "p2": 0.0}
        assert described(RunConfig.published(dataset, backbone="vit_b_16"), values) == values

    def test_vit_with_remse_differs_in_the_exponents_alone(self, dataset):
        """Exponents of the ResNet-101; the rest as released for the ViT."""
        released = RunConfig.published(dataset, backbone="vit_b_16")
        variant = RunConfig.published(dataset, backbone="vit_b_16", release="remse-variant")
        resnet = RunConfig.published(dataset)
        assert variant == released.replace(p=resnet.p, p2=resnet.p2)
        assert variant.p > 0

    def test_first_release(self, dataset):
        first = RunConfig.published(dataset, release="2023-09")
        assert first == RunConfig.published(dataset).replace(**FIRST_RELEASE[dataset])

    def test_unnamed_settings_are_the_defaults_of_the_class(self, dataset):
        for backbone in BACKBONES:
            config, values = RunConfig.published(dataset, backbone=backbone), expected(dataset, backbone)
            default = RunConfig(dataset=dataset)
            others = set(default.to_dict()) - set(values)
            assert described(config, others) == described(default, others)


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"dataset": "CUB100"}, "^dataset must be one of AWA2, CUB, SUN, got 'CUB100'$"),
            ({"backbone": "resnet50"}, "^backbone must be one of resnet101, vit_b_16, got 'resnet50'$"),
            ({"release": "2024"}, "^release must be one of 2023-09, got '2024'$"),
            (
                {"backbone": "vit_b_16", "release": "2023-09"},
                "^release must be one of remse-variant, got '2023-09'$",
            ),
        ],
    )
    def test_what_was_not_published_names_what_was(self, arguments, message):
        with pytest.raises(InputError, match=message):
            RunConfig.published(**{"dataset": "CUB"} | arguments)


@pytest.mark.usefixtures("small_world")
@pytest.mark.parametrize("dataset", DATASETS)
def test_published_settings_train_on_frozen_features(dataset, small_synth):
    """The whole config on small maps, except for its length, and for the classes that SYNTH has."""
    small = {"dataset": "SYNTH", "epochs": 1, "episodes": 2, "ways": 6, "device": "cpu"}
    published = RunConfig.published(dataset)
    config = published.replace(fine_tune=False, weights="random", image_size=64, resize_ratio=1.0, **small)
    inputs = load_inputs(config, small_synth, torch.device("cpu"))
    row = train(config, small_synth, inputs, zero_shot_task(small_synth)).rows[0]
    assert row["loss"] == pytest.approx(row["classification_loss"] + published.lam * row["regression_loss"])


class TestFiles:
    def test_one_for_each_data_set_and_backbone(self):
        assert {file.name for file in FILES} == {f"{name}-{back}.yml" for name in DATASETS for back in BACKBONES}
        assert set(published_settings()) == {(name, back) for name in DATASETS for back in BACKBONES}

    def test_they_are_no_settings_of_the_study(self):
        assert not set(DATASETS) & set(study_settings())
        assert RunConfig.study("CUB") == RunConfig(dataset="CUB")

    @pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
    def test_they_hold_nothing_that_is_not_read(self, file):
        content = yaml.safe_load(file.read_text())
        assert set(content) == {"dataset", "backbone", "settings", "releases"}
        assert file.name == f"{content['dataset']}-{content['backbone']}.yml"
        for changes in content["releases"].values():
            assert changes
            assert all(content["settings"].get(name) != value for name, value in changes.items())

    @pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
    def test_their_header_tells_origin_numbers_and_command(self, file):
        header = " ".join(line.lstrip("# ") for line in file.read_text().split("dataset:")[0].splitlines())
        content = yaml.safe_load(file.read_text())
        published = {
            "CUB": "T1 80.9, U 72.8, S 74.8, H 73.8",
            "AWA2": "T1 70.9, U 63.8, S 85.6, H 73.1",
            "SUN": "T1 63.2, U 47.4, S 34.8, H 40.1",
        }
        assert "arXiv 2210.07031" in header
        assert (published[content["dataset"]] in header) == (content["backbone"] == "resnet101")
        arguments = f'"{content["dataset"]}", backbone="{content["backbone"]}"'
        assert f"zslcore train --dataset {content['dataset']} --published {content['backbone']}" in header
        assert f"fit(RunConfig.published({arguments}))" in header
        for release in content["releases"]:
            assert f'release="{release}"' in header

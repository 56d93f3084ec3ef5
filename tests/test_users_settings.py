"""The settings of the study that a user puts beside a data set."""

import pytest
from tiny import TinyDataset

from zslcore import InputError, RunConfig
from zslcore.methods import METHODS, study_baselines, study_methods
from zslcore.training.identity import run_name


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The ``settings.yml`` of TINY, which does not exist yet."""
    monkeypatch.setenv("ZSLCORE_DATA", str(tmp_path))
    dataset = TinyDataset(tmp_path)
    dataset.write()
    return dataset.folder / "settings.yml"


@pytest.mark.filterwarnings("ignore:ways is")
def test_they_take_the_place_of_the_defaults(file):
    assert study_methods("TINY") == ["cross_entropy", "mse", "remse"]
    file.write_text(
        "settings: {backbone: res101, lam: 3}\n"
        "methods:\n  cross_entropy_tuned: {scale: 5}\n  cross_entropy_centred: {scale: 5}\n  mse_matched: {lam: 9}\n"
        "  sae: {loss_options: {lam: 1e-1}}\n"
    )
    assert study_methods("TINY") == list(METHODS)
    assert study_baselines("TINY") == ["sae"]
    assert RunConfig.study("TINY", method="sae").loss_options == {"lam": 0.1}
    config = RunConfig.study("TINY", method="mse_matched", seed=2)
    assert (config.backbone, config.lam, config.scale, config.ways) == ("res101", 9.0, 20.0, 4)
    assert run_name(config) == "mse_matched-seed2"
    assert RunConfig.study("TINY", method="remse", lam=7).lam == 7


@pytest.mark.filterwarnings("ignore:ways is")
def test_they_may_end_in_yaml_and_be_in_utf_16(file):
    file.with_suffix(".yaml").write_text("settings: {lam: 3}\n", encoding="utf-16")
    assert RunConfig.study("TINY").lam == 3
    file.write_text("settings: {lam: 4}\n")
    with pytest.raises(
        InputError, match=r"TINY must hold one file of settings, but holds settings\.yml and settings\."
    ):
        RunConfig.study("TINY")


@pytest.mark.filterwarnings("ignore:ways is")
@pytest.mark.parametrize("text", ["", "# nothing\n", "settings:\nmethods:\n", "\ufeffsettings: {}\n"])
def test_an_empty_file_changes_nothing(file, text):
    before = RunConfig.study("TINY")
    file.write_text(text, encoding="utf-8")
    assert RunConfig.study("TINY") == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "settings: {backbon: res101}",
            "the study's settings of TINY: unknown setting 'backbon'; did you mean 'backbone'",
        ),
        ("settings: {lam: -1}", "the study's settings of TINY: lam must be"),
        ("settings: {seed: 3}", "must not set seed, which the study decides"),
        ("methods: {mse: {loss: mae}}", "must not set loss, which the study decides"),
        ("methods: {huber: {lam: 1}}", "must be among cross_entropy, .*; got 'huber'"),
        ("setings: {lam: 1}", "must hold settings and methods, got"),
        ("settings: [lam]", r"must hold settings by name, got \['lam'\]"),
        ("methods: [mse]", r"must hold settings by name, got \['mse'\]"),
        ("methods: {mse: 3}", "must hold settings by name, got 3"),
        ("just text", "must hold settings and methods, got 'just text'"),
        ("settings: {lam: 1, lam: 2}", "cannot be read as YAML: 'lam' is given twice"),
        ("settings: {", "cannot be read as YAML"),
    ],
)
def test_a_mistake_is_one_sentence(file, text, message):
    file.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        RunConfig.study("TINY", method="mse")
    assert "\n" not in str(caught.value)

"""Tables of image labels: predictions that know the image or only its class, and a detector that knows everything."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from zslcore import InputError
from zslcore.config import RunConfig
from zslcore.study.experiments import image_labels
from zslcore.study.experiments.image_labels import information_table, oracle_table
from zslcore.training import Run

ROOT = Path(__file__).resolve().parents[3]


class Detector(Run):
    """Predicts the label of each image."""

    def predict(self, benchmark, images):
        return benchmark.image_attributes[images]


class ClassOnly(Run):
    """Predicts the class vector of each image."""

    def predict(self, benchmark, images):
        return benchmark.attributes[benchmark.labels[images]]


@pytest.fixture(scope="module")
def information(small_synth):
    config = RunConfig.study("SYNTH", method="mse", seed=3)
    made = {"detector": Detector, "class": ClassOnly}
    runs = {key: kind(Path("run"), config, {}, pd.DataFrame()) for key, kind in made.items()}
    return information_table(runs, small_synth, shuffles=20).set_index(["method", "split"])


def test_a_detector_is_right_about_images_and_a_class_vector_is_not(information):
    detector, constant = information.loc["detector"], information.loc["class"]
    assert (detector["correlation"] > 0.85).all()
    assert (detector["high"] < detector["correlation"] - 0.1).all()
    assert constant["correlation"].isna().all()  # no deviation
    assert (detector["average precision"] == 1).all()
    pd.testing.assert_series_equal(
        constant["average precision"], constant["average precision of the class"], check_names=False, rtol=0.05
    )
    assert (constant["positives"] < constant["average precision"]).all()
    assert (information["seed"] == 3).all()


def test_parts_sum_to_the_error(information):
    total = information[["image", "variance", "cross"]].sum(axis=1)
    np.testing.assert_allclose(total, information["error"], atol=1e-9)
    np.testing.assert_allclose(information.loc["class", "error"], 0, atol=1e-9)
    np.testing.assert_allclose(information.loc["class", "cross"], -2 * information.loc["class", "variance"], rtol=1e-5)


def test_class_vectors_of_synth_are_exact_means(small_synth, tiny):
    table = oracle_table([small_synth, tiny.load()])  # TINY has no labels
    assert table["dataset"].tolist() == ["SYNTH", "SYNTH"]
    shares = table.iloc[0]
    assert shares[["unit", "images", "classes", "attributes"]].tolist() == ["shares", 112, 14, 57]
    assert shares["with m(1-m)"] == pytest.approx(1)
    assert abs(shares["constant noise, within classes"]) < 0.15
    assert shares["detector, within classes"] > 0.3


def test_real_oracles(real_benchmark):
    """Facts 7 of the design: the paper's first claim holds for a perfect detector."""
    row = oracle_table([real_benchmark("CUB100")]).iloc[0]
    assert row[["images", "classes", "attributes"]].tolist() == [5902, 100, 104]
    assert row["detector, within classes"] == pytest.approx(0.762, abs=1e-3)
    assert row["detector, within attributes"] == pytest.approx(0.761, abs=1e-3)


def test_the_committed_table_has_the_columns_of_the_code(small_synth):
    stored = pd.read_csv(ROOT / "results" / "image_labels.csv")
    assert list(stored.columns) == list(oracle_table([small_synth]).columns)
    assert stored["dataset"].unique().tolist() == ["SYNTH", "CUB100", "CUB", "SUN"]


def test_the_command_writes_the_table(small_synth, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(image_labels, "load_benchmark", lambda name: small_synth)
    monkeypatch.setattr(image_labels, "root", lambda: tmp_path)
    image_labels.main(["SYNTH"])
    written = pd.read_csv(tmp_path / "results" / "image_labels.csv")
    pd.testing.assert_frame_equal(written, oracle_table([small_synth]).round(4))
    assert "SYNTH" in capsys.readouterr().out
    with pytest.raises(InputError, match="needs data sets with image labels"):
        image_labels.main([])


def test_help_is_no_data_set(monkeypatch, capsys):
    monkeypatch.setattr(image_labels, "load_benchmark", lambda name: pytest.fail(f"{name} is taken for a data set"))
    with pytest.raises(SystemExit, match=r"^0$"):
        image_labels.main(["--help"])
    assert "usage: python -m zslcore.study.experiments.image_labels" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")
def test_the_command_shows_faults_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["image_labels"])
    with pytest.raises(SystemExit, match=r"^2$"):
        runpy.run_module("zslcore.study.experiments.image_labels", run_name="__main__")
    wanted = "needs data sets with image labels, such as SYNTH CUB100 CUB SUN"
    assert capsys.readouterr().err == f"zslcore: zslcore.study.experiments.image_labels {wanted}\n"

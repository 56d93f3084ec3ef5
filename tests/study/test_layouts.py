"""The study on small data sets in the layouts of aPY, AWA1, FLO and SUN, and on a few other unusual ones."""

import functools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from layouts import LAYOUTS, sun

from zslcore import InputError, Run, RunConfig
from zslcore.data import load_benchmark
from zslcore.methods import METHODS, study_baselines, study_methods
from zslcore.study.chapters import attention, cause_tables, dataset_facts, imbalance
from zslcore.study.chapters.causes import causes
from zslcore.study.experiments import image_labels
from zslcore.study.pages import first_page
from zslcore.study.results.baselines import with_baselines
from zslcore.study.results.run_tables import beside_published, oracle_gain, protocol_table, write_results
from zslcore.study.results.tables import absence_sentence, as_table, collect, compare, reported
from zslcore.study.running.snakemake_config import has_test_seen
from zslcore.training import fit_all

SMALLER = {"SUN": functools.partial(sun, classes=30)}  # instead of 717
UNDEFINED = "STANDARD has no test images of seen classes (test_seen_loc), so T1 is reported, and no U, S, H or AUSUC."

pytestmark = [
    pytest.mark.filterwarnings("ignore:ways is"),  # that the study's default was lowered
    pytest.mark.usefixtures("unchecked"),  # whole studies: other tests check the shapes of each part
]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A function that writes a data set and returns its benchmark."""
    for part in ("DATA", "CACHE", "RUNS"):
        monkeypatch.setenv(f"ZSLCORE_{part}", str(tmp_path / part.lower()))

    def make(name):
        (LAYOUTS | SMALLER)[name](tmp_path / "data")
        return load_benchmark(name)

    yield make
    plt.close("all")


def study_results(name):
    configs = [RunConfig.study(name, method=method) for method in study_methods(name)]
    return collect(fit_all(configs))


@pytest.mark.parametrize("name", LAYOUTS)
def test_results_of_every_layout(made, name, tmp_path):
    """05_results and the first page of the book: nothing is shown that is not defined."""
    benchmark = made(name)
    benchmark.check_consistency()
    assert study_methods(name) == list(METHODS)
    assert study_baselines(name) == ["eszsl", "sae"]
    results = study_results(name)
    measures = reported(results, ["T1", "H", "AUSUC", "test_seen_theil"])
    t1_only = name == "STANDARD"
    assert measures == (["T1"] if t1_only else ["T1", "H", "AUSUC", "test_seen_theil"])
    assert absence_sentence(results) == (UNDEFINED if t1_only else "")
    assert "nan" not in as_table(results).to_string().lower()
    assert "nan" not in beside_published(results).to_string().lower()
    gain = oracle_gain(results)
    assert gain.name == ("points of T1" if t1_only else "points of H")
    assert (gain >= -1e-9).all()
    differences = compare(results[results["protocol"] == "clean"], "remse", measures)
    both = with_baselines(results, name)
    write_results(both, differences, str(tmp_path / "report"), "a command")
    assert (tmp_path / "report" / "forest_H.png").exists() != t1_only
    first_page.differences_figure({name: differences.reset_index()})
    page = first_page.first_page(both, differences.reset_index(), both, committed=[], commit="abc", day="today")
    assert "nan" not in page.lower()
    assert (UNDEFINED in page) == t1_only


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "STANDARD"])
def test_causes_of_every_layout(made, name):
    """02_imbalance and 07_figures, whose null model of image labels needs shares of images as class vectors."""
    benchmark = made(name)
    assert has_test_seen(name)
    study = imbalance.load_errors(name)
    shares = benchmark.shares is not None
    assert shares == (name in ("AWA1", "SUN"))
    frame = causes(study.runs["cross_entropy"], benchmark)
    assert frame["R2 image labels"].notna().all() == shares
    assert np.isfinite(frame[["cosine", "bias", "variance", "R2 constant", "R2 missing mean"]]).all(axis=None)
    assert len(cause_tables.nulls_figure(study).axes) == 3 + shares
    assert not image_labels.is_labelled(benchmark)
    table = image_labels.information_table(study.runs, benchmark)
    assert cause_tables.labels_sentence(table).startswith("Not measured")
    config = RunConfig.study(name, method="remse", network="attention")
    assert attention.obstacle(config, benchmark).startswith(("there are no word vectors", "the features res101"))
    assert dataset_facts.describe_annotations(benchmark).count("attributes form") == 1


def test_without_test_images_of_seen_classes_t1_is_shown_alone(made):
    made("STANDARD")
    assert not has_test_seen("STANDARD")
    with pytest.raises(InputError, match="the errors of seen classes need test images, but STANDARD has no test_seen"):
        imbalance.load_errors("STANDARD")
    (folder,) = fit_all([RunConfig.study("STANDARD", method="remse")])
    assert list(protocol_table(Run.load(folder))) == ["T1", "epoch"]

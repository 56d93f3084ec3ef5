"""The grid of the study: which jobs it plans, on this machine and on a cluster."""

import functools
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import pytest
import yaml
from snakemake.cli import parse_config

from zslcore.config import RunConfig
from zslcore.errors import InputError
from zslcore.methods import BASELINES, METHODS, study_baselines, study_methods
from zslcore.study.running.snakemake_config import dataset_files, study_config
from zslcore.training.identity import run_name

ROOT = Path(__file__).resolve().parents[3]
PROFILE = ROOT / "profiles" / "slurm"


LOCAL, SLURM = ("-c1",), ("--workflow-profile", str(PROFILE))
STUDIES = [
    *product((LOCAL, SLURM), ("SYNTH", "CUB")),
    *product([LOCAL], ("CUB100", "SYNTH,CUB100", " SYNTH, CUB100 ,SYNTH", "my-birds,CUB.v2")),
]

# runs snakemake once for each list of words, and prints the exit statuses and what was printed
PROGRAM = """
import contextlib, io, json, sys
from snakemake.cli import main
found = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.redirect_stderr(text):
        try:
            main(words)
        except SystemExit as end:
            found.append((end.code, text.getvalue()))
print(json.dumps(found))
"""


def finished(command, folder):
    """A process, finished."""
    return subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=120, check=False)


def dry_run(*options, config):
    """The words of a dry run of snakemake."""
    return ["--dry-run", "--snakefile", str(ROOT / "Snakefile"), *options, "--config", *config]


def snakemake(tmp_path, *options, config):
    """A dry run of snakemake, finished."""
    return finished([sys.executable, "-m", "snakemake", *dry_run(*options, config=config)], tmp_path)


@functools.cache
def plans():
    """What dry runs print, for empty folders of runs, with the shell commands of all jobs; all in one process."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        words = []
        for options, dataset in STUDIES:
            config = [f"dataset={dataset}", "seeds=2", f"runs={folder / 'runs'}", f"report={folder / 'report'}"]
            words.append(dry_run("--printshellcmds", *options, config=config))
        result = finished([sys.executable, "-c", PROGRAM, json.dumps(words)], folder)
        assert result.returncode == 0, result.stdout + result.stderr
        assert not (folder / "runs").exists()
        assert not (folder / "report").exists()
        found = json.loads(result.stdout)
        assert [status for status, _ in found] == [0] * len(STUDIES), found
        return dict(zip(STUDIES, [text for _, text in found], strict=True))


def plan(options=LOCAL, dataset="SYNTH"):
    """What the dry run of one of STUDIES prints."""
    return plans()[options, dataset]


def jobs(text):
    counts = dict(re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE))
    return {rule: int(count) for rule, count in counts.items()}


@pytest.mark.parametrize("options", [LOCAL, SLURM], ids=["local", "slurm"])
@pytest.mark.parametrize("dataset", ["SYNTH", "CUB"])
def test_a_job_for_every_method_with_its_seeds(options, dataset):
    """Of the data set: CUB has no settings of its own, and so neither controls nor baselines. These need no seed."""
    text = plan(options, dataset)
    planned = jobs(text)
    assert (planned["features"], planned["book"]) == (1, 1)
    trained = re.findall(r"train --dataset (\w+) --method (\w+) --seeds 2$", text, re.MULTILINE)
    solved = re.findall(r"train --dataset (\w+) --method (\w+)$", text, re.MULTILINE)
    assert sorted(trained) == sorted(product([dataset], study_methods(dataset)))
    assert sorted(solved) == sorted(product([dataset], study_baselines(dataset)))
    assert (planned["train"], planned.get("solve", 0)) == (len(trained), len(solved))


@pytest.mark.parametrize("dataset", ["SYNTH,CUB100", " SYNTH, CUB100 ,SYNTH"])
def test_the_graph_holds_several_data_sets(dataset):
    """Blanks around the names and repetitions do not matter. That nothing is written is checked in ``plans``."""
    text = plan(dataset=dataset)
    planned = re.findall(r"train --dataset (\w+) --method (\w+)", text)
    assert sorted(planned) == sorted(product(("SYNTH", "CUB100"), [*METHODS, *BASELINES]))


def test_folders_with_blanks_are_quoted(tmp_path):
    folder = tmp_path / "two words"
    config = ["dataset=SYNTH", "seeds=1", f"runs={folder / 'runs'}", f"report={folder / 'report'}"]
    result = snakemake(tmp_path, "-c1", "--printshellcmds", config=config)
    commands = re.findall(r"zslcore (?:run|train|book|check) .*", result.stdout + result.stderr)
    assert {shlex.split(line)[1] for line in commands} == {"run", "train", "book", "check"}
    for line in commands:
        assert not [word for word in shlex.split(line) if word.startswith("words")], line


def test_names_of_folders_are_names_of_data_sets():
    text = plan(dataset="my-birds,CUB.v2")
    for name in ("my-birds", "CUB.v2"):
        assert f"train --dataset {name} --method mse --seeds 2" in text


MISTAKES = {
    "datset=CUB100": "--config takes dataset, seeds, runs, report; got datset",
    "seeds=0": "seeds in --config must be a whole number from 1 to 1000, got 0",
    "seeds=99999999999": "seeds in --config must be a whole number from 1 to 1000, got 99999999999",
    "seeds=abc": "seeds in --config must be a whole number from 1 to 1000, got 'abc'",
    "seeds=2.5": "seeds in --config must be a whole number from 1 to 1000, got 2.5",
    "dataset=": "dataset in --config must be names with commas between them: SYNTH,CUB100; got None",
    "dataset=SYNTH,": "dataset in --config must be names with commas between them: SYNTH,CUB100; got 'SYNTH,'",
    "dataset=../x": "dataset must be a name such as my-birds or CUB.v2 (letters, digits, _ . -), got '../x'",
    "dataset=True": "dataset in --config must be names with commas between them: SYNTH,CUB100; got True",
    "runs=": "runs in --config must be a folder, got None",
    "report=a{x}": "report in --config must be a folder without { and } in its path, got a{x}",
    "runs=~nobody-here/x": "runs in --config begins with the home folder of an unknown user, got '~nobody-here/x'",
}


@pytest.mark.parametrize("config", MISTAKES)
def test_a_config_that_means_no_study_is_one_sentence(config):
    """They planned another study than was meant, or none, without a word."""
    with pytest.raises(InputError, match=f"^{re.escape(MISTAKES[config])}$"):
        study_config(parse_config([config]))


def test_such_a_config_stops_snakemake(tmp_path):
    result = snakemake(tmp_path, "-c1", config=["dataset="])
    printed = result.stdout + result.stderr
    assert result.returncode != 0
    assert MISTAKES["dataset="] in printed
    assert "Traceback" not in printed


def test_no_cores_stop_snakemake(tmp_path):
    """Without a dry run it waited for ever."""
    result = snakemake(tmp_path, "--cores", "0", config=["seeds=1"])
    assert result.returncode != 0
    assert "--cores must be a whole number of at least 1, or all, got 0" in result.stdout + result.stderr


def test_the_tables_of_a_data_set_decide_whether_its_study_is_up_to_date(tiny, monkeypatch):
    monkeypatch.setenv("ZSLCORE_DATA", str(tiny.root))
    assert dataset_files("TINY") == []  # reported by the first job
    tiny.write()
    assert dataset_files("TINY") == [str(tiny.folder / "att_splits.mat"), str(tiny.folder / "res101.mat")]
    assert dataset_files("SYNTH") == []


def test_settings_that_cannot_be_read_are_one_sentence(tiny, monkeypatch):
    """Snakemake printed a part of a traceback."""
    monkeypatch.setenv("ZSLCORE_DATA", str(tiny.root))
    (tiny.folder / "settings.yml").write_text("settings: {lam: 1")
    with pytest.raises(InputError, match=r"settings\.yml cannot be read as YAML"):
        study_config({"dataset": "TINY"})


def test_every_planned_run_writes_where_the_graph_waits_for_it():
    """The file that a job has to leave lies in the folder that its own settings name."""
    for dataset in ("SYNTH", "CUB100", "CUB"):
        waited = set(re.findall(rf"runs/{dataset}/([\w-]+)/metrics\.json", plan(dataset=dataset)))
        methods = study_methods(dataset)
        configs = [RunConfig.study(dataset, method=method, seed=seed) for method in methods for seed in range(2)]
        configs += [RunConfig.study(dataset, method=method) for method in study_baselines(dataset)]
        assert waited == {run_name(config) for config in configs}


def test_pages_that_compare_the_controls_are_left_out_where_there_are_none():
    pages = {
        dataset: set(re.findall(r"report/\w+/(\d\d_\w+)\.ipynb", plan(dataset=dataset)))
        for dataset in ("SYNTH", "CUB100", "CUB")
    }
    assert pages["SYNTH"] - pages["CUB100"] == {"06_ablations"}
    assert pages["CUB100"] - pages["CUB"] == {"02_imbalance", "07_figures"}
    assert {"01_data", "05_results"} < pages["CUB"]


def test_on_the_cluster_every_training_has_a_gpu():
    text = plan(SLURM)
    for rule in ("features", "train"):
        blocks = re.findall(rf"rule {rule}:\n(?: .*\n)+", text)
        assert blocks
        assert all("gpu=1" in block for block in blocks)
    assert not any("gpu=1" in block for block in re.findall(r"rule (?:page|book):\n(?: .*\n)+", text))


def test_the_profile_names_rules_that_exist():
    profile = yaml.safe_load((PROFILE / "config.yaml").read_text())
    rules = set(re.findall(r"^rule (\w+):", (ROOT / "Snakefile").read_text(), re.MULTILINE))
    assert set(profile["set-resources"]) | set(profile["set-threads"]) <= rules
    assert profile["executor"] == "slurm"


def test_no_rule_asks_for_the_number_of_cores():
    """Snakemake refuses ``workflow.cores`` without --cores, as on a cluster; a dry run sets it and cannot tell."""
    assert "workflow.cores" not in (ROOT / "Snakefile").read_text(encoding="utf-8")

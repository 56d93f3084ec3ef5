"""The grid of the study as it runs, with a stub in place of zslcore: quoting, folders, and a study that was killed."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zslcore.study.running.snakemake_lock import note_owner, remove_stale_lock

ROOT = Path(__file__).resolve().parents[3]
# leaves the files that the graph waits for, and notes its arguments and folders
STUB = f"""#!{sys.executable}
import json, os, sys, time
from pathlib import Path
words = sys.argv[1:]
folders = {{name: os.environ.get("ZSLCORE_" + name) for name in ("DATA", "CACHE", "RUNS")}}
with open(os.environ["STUB_LOG"], "a") as log:
    log.write(json.dumps([words, folders]) + "\\n")
time.sleep(float(os.environ.get("STUB_SECONDS", 0)))
if words[0] == "run":
    made = [Path(words[words.index("--output") + 1])]
    made += [Path(words[words.index("output") + 1], "results.csv")] if words[1] == "05_results" else []
elif words[0] == "train":
    if "STUB_REFUSES" in os.environ:
        sys.exit(2)
    method = words[words.index("--method") + 1]
    seeds = int(words[words.index("--seeds") + 1]) if "--seeds" in words else 1
    runs = Path(os.environ["ZSLCORE_RUNS"], words[words.index("--dataset") + 1])
    made = [runs / f"{{method}}-seed{{seed}}" / "metrics.json" for seed in range(seeds)]
    made = [path for path in made if not path.exists()]  # finished runs are only read
    made = made[: int(os.environ.get("STUB_RUNS", seeds))]
elif words[0] == "book":
    made = [Path(words[1], "book", "index.html")]
else:
    made = []
for path in made:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A folder with a hostile name to work in, with the stub first on the PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "zslcore").write_text(STUB)
    (tmp_path / "bin" / "zslcore").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("STUB_LOG", str(tmp_path / "log"))
    folder = tmp_path / "a b;touch INJECTED"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ZSLCORE_RUNS", str(folder / "runs"))
    return folder


def command(*config, seeds=1):
    config = ["dataset=CUB", f"seeds={seeds}", *config]
    flags = [
        "-c2",
        "--rerun-incomplete",
        "--keep-incomplete",
        "--latency-wait=1",
        "--quiet",
        "--snakefile",
        str(ROOT / "Snakefile"),
    ]
    return [sys.executable, "-m", "snakemake", *flags, "--config", *config]


def run(*config, seeds=1, **variables):
    environment = os.environ | variables
    words = command(*config, seeds=seeds)
    return subprocess.run(words, capture_output=True, text=True, timeout=120, env=environment, check=False)


def logged(study):
    return [json.loads(line) for line in (study.parent / "log").read_text().splitlines()]


def test_folders_with_blanks_and_semicolons_and_relative_ones(study):
    """A relative folder is another one for a notebook, which works elsewhere."""
    runs, report = "my runs;touch INJECTED", "it's $HOME `touch INJECTED`"
    done = run(f"runs={study / runs}", f"report={report}", ZSLCORE_DATA="some/data", ZSLCORE_CACHE="~/cache")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (study / report / "CUB" / "book" / "index.html").is_file()
    assert {path.name for path in study.iterdir()} == {".snakemake", runs, report}
    assert {words[0] for words, _ in logged(study)} == {"check", "features", "train", "run", "book"}
    expected = {"DATA": str(ROOT / "some/data"), "CACHE": str(Path.home() / "cache"), "RUNS": str(study / runs)}
    assert all(folders == expected for _, folders in logged(study))


def test_a_killed_study_goes_on_and_a_living_one_is_respected(study):
    """After a power cut Snakemake wanted its lock to be removed by hand."""
    first = subprocess.Popen(
        command(),
        env=os.environ | {"STUB_SECONDS": "60"},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not (study.parent / "log").exists():  # a job runs
            assert time.monotonic() < deadline
            time.sleep(0.1)
        refused = run()
        assert refused.returncode != 0
        assert "cannot be locked" in refused.stdout + refused.stderr
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert list((study / ".snakemake" / "locks").iterdir())
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (study / "report" / "CUB" / "book" / "index.html").is_file()


def test_more_seeds_keep_the_runs_that_are_there(study):
    """Snakemake removes what a job will write before it starts, and when it fails."""
    runs = study / "runs" / "CUB"
    assert run().returncode == 0
    for method in ("mse", "remse"):
        (runs / f"{method}-seed0" / "metrics.json").write_text("as it was")
    assert run(seeds=3, STUB_RUNS="0").returncode != 0  # no new run is made, which is a failure
    assert (runs / "mse-seed0" / "metrics.json").read_text() == "as it was"
    done = run(seeds=3)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (runs / "mse-seed0" / "metrics.json").read_text() == "as it was"
    assert (runs / "mse-seed2" / "metrics.json").is_file()


def test_runs_are_looked_at_again_after_a_change_of_settings(study, monkeypatch):
    """A study of other settings than it was asked for was said to be up to date, as was one after a failure."""
    settings = study / "data" / "xlsa17" / "data" / "CUB" / "settings.yml"
    settings.parent.mkdir(parents=True)
    monkeypatch.setenv("ZSLCORE_DATA", str(study / "data"))

    def train(**variables):
        """The exit status, and how often runs of MSE have been asked for."""
        words = [*command(), "--", "runs/CUB/mse.ok"]
        done = subprocess.run(words, env=os.environ | variables, capture_output=True, timeout=120, check=False)
        return done.returncode, [words[0] for words, _ in logged(study)].count("train")

    assert train() == (0, 1)
    settings.write_text("settings: {lam: 3.0}")
    assert train(STUB_REFUSES="1") == (1, 2)
    assert train(STUB_REFUSES="1") == (1, 3)


@pytest.mark.parametrize("target", ["study", "results", "docs"])
def test_make_takes_any_text_as_one_word(target):
    hostile = "a b'c;touch INJECTED"
    words = ["make", "--dry-run", "--old-file=.venv/.installed", target, f"DATASET={hostile}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.replace("\\\n", "").splitlines()
    found = [word for line in lines for word in shlex.split(line) if "INJECTED" in word]
    assert found
    assert all(hostile in word for word in found)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("results", "there is no report/NOPE/results.csv: run make study with the same DATASET first"),
        ("docs", "there is no results/NOPE/results.csv: run make results with the same DATASET first"),
    ],
)
def test_tables_that_are_not_there_are_one_sentence(target, sentence):
    words = ["make", "--no-print-directory", "--old-file=.venv/.installed", target, "DATASET=NOPE"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.stderr.splitlines()[0] == sentence
    assert not (ROOT / "results" / "NOPE").exists()


@pytest.fixture
def lock(tmp_path):
    """A folder with a lock of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.input.lock").touch()
    note(tmp_path, pid=process.pid)
    return tmp_path


def own_note(folder):
    return folder / f"owner-{os.getpid()}.json"


def note(folder, **changes):
    note_owner(folder)
    owner = json.loads(own_note(folder).read_text()) | changes
    own_note(folder).write_text(json.dumps(owner))


def test_only_a_lock_that_is_proven_dead_is_removed(lock):
    note_of_the_dead = own_note(lock).read_text()
    for content in (None, "", "[]", "{}"):
        own_note(lock).unlink(missing_ok=True)
        if content is not None:
            own_note(lock).write_text(content)
        assert not remove_stale_lock(lock)
    note(lock, host="another machine", pid=json.loads(note_of_the_dead)["pid"])
    assert not remove_stale_lock(lock)
    own_note(lock).write_text(note_of_the_dead)
    assert remove_stale_lock(lock)
    assert not (lock / "locks").exists()
    assert not remove_stale_lock(lock)


def test_a_process_number_that_another_program_got_since(lock):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    note(lock, pid=process.pid)
    removed = remove_stale_lock(lock)
    process.communicate()
    assert removed


def test_the_lock_of_a_living_study_stays_beside_that_of_a_dead_one(lock):
    """Studies of two data sets may run at once; the second one's note replaced the first one's."""
    own_note(lock).rename(lock / "owner-of-the-dead.json")
    waiting = [sys.executable, "-c", "import sys; sys.stdin.read()", "snakemake"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE) as living:
        note(lock, pid=living.pid)
        own_note(lock).rename(lock / "owner-0.json")
        stays = not remove_stale_lock(lock)
    assert stays
    assert remove_stale_lock(lock)
    assert not list(lock.iterdir())


def test_a_note_without_a_lock_hides_no_later_one(lock):
    """Of another machine, for example, whose lock was removed by hand."""
    note(lock, host="another machine")
    (lock / "locks" / "0.input.lock").unlink()
    assert not remove_stale_lock(lock)
    assert not list(lock.glob("owner*"))


def test_a_lock_that_is_newer_than_the_note_stays(lock):
    """Its owner starts, and has not noted itself yet."""
    later = time.time() + 1
    os.utime(lock / "locks" / "0.input.lock", (later, later))
    assert not remove_stale_lock(lock)

"""``features import``, ``check -s`` and ``run`` on data without pictures, and before a kernel starts."""

import numpy as np
import pytest

from zslcore import cli
from zslcore.study.running import notebook_runner


@pytest.fixture
def tiny_world(tiny, tmp_path, monkeypatch):
    """TINY without pictures, but with features in res101.mat, and a file with features to import."""
    for name, folder in (("CACHE", "cache"), ("RUNS", "runs"), ("DATA", "")):
        monkeypatch.setenv(f"ZSLCORE_{name}", str(tmp_path / folder))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    values = np.random.default_rng(0).normal(size=(40, 6))
    tiny.images["features"] = values.T
    tiny.write()
    np.save(tmp_path / "clip.npy", values)
    return tiny


def train(*settings):
    given = [word for setting in ("epochs=1", "episodes=2", "device=cpu", *settings) for word in ("-s", setting)]
    return cli.main(["train", "--dataset", "TINY", "--method", "remse", *given])


def one_line(capsys):
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_import_train_and_check(tiny_world, tmp_path, capsys):
    assert cli.main(["features", "import", "clip", str(tmp_path / "clip.npy"), "--dataset", "TINY"]) == 0
    assert capsys.readouterr().out == "clip: 40 x 6 x 1, for TINY with -s backbone clip\n"
    for backbone in ("clip", "res101"):
        assert cli.main(["check", "TINY", "-s", "backbone", backbone]) == 0
        assert f"\nfeatures are there: {backbone}\n" in capsys.readouterr().out
        assert train(f"backbone={backbone}") == 0
    assert "zslcore: note: ways is 4 instead of 16, the most that TINY allows\n" in capsys.readouterr().err
    assert train("backbone=clip", "fine_tune=true", "standardize=false", "ways=4") == 2
    assert one_line(capsys).startswith("zslcore: fine_tune must be False with backbone 'clip'")


def test_a_mistake_in_an_import_is_one_sentence(tiny_world, tmp_path, capsys):
    np.save(tmp_path / "short.npy", np.zeros((39, 6)))
    for words, sentence in (
        (["clip", "short.npy", "--dataset", "TINY"], "must hold one row for each of the 40 images of TINY"),
        (["resnet18", "clip.npy", "--dataset", "TINY"], "'resnet18' is the name of a backbone"),
        (["clip", "clip.npy", "--dataset", "OTHER"], "no data set 'OTHER'"),
        (["clip", "clip.npy"], "the following arguments are required: --dataset"),
        (["clip", "--dataset", "TINY"], "the following arguments are required: FILE"),
    ):
        given = [str(tmp_path / word) if word.endswith(".npy") else word for word in words]
        assert cli.main(["features", "import", *given]) == 2
        assert sentence in one_line(capsys)
    assert not (tmp_path / "cache").exists()


def test_check_reports_what_cannot_be_trained(tiny_world, capsys):
    for settings, sentence in (
        ([], "40 of 40 images of TINY are missing"),
        (["-s", "backbone", "clip"], "backbone must be one of"),
        (["-s", "ways", "5"], "ways must be at most 4"),
        (["-s", "shots", "9"], "'lark' in the task fold_1, got 9"),
        (["-s", "network=gem", "-s", "word_vectors=nowhere.npy"], "no word vectors at nowhere.npy"),
        (["-s", "p", "20"], "p + p2 must be at most"),
    ):
        assert cli.main(["check", "TINY", *settings]) == 2
        assert sentence in capsys.readouterr().err.splitlines()[-1]


def test_check_reports_word_vectors(tiny_world, capsys):
    check = ["check", "TINY", "-s", "backbone", "res101"]
    assert cli.main(check) == 0
    assert "word vectors of 6 dimensions are there" in capsys.readouterr().out
    content = tiny_world.vectors_file.read_bytes()
    tiny_world.vectors_file.unlink()
    assert cli.main(check) == 0
    assert "no word vectors at" in capsys.readouterr().out
    tiny_world.vectors_file.write_bytes(content[:50])
    assert cli.main(check) == 2
    assert "must hold a numpy array and nothing else" in capsys.readouterr().err


def test_run_refuses_before_a_kernel_starts(tiny_world, tmp_path, monkeypatch, capsys):
    started = []
    monkeypatch.setattr(notebook_runner, "execute", lambda *arguments: started.append(arguments))
    run = ["run", "04", "-p", "dataset", "TINY", "--output", str(tmp_path / "04.ipynb"), "-p", "settings"]
    for settings, sentence in (
        ("{}", "40 of 40 images of TINY are missing"),
        ('{"backbone": "res101", "ways": 5}', "ways must be at most 4"),
        ('{"backbone": "res101", "shots": 9}', "shots must be at most"),
        ('{"backbone": "res101", "network": "gem", "word_vectors": "nowhere.npy"}', "no word vectors"),
        ("[1]", "settings must be a JSON object, got '[1]'"),
        ("{", "settings must be a JSON object, got '{'"),
    ):
        assert cli.main([*run, settings]) == 2
        assert sentence in capsys.readouterr().err.splitlines()[-1]
    assert not started
    assert cli.main([*run, '{"backbone": "res101"}']) == 0
    assert len(started) == 1


def test_run_of_a_finished_run_checks_nothing(tiny_world, tmp_path, monkeypatch):
    assert train("backbone=res101") == 0
    (folder,) = (tmp_path / "runs" / "TINY").iterdir()
    tiny_world.images.pop("features")
    tiny_world.write()
    monkeypatch.setattr(notebook_runner, "execute", lambda *arguments: None)
    settings = '{"backbone": "res101", "epochs": 1, "episodes": 2}'
    run = ["run", "04", "-p", "dataset", "TINY", "-p", "settings", settings, "--output", str(tmp_path / "04.ipynb")]
    assert cli.main(run) == 0
    (folder / "metrics.json").unlink()
    assert cli.main(run) == 2

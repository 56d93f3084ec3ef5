"""Other pictures under the same names: caches are made again, and runs on the old ones are not taken for new ones."""

import importlib
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny import TINY_RUN

from zslcore import InputError
from zslcore._io import hashes
from zslcore.study.results.tables import collect
from zslcore.training import Run, fit
from zslcore.training.inputs import features, pictures
from zslcore.training.inputs.features import frozen_features
from zslcore.training.inputs.pictures import decoded_pictures

training = importlib.import_module("zslcore.training.fit")  # the name zslcore.training.fit is the function

SETTINGS = {"backbone": "resnet18", "weights": "random", "size": 32, "num_workers": 0}


@pytest.fixture
def benchmark(pictured):
    return pictured


def repaint(path):
    """Another picture under the same name; returns the bytes of the old one."""
    content = path.read_bytes()
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    return content


def test_features_of_other_pictures_are_computed(benchmark):
    first = frozen_features(benchmark, **SETTINGS)
    content = repaint(benchmark.image_paths[3])
    second = frozen_features(benchmark, **SETTINGS)
    assert second.folder != first.folder
    differ = (np.asarray(second.maps) != np.asarray(first.maps)).any(axis=(1, 2))
    assert np.flatnonzero(differ).tolist() == [3]
    benchmark.image_paths[3].write_bytes(content)
    assert frozen_features(benchmark, **SETTINGS).folder == first.folder


def test_other_pictures_are_decoded(benchmark):
    first = decoded_pictures(benchmark, size=32, num_workers=0)
    repaint(benchmark.image_paths[3])
    second = decoded_pictures(benchmark, size=32, num_workers=0)
    assert (second[3] != first[3]).any()
    assert (second[4] == first[4]).all()


@pytest.mark.parametrize("make", [lambda b: frozen_features(b, **SETTINGS), lambda b: decoded_pictures(b, size=32)])
def test_a_cache_of_an_earlier_version_is_not_used(benchmark, make, monkeypatch):
    """It was named without the content of the pictures."""
    made = make(benchmark)
    parts = made.folder.name.split("-")
    made.folder.rename(made.folder.with_name("-".join([*parts[:-2], "v1"])))
    for module, function in ((features, "build_backbone"), (pictures, "_decode")):
        monkeypatch.setattr(module, function, None)
    with pytest.raises(TypeError):
        make(benchmark)


def test_a_finished_run_on_other_pictures_is_refused(benchmark):
    folder = fit(TINY_RUN, progress=False)
    content = repaint(benchmark.image_paths[3])
    with pytest.raises(InputError, match=r"holds a run of other settings \(content of images\); give another folder"):
        fit(TINY_RUN)
    with pytest.raises(InputError, match=r"was trained with another content of images than TINY has$"):
        Run.load(folder).evaluate(benchmark)
    benchmark.image_paths[3].write_bytes(content)
    assert fit(TINY_RUN) == folder
    for path in benchmark.image_paths:
        path.unlink()  # nothing tells that they are others
    assert fit(TINY_RUN) == folder
    assert 0 <= Run.load(folder).evaluate(benchmark).t1 <= 1


def test_unchanged_pictures_are_not_read_again(benchmark, monkeypatch):
    folder = fit(TINY_RUN, progress=False)
    read, original = [], hashes.file_hash
    monkeypatch.setattr(hashes, "file_hash", lambda path: read.append(path) or original(path))
    assert fit(TINY_RUN) == folder
    assert {path.parent for path in read} == {folder}  # the small files of the run itself


def test_an_interrupted_run_does_not_resume_on_other_pictures(benchmark, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(training, "evaluate", None)  # fails after the trainings
        with pytest.raises(TypeError):
            fit(TINY_RUN, progress=False)
    repaint(benchmark.image_paths[3])
    with pytest.raises(InputError, match=r"an unfinished training with other settings \(content of images\)"):
        fit(TINY_RUN, progress=False)


def test_replaced_published_word_vectors_are_another_run(benchmark, tiny):
    config = TINY_RUN.replace(network="attention", key_dim=4)
    folder = fit(config, progress=False)
    tiny.vectors_file.write_bytes(pickle.dumps(np.random.default_rng(5).normal(size=(9, 6))))
    with pytest.raises(InputError, match=r"holds a run of other settings \(content of word_vectors\)"):
        fit(config)
    assert fit(TINY_RUN, progress=False) != folder  # BasicNet does without


def test_groups_of_attributes_are_noted_where_a_loss_reads_them(benchmark, tiny):
    config = TINY_RUN.replace(network="gem", decorrelation=0.1)
    fit(config, progress=False)
    fit(TINY_RUN, progress=False)
    tiny.names_file.write_text("\n".join(f"attribute_{index}::a" for index in range(9)) + "\n")
    with pytest.raises(InputError, match=r"holds a run of other settings \(content of attribute_names\)"):
        fit(config)
    fit(TINY_RUN)


def test_a_table_does_not_mix_pictures(benchmark, tmp_path):
    first = fit(TINY_RUN, progress=False)
    repaint(benchmark.image_paths[3])
    second = fit(TINY_RUN.replace(seed=1), progress=False)
    assert len(collect([first])) == len(collect([second])) == 2
    with pytest.raises(InputError, match=rf"{first.name} and .*{second.name} differ in the content of images of TINY"):
        collect([first, second])
    shutil.rmtree(second)

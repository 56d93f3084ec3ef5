"""Imported features: every format and order of a file, and a run on them."""

import importlib
import re

import numpy as np
import pytest
from scipy.io import savemat
from tiny import cells

from zslcore import InputError
from zslcore.backbone import known_backbones
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.semantics import load_word_vectors
from zslcore.training import Run, fit
from zslcore.training.inputs.sources import load_features
from zslcore.training.inputs.stored import features_id, import_features, stored_features

training = importlib.import_module("zslcore.training.fit")  # the name zslcore.training.fit is the function

SETTINGS = {"dataset": "TINY", "epochs": 2, "episodes": 3, "ways": 3, "shots": 2, "device": "cpu"}


def save(path, values):
    """Features in one of the formats that can be imported."""
    kind = path.stem.partition("-")[0]
    if path.suffix == ".npy":
        np.save(path, values.astype(kind) if kind != "features" else values)
    elif path.suffix == ".npz":
        np.savez(path, **({"anything": values} if kind == "one" else {"features": values, "labels": np.arange(40)}))
    else:
        savemat(path, {"features": values.T if kind == "turned" else values})
    return path


class TestImported:
    @pytest.mark.parametrize(
        "name",
        ["features.npy", "float32-.npy", "float16-.npy", "one-.npz", "two-.npz", "features.mat", "turned-.mat"],
    )
    def test_every_format_is_read(self, featured, values, tmp_path, name):
        path = save(tmp_path / name, values)
        maps = import_features(featured, "clip", path).maps
        path.unlink()
        assert (maps.shape, maps.dtype) == ((40, 16, 1), np.float32)
        np.testing.assert_allclose(maps[:, :, 0], values, atol=1e-2 if "16" in name else 1e-6)
        np.testing.assert_array_equal(stored_features(featured, "clip").maps, maps)

    def test_a_path_may_be_text_and_begin_with_the_home_folder(self, featured, values, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        path = save(tmp_path / "features.npy", values)
        for text in (str(path), "~/features.npy"):
            assert import_features(featured, "clip", text).maps.shape == (40, 16, 1)

    def test_a_run_on_them(self, featured, values, tmp_path):
        with pytest.raises(InputError, match=r"^backbone must be one of resnet18, .*, res101, got 'clip-L.14'$"):
            RunConfig(**SETTINGS, backbone="clip-L.14")
        import_features(featured, "clip-L.14", save(tmp_path / "features.npy", values))
        assert known_backbones()[-2:] == ("res101", "clip-L.14")
        run = Run.load(fit(RunConfig(**SETTINGS, backbone="clip-L.14"), progress=False))
        assert run.metrics["contents"] == {"features": features_id(featured, "clip-L.14")}
        assert run.predict(featured, np.arange(2)).shape == (2, 9)

    def test_exported_features_of_pictures_give_the_same_run(self, tiny, tmp_path, monkeypatch):
        for part in ("CACHE", "RUNS", "DATA"):
            monkeypatch.setenv(f"ZSLCORE_{part}", str(tmp_path if part == "DATA" else tmp_path / part.lower()))
        tiny.write_images()
        featured, config = tiny.load(), RunConfig(**SETTINGS, backbone="resnet18", weights="random", image_size=32)
        first = Run.load(fit(config, progress=False))
        np.save(tmp_path / "exported.NPY.npy", load_features(config, featured).maps[:, :, 0])
        (tmp_path / "exported.NPY.npy").rename(tmp_path / "exported.NPY")
        import_features(featured, "exported", tmp_path / "exported.NPY")
        second = Run.load(fit(RunConfig(**SETTINGS, backbone="exported"), progress=False))
        for part in ("protocols", "validation", "errors", "effective_lambda"):
            assert second.metrics[part] == first.metrics[part]
        assert second.history.equals(first.history)

    @pytest.mark.parametrize("class_split", [0, 1])
    def test_other_features_under_the_name_replace_them_and_are_another_run(
        self, featured, values, tmp_path, class_split
    ):
        config_of = {**SETTINGS, "backbone": "clip", "class_split": class_split}
        import_features(featured, "clip", save(tmp_path / "features.npy", values))
        folder = fit(RunConfig(**config_of), progress=False)
        import_features(featured, "clip", save(tmp_path / "features.npy", -values))
        np.testing.assert_allclose(stored_features(featured, "clip").maps[:, :, 0], -values, rtol=1e-6)
        with pytest.raises(InputError, match=r"holds a run of other settings \(content of features\)"):
            fit(RunConfig(**config_of), folder)
        import_features(featured, "clip", save(tmp_path / "features.npy", values))
        assert fit(RunConfig(**config_of), folder) == folder
        assert len(list((tmp_path / "cache" / "features" / "imported" / "clip").iterdir())) == 1

    @pytest.mark.parametrize("class_split", [0, 1])
    def test_an_unfinished_run_on_other_features_is_not_resumed(
        self, featured, values, tmp_path, monkeypatch, class_split
    ):
        import_features(featured, "clip", save(tmp_path / "features.npy", values))
        config = RunConfig(**SETTINGS, backbone="clip", class_split=class_split)
        with monkeypatch.context() as patch:
            patch.setattr(training, "_metrics", None)  # fails after the trainings
            with pytest.raises(TypeError):
                fit(config, tmp_path / "run")
        import_features(featured, "clip", save(tmp_path / "features.npy", -values))
        with pytest.raises(InputError, match=r"unfinished training with other settings \(content of features\)"):
            fit(config, tmp_path / "run")

    def test_another_version_of_the_data_needs_them_again(self, featured, tiny, values, tmp_path):
        import_features(featured, "clip", save(tmp_path / "features.npy", values))
        tiny.splits["original_att"][0, 0] += 1
        changed = Benchmark.load(tmp_path, "TINY") if tiny.write() is None else None
        with pytest.raises(
            InputError, match=r"no features 'clip' were imported for this version of TINY; run: zslcore f"
        ):
            stored_features(changed, "clip")

    @pytest.mark.parametrize("name", ["resnet18", "res101", "", "a/b", "../up", ".hidden", "a b", "x" * 65, 5, None])
    @pytest.mark.usefixtures("unchecked")
    def test_names_that_cannot_be_used(self, featured, values, tmp_path, name):
        with pytest.raises(InputError, match="name"):
            import_features(featured, name, save(tmp_path / "features.npy", values))
        assert not (tmp_path / "cache").exists()

    @pytest.mark.parametrize("suffix", [".mat", ".npz"])
    @pytest.mark.parametrize("folder", ["/home/me/TINY/images/", "", None], ids=["outside", "class", "name alone"])
    def test_rows_that_name_their_images_may_have_any_order(self, featured, values, tmp_path, suffix, folder):
        order, path = np.random.default_rng(1).permutation(40), tmp_path / f"features{suffix}"
        names = [featured.image_names[row] for row in order]
        names = [name.split("/")[1] if folder is None else f"{folder}{name}" for name in names]
        if suffix == ".mat":
            savemat(path, {"features": values[order].T, "image_files": cells(names)})
        else:
            np.savez(path, features=values[order], image_files=names)
        np.testing.assert_allclose(import_features(featured, "clip", path).maps[:, :, 0], values, rtol=1e-6)

    @pytest.mark.parametrize("suffix", [".mat", ".npz"])
    @pytest.mark.parametrize("column", ["image_files", "paths", "ids"])
    def test_the_column_with_the_names_may_have_any_name(self, featured, values, tmp_path, suffix, column):
        """Before, only image_files was read, and rows in another order gave wrong numbers."""
        order, path = np.random.default_rng(1).permutation(40), tmp_path / f"features{suffix}"
        names = [featured.image_names[row] for row in order]
        columns = {"source": ["camera"] * 39 + ["."], column: names}
        if suffix == ".mat":
            savemat(path, {"features": values[order]} | columns)
        else:
            np.savez(path, features=values[order], **columns)
        np.testing.assert_allclose(import_features(featured, "clip", path).maps[:, :, 0], values, rtol=1e-6)

    @pytest.mark.parametrize("suffix", [".mat", ".npz"])
    @pytest.mark.parametrize("first", [0, 1])
    def test_numbers_in_another_order_are_refused(self, featured, values, tmp_path, suffix, first):
        order, path = np.random.default_rng(1).permutation(40), tmp_path / f"features{suffix}"
        save_columns = savemat if suffix == ".mat" else lambda file, columns: np.savez(file, **columns)
        save_columns(path, {"features": values, "ids": np.arange(40) + first, "scores": order + 0.5})
        import_features(featured, "clip", path)
        save_columns(path, {"features": values[order], "ids": order + first})
        with pytest.raises(InputError, match="images of TINY, but its ids number them in another order: add image_f"):
            import_features(featured, "clip", path)

    @pytest.mark.parametrize("kind", ["S", object])
    def test_names_as_bytes_are_read_and_as_objects_refused(self, featured, values, tmp_path, kind):
        path = tmp_path / "features.npz"
        np.savez(path, features=values[::-1], image_files=np.array(featured.image_names[::-1]).astype(kind))
        if kind == "S":
            np.testing.assert_allclose(import_features(featured, "clip", path).maps[:, :, 0], values, rtol=1e-6)
        else:  # numpy would have to unpickle them
            with pytest.raises(InputError, match=r"^image_files in .* must be an array of text: save np\.array\("):
                import_features(featured, "clip", path)

    @pytest.mark.parametrize("suffix", [".mat", ".npz"])
    def test_labels_of_another_order_are_refused(self, featured, values, tmp_path, suffix):
        """Scripts save the rows in the order of the folders, with their labels."""
        path, labels = tmp_path / f"features{suffix}", np.roll(featured.labels, 3)
        if suffix == ".mat":
            savemat(path, {"features": values, "labels": labels[:, None] + 1})
        else:
            np.savez(path, features=values, labels=labels)
        with pytest.raises(InputError, match="in the order of the images of TINY, but its labels are in another order"):
            import_features(featured, "clip", path)

    @pytest.mark.parametrize("suffix", [".mat", ".npz"])
    @pytest.mark.parametrize(
        "change",
        [
            lambda labels: labels,
            lambda labels: (labels + 3) % 8 + 1.0,  # other numbers of the classes
            lambda labels: labels // 2,  # families
            lambda labels: labels[:5],
            lambda labels: np.array([f"class {label}" for label in labels]),
            lambda labels: np.array([{"label": label} for label in labels]),
        ],
        ids=["same", "numbers", "families", "few", "text", "objects"],
    )
    def test_other_labels_are_accepted(self, featured, values, tmp_path, suffix, change):
        path, labels = tmp_path / f"features{suffix}", change(featured.labels)
        if suffix == ".mat":
            savemat(path, {"features": values, "labels": labels})
        else:
            np.savez(path, features=values, labels=labels)
        np.testing.assert_allclose(import_features(featured, "clip", path).maps[:, :, 0], values, rtol=1e-6)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda names: ["lark/x.png", *names[1:]], r"but has no 'lark/00\.png'$"),
            (lambda names: names[:-1], r"but has no 'wren/39\.png'$"),
            (lambda names: [*names, "lark/00.png"], r"but has some more than once, in another order$"),
        ],
    )
    def test_rows_that_name_other_images(self, featured, values, tmp_path, change, message):
        path = tmp_path / "features.npz"
        np.savez(path, features=values, image_files=change(list(featured.image_names)))
        with pytest.raises(
            InputError, match=rf"image_files in .*features\.npz must name the images of TINY, {message}"
        ):
            import_features(featured, "clip", path)
        assert not (tmp_path / "cache").exists()

    def test_images_that_are_listed_twice_keep_their_rows(self, featured, tiny, values, tmp_path):
        tiny.images["image_files"][1] = tiny.images["image_files"][0]
        twice, path = tiny.load(), tmp_path / "features.npz"
        np.savez(path, features=values, image_files=twice.image_names)
        np.testing.assert_allclose(import_features(twice, "clip", path).maps[:, :, 0], values, rtol=1e-6)

    @pytest.mark.usefixtures("unchecked")
    def test_arrays_are_no_path(self, featured, values):
        with pytest.raises(InputError, match=r"^features must be a path, got ndarray$"):
            import_features(featured, "clip", values)
        with pytest.raises(InputError, match=r"^word vectors must be a path, got ndarray$"):
            load_word_vectors(values, num_attributes=9)
        with pytest.raises(InputError, match=r"^root must be a path, got NoneType$"):
            Benchmark.load(None, "TINY")

    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (lambda v: v[:-1], r"one row for each of the 40 images of TINY, got shape \(39, 16\)$"),
            (lambda v: v.T, r"got shape \(16, 40\); it looks transposed$"),
            (lambda v: v[:, :, None], r"got shape \(40, 16, 1\)$"),
            (lambda v: v[:, 0], r"got shape \(40,\)$"),
            (lambda v: v[:, :0], r"got shape \(40, 0\)$"),
            (lambda v: np.where(v == v[7, 3], np.nan, v), "finite numbers, got nan for image 8$"),
            (lambda v: np.where(v == v[7, 3], -np.inf, v), "finite numbers, got -inf for image 8$"),
            (lambda v: v > 0, "real numbers, got values of type bool$"),
            (lambda v: v.astype(str), "real numbers, got values of type <U"),
            (lambda v: v.astype(object), "cannot be read as an array: .*objects"),
        ],
    )
    def test_features_that_cannot_be_used(self, featured, values, tmp_path, spoil, message):
        path = tmp_path / "features.npy"
        np.save(path, spoil(values), allow_pickle=True)
        with pytest.raises(InputError, match=rf"^{re.escape(str(path))} .*{message}") as caught:
            import_features(featured, "clip", path)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "cache").exists()

    @pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat"])
    @pytest.mark.parametrize("content", [b"", b"no array", None])
    def test_files_that_cannot_be_read(self, featured, tmp_path, suffix, content):
        path = tmp_path / f"features{suffix}"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InputError, match=rf"^{re.escape(str(path))} (cannot be read|is missing)") as caught:
            import_features(featured, "clip", path)
        assert "\n" not in str(caught.value)

    def test_files_of_another_form(self, featured, values, tmp_path):
        with pytest.raises(InputError, match=r"must be a file that ends in \.npy, \.npz, \.mat, got .*features\.csv$"):
            import_features(featured, "clip", tmp_path / "features.csv")
        np.savez(tmp_path / "many.npz", a=values, b=values)
        with pytest.raises(
            InputError, match=r"many\.npz must hold one array, or one called 'features', got \['a', 'b'\]$"
        ):
            import_features(featured, "clip", tmp_path / "many.npz")

    def test_a_damaged_import_is_named(self, featured, values, tmp_path):
        folder = import_features(featured, "clip", save(tmp_path / "features.npy", values)).folder
        (folder / "features.npy").write_bytes(b"cut")
        with pytest.raises(InputError, match=r"is damaged: delete it, and import the features again$"):
            stored_features(featured, "clip")

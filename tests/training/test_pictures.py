"""Decoded pictures: the same as reading the files, and crops that depend on nothing but their numbers."""

from collections import namedtuple

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from zslcore import InputError
from zslcore.data.images import cropped, eval_transform, random_place, read_image
from zslcore.training.inputs import pictures, resident, sources
from zslcore.training.inputs.contents import pictures_id
from zslcore.training.inputs.pictures import decoded_pictures
from zslcore.training.inputs.sources import PictureInputs

BATCHES = np.array([[0, 5, 9, 3], [7, 0, 11, 2], [1, 1, 1, 1]])


@pytest.fixture
def benchmark(pictured):
    return pictured


@pytest.fixture
def decoded(benchmark, tmp_path):
    return decoded_pictures(benchmark, size=28, resize_ratio=8 / 7, num_workers=0)


def crops(decoded, *, num_workers=0, **settings):
    inputs = PictureInputs(decoded, decoded, torch.device("cpu"), torch.float32, num_workers)
    return torch.stack(list(inputs.training(BATCHES, **{"seed": 0, "epoch": 0} | settings)))


def random_crop(picture, size, rng):
    return cropped(picture, size, random_place(picture.shape[1], picture.shape[2], size, rng))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_central_crops_are_those_of_the_files(benchmark, decoded, num_workers, monkeypatch):
    monkeypatch.setitem(sources.PICTURE_BATCH, "cpu", 2)
    images = np.array([3, 0, 17, 5, 4])
    transform = eval_transform(28, resize_ratio=8 / 7)
    expected = torch.stack([transform(read_image(benchmark.image_paths[image])) for image in images])
    batches = list(PictureInputs(decoded, decoded, torch.device("cpu"), torch.float32, num_workers).batches(images))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    torch.testing.assert_close(torch.cat(batches), expected, atol=1e-6, rtol=0)


def test_pictures_keep_their_shape(benchmark, decoded):
    assert len(decoded) == len(benchmark.labels)
    for image in (0, 7):
        width, height = read_image(benchmark.image_paths[image]).size
        scale = 32 / min(width, height)
        assert decoded[image].shape == (3, int(height * scale), int(width * scale))
        assert decoded[image].dtype == torch.uint8


class TestTraining:
    def test_crops_lie_within_the_picture_mirrored_or_not(self, decoded):
        for batch, images in zip(crops(decoded), BATCHES, strict=True):
            for crop, image in zip(batch, images, strict=True):
                whole = decoded[image].float() / 255
                windows = whole.unfold(1, 28, 1).unfold(2, 28, 1).permute(1, 2, 0, 3, 4).flatten(0, 1)
                found = [(windows == kind).flatten(1).all(1).any() for kind in (crop, crop.flip(2))]
                assert any(found)

    def test_places_and_mirrors_are_drawn_evenly(self):
        picture = torch.arange(9 * 8 * 3, dtype=torch.uint8).view(9, 8, 3).permute(2, 0, 1)
        rng = np.random.default_rng(0)
        seen = [tuple(random_crop(picture, 7, rng).flatten().tolist()) for _ in range(3000)]
        counts = np.unique(seen, axis=0, return_counts=True)[1]
        assert len(counts) == 3 * 2 * 2
        assert counts.min() > 190
        assert counts.max() < 310

    @pytest.mark.parametrize("change", [{"num_workers": 2}, {}])
    def test_they_depend_on_nothing_else(self, decoded, change):
        expected = crops(decoded)
        torch.manual_seed(5)
        np.random.seed(5)  # noqa: NPY002
        before = torch.get_rng_state()
        assert torch.equal(crops(decoded, **change), expected)
        if not change:
            assert torch.equal(torch.get_rng_state(), before)

    def test_they_differ_by_seed_epoch_and_step(self, decoded):
        expected = crops(decoded)
        for change in ({"seed": 1}, {"epoch": 1}):
            assert not torch.equal(crops(decoded, **change), expected)
        same_picture = expected[2]
        assert len({tuple(crop.flatten().tolist()) for crop in same_picture}) > 1

    def test_the_shares_of_processes_make_the_batch(self, decoded):
        whole, parts = crops(decoded), [crops(decoded, share=(rank, 2)) for rank in (0, 1)]
        assert torch.equal(whole[:, 0::2], parts[0])
        assert torch.equal(whole[:, 1::2], parts[1])

    def test_a_picture_too_small_is_named(self):
        with pytest.raises(InputError, match=r"^a picture must be at least 9 pixels a side to be cropped, got 8 x 20$"):
            random_crop(torch.zeros(3, 8, 20, dtype=torch.uint8), 9, np.random.default_rng(0))

    def test_it_is_torchvisions_crop_and_flip(self):
        """All outcomes of torchvision's random transforms are outcomes of ours."""
        picture = torch.randint(256, (3, 9, 8), dtype=torch.uint8)
        theirs = v2.Compose([v2.RandomCrop(7), v2.RandomHorizontalFlip()])
        rng = np.random.default_rng(0)
        ours = {tuple(random_crop(picture, 7, rng).flatten().tolist()) for _ in range(500)}
        assert {tuple(theirs(picture).flatten().tolist()) for _ in range(500)} == ours


class TestResident:
    """Pictures in the memory of a GPU; the tests put them into that of the CPU, which cuts them in the same way."""

    @pytest.fixture
    def on_gpu(self, decoded):
        inputs = PictureInputs(decoded, decoded, torch.device("cpu"), torch.float32)
        assert inputs.resident == {}
        inputs.resident = {decoded.folder: torch.from_numpy(np.fromfile(decoded.folder / "pictures.bin", np.uint8))}
        return inputs

    @pytest.mark.parametrize("share", [(0, 1), (1, 2)])
    def test_random_crops_are_the_same(self, decoded, on_gpu, share):
        found = torch.stack(list(on_gpu.training(BATCHES, seed=0, epoch=0, share=share)))
        assert torch.equal(found, crops(decoded, share=share))

    def test_central_crops_are_the_same(self, decoded, on_gpu):
        images = np.arange(len(decoded))
        expected = torch.cat(list(PictureInputs(decoded, decoded, on_gpu.device, torch.float32).batches(images)))
        found = list(on_gpu.batches(images))
        assert torch.equal(torch.cat(found), expected)
        assert found[0].is_contiguous(memory_format=torch.channels_last)

    @pytest.mark.parametrize(("free", "held"), [(1.9, 0), (2.1, 1)])
    def test_they_take_at_most_half_of_the_free_memory(self, decoded, monkeypatch, free, held):
        size = (decoded.folder / "pictures.bin").stat().st_size
        monkeypatch.setattr(resident, "_free_memory", lambda device: free * size)
        monkeypatch.setattr(torch.Tensor, "to", lambda tensor, device: tensor)
        assert len(resident.resident_bytes((decoded, decoded), torch.device("cuda"))) == held


class TestCache:
    def test_is_read_and_not_made_again(self, benchmark, decoded, tmp_path, monkeypatch):
        monkeypatch.setattr(pictures, "_decode", None)
        again = decoded_pictures(benchmark, size=28, resize_ratio=8 / 7)
        assert torch.equal(again[3], decoded[3])
        other_size = decoded_pictures(benchmark, size=32, resize_ratio=1.0)  # same short side
        assert (other_size.folder, other_size.size) == (decoded.folder, 32)

    def test_its_name_says_what_it_holds(self, benchmark, decoded):
        content = f"{benchmark.fingerprint}-{pictures_id(benchmark)}"
        assert decoded.folder.name == f"TINY-32px-{content}-v{pictures.VERSION}"

    @pytest.mark.parametrize("num_workers", [0, 1])
    def test_an_unreadable_image_leaves_nothing(self, benchmark, tmp_path, num_workers):
        benchmark.image_paths[4].write_bytes(b"no image")
        settings = {"size": 28, "num_workers": num_workers}
        with pytest.raises(InputError, match=rf"{benchmark.image_paths[4].name} cannot be read as an image"):
            decoded_pictures(benchmark, **settings)
        assert not list((tmp_path / "cache" / "pictures").iterdir())

    def test_a_ratio_below_one_is_refused_before(self, benchmark, tmp_path):
        """The pictures would be smaller than the crops."""
        with pytest.raises(InputError, match=r"^resize_ratio must be at least 1, got 0\.9$"):
            decoded_pictures(benchmark, size=28, resize_ratio=0.9)
        assert not (tmp_path / "cache").exists()

    def test_a_full_disk_is_told_before(self, benchmark, tmp_path, monkeypatch):
        usage = namedtuple("usage", "total used free")(10**6, 10**6, 100)
        monkeypatch.setattr(pictures.shutil, "disk_usage", lambda _: usage)
        with pytest.raises(InputError, match=r"^decoded pictures need about .* GB in .*, and 0\.0 GB are free"):
            decoded_pictures(benchmark, size=448)

    @pytest.mark.parametrize("name", ["index.npz", "pictures.bin"])
    def test_a_missing_file_is_named(self, benchmark, decoded, tmp_path, name):
        (decoded.folder / name).unlink()
        with pytest.raises(InputError, match=rf"{name} is missing: copy it from the original folder, or move"):
            decoded_pictures(benchmark, size=28, resize_ratio=8 / 7)

    @pytest.mark.parametrize("name", ["index.npz", "pictures.bin"])
    @pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
    def test_a_damaged_one_is_named(self, benchmark, decoded, tmp_path, name, kept):
        content = (decoded.folder / name).read_bytes()
        (decoded.folder / name).write_bytes(content[: int(kept * len(content))])
        message = f"{decoded.folder.name} is damaged: delete it, and the pictures are decoded again$"
        with pytest.raises(InputError, match=message):
            decoded_pictures(benchmark, size=28, resize_ratio=8 / 7)

    @pytest.mark.parametrize("error", [MemoryError(), PermissionError(13, "Permission denied"), OSError(116, "Stale")])
    def test_what_is_no_damage_keeps_its_name(self, benchmark, decoded, tmp_path, monkeypatch, error):
        def failing(*_, **__):
            raise error

        monkeypatch.setattr(pictures.np, "load", failing)
        with pytest.raises(type(error)) as caught:
            decoded_pictures(benchmark, size=28, resize_ratio=8 / 7)
        assert caught.value is error

    def test_one_with_too_few_pictures_is_named(self, benchmark, decoded, tmp_path):
        np.savez(decoded.folder / "index.npz", shapes=decoded.shapes[:-1], offsets=decoded.offsets[:-1])
        with pytest.raises(InputError, match="is damaged: delete it"):
            decoded_pictures(benchmark, size=28, resize_ratio=8 / 7)

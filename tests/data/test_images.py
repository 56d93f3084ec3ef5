"""Decoding and resizing against pictures whose pixels are known."""

import io
import os

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from zslcore.config import RunConfig
from zslcore.data.images import ImageDataset, eval_transform, picture_size, read_image, readable
from zslcore.errors import InputError


def noise(height=30, width=40, channels=3):
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(("height", "width"), [(30, 40), (40, 30), (64, 64), (200, 90)])
@pytest.mark.parametrize("resize_ratio", [1.0, 8 / 7])
def test_result_has_the_wanted_size_type_and_range(height, width, resize_ratio):
    halves = np.zeros((height, width, 3), dtype=np.uint8)
    halves[height // 2 :] = 255
    result = eval_transform(32, resize_ratio=resize_ratio)(Image.fromarray(halves))
    assert result.shape == (3, 32, 32)
    assert result.dtype == torch.float32
    assert result.min() == 0
    assert result.max() == 1


def test_square_image_of_the_wanted_size_is_only_scaled():
    pixels = noise(32, 32)
    expected = torch.from_numpy(pixels).permute(2, 0, 1) / 255
    torch.testing.assert_close(eval_transform(32)(Image.fromarray(pixels)), expected)


def test_crop_is_central_and_keeps_the_aspect_ratio():
    pixels = np.zeros((32, 96, 3), dtype=np.uint8)
    pixels[:, 32:64] = 255  # the central square, and no more, is white
    assert (eval_transform(32)(Image.fromarray(pixels)) == 1).all()
    assert (eval_transform(32)(Image.fromarray(pixels.transpose(1, 0, 2))) == 1).all()


def test_resize_ratio_gives_the_share_of_the_short_side_that_stays():
    ramp = np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, 256, 3))
    whole = eval_transform(128)(Image.fromarray(ramp))[0, :, 0] * 255
    part = eval_transform(128, resize_ratio=2.0)(Image.fromarray(ramp))[0, :, 0] * 255
    np.testing.assert_allclose(whole.numpy(), np.arange(128) * 2 + 0.5, atol=1)
    np.testing.assert_allclose(part.numpy(), np.arange(64, 192), atol=1)


def test_tensor_and_picture_give_the_same():
    pixels = noise(50, 70)
    from_picture = eval_transform(32)(Image.fromarray(pixels))
    torch.testing.assert_close(eval_transform(32)(torch.from_numpy(pixels).permute(2, 0, 1)), from_picture)


def test_ratio_below_1_is_refused():
    with pytest.raises(InputError, match=r"resize_ratio must be at least 1, got 0\.9"):
        eval_transform(32, resize_ratio=0.9)


def test_every_kind_of_picture_becomes_rgb(tmp_path):
    gray = noise(channels=1)[..., 0]
    rgb = noise()
    opaque = np.dstack([rgb, np.full((30, 40), 255, np.uint8)])
    expected = {
        "gray.png": (Image.fromarray(gray), np.dstack([gray] * 3)),
        "rgb.png": (Image.fromarray(rgb), rgb),
        "rgba.png": (Image.fromarray(opaque), rgb),
        "black_and_white.png": (
            Image.fromarray(gray).convert("1", dither=Image.Dither.NONE),
            np.dstack([(gray >= 128) * 255] * 3),
        ),
        "palette.png": (Image.fromarray(gray).convert("P"), np.dstack([gray] * 3)),
    }
    for name, (image, pixels) in expected.items():
        image.save(tmp_path / name)
        result = read_image(tmp_path / name)
        assert result.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(result), pixels, err_msg=name)


def test_cmyk_jpeg_becomes_the_colour_that_it_prints(tmp_path):
    Image.new("CMYK", (40, 30), (0, 255, 255, 0)).save(tmp_path / "red.jpg")
    np.testing.assert_allclose(np.asarray(read_image(tmp_path / "red.jpg"))[15, 20], (255, 0, 0), atol=4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_truncated_image_is_an_input_error_that_names_it(tmp_path, kind):
    content, path = encoded(Image.fromarray(noise()), kind), tmp_path / "bird.img"
    path.write_bytes(content)
    read_image(path)
    for length in range(0, int(len(content) * 0.9), 40):
        os.truncate(path, 0)
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"bird\.img cannot be read as an image: \w+") as caught:
            read_image(path)
        assert "\n" not in str(caught.value)


def test_a_picture_with_other_bytes_in_its_middle_is_an_input_error(tmp_path):
    content = encoded(Image.fromarray(noise()), "PNG")
    (tmp_path / "bird.png").write_bytes(content[:500] + bytes(500) + content[1000:])
    with pytest.raises(InputError, match=r"bird\.png cannot be read as an image"):
        read_image(tmp_path / "bird.png")


def test_what_is_no_image_is_an_input_error_that_names_it(tmp_path):
    (tmp_path / "text.jpg").write_text("not a bird\n")
    with pytest.raises(InputError, match=r"text\.jpg cannot be read as an image: not an image file \(BMP, .*, WEBP\)$"):
        read_image(tmp_path / "text.jpg")
    with pytest.raises(InputError, match=r"absent\.jpg cannot be read as an image: no such file$"):
        read_image(tmp_path / "absent.jpg")
    with pytest.raises(InputError, match=r"cannot be read as an image: .*Is a directory"):
        read_image(tmp_path)


def test_image_that_claims_a_gigantic_size_is_an_input_error(tmp_path):
    content = bytearray(encoded(Image.fromarray(noise()), "BMP"))
    content[18:26] = (60000).to_bytes(4, "little") * 2
    (tmp_path / "bomb.bmp").write_bytes(content)
    with pytest.raises(InputError, match=r"bomb\.bmp cannot be read as an image: it has more than 178 million pixels"):
        read_image(tmp_path / "bomb.bmp")


def test_dataset_gives_the_images_in_the_order_of_the_paths(tmp_path):
    paths = []
    for value in (10, 200, 90):
        paths.append(tmp_path / f"{value}.png")
        Image.new("RGB", (16, 16), (value,) * 3).save(paths[-1])
    dataset = ImageDataset(paths, eval_transform(8))
    assert len(dataset) == 3
    assert [round(float(dataset[index].mean()) * 255) for index in range(3)] == [10, 200, 90]


@pytest.mark.parametrize(
    ("text", "method", "raised", "message"),
    [
        (
            "DataLoader worker (pid(s) 7) exited unexpectedly",
            "spawn",
            InputError,
            r"below if __name__ == .* num_workers=0",
        ),
        ("before the current process has finished its bootstrapping phase", "spawn", InputError, "the processes that"),
        ("DataLoader worker (pid(s) 7) exited unexpectedly", "fork", RuntimeError, "exited unexpectedly"),
        ("CUDA error", "spawn", RuntimeError, "CUDA error"),
    ],
)
def test_a_script_that_spawned_processes_run_again_is_told_the_ways_out(monkeypatch, text, method, raised, message):
    def fail(self):
        raise RuntimeError(text)

    monkeypatch.setattr(DataLoader, "__iter__", fail)
    monkeypatch.setattr("multiprocessing.get_start_method", lambda: method)
    with pytest.raises(raised, match=message):
        next(readable(DataLoader([0])))


@pytest.mark.parametrize(("width", "height"), [(640, 480), (300, 512), (448, 448), (449, 1000)])
def test_published_settings_evaluate_as_the_release(width, height):
    """The release's test transform is torchvision's Resize(size) and CenterCrop(size), without a margin."""
    config = RunConfig.published("CUB")
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    release = v2.Compose([v2.Resize(448, antialias=True), v2.CenterCrop(448), v2.PILToTensor()])
    expected = release(picture).float() / 255
    ours = eval_transform(config.image_size, resize_ratio=config.resize_ratio)(picture)
    torch.testing.assert_close(ours, expected, atol=2 / 255, rtol=0)
    assert config.train_resize_ratio == 8 / 7


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bits_become_eight(tmp_path, order):
    """Pillow alone clips a grey picture of 16 bits, so that all of it is white."""
    values = np.linspace(0, 65535, 30 * 40).reshape(30, 40).astype(order)
    path = tmp_path / "gray.tif" if order == ">u2" else tmp_path / "gray.png"
    Image.fromarray(values).save(path)
    with Image.open(path) as stored:
        assert stored.mode.startswith("I")
    decoded = np.asarray(read_image(path))
    assert (decoded == (values >> 8).astype(np.uint8)[:, :, None]).all()


def test_twelve_bits_become_eight(tmp_path):
    """Cameras store 12 bits in 16; their pictures would be almost black."""
    values = np.linspace(0, 4095, 30 * 40).reshape(30, 40).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "gray.png"))[:, :, 0], values >> 4)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_what_is_transparent_is_white(tmp_path, mode):
    """Colours below full transparency are arbitrary, and differ between programs."""
    pixels, options = np.zeros((30, 40, 4), dtype=np.uint8), {}
    pixels[5:15, 5:15] = 40, 40, 40, 255
    image = Image.fromarray(pixels)
    if mode == "P":
        image = image.convert("RGB").quantize(2)
        options["transparency"] = image.getpixel((0, 0))
    elif mode == "RGB":
        image, options = image.convert("RGB"), {"transparency": (0, 0, 0)}
    else:
        image = image.convert(mode)
    image.save(tmp_path / "bird.png", **options)
    expected = np.where(pixels[:, :, 3:] > 0, 40, 255).repeat(3, axis=2)
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "bird.png")), expected)


TURNS = {2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 6: lambda a: np.rot90(a, 3), 8: np.rot90}


def write_turned(path, pixels, orientation):
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = orientation
    Image.fromarray(pixels).save(path, exif=tags)


@pytest.mark.parametrize("ending", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", TURNS)
def test_pictures_are_turned_as_their_tag_says(tmp_path, orientation, ending):
    path = tmp_path / f"bird{ending}"
    write_turned(path, noise(), 1)
    plain = np.asarray(read_image(path))
    write_turned(path, noise(), orientation)
    upright = TURNS[orientation](plain)
    np.testing.assert_array_equal(np.asarray(read_image(path)), upright)
    assert picture_size(path) == upright.shape[1::-1]


def test_a_grey_picture_of_sixteen_bits_is_turned(tmp_path):
    values = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40) * 50
    write_turned(tmp_path / "gray.png", values, 6)
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "gray.png"))[..., 0], np.rot90(values >> 8, 3))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("tags", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\x08\0\0\0\x01\0", b"MM"])
def test_damaged_tags_are_ignored(tmp_path, tags):
    Image.fromarray(noise()).save(tmp_path / "bird.jpg")
    plain = read_image(tmp_path / "bird.jpg")
    Image.fromarray(noise()).save(tmp_path / "bird.jpg", exif=tags)
    assert read_image(tmp_path / "bird.jpg").tobytes() == plain.tobytes()
    assert picture_size(tmp_path / "bird.jpg") == (40, 30)


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_eight_bits_stored_in_more_stay(tmp_path, kind):
    values = noise(channels=1)[..., 0]
    Image.fromarray(values.astype(kind)).save(tmp_path / "gray.tif")
    assert (np.asarray(read_image(tmp_path / "gray.tif")) == values[:, :, None]).all()


@pytest.mark.parametrize("values", [np.full((8, 8), 0.5, np.float32), np.full((8, 8), 70000, np.int32)], ids=str)
def test_values_of_unknown_range_are_refused(tmp_path, values):
    Image.fromarray(values).save(tmp_path / "picture.tif")
    with pytest.raises(InputError, match=r"picture\.tif cannot be read as an image: its values must be whole numbers"):
        read_image(tmp_path / "picture.tif")


def test_a_long_and_narrow_picture_is_refused(tmp_path):
    """Resized by its short side, a file of 300 bytes would fill the memory."""
    Image.new("L", (100_000, 1)).save(tmp_path / "line.png")
    assert (tmp_path / "line.png").stat().st_size < 1000
    with pytest.raises(InputError, match=r"line\.png cannot be read as an image: it has 100000 x 1 pixels"):
        read_image(tmp_path / "line.png")
    Image.new("L", (500, 10)).save(tmp_path / "panorama.png")
    assert read_image(tmp_path / "panorama.png").size == (500, 10)


@pytest.mark.filterwarnings("error")
def test_a_picture_of_a_hundred_million_pixels_is_read(tmp_path):
    """Phones take them, and Pillow only warns of them."""
    Image.new("1", (10_000, 10_000)).save(tmp_path / "large.png")
    assert read_image(tmp_path / "large.png").size == (10_000, 10_000)


def test_a_bitmap_of_windows_without_alpha_keeps_its_colours(tmp_path):
    """Programs of Windows write 32 bits a pixel, and 0 for alpha everywhere."""
    colours = np.concatenate([noise(), np.zeros((*noise().shape[:2], 1), np.uint8)], axis=2)
    Image.fromarray(colours, "RGBA").save(tmp_path / "window.bmp")
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "window.bmp")), noise())

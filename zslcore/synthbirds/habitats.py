"""Paints the background, one of six habitats, at a quarter of the canvas; enlarged, it looks out of focus."""

import numpy as np
from jaxtyping import Float, Float32
from PIL import Image, ImageDraw, ImageFilter

from zslcore.synthbirds.schema import Color, Rng, mix


def _clouds(rng: Rng, side: int, cells: int, *, stretch: int = 1) -> Float32[np.ndarray, "s s"]:
    """Smooth noise in [0, 1]: ``cells`` x ``cells / stretch`` random values, enlarged to side x side."""
    total = np.zeros((side, side), dtype=np.float32)
    for octave, weight in ((1, 0.6), (2, 0.4)):
        rows, columns = cells * octave, max(2, cells * octave // stretch)
        noise = Image.fromarray((rng.random((rows, columns)) * 255).astype(np.uint8))
        total += weight * np.asarray(noise.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    return total


def _gradient(side: int, top: Color, bottom: Color) -> Float[np.ndarray, "s s 3"]:
    t = np.linspace(0, 1, side)[:, None, None]
    return np.broadcast_to((1 - t) * np.array(top) + t * np.array(bottom), (side, side, 3)).copy()


def _picture(pixels: Float[np.ndarray, "s s 3"]) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _below(side: int, horizon: Float[np.ndarray, " s"]) -> Float[np.ndarray, "s s 1"]:
    """Mask of the pixels below a horizon (row for each column), with a transition of one pixel."""
    return np.clip(np.arange(side)[:, None] - horizon[None, :], 0, 1)[..., None]


def _hills(rng: Rng, side: int, height: float, swing: float) -> Float[np.ndarray, " s"]:
    """A wavy horizon around ``height`` (share of the side)."""
    x = np.linspace(0, 2 * np.pi, side)
    a, b, f = rng.uniform(0, 2 * np.pi, 3)
    return side * (height + swing * (np.sin(x * 0.7 + a) + 0.4 * np.sin(2.3 * x + b + f)))


def _sky(rng: Rng, side: int) -> Image.Image:
    pixels = _gradient(side, (86, 150, 222), (196, 224, 246))
    cloud = np.clip(_clouds(rng, side, 5, stretch=2) * 3 - 1.45, 0, 0.92)[..., None]
    return _picture(pixels * (1 - cloud) + cloud * np.array((252, 252, 255)))


def _forest(rng: Rng, side: int) -> Image.Image:
    picture = _picture(_gradient(side, (104, 142, 74), (38, 62, 36)) * (0.7 + 0.6 * _clouds(rng, side, 6)[..., None]))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(3, 7)):
        x, w, lean = rng.uniform(0, side), side * rng.uniform(0.03, 0.09), side * rng.uniform(-0.08, 0.08)
        bark = mix((74, 54, 38), (38, 44, 30), rng.random())
        draw.polygon(
            [(x - w / 2, 0), (x + w / 2, 0), (x + w * 0.7 + lean, side), (x - w * 0.7 + lean, side)], fill=bark
        )
    for _ in range(26):  # discs of light between leaves
        (x, y), r = rng.uniform(0, side, 2), side * rng.uniform(0.015, 0.06)
        draw.ellipse((x - r, y * 0.7 - r, x + r, y * 0.7 + r), fill=mix((84, 128, 60), (188, 214, 120), rng.random()))
    return picture.filter(ImageFilter.GaussianBlur(side * 0.018))


def _grass(rng: Rng, side: int) -> Image.Image:
    pixels = _gradient(side, (176, 208, 232), (226, 232, 214))
    far = _below(side, _hills(rng, side, rng.uniform(0.25, 0.4), 0.04))
    field = _gradient(side, (172, 196, 96), (98, 146, 50)) * (0.8 + 0.4 * _clouds(rng, side, 10)[..., None])
    picture = _picture(pixels * (1 - far) + far * field)
    draw = ImageDraw.Draw(picture)
    for _ in range(90):
        x, y = rng.uniform(0, side), side * rng.uniform(0.6, 1.1)
        tip = (x + side * rng.normal(0, 0.05), y - side * rng.uniform(0.1, 0.26))
        draw.line([(x, y), tip], fill=mix((72, 120, 40), (190, 200, 96), rng.random()), width=1)
    return picture.filter(ImageFilter.GaussianBlur(side * 0.006))


def _water(rng: Rng, side: int) -> Image.Image:
    pixels = _gradient(side, (190, 214, 226), (224, 228, 222))
    horizon = rng.uniform(0.2, 0.36)
    shore = _below(side, _hills(rng, side, horizon - 0.05, 0.02))
    pixels = pixels * (1 - shore) + shore * np.array(mix((96, 118, 104), (120, 140, 150), rng.random()))
    lake = _below(side, np.full(side, side * horizon))
    ripple = _clouds(rng, side, 28, stretch=6)[..., None] - 0.5
    water = _gradient(side, (142, 186, 200), (26, 92, 122)) + 95 * ripple
    return _picture(pixels * (1 - lake) + lake * water)


def _snow(rng: Rng, side: int) -> Image.Image:
    picture = _picture(_gradient(side, (166, 180, 200), (216, 222, 232)))
    draw = ImageDraw.Draw(picture)
    horizon = _hills(rng, side, rng.uniform(0.5, 0.62), 0.03)
    for _ in range(rng.integers(5, 10)):  # firs
        x = rng.integers(0, side)
        foot, tall = horizon[x] + side * 0.03, side * rng.uniform(0.2, 0.42)
        for level in range(4):
            y, w = foot - tall * level / 4, tall * 0.26 * (1 - level / 4.6)
            green = mix((58, 84, 84), (150, 168, 180), rng.random() * 0.6)
            draw.polygon([(x - w, y), (x + w, y), (x, y - tall * 0.42)], fill=green)
    ground = _below(side, horizon)
    drifts = _gradient(side, (226, 232, 242), (250, 252, 255)) - 26 * _clouds(rng, side, 7, stretch=2)[..., None]
    return _picture(np.asarray(picture, dtype=float) * (1 - ground) + ground * drifts)


def _desert(rng: Rng, side: int) -> Image.Image:
    pixels = np.asarray(_picture(_gradient(side, (150, 196, 220), (246, 224, 178))), dtype=float)
    for height, color in ((0.36, (206, 160, 112)), (0.52, (220, 168, 104)), (0.68, (232, 188, 124))):
        dune = _below(side, _hills(rng, side, height, 0.05))
        sand = np.array(color) + 26 * (_clouds(rng, side, 12, stretch=3)[..., None] - 0.5)
        pixels = pixels * (1 - dune) + dune * sand
    picture = _picture(pixels)
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(1, 4)):  # saguaros
        x, foot, tall = rng.uniform(0, side), side * rng.uniform(0.5, 0.72), side * rng.uniform(0.18, 0.34)
        green, w = mix((74, 104, 66), (116, 132, 84), rng.random()), max(2, round(tall * 0.16))
        draw.line([(x, foot), (x, foot - tall)], fill=green, width=w)
        for way, level in ((-1, 0.45), (1, 0.6)):
            elbow = (x + way * tall * 0.24, foot - tall * level)
            draw.line([(x, elbow[1]), elbow, (elbow[0], elbow[1] - tall * 0.28)], fill=green, width=max(1, w * 2 // 3))
    return picture


_PAINTERS = {"water": _water, "forest": _forest, "grass": _grass, "snow": _snow, "desert": _desert, "sky": _sky}


def background(habitat: str, canvas: int, rng: Rng) -> Image.Image:
    """A square RGB picture of the habitat, out of focus, with sides of ``canvas`` pixels."""
    picture = _PAINTERS[habitat](rng, canvas // 4)
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return picture.resize((canvas, canvas), Image.Resampling.BICUBIC)

"""Paints what is near a bird: its perch, leaves and blades in front of it, and the light."""

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from zslcore.synthbirds.anatomy import Points, spline
from zslcore.synthbirds.schema import Color, Rng, mix


def _limb(picture: Image.Image, path: Points, width: float, bark: Color) -> None:
    """A rounded branch: dark below, light above."""
    draw = ImageDraw.Draw(picture)
    for share, shift, tone in ((1.0, 0.0, -0.35), (0.8, -0.06, 0.0), (0.35, -0.2, 0.3)):
        color = mix(bark, (0, 0, 0) if tone < 0 else (255, 244, 220), abs(tone))
        line = path + np.array([0, shift * width])
        draw.line(line.ravel().tolist(), fill=color, width=max(1, round(width * share)), joint="curve")


def paint_perch(picture: Image.Image, habitat: str, feet: Points, unit: float, rng: Rng) -> None:
    """Paint a branch or a mound with its top at ``feet`` (canvas pixels); ``unit`` is the bird's size in pixels."""
    x, y = feet.mean(axis=0)
    on_branch = {"forest": 1.0, "sky": 1.0, "snow": 0.6, "grass": 0.4, "desert": 0.35, "water": 0.2}[habitat]
    paint = _paint_branch if rng.random() < on_branch else _paint_mound
    paint(picture, habitat, y, x, unit, rng)


def _paint_branch(picture: Image.Image, habitat: str, top: float, x: float, unit: float, rng: Rng) -> None:
    """A branch across the picture with a twig; leaves or snow on it in some habitats."""
    side, draw = picture.width, ImageDraw.Draw(picture)
    width = unit * rng.uniform(0.06, 0.1)
    bend, slope = rng.normal(0, 0.03, 2) * side, rng.normal(0, 0.06)
    xs = np.linspace(-0.05 * side, 1.05 * side, 7)
    ys = top + width * 0.5 + slope * (xs - x) + bend[0] * np.sin((xs - x) / side * 3) ** 2
    bark = mix((104, 78, 56), (120, 112, 100), rng.random())
    path = spline(np.stack([xs, ys], axis=1), closed=False)
    fork = path[rng.integers(len(path) // 5, len(path) * 4 // 5)]
    reach = side * np.array([rng.choice([-1, 1]) * rng.uniform(0.15, 0.3), rng.uniform(0.08, 0.22)])
    thick, thin = np.array([0, width * 0.28]), np.array([0, width * 0.1])
    twig = np.stack([fork - thick, fork + reach - thin, fork + reach + thin, fork + thick])
    draw.polygon(twig.ravel().tolist(), fill=mix(bark, (0, 0, 0), 0.15))
    if habitat in ("forest", "grass"):
        for share in rng.uniform(0.3, 1.0, 4):
            green = mix((58, 112, 44), (150, 170, 70), rng.random() * 0.6)
            _leaf(draw, fork + share * reach, rng.uniform(-0.4, np.pi + 0.4), side * rng.uniform(0.05, 0.09), green)
    _limb(picture, path, width, bark)
    if habitat == "snow":
        snow = path - np.array([0, width * 0.32])
        wave = width * (0.3 + 0.2 * np.sin(np.arange(len(path))[:, None] * 1.3))
        cap = np.concatenate([snow - wave * np.array([0, 0.5]), (snow + wave * np.array([0, 1.0]))[::-1]])
        draw.polygon(cap.ravel().tolist(), fill=(247, 250, 255))


def _paint_mound(picture: Image.Image, habitat: str, top: float, x: float, unit: float, rng: Rng) -> None:
    """A rock in the lake, a sandstone block, a tussock or a drift, flat where the bird stands."""
    side, draw = picture.width, ImageDraw.Draw(picture)
    stones = {"grass": (116, 148, 62), "snow": (240, 244, 252), "desert": (202, 146, 98), "water": (128, 124, 118)}
    spread = unit * (rng.uniform(0.38, 0.55) if habitat == "water" else rng.uniform(0.6, 1.1))
    floor = min(side * 0.985, top + unit * 0.3) if habitat == "water" else side * 1.02
    rise = min(unit * rng.uniform(0.1, 0.2), 0.7 * max(floor - top, 0))
    # a flat top with shoulders on both sides: jagged for stone, smooth for snow and turf
    jag = 0.02 * unit if habitat in ("water", "desert") else 0.01 * unit
    left = [(-1.0, 1.0), (-0.88, 0.5), (-0.66, 0.16), (-0.42, 0.02)]
    profile = np.array([*left, (0.0, 0.0), *((-u, v) for u, v in left[::-1])]) * [spread, rise] + np.array([x, top])
    profile += rng.normal(0, jag, profile.shape) * [[1], [1], [0.5], [0], [0], [0], [0.5], [1], [1]]
    crest = spline(profile, closed=False) if habitat in ("grass", "snow") else profile
    shade = (176, 190, 216) if habitat == "snow" else (44, 36, 34)
    soft = [(step * 0.03, 0.05 * step) for step in range(12)]
    for drop, tone in soft if habitat == "snow" else ((0.0, 0.0), (0.03, 0.12), (0.16, 0.26), (0.4, 0.38)):
        lower = np.minimum(crest + np.array([0.0, drop * unit]), floor)
        body = [(lower[0, 0] - spread * 0.06, floor), *lower.tolist(), (lower[-1, 0] + spread * 0.06, floor)]
        draw.polygon([tuple(p) for p in body], fill=mix(stones[habitat], shade, tone))
    if habitat == "water":
        for reach, tone in ((1.3, 0.5), (1.08, 0.15)):
            box = (x - spread * reach, floor - unit * 0.04 * reach, x + spread * reach, floor + unit * 0.05 * reach)
            draw.ellipse(box, fill=mix((36, 96, 124), (170, 204, 216), tone))
    if habitat == "grass":
        for _ in range(70):
            foot = np.array([x + rng.normal(0, spread * 0.8), top + unit * rng.uniform(0.08, 0.6)])
            tip = foot + unit * np.array([rng.normal(0, 0.05), -rng.uniform(0.06, 0.16)])
            green = mix((66, 112, 38), (178, 196, 92), rng.random())
            draw.line([tuple(foot), tuple(tip)], fill=green, width=max(1, side // 110))


def _leaf(
    draw: ImageDraw.ImageDraw, at: Float[np.ndarray, " 2"], angle: float, length: float, color: Color
) -> list[tuple[float, ...]]:
    """Draw a leaf with its midrib, and return its outline."""
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    shape = np.array([[0, 0], [0.25, 0.2], [0.6, 0.19], [1, 0], [0.6, -0.19], [0.25, -0.2]]) * length
    edge = at + shape[:, :1] * along + shape[:, 1:] * across
    outline = [tuple(p) for p in spline(edge, steps=4).tolist()]
    draw.polygon(outline, fill=color)
    draw.polygon([outline[0], *outline[12:]], fill=mix(color, (0, 0, 0), 0.16))
    rib = [tuple(at), tuple(at + 0.95 * length * along)]
    draw.line(rib, fill=mix(color, (255, 255, 220), 0.35), width=max(1, round(length * 0.03)))
    return outline


def paint_occluder(picture: Image.Image, habitat: str, target: Float[np.ndarray, " 2"], rng: Rng) -> Image.Image:
    """Paint leaves on a twig, or blades of grass, up to ``target`` (canvas pixels); return their mask."""
    side = picture.width
    layer, cover = picture.copy(), Image.new("L", picture.size)
    draw, hide = ImageDraw.Draw(layer), ImageDraw.Draw(cover)
    if habitat in ("grass", "water"):
        for _ in range(rng.integers(3, 7)):
            foot = np.array([target[0] + side * rng.normal(0, 0.12), side * 1.02])
            tip = np.array([target[0] + side * rng.normal(0, 0.05), target[1] - side * rng.uniform(-0.05, 0.25)])
            lean = (foot + tip) / 2 + [side * rng.normal(0, 0.03), 0]
            half = np.array([side * rng.uniform(0.008, 0.016), 0.0])
            blade = spline(np.stack([foot - half, lean - half, tip, lean + half, foot + half]), closed=False)
            pixels = blade.ravel().tolist()
            draw.polygon(pixels, fill=mix((62, 108, 40), (176, 186, 84), rng.random()))
            hide.polygon(pixels, fill=255)
    else:
        color = (150, 104, 58) if habitat in ("snow", "desert") else (66, 128, 52)
        away = rng.uniform(0, 2 * np.pi)
        start = target + 1.5 * side * np.array([np.cos(away), np.sin(away)])
        path = spline(np.stack([start, (start + 2 * target) / 3 + side * rng.normal(0, 0.04, 2), target]), closed=False)
        for d, fill in ((draw, (86, 66, 48)), (hide, 255)):
            d.line(path.ravel().tolist(), fill=fill, width=round(side * 0.012))
        for at in path[-9::2]:
            for way in (-1, 1):
                angle, length = away + np.pi + way * rng.uniform(0.4, 1.1), side * rng.uniform(0.07, 0.13)
                tint = mix(color, (206, 200, 110), rng.random() * 0.4)
                hide.polygon(_leaf(draw, at, angle, length, tint), fill=255)
    picture.paste(layer, mask=cover)
    return cover


def weather(picture: Image.Image, habitat: str, rng: Rng) -> Image.Image:
    """Apply exposure, warmth, vignette and sensor noise, and snowflakes in the habitat ``"snow"``."""
    side = picture.width
    pixels = np.asarray(picture, dtype=np.float32)
    warm = rng.normal(0, 0.04)
    gain = rng.uniform(0.82, 1.12) * np.array([1 + warm, 1, 1 - warm], dtype=np.float32)
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    vignette = 1 - rng.uniform(0, 0.14) * (axis[:, None] ** 2 + axis[None, :] ** 2)
    pixels = pixels * gain * vignette[..., None]
    pixels += rng.normal(0, rng.uniform(0.5, 3), (side, side, 1)).astype(np.float32)
    if habitat == "snow":
        for x, y in rng.integers(0, side, (rng.integers(0, 26), 2)):
            pixels[y : y + 2, x : x + 2] = 0.25 * pixels[y : y + 2, x : x + 2] + 0.75 * 252
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))

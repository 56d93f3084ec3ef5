"""Paints one bird: plumage, marks and light. Marks may cross an edge, because only the silhouette is pasted."""

from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from zslcore.synthbirds.anatomy import HEAD_RADIUS, Anatomy, Frame, Points, spline
from zslcore.synthbirds.schema import PALETTE, Color, Rng, mix


class Painter:
    """The paint (``color``) and the silhouette (``mask``) of one bird; points, widths and radii are in its frame."""

    def __init__(self, bird: Anatomy, frame: Frame, canvas: int, rng: Rng):
        self.bird, self.frame, self.rng = bird, frame, rng
        self.color = Image.new("RGB", (canvas, canvas), (90, 90, 90))
        self.mask = Image.new("L", (canvas, canvas))
        self.paint, self.cover = ImageDraw.Draw(self.color), ImageDraw.Draw(self.mask)

    def xy(self, points: Points) -> list[float]:
        """Canvas pixels x, y, x, y, ... for Pillow."""
        return self.frame(points).ravel().tolist()

    def fill(self, points: Points, color: Color, *, cover: bool = True) -> None:
        """Fill an outline; with ``cover=False`` the silhouette stays as it is."""
        pixels = self.xy(points)
        self.paint.polygon(pixels, fill=color)
        if cover:
            self.cover.polygon(pixels, fill=255)

    def stroke(self, points: Points, width: float, color: Color, *, cover: bool = False) -> None:
        """A line through points."""
        pixels, wide = self.xy(points), max(1, round(width * self.frame.scale))
        self.paint.line(pixels, fill=color, width=wide, joint="curve")
        if cover:
            self.cover.line(pixels, fill=255, width=wide, joint="curve")

    def dot(self, centre: Points, radius: float, color: Color) -> None:
        """A disc."""
        (x, y), r = self.frame(centre)[0], radius * self.frame.scale
        self.paint.ellipse((x - r, y - r, x + r, y + r), fill=color)

    def inside(self, outline: Points, value: int = 255) -> Image.Image:
        """Mask (L) with ``value`` inside an outline."""
        mask = Image.new("L", self.color.size)
        ImageDraw.Draw(mask).polygon(self.xy(outline), fill=value)
        return mask

    def only_within(self, outline: Points, before: Image.Image) -> None:
        """Restore the paint of ``before`` outside ``outline``."""
        self.color = Image.composite(self.color, before, self.inside(outline))
        self.paint = ImageDraw.Draw(self.color)

    def soften(self, radius: float) -> None:
        """Blur the paint (not the silhouette): feathers have no hard edges."""
        box, blur = self.mask.getbbox(), ImageFilter.BoxBlur(1.5 * radius * self.frame.scale)
        self.color.paste(self.color.crop(box).filter(blur), box)


def _color(name: str, rng: Rng) -> Color:
    """A colour of the palette with individual variation."""
    bright, tint = rng.uniform(0.9, 1.08), rng.normal(0, 4, 3)
    return tuple(int(v) for v in np.clip(np.array(PALETTE[name]) * bright + tint, 0, 255))


def _contrast(name: str) -> Color:
    """Colour of marks on plumage of this colour: cream on dark, near black on light."""
    return (245, 238, 220) if np.dot(PALETTE[name], (0.3, 0.59, 0.11)) < 135 else (52, 40, 36)


def paint_bird(canvas: Image.Image, bird: Anatomy, frame: Frame, values: Mapping[str, str], rng: Rng) -> None:
    """Paint a posed and placed bird onto ``canvas``, in place, with one value for each group of ``schema.GROUPS``."""
    p = Painter(bird, frame, canvas.width, rng)
    wing, breast = _color(values["wing_color"], rng), _color(values["breast_color"], rng)
    back = mix(wing, (70, 66, 62), 0.28)
    _paint_tail(p, wing)
    _paint_legs(p, _color(values["leg_color"], rng))
    p.fill(bird.outlines["contour"], back)
    p.fill(bird.outlines["head"], mix(back, breast, 0.45), cover=False)
    p.fill(bird.outlines["breast"], breast, cover=False)
    p.soften(0.012)
    _paint_breast(p, values["breast_pattern"], mix(breast, _contrast(values["breast_color"]), 0.85))
    crown = _color(values["crown_color"], rng)
    if bird.crest is not None:
        p.fill(bird.crest, crown)
    p.fill(bird.outlines["crown"], crown, cover=False)
    p.soften(0.005)
    wing_shape = _paint_wing(p, values["wing_pattern"], wing, _contrast(values["wing_color"]))
    _paint_face(p, values)
    _light(p, wing_shape, rng)
    canvas.paste(p.color, mask=p.mask)


def _paint_tail(p: Painter, wing: Color) -> None:
    tail = p.bird.outlines["tail"]
    color = mix(wing, (40, 36, 34), 0.25)
    p.fill(tail, color)
    base = p.bird.body((-0.34, 0.0))
    far = tail[np.linalg.norm(tail - base, axis=1) > 0.2]
    for tip in far[:: max(1, len(far) // 7)]:
        p.stroke(np.stack([base[0], base[0] + 0.93 * (tip - base[0])]), 0.007, mix(color, (0, 0, 0), 0.4))


def _paint_legs(p: Painter, color: Color) -> None:
    """Two legs with three toes forward and one back."""
    for hip, foot, shade in zip(p.bird.outlines["hips"], p.bird.outlines["feet"], (0.25, 0.0)):
        tone = mix(color, (0, 0, 0), shade)
        p.stroke(np.stack([hip, (hip + foot) / 2 + [-0.02, 0], foot]), 0.036, tone, cover=True)
        for toe in ((0.09, 0.012), (0.07, 0.035), (-0.05, 0.02)):
            p.stroke(np.stack([foot, foot + toe]), 0.024, tone, cover=True)


def _paint_breast(p: Painter, pattern: str, mark: Color) -> None:
    before, body, rng = p.color.copy(), p.bird.body, p.rng
    if pattern in ("spotted", "striped"):
        for row, v in enumerate(np.arange(-0.06, 0.24, 0.055)):
            for u in np.arange(-0.3, 0.42, 0.075) + 0.037 * (row % 2):
                u, w = np.array([u, v]) + rng.uniform(-0.008, 0.008, 2)
                if pattern == "spotted":
                    p.dot(body((u, w)), 0.0175, mark)
                else:
                    p.stroke(body((u, w), (u - 0.06, w + 0.012)), 0.018, mark)
    elif pattern == "barred":
        for u in np.arange(-0.36, 0.42, 0.062):
            p.stroke(spline(body((u, -0.1), (u + 0.03, 0.08), (u - 0.01, 0.26)), closed=False), 0.02, mark)
    elif pattern == "banded":
        p.stroke(spline(body((0.2, -0.16), (0.21, 0.02), (0.3, 0.16), (0.28, 0.26)), closed=False), 0.085, mark)
    p.only_within(p.bird.outlines["breast"], before)


def _paint_face(p: Painter, values: Mapping[str, str]) -> None:
    head, pattern = p.bird.head, values["head_pattern"]
    horn = mix((58, 56, 60), (214, 160, 70), float(p.rng.choice([0.0, 0.25, 0.8])))
    bill = p.bird.outlines["bill"]
    p.fill(bill, horn)
    tip = bill[np.argmax(np.linalg.norm(bill - head((0.9, 0.05)), axis=1))]
    middle = (bill[len(bill) // 3] + bill[-len(bill) // 3]) / 2
    p.stroke(np.stack([head((0.86, 0.06))[0], middle, tip]), 0.008, mix(horn, (0, 0, 0), 0.5))
    r, eye = HEAD_RADIUS, head((0.42, -0.1))
    if pattern == "masked":
        p.fill(spline(head((0.95, -0.16), (0.45, -0.36), (-0.2, -0.28), (-0.72, 0.1), (-0.2, 0.22), (0.45, 0.2),
                           (0.95, 0.16))), (26, 24, 28), cover=False)  # fmt: skip
    elif pattern == "eyebrow":
        brow = spline(head((0.9, -0.3), (0.45, -0.46), (-0.1, -0.4), (-0.85, -0.05)), closed=False)
        p.stroke(brow, 0.2 * r, (252, 250, 240))
    elif pattern == "eyering":
        p.dot(eye, 0.33 * r, (252, 250, 240))
    p.dot(eye, 0.21 * r, (18, 16, 18))
    p.dot(head((0.46, -0.1)), 0.16 * r, (58, 34, 22))
    p.dot(eye, 0.12 * r, (10, 8, 10))
    p.dot(head((0.48, -0.18)), 0.06 * r, (255, 255, 255))


def _paint_wing(p: Painter, pattern: str, wing: Color, mark: Color) -> Image.Image:
    """Paint the folded wing with coverts, flight feathers and the pattern, and return its mask (L)."""
    body, outline = p.bird.body, p.bird.outlines["wing"]
    shadow = p.inside(outline + np.array([0.0, 0.03]), 110)
    p.color.paste((20, 18, 24), mask=shadow.filter(ImageFilter.BoxBlur(0.025 * p.frame.scale)))
    p.fill(outline, wing)
    before, dark = p.color.copy(), mix(wing, (0, 0, 0), 0.42)
    for v in (-0.1, -0.06, -0.02, 0.02, 0.06):  # flight feathers run to the tip
        p.stroke(spline(body((0.02, v + 0.03), (-0.22, v * 0.8), (-0.54, -0.01 + v * 0.15)), closed=False), 0.009, dark)
    for u, span in ((0.0, 0.14), (0.09, 0.13), (0.17, 0.1)):  # rows of coverts
        turns = np.linspace(-1.4, 1.4, 31)
        arc = [(u + 0.04 * np.cos(t) - 0.024 * abs(np.sin(3.4 * t)), span * np.sin(t) - 0.02) for t in turns]
        p.stroke(body(*arc), 0.008, mix(wing, (0, 0, 0), 0.26))
    if pattern == "barred":
        for u in (0.1, -0.06):
            p.stroke(spline(body((u + 0.02, -0.22), (u - 0.02, -0.02), (u + 0.03, 0.18)), closed=False), 0.042, mark)
    elif pattern == "spotted":
        for row, v in enumerate(np.arange(-0.15, 0.16, 0.06)):
            for u in np.arange(-0.4, 0.26, 0.085) + 0.04 * (row % 2):
                p.dot(body((u, v)), 0.019, mark)
    elif pattern == "striped":
        for v in (-0.12, -0.06, 0.0, 0.06):
            stripe = spline(body((0.24, v * 0.9), (0.0, v + 0.02), (-0.54, -0.01 + v * 0.2)), closed=False)
            p.stroke(stripe, 0.022, mark)
    elif pattern == "patched":
        p.fill(spline(body((0.1, -0.1), (-0.12, -0.12), (-0.2, 0.0), (-0.1, 0.12), (0.06, 0.08))), mark, cover=False)
        for v in (-0.06, -0.01, 0.04):
            p.stroke(body((0.0, v + 0.02), (-0.2, v)), 0.008, mix(mark, wing, 0.45))
    p.only_within(outline, before)
    p.stroke(np.concatenate([outline, outline[:1]]), 0.008, dark)
    return p.inside(outline)


def _light(p: Painter, wing_shape: Image.Image, rng: Rng) -> None:
    """Shade body and wing as if lit from above, with a fine texture."""
    box = p.mask.getbbox()
    full = (box[2] - box[0], box[3] - box[1])
    small = (max(2, full[0] // 4), max(2, full[1] // 4))
    relief = np.zeros(small[::-1])
    for mask, blur, weight in ((p.mask, 0.055, 1.0), (p.mask, 0.02, 0.35), (wing_shape, 0.025, 0.35)):
        radius = blur * p.frame.scale / 4
        soft = mask.resize(small, Image.Resampling.BOX, box=box).filter(ImageFilter.GaussianBlur(radius))
        relief += weight * radius * np.asarray(soft, dtype=float) / 255
    down, right = np.gradient(relief)
    shade = 0.42 * (down + rng.uniform(-0.6, 0.6) * right) + rng.normal(0, 0.025, relief.shape)
    shade = Image.fromarray(np.clip(128 + 128 * shade, 0, 255).astype(np.uint8))
    shade = np.asarray(shade.resize(full, Image.Resampling.BILINEAR), dtype=np.float32)[..., None] / 128
    pixels = np.asarray(p.color.crop(box), dtype=np.float32)
    lit = pixels * np.minimum(shade, 1) + np.maximum(shade - 1, 0) * (265 - pixels) * 0.9
    p.color.paste(Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8)), box)

"""Renders one picture of a bird, and measures the ground truth of its parts."""

from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt

from zslcore.synthbirds import anatomy, habitats, painter, scene, schema


def render(values: dict[str, str], rng: schema.Rng, size: int = 128) -> tuple[Image.Image, dict[str, np.ndarray]]:
    """Render a bird with one value for each group; return the picture and the fields of its row in GroundTruth."""
    shrink = 3 if size >= 96 else 4  # drawn larger, then resized: anti-aliasing
    canvas, habitat = size * shrink, values["habitat"]
    picture = habitats.background(habitat, canvas, rng)
    bird = anatomy.pose(values, rng)
    frame = anatomy.place(bird, canvas, rng)
    scene.paint_perch(picture, habitat, frame(bird.outlines["feet"]), frame.scale, rng)
    painter.paint_bird(picture, bird, frame, values, rng)
    hidden = Image.new("L", picture.size)
    if rng.random() < 0.35:
        part = schema.PARTS[rng.integers(len(schema.PARTS) - 1)]
        hidden = scene.paint_occluder(picture, habitat, frame(bird.outlines[part]).mean(axis=0), rng)
    picture = picture.resize((size, size), Image.Resampling.LANCZOS)
    return scene.weather(picture, habitat, rng), _part_truth(bird, frame, size, hidden)


def _part_truth(bird: anatomy.Anatomy, frame: anatomy.Frame, size: int, hidden: Image.Image) -> dict[str, np.ndarray]:
    """Positions, boxes and visible shares of the parts, in pixels of the final picture."""
    half = hidden.width // 2  # regions at half the canvas are exact enough and four times faster
    regions = {part: _region(frame(bird.outlines[part]) / 2, half) for part in schema.PARTS[:-1]}
    for part in ("breast", "tail"):  # the folded wing covers them
        regions[part] &= ~regions["wing"]
    if bird.crest is not None:
        regions["head"] |= _region(frame(bird.crest) / 2, half)
    uncovered = np.asarray(hidden.resize((half, half))) < 128
    truth = [(*_box_and_centre(regions[part]), uncovered[regions[part]].mean()) for part in schema.PARTS[:-1]]
    background = ((0, 0, half, half), (half / 2, half / 2), 1.0)
    extents, positions, visible = zip(*truth, background)
    scale = np.float32(size / half)
    return {
        "positions": np.array(positions, dtype=np.float32) * scale,
        "extents": np.array(extents, dtype=np.float32) * scale,
        "visible": np.array(visible, dtype=np.float32),
    }


def _box_and_centre(region: Bool[np.ndarray, "s s"]) -> tuple[tuple[int, int, int, int], tuple[float, float]]:
    """Box of a region, and its innermost point, which lies inside a crescent too, unlike the mean."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    depth = distance_transform_edt(np.pad(region[top:bottom, left:right], 1))[1:-1, 1:-1]
    y, x = np.nonzero(depth >= depth.max() - 0.5)  # among the deepest, the one nearest to their mean
    middle = np.argmin((x - x.mean()) ** 2 + (y - y.mean()) ** 2)
    return (int(left), int(top), int(right), int(bottom)), (left + x[middle] + 0.5, top + y[middle] + 0.5)


def _region(outline: anatomy.Points, side: int) -> Bool[np.ndarray, "s s"]:
    mask = Image.new("1", (side, side))
    ImageDraw.Draw(mask).polygon(outline.ravel().tolist(), fill=1, outline=1)
    return np.array(mask)


def paint_file(path: Path, row: list[int], index: int, *, seed: int, size: int) -> dict[str, np.ndarray]:
    """Render and save image number ``index`` with the value indices ``row``; returns its parts."""
    values = {group: names[value] for (group, names), value in zip(schema.GROUPS.items(), row)}
    picture, parts = render(values, np.random.default_rng((seed, 3, index)), size)
    picture.save(path, format="PNG", compress_level=4)
    return parts

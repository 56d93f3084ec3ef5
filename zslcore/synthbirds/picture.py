"""One SynthBirds picture: from values and a random generator to pixels and the ground truth of its parts."""

from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt

from zslcore.synthbirds import anatomy, habitats, painter, scene, schema

_OCCLUDED_SHARE = 0.35


def render(
    values: dict[str, str], rng: np.random.Generator, size: int = 128
) -> tuple[Image.Image, dict[str, np.ndarray]]:
    """One picture (RGB, size x size) of a bird with ``values``, and its ``positions``, ``extents``, ``visible``.

    >>> values = {group: names[0] for group, names in schema.GROUPS.items()}
    >>> picture, parts = render(values, np.random.default_rng(0), size=64)
    >>> picture.size, parts["positions"].shape
    ((64, 64), (8, 2))
    """
    shrink = 3 if size >= 96 else 4
    canvas, habitat = size * shrink, values["habitat"]
    picture = habitats.background(habitat, canvas, rng)
    bird = anatomy.pose(values, rng)
    frame = anatomy.place(bird, canvas, rng)
    scene.paint_perch(picture, habitat, frame(bird.outlines["feet"]), frame.scale, rng)
    painter.paint_bird(picture, bird, frame, values, rng)
    hidden = Image.new("L", picture.size)
    if rng.random() < _OCCLUDED_SHARE:
        part = schema.PARTS[rng.integers(len(schema.PARTS) - 1)]
        hidden = scene.paint_occluder(picture, habitat, frame(bird.outlines[part]).mean(axis=0), rng)
    picture = picture.resize((size, size), Image.Resampling.LANCZOS)
    parts = _part_truth(bird, frame, canvas, shrink, hidden)
    return scene.weather(picture, habitat, rng), parts


def _part_truth(
    bird: anatomy.Anatomy, frame: anatomy.Frame, canvas: int, shrink: int, hidden: Image.Image
) -> dict[str, np.ndarray]:
    """Positions, boxes and visible shares of the parts, in pixels of the final picture."""
    half = canvas // 2  # exact enough, and four times cheaper than the canvas
    size, uncovered = canvas // shrink, np.asarray(hidden.resize((half, half))) < 128
    wing = _region(frame(bird.outlines["wing"]) / 2, half)
    positions, extents, visible = [], [], []
    for part in schema.PARTS:
        if part == "background":
            extents.append((0, 0, half, half))
            positions.append((half / 2, half / 2))
            visible.append(1.0)
            continue
        region = _region(frame(bird.outlines[part]) / 2, half)
        if part in ("breast", "tail"):  # the folded wing lies over them
            region &= ~wing
        if part == "head" and bird.crest is not None:
            region |= _region(frame(bird.crest) / 2, half)
        box, inner = _box_and_centre(region)
        extents.append(box)
        positions.append(inner)
        visible.append(uncovered[region].mean())
    to_final = size / half
    return {
        "positions": np.array(positions, dtype=np.float32) * np.float32(to_final),
        "extents": np.array(extents, dtype=np.float32) * np.float32(to_final),
        "visible": np.array(visible, dtype=np.float32),
    }


def _box_and_centre(region: Bool[np.ndarray, "s s"]) -> tuple[tuple[int, int, int, int], tuple[float, float]]:
    """Box of a region, and its innermost point: unlike the mean it lies on a crescent, and not at its edge."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    depth = distance_transform_edt(np.pad(region[top:bottom, left:right], 1))[1:-1, 1:-1]
    y, x = np.nonzero(depth >= depth.max() - 0.5)  # of equally deep ones, the one nearest to their mean
    middle = np.argmin((x - x.mean()) ** 2 + (y - y.mean()) ** 2)
    return (int(left), int(top), int(right), int(bottom)), (left + x[middle] + 0.5, top + y[middle] + 0.5)


def _region(outline: anatomy.Points, side: int) -> Bool[np.ndarray, "s s"]:
    """The pixels inside an outline."""
    mask = Image.new("1", (side, side))
    ImageDraw.Draw(mask).polygon([tuple(p) for p in outline.tolist()], fill=1, outline=1)
    return np.array(mask)


def paint_file(task: tuple[Path, list[int], tuple[int, ...], int]) -> dict[str, np.ndarray]:
    """Draw and save one image (path, value indices, seed, size): its generator depends on nothing but the task.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "bird.png"
    >>> parts = paint_file((path, [0] * len(schema.GROUPS), (0, 3, 7), 32))
    >>> with Image.open(path) as picture:
    ...     picture.size, {name: values.shape for name, values in parts.items()}
    ((32, 32), {'positions': (8, 2), 'extents': (8, 4), 'visible': (8,)})
    """
    path, row, entropy, size = task
    values = {group: names[index] for (group, names), index in zip(schema.GROUPS.items(), row)}
    picture, parts = render(values, np.random.default_rng(entropy), size)
    picture.save(path, format="PNG", compress_level=4)
    return parts

"""Outlines of a bird's parts in its own frame: it faces +x, y points down, and the body is about 0.8 long."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

Points = Float[np.ndarray, "n 2"]
Point = tuple[float, float] | Float[np.ndarray, " 2"]
HEAD_RADIUS = 0.175

_TAILS: dict[str, list[tuple[float, float]]] = {
    "forked": [(0, -0.07), (0.2, -0.1), (0.5, -0.2), (0.46, -0.13), (0.2, 0), (0.46, 0.13), (0.5, 0.2), (0.2, 0.1),
               (0, 0.07)],
    "fan": [(0, -0.06), (0.26, -0.2), (0.34, -0.15), (0.4, 0), (0.34, 0.15), (0.26, 0.2), (0, 0.06)],
    "pointed": [(0, -0.08), (0.22, -0.09), (0.38, -0.045), (0.52, 0), (0.38, 0.045), (0.22, 0.09), (0, 0.08)],
    "square": [(0, -0.07), (0.3, -0.085), (0.315, -0.08), (0.315, 0.08), (0.3, 0.085), (0, 0.07)],
    "long": [(0, -0.06), (0.3, -0.05), (0.8, -0.045), (0.9, 0), (0.8, 0.03), (0.3, 0.05), (0, 0.06)],
}  # fmt: skip
# Bills in head radii from the base of the bill: upper edge out to the tip, lower edge back.
_BILLS: dict[str, list[tuple[float, float]]] = {
    "cone": [(-0.12, -0.42), (0.3, -0.3), (0.72, 0.06), (0.3, 0.26), (-0.1, 0.36)],
    "dagger": [(-0.12, -0.26), (0.6, -0.17), (1.5, 0.05), (0.6, 0.17), (-0.1, 0.24)],
    "needle": [(-0.12, -0.12), (0.8, -0.06), (1.9, -0.03), (0.8, 0.06), (-0.1, 0.12)],
    "hooked": [(-0.12, -0.38), (0.35, -0.4), (0.8, -0.12), (0.82, 0.42), (0.6, 0.16), (0.3, 0.2), (-0.1, 0.3)],
    "curved": [(-0.12, -0.22), (0.6, -0.2), (1.2, 0.1), (1.6, 0.66), (1.1, 0.3), (0.6, 0.04), (-0.1, 0.18)],
    "spatulate": [(-0.12, -0.2), (0.7, -0.1), (1.1, -0.24), (1.45, -0.2), (1.58, 0.03),
                  (1.45, 0.24), (1.1, 0.26), (0.7, 0.12), (-0.1, 0.2)],
}  # fmt: skip


def _rotation(angle: float) -> Float[np.ndarray, "2 2"]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])


def spline(points: Points, closed: bool = True, steps: int = 8) -> Float[np.ndarray, "m 2"]:
    """Catmull-Rom curve through ``points``, with ``steps`` samples per segment."""
    padded = np.concatenate([points[-1:], points, points[:2]] if closed else [points[:1], points, points[-1:]])
    padded = padded[:, None]
    before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )
    return curve.reshape(-1, 2)


@dataclass(frozen=True)
class Frame:
    """Map from the bird's frame to canvas pixels: ``points @ matrix.T + offset``."""

    matrix: Float[np.ndarray, "2 2"]
    offset: Float[np.ndarray, " 2"]

    def __call__(self, points: Points) -> Points:
        """Canvas pixels of points in the bird's frame."""
        return points @ self.matrix.T + self.offset

    @property
    def scale(self) -> float:
        """Canvas pixels per unit of the bird's frame."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix))))


@dataclass
class Anatomy:
    """One posed bird in its own frame."""

    posture: float  # angles in radians, upwards from level
    head_tilt: float
    plump: float  # factor on the depth of the body
    outlines: dict[str, Points] = field(default_factory=dict)
    crest: Points | None = None  # ignored when the bird is placed, so its tip may leave the picture

    def body(self, *points: Point) -> Points:
        """Points given as (towards the breast, towards the belly)."""
        return np.array(points) * [1, self.plump] @ _rotation(self.posture)

    def head(self, *points: Point) -> Points:
        """Points given as (towards the bill, towards the throat), in head radii."""
        centre = self.body((0.30, -0.11))[0] + [0.04, -0.135]
        return centre + HEAD_RADIUS * np.array(points) @ _rotation(self.head_tilt)


def pose(values: Mapping[str, str], rng: np.random.Generator) -> Anatomy:
    """Pose a bird at random, with the shapes named by ``values`` (``bill_shape``, ``tail_shape``, ``head_pattern``)."""
    bird = Anatomy(rng.uniform(0.12, 0.85), rng.uniform(-0.25, 0.3), rng.uniform(0.9, 1.12))
    body, head, out = bird.body, bird.head, bird.outlines
    cap = head((0.95, -0.22), (0.62, -0.8), (0.0, -1.02), (-0.66, -0.8), (-0.99, -0.2))
    nape = (head((-0.98, 0.42)) + body((0.08, -0.24))) / 2
    back = body((0.0, -0.235), (-0.2, -0.19), (-0.36, -0.09), (-0.44, 0.0), (-0.36, 0.08))
    belly = body((-0.2, 0.18), (0.0, 0.235), (0.2, 0.2), (0.335, 0.08))
    throat = (body((0.37, -0.05)) + head((0.62, 1.05))) / 2
    contour = spline(np.concatenate([cap, nape, back, belly, throat, head((0.66, 0.78), (0.95, 0.26))]))
    out["contour"] = contour  # 8 samples per control point: points 0 to 4 are the cap, 10 to 16 vent to chin
    breast = body((0.28, -0.1), (0.2, 0.0), (0.05, 0.06), (-0.15, 0.08), (-0.34, 0.05))
    upper_edge = spline(np.concatenate([head((0.1, 0.72)), breast]), closed=False)
    out["breast"] = np.concatenate([contour[10 * 8 : 16 * 8 + 1], upper_edge])
    brow = head((0.97, -0.18), (0.55, -0.4), (0.1, -0.3), (-0.4, -0.1), (-0.95, 0.12))
    out["crown"] = np.concatenate([contour[: 4 * 8 + 4], spline(brow, closed=False)[::-1]])
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    out["head"] = head(*zip(np.cos(angle), np.sin(angle)))
    out["wing"] = spline(
        body((0.28, -0.02), (0.2, -0.14), (0.02, -0.19), (-0.25, -0.14), (-0.54, -0.01), (-0.28, 0.075),
             (-0.03, 0.14), (0.18, 0.11))
    )  # fmt: skip
    if values.get("head_pattern") == "crested":
        bird.crest = head((0.5, -0.8), (-0.1, -1.35), (-0.95, -1.95), (-0.8, -1.45), (-1.4, -1.4), (-1.05, -0.95),
                          (-1.35, -0.7), (-0.9, -0.35))  # fmt: skip
    _add_tail_bill_legs(bird, values, rng)
    return bird


def _add_tail_bill_legs(bird: Anatomy, values: Mapping[str, str], rng: np.random.Generator) -> None:
    out = bird.outlines
    swing = bird.posture + rng.uniform(-0.3, 0.25)
    tail = np.array(_TAILS[values["tail_shape"]]) * rng.uniform(0.92, 1.08) * [-1, 1]
    tail = bird.body((-0.34, 0.0)) + tail @ _rotation(swing)
    out["tail"] = spline(tail, steps=6) if values["tail_shape"] != "square" else tail
    bill = np.array(_BILLS[values["bill_shape"]]) * rng.uniform(0.92, 1.08) + [0.93, 0.04]
    out["bill"] = spline(bird.head(*bill), closed=False) if values["bill_shape"] != "dagger" else bird.head(*bill)
    hips = bird.body((-0.06, 0.17), (0.06, 0.18))
    feet = hips + np.array([[0.02, 0.0], [0.05, 0.0]])
    feet[:, 1] = bird.body((0.0, 0.235))[0, 1] + 0.2 + np.array([0.0, 0.012])
    out["hips"], out["feet"] = hips, feet
    crotch = hips.mean(axis=0, keepdims=True)  # one outline round both legs, open between them
    far, near = feet[:1], feet[1:]
    corners = np.array([[-0.02, 0], [-0.05, 0.02], [0.03, 0.02], [0, 0.06], [-0.03, 0.02], [0.09, 0.03], [0.02, 0]])
    out["leg"] = np.concatenate([hips[:1], far, far, crotch, near, near, hips[1:]]) + corners


def place(bird: Anatomy, canvas: int, rng: np.random.Generator) -> Frame:
    """Flip, turn, scale and shift ``bird`` at random, with its outlines inside a square canvas (side in pixels)."""
    turn, flip = rng.uniform(-0.12, 0.12), rng.choice([-1.0, 1.0])
    matrix = _rotation(turn) @ np.diag([flip, 1.0])
    points = np.concatenate(list(bird.outlines.values())) @ matrix.T
    low, high = points.min(axis=0), points.max(axis=0)
    scale = min(rng.uniform(0.56, 0.72), 0.95 / (high - low).max()) * canvas
    slack = canvas - scale * (high - low)
    share = np.clip(rng.normal([0.5, 0.52], [0.17, 0.13]), 0.03, [0.97, 0.9])  # near the middle, a little low
    return Frame(matrix * scale, slack * share - scale * low)

"""Null models fitted to observed errors, and the share of the errors that they explain."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy
from jaxtyping import Float, Int

from zslcore.analysis._arrays import takes_tables
from zslcore.analysis._checks import check_shapes, present_classes
from zslcore.analysis.nulls import LARGEST_PULL, NULLS, check_null, errors_of_draws, image_counts, null_draws
from zslcore.errors import InputError


class FittedNull(NamedTuple):
    """A null model fitted to an error matrix: noise, pull (0 for models without a pull) and error matrix."""

    noise: float
    pull: float
    errors: Float[np.ndarray, "C A"]


@takes_tables
def fit_null(
    labels: Float[np.ndarray, "C A"],
    errors: Float[np.ndarray, "C A"],
    kind: str,
    *,
    images: int | Int[np.ndarray, " C"],
    seed: int = 0,
    normalize: bool = True,
    shared: Float[np.ndarray, " A"] | None = None,
) -> FittedNull:
    """Fit a null model: the noise gives the mean error of ``errors``, the pull the closest errors (least squares).

    If the mean error of the image labels alone is larger, the noise is 0.

    Args and errors are those of :func:`matched_nulls`.

    Example:
        >>> from zslcore.analysis import null_errors
        >>> labels = np.random.default_rng(0).random((20, 30))
        >>> made = null_errors(labels, "missing_mean", images=500, noise=0.1, pull=0.8, rng=np.random.default_rng(1))
        >>> noise, pull, _ = fit_null(labels, made, "missing_mean", images=500)
        >>> round(noise, 1), round(pull, 1)
        (0.1, 0.8)
    """
    check_shapes(labels, errors, "labels and errors")
    present, placed = present_classes(errors), np.full(errors.shape, np.nan)
    if not present.any():
        return FittedNull(float("nan"), float("nan"), placed)
    count, known, seen = image_counts(images, len(labels))[present], labels[present], errors[present].astype(np.float64)
    check_null(known, kind, 0.0, 0.0)
    # the same random numbers every time, so that errors grow with the noise
    draws = list(null_draws(kind, np.maximum(count, 1), labels.shape[1], np.random.default_rng(seed)))

    @functools.lru_cache  # the searches below ask for some matrices up to three times
    def draw(noise: float, pull: float) -> np.ndarray:
        return errors_of_draws(known, kind, draws, noise=noise, pull=pull, normalize=normalize, shared=shared)

    def noise_of(pull: float) -> float:
        return _root(lambda noise: float(draw(noise, pull).mean()), float(seen.mean()), kind)

    pull = _closest_pull(draw, noise_of, seen, LARGEST_PULL[kind]) if kind in LARGEST_PULL else 0.0
    noise = noise_of(pull)
    placed[present] = np.where(count[:, None] > 0, draw(noise, pull), np.nan)
    return FittedNull(noise, pull, placed)


@takes_tables
def matched_nulls(
    labels: Float[np.ndarray, "C A"],
    errors: Float[np.ndarray, "C A"],
    *,
    images: int | Int[np.ndarray, " C"],
    seed: int = 0,
    normalize: bool = True,
    shared: Float[np.ndarray, " A"] | None = None,
    kinds: Sequence[str] = NULLS,
) -> dict[str, Float[np.ndarray, "C A"]]:
    """An error matrix of each null model by its name, all with the mean error of ``errors``, see :func:`fit_null`.

    Raises InputError if no noise gives the mean (normalised predictions, for example, cannot reach 3 / A).

    ``images``, ``normalize`` and ``shared`` are as in :func:`zslcore.analysis.null_errors`, and as the errors were
    measured. A row of NaN in ``errors`` is an absent class.

    Example:
        >>> nulls = matched_nulls(np.eye(50), np.full((50, 50), 0.01), images=100)
        >>> {kind: round(float(matrix.mean()), 3) for kind, matrix in nulls.items()}
        {'constant': 0.01, 'multiplicative': 0.01, 'shrinkage': 0.01, 'missing_mean': 0.01}
    """
    return {
        kind: fit_null(labels, errors, kind, images=images, seed=seed, normalize=normalize, shared=shared).errors
        for kind in kinds
    }


@takes_tables
def explained_share(errors: Float[np.ndarray, "C A"], null: Float[np.ndarray, "C A"]) -> float:
    """R^2: the share of the variance of the errors over cells that a null model explains; it may be negative.

    Rows of NaN in either are left out. NaN if the errors are all equal.

    Example:
        >>> explained_share(np.array([[1.0, 3.0]]), np.array([[1.0, 2.0]]))
        0.5
    """
    check_shapes(errors, null, "errors and null")
    both = present_classes(errors) & present_classes(null)
    errors, null = errors[both].astype(np.float64), null[both]
    spread = ((errors - errors.mean()) ** 2).sum() if both.any() else 0.0
    return float(1 - ((errors - null) ** 2).sum() / spread) if spread > 0 else float("nan")


def _closest_pull(
    draw: Callable[..., np.ndarray], noise_of: Callable[[float], float], seen: np.ndarray, most: float
) -> float:
    """The pull whose errors are closest to the observed ones, with the noise that gives their mean."""
    mean = float(seen.mean())
    if mean == 0:
        return 0.0
    if draw(0.0, most).mean() > mean:  # the largest pull exceeds the mean without noise
        most = float(scipy.optimize.brentq(lambda pull: draw(0.0, pull).mean() - mean, 0, most, xtol=1e-3))
        most = max(0.0, most - 1e-3)  # leave room for noise
    distance = lambda pull: float(((draw(noise_of(pull), pull) - seen) ** 2).mean())  # noqa: E731
    return float(
        scipy.optimize.minimize_scalar(distance, bounds=(0, most), method="bounded", options={"xatol": 0.01}).x
    )


def _root(mean_error: Callable[[float], float], target: float, kind: str) -> float:
    """The noise at which the mean error, which increases with it, is the target."""
    low, high = 0.0, np.sqrt(target)
    if mean_error(0.0) >= target:
        return 0.0
    while mean_error(high) < target:
        low, high = high, 2 * high
        if high > 1e6 * np.sqrt(target):
            raise InputError(f"errors must have a mean that {kind} noise can reach, got {target:.3g}")
    noise = float(scipy.optimize.brentq(lambda noise: mean_error(noise) - target, low, high, rtol=1e-6))
    if abs(mean_error(noise) - target) > 0.01 * target:  # the mean jumps
        raise InputError(f"errors must have a mean that {kind} noise can reach, got {target:.3g}")
    return noise

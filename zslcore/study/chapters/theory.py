"""Numeric checks of the statements in notebook 03_theory."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from scipy import special, stats

from zslcore.analysis import noise_weight, row_correlation, theil_index
from zslcore.losses import cosine_cross_entropy, mse_loss
from zslcore.remse import ReMSE, remse_weights


def gradient_ratios(
    cosines: Sequence[float], *, attributes: int, classes: int, lam: float, scale: float
) -> pd.DataFrame:
    """Derivatives of the cross entropy and of lambda * MSE with respect to the cosine with the true class vector.

    The class vectors are orthogonal and the prediction moves in a plane, so that no other cosine changes.

    Args:
        cosines: cosines between prediction and true class vector, in (-1, 1).
        attributes: number of attributes, above ``classes``.
        classes: number of classes.
        lam: lambda.
        scale: scale of the cosine classifier.

    Returns:
        A row per cosine: the probability ``P`` of the true class, both derivatives, their ``ratio``, and the
        ``formula`` 2 lambda / (A scale (1 - P)).

    Example:
        >>> frame = gradient_ratios([0.3], attributes=312, classes=16, lam=0.25, scale=20)
        >>> frame[["ratio", "formula"]].round(5).values.tolist()
        [[0.00224, 0.00224]]
    """
    axes = torch.eye(attributes, dtype=torch.float64)
    rows = []
    for value in cosines:
        cosine = torch.tensor(value, dtype=torch.float64, requires_grad=True)
        prediction = (cosine * axes[0] + (1 - cosine**2).sqrt() * axes[-1])[None]
        entropy = cosine_cross_entropy(prediction, axes[:classes], torch.tensor([0]), scale=scale)
        (by_entropy,) = torch.autograd.grad(entropy, cosine, retain_graph=True)
        (by_mse,) = torch.autograd.grad(lam * mse_loss(prediction, axes[:1]), cosine)
        unsure = -torch.expm1(-entropy).detach()  # 1 - P
        formula = 2 * lam / (attributes * scale * unsure)
        rows.append([value, *map(float, (1 - unsure, by_entropy, by_mse, by_mse / by_entropy, formula))])
    names = ["cosine", "P", "by cross entropy", "by MSE", "ratio", "formula"]
    return pd.DataFrame(rows, columns=names).set_index("cosine")


def remse_step(
    errors: Float[np.ndarray, " n"], slopes: Float[np.ndarray, "n k"], *, size: float = 1e-3
) -> pd.DataFrame:
    """Errors before and after one gradient step on the ReMSE loss with p = 1, p2 = 0.

    Args:
        errors: errors m.
        slopes: derivative of each error with respect to each of k parameters; errors are treated as linear in them.
        size: step size.

    Returns:
        The rows ``before`` and ``after``, the columns ``potential`` (sum of m ln(m / smallest m before the step)),
        ``mean`` and ``theil``.

    Example:
        >>> remse_step(np.array([1.0, np.e]), np.array([[1.0], [-0.8]])).round(4)  # the mean rises
                potential    mean   theil
        before     2.7183  1.8591  0.1109
        after      2.7179  1.8592  0.1108
    """
    weights = remse_weights(torch.from_numpy(errors)[:, None], p=1, p2=0)[:, 0].numpy()
    rows = {}
    for when, values in (("before", errors), ("after", errors - size * slopes @ slopes.T @ weights)):
        potential = (values * np.log(values / errors.min())).sum()
        rows[when] = {"potential": potential, "mean": values.mean(), "theil": theil_index(values)}
    return pd.DataFrame(rows).T


def low_rank_errors(p2: float, *, seed: int, steps: int = 400) -> Float[np.ndarray, "40"]:
    """Errors of 40 linear outputs of 6 inputs after fitting a linear model of rank 2.

    Each output is weighted by ReMSE with p = 0. Weights are divided by their mean.

    Args:
        p2: exponent of ReMSE; 0 is the plain mean squared error.
        seed: seed of the data and of the first factors.
        steps: steps of Adam.

    Example:
        >>> plain, remse = (low_rank_errors(p2, seed=0) for p2 in (0, 1))
        >>> bool(theil_index(remse) < theil_index(plain))
        True
    """
    draws = torch.Generator().manual_seed(seed)
    inputs = torch.randn(400, 6, generator=draws)
    mixing = torch.randn(6, 40, generator=draws)
    outputs = inputs @ mixing * torch.linspace(0.2, 1, 40)
    first = (0.3 * torch.randn(6, 2, generator=draws)).requires_grad_()
    second = (0.3 * torch.randn(2, 40, generator=draws)).requires_grad_()
    optimizer = torch.optim.Adam([first, second], lr=0.02)
    for _ in range(steps):
        error = (inputs @ first @ second - outputs).square().mean(0)
        weight = remse_weights(error[None], p=0, p2=p2)[0]
        optimizer.zero_grad()
        (weight / weight.mean() * error).sum().backward()
        optimizer.step()
    return error.detach().numpy()


def mean_noise_weights(draws: Float[np.ndarray, "n cells"], counts: Sequence[int]) -> list[float]:
    """Mean ReMSE weight (p = 1, p2 = 0) over the first ``count`` columns, for each count.

    Args:
        draws: independent errors of equal expectation, n times.
        counts: numbers of cells that are compared.

    Example:
        >>> mean_noise_weights(np.array([[1.0, np.e], [1.0, 1.0]]), [1, 2])
        [1.0, 1.25]
    """
    means = []
    for count in counts:
        cells = draws[:, :count]
        means.append(float((1 + np.log(cells / cells.min(1, keepdims=True))).mean()))
    return means


def weights_on_noise(remse: ReMSE, errors: Float[torch.Tensor, "n B 1"]) -> Float[np.ndarray, "n C"]:
    """Weights that ReMSE gives to the classes of n batches without any signal, all classes in turn in each batch.

    Args:
        remse: the loss, for one attribute.
        errors: prediction minus target.

    Example:
        >>> weights_on_noise(ReMSE(2, 1, p=1, p2=0, normalize=False), torch.tensor([[[1.0], [1.0]]]))
        array([[1., 1.]], dtype=float32)
    """
    labels = torch.arange(errors.shape[1]) % remse.num_classes
    weights = []
    for batch in errors:
        remse(batch, torch.zeros_like(batch), labels)
        weights.append(remse.weights[:, 0].numpy().copy())
    return np.stack(weights)


def expected_floor(classes: int, shots: int, *, batches: float) -> pd.DataFrame:
    """Expected weight of noise (p = 1, p2 = 0) for several references and for a moving average.

    Args:
        classes: number of classes compared.
        shots: images of each class.
        batches: number of batches whose mean varies as much as the moving average.

    Returns:
        The expectation for each reference, and what it would be if weights below 1 were not clipped.

    Example:
        >>> expected_floor(16, 2, batches=19).round(2)
                       expected  without the clip
        min                3.77              3.77
        quantile 0.25      1.87              1.62
        median             1.37              0.81
        mean               1.22              0.45
        min of an EMA      1.43              1.43
    """
    logs = _sorted_log_errors(classes, shots)
    rows = {}
    for name, level in {"min": 0, "quantile 0.25": 0.25, "median": 0.5}.items():
        above = logs - np.interp(level * (classes - 1), np.arange(classes), logs)
        rows[name] = (1 + above.clip(0).mean(), 1 + above.mean())
    share = stats.beta(shots / 2, (classes - 1) * shots / 2)
    unclipped = special.digamma(shots / 2) - special.digamma(classes * shots / 2) + np.log(classes)
    rows["mean"] = (1 + share.expect(lambda b: np.log(classes * b), lb=1 / classes), 1 + unclipped)
    average = noise_weight(classes, round(batches * shots))
    rows["min of an EMA"] = (average, average)
    return pd.DataFrame(rows, index=["expected", "without the clip"]).T


def _sorted_log_errors(classes: int, shots: int) -> Float[np.ndarray, " classes"]:
    """Expectations of the sorted logarithms of noise errors, up to a common constant."""
    x = np.linspace(-40, 8, 20_001)
    rank = np.arange(classes)[:, None]
    level = stats.beta.cdf(stats.loggamma.cdf(x, shots / 2), rank + 1, classes - rank)
    return np.diff(level) @ (x[1:] + x[:-1]) / 2


def null_correlations(labels: Float[np.ndarray, "C A"], noise: Float[np.ndarray, "n C A"]) -> dict[str, float]:
    """Correlation of label and squared error under each null model, averaged over classes.

    Args:
        labels: class vectors.
        noise: noise of n images of each class.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> correlations = null_correlations(rng.random((50, 100)), 0.3 * rng.normal(size=(20, 50, 100)))
        >>> round(correlations["multiplicative"], 1), abs(correlations["constant"]) < 0.1
        (0.9, True)
    """
    unit = _unit(labels)
    errors = {
        "constant": noise**2,
        "multiplicative": (labels * (1 + noise) - labels) ** 2,
        "shrinkage": (0.7 * labels + 0.3 * labels.mean(0) + noise - labels) ** 2,
        "constant, normalised": (_unit(unit + noise / 6) - unit) ** 2,
    }
    return {name: float(row_correlation(labels, error.mean(0)).mean()) for name, error in errors.items()}


def normalised_noise(
    labels: Float[np.ndarray, "C A"], noise: Float[np.ndarray, "n C A"], sizes: Sequence[float]
) -> pd.DataFrame:
    """Error of normalised predictions with constant noise, as a line over the squared label.

    Args:
        labels: class vectors of length 1.
        noise: standard normal noise of n images of each class.
        sizes: standard deviations of the noise.

    Returns:
        A row per size: the mean cosine of prediction and label, the expected slope, the ``measured`` slope, and the
        correlation of label and error.

    Example:
        >>> labels, noise = np.eye(5), np.random.default_rng(0).normal(size=(2000, 5, 5))
        >>> frame = normalised_noise(labels, noise, [0.5])
        >>> frame[["slope over squared label", "measured"]].round(2).values.tolist()
        [[0.04, 0.04]]
    """
    rows = {}
    for size in sizes:
        prediction = _unit(labels + size * noise)
        cosine, error = (prediction * labels).sum(-1), ((prediction - labels) ** 2).mean(0)
        across = (1 - cosine**2).mean() / (labels.shape[1] - 1)
        expected = ((1 - cosine) ** 2).mean() - across
        measured = np.polyfit((labels**2).ravel(), error.ravel(), 1)[0]
        rows[size] = (cosine.mean(), expected, measured, row_correlation(labels, error).mean())
    names = ["mean cosine", "slope over squared label", "measured", "correlation"]
    return pd.DataFrame(rows, index=names).T.rename_axis("constant noise")


def class_gaps(kinds: Mapping[str, Float[np.ndarray, "C A"]], *, scale: float) -> pd.DataFrame:
    """Distances between classes for a cosine classifier, for each kind of class vectors.

    Args:
        kinds: class vectors by name, scaled to unit length here.
        scale: scale of the classifier.

    Returns:
        A row per kind: ``shared``, the squared length q of the mean of the unit vectors; ``mean cosine`` of two
        classes; ``mean gap`` between the logits of the right and of another class for a perfect prediction; and the
        ``formula`` scale * C (1 - q) / (C - 1).

    Example:
        >>> class_gaps({"plain": np.array([[3.0, 4.0], [4.0, 3.0]])}, scale=10).round(2).values.tolist()
        [[0.98, 0.96, 0.4, 0.4]]
    """
    rows = {}
    for name, vectors in kinds.items():
        unit, classes = _unit(vectors), len(vectors)
        shared = float((unit.mean(0) ** 2).sum())
        cosine = (unit @ unit.T)[~np.eye(classes, dtype=bool)].mean()
        formula = scale * classes * (1 - shared) / (classes - 1)
        rows[name] = {"shared": shared, "mean cosine": cosine, "mean gap": scale * (1 - cosine), "formula": formula}
    return pd.DataFrame(rows).T


def _unit(vectors: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

"""ReMSE as a scikit-learn regressor: a linear model or a network with one hidden layer, fitted on all rows at once.

The weights are computed from the training errors of all rows. For given weights a linear model has a closed-form
solution; weights and solution are updated in turn until they agree. A network computes new weights in each step.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zslcore._io.determinism import usual_torch
from zslcore._io.extras import require
from zslcore._io.numbers import as_array, is_whole
from zslcore.errors import InputError
from zslcore.losses.checks import check_positive
from zslcore.losses.shapes import Cells, Outputs
from zslcore.remse import remse_weights

require("sklearn", "sklearn")

from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils import check_consistent_length, check_random_state  # noqa: E402
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data  # noqa: E402

TINY = 1e-12  # errors below this share of the variance of y are rounding errors, and get weight 1
PATIENCE = 50  # steps of Adam without a lower loss


class ReMSERegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Regression of one or several outputs, with errors balanced over groups of rows and over outputs.

    Outputs are compared in the units of ``y``. If these differ, scale the outputs first, for example with
    ``TransformedTargetRegressor(ReMSERegressor(), transformer=StandardScaler())``, or set ``p2=0``. With ``p = p2 = 0``
    the linear model is Ridge. Without groups it is Ridge with a different penalty for each output.

    Args:
        p: exponent that balances groups within an output, >= 0.
        p2: exponent that balances outputs within a group, >= 0.
        hidden: number of hidden units (tanh); 0 is a linear model.
        alpha: L2 penalty, >= 0, as in Ridge: alpha times the sum of squared coefficients is added to the sum of squared
            errors. With a hidden layer, it penalises the coefficients for standardised X and y.
        max_iter: largest number of updates of the weights; with a hidden layer, of optimiser steps.
        tol: stop when an update changes each weight by at most this share; with a hidden layer, when 50 steps have not
            lowered the loss by this share.
        learning_rate: step size of Adam; hidden layer only.
        random_state: seed of the initial coefficients; hidden layer only.

    Attributes:
        coef_, intercept_: (A, D) and (A,), or (D,) and a number if y has one dimension; linear model only.
        coefs_, intercepts_: those of both layers; the prediction is
            ``tanh(X @ coefs_[0] + intercepts_[0]) @ coefs_[1] + intercepts_[1]``.
        groups_: the C groups, in the order of their first rows.
        errors_: mean squared training error of each group and output, in the units of y squared, (C, A).
        weights_: ReMSE's weights for these errors, scaled to mean 1 over rows and outputs, (C, A).
        n_iter_: number of updates or steps.

    Example:
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 6.0]
        >>> model = ReMSERegressor(p=1, alpha=0).fit(X, y, groups=["near", "near", "far", "far"])
        >>> model.predict([[3.0]]).round(2), model.weights_.round(2).tolist()
        (array([5.19]), [[0.68], [1.32]])
    """

    def __init__(
        self,
        *,
        p: float = 0.5,
        p2: float = 0.5,
        hidden: int = 0,
        alpha: float = 1.0,
        max_iter: int = 1000,
        tol: float = 1e-4,
        learning_rate: float = 0.01,
        random_state: Any = None,
    ) -> None:
        self.p, self.p2, self.hidden, self.alpha = p, p2, hidden, alpha
        self.max_iter, self.tol, self.learning_rate, self.random_state = max_iter, tol, learning_rate, random_state

    def fit(self, X: Any, y: Any, groups: Any = None, sample_weight: Any = None) -> "ReMSERegressor":
        """Fit the model to X (B, D) and y (B, A) or (B,).

        Args:
            groups: label of each row, any hashable, (B,); None puts all rows into one group.
            sample_weight: weight of each row, >= 0, (B,); 2 counts as two equal rows.
        """
        for name, smallest in (("hidden", 0), ("max_iter", 1)):
            value = getattr(self, name)
            if not is_whole(value) or value < smallest:
                raise InputError(f"{name} must be a whole number of at least {smallest}, got {value!r}")
        check_positive("alpha", self.alpha, or_zero=True)
        check_positive("tol", self.tol, or_zero=True)
        check_positive("learning_rate", self.learning_rate)
        X, y, sample_weight = map(as_array, (X, y, sample_weight))
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64)
        y = y.astype(np.float64)  # numbers as text, as in X
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if isinstance(groups, Mapping) or getattr(groups, "ndim", 1) != 1:
            given = f"shape {tuple(groups.shape)}" if hasattr(groups, "shape") else type(groups).__name__
            raise InputError(f"groups must be a label for each row, of shape ({len(X)},), got {given}")
        groups = [0] * len(X) if groups is None else list(groups)
        check_consistent_length(X, groups)
        # equal tensors are different keys
        groups = [group.tolist() if isinstance(group, Tensor) else group for group in groups]
        if not all(map(_is_label, groups)):
            raise InputError("groups must hold a hashable label for each row, not a list, NaN or NA")
        if any(isinstance(group, float) and not group.is_integer() for group in groups):
            warnings.warn("groups hold fractions; weights of rows are given as sample_weight=...", stacklevel=2)
        self.groups_ = list(dict.fromkeys(groups))
        number = {group: index for index, group in enumerate(self.groups_)}
        labels = np.array([number[group] for group in groups])

        scaler = StandardScaler().fit(X, sample_weight=weight)
        center = np.average(y, axis=0, weights=weight)
        unit = np.sqrt(np.average((y - center) ** 2, axis=0, weights=weight).mean()) or 1.0  # the same for all outputs
        fit = self._fit_network if self.hidden else self._fit_linear
        with torch.device("cpu"), torch.inference_mode(False), torch.enable_grad():  # whatever the caller has set
            cells = _Cells((y - center).reshape(len(y), -1) / unit, labels, weight)
            layers, errors, weights = fit(torch.from_numpy(scaler.transform(X)), cells, torch.from_numpy(scaler.scale_))
        self.errors_, self.weights_ = errors.numpy() * unit**2, weights.numpy()

        coefs, intercepts = ([values.detach().numpy() for values in each] for each in zip(*layers))
        coefs[0] = coefs[0] / scaler.scale_[:, None]
        intercepts[0] = intercepts[0] - scaler.mean_ @ coefs[0]
        coefs[-1] = (coefs[-1] * unit).reshape(-1, *y.shape[1:])
        intercepts[-1] = (intercepts[-1] * unit).reshape(y.shape[1:]) + center
        self.coefs_, self.intercepts_ = coefs, intercepts
        for name in ("coef_", "intercept_"):  # of a linear model that was fitted before
            self.__dict__.pop(name, None)
        if not self.hidden:
            self.coef_, self.intercept_ = self.coefs_[0].T, self.intercepts_[0]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predicted outputs, (B, A), or (B,) if y had one dimension."""
        check_is_fitted(self)
        values = validate_data(self, as_array(X), dtype=np.float64, reset=False)
        if len(self.coefs_) == 2:
            values = np.tanh(values @ self.coefs_[0] + self.intercepts_[0])
        return values @ self.coefs_[-1] + self.intercepts_[-1]

    def _weights(self, errors: Cells, cells: "_Cells") -> Cells:
        """ReMSE's weights, with mean 1 over rows and outputs."""
        weights = remse_weights(torch.where(errors > TINY, errors, 0.0), p=self.p, p2=self.p2)
        return weights * cells.size.sum() / (cells.size @ weights).mean()

    def _fit_linear(self, inputs: Tensor, cells: "_Cells", scale: Tensor) -> tuple[list, Cells, Cells]:
        """Weighted Ridge in closed form, from one matrix of moments for each group."""
        design = torch.cat([inputs, torch.ones_like(inputs[:, :1])], 1)  # the last coefficient is the intercept
        penalty = torch.diag(torch.cat([self.alpha / scale.square(), torch.zeros(1)]))
        moments = []
        for group in range(len(cells.size)):
            rows = cells.labels == group
            both = torch.cat([design[rows], cells.outputs[rows]], 1) * cells.weight[rows, None]
            moments.append(design[rows].T @ both)
        gram, moment = torch.stack(moments).split([design.shape[1], cells.outputs.shape[1]], dim=2)
        weights = torch.ones_like(moment[:, 0])
        for self.n_iter_ in range(1, self.max_iter + 1):  # noqa: B020
            matrix = torch.einsum("ca,cij->aij", weights, gram) + penalty
            vector = torch.einsum("ca,cia->ai", weights, moment)
            if self.alpha:
                solution = torch.linalg.solve(matrix, vector).T
            else:  # columns of X may be linearly dependent
                solution = torch.einsum("aij,aj->ia", torch.linalg.pinv(matrix, hermitian=True), vector)
            errors = cells.errors(design @ solution)
            ratio = self._weights(errors, cells) / weights
            if (ratio - 1).abs().max() <= self.tol:
                break
            weights = weights * ratio ** (1 / (1 + self.p + self.p2))  # full steps overshoot with large exponents
        else:
            warnings.warn(f"the weights still change after max_iter={self.max_iter}", ConvergenceWarning, stacklevel=3)
        return [(solution[:-1], solution[-1])], errors, weights * ratio

    def _fit_network(self, inputs: Tensor, cells: "_Cells", scale: Tensor) -> tuple[list, Cells, Cells]:
        """Adam on all rows at once."""
        with usual_torch():  # one thread at a time
            torch.manual_seed(int(check_random_state(self.random_state).randint(2**31)))
            first = nn.Linear(inputs.shape[1], self.hidden, dtype=inputs.dtype)
            second = nn.Linear(self.hidden, cells.outputs.shape[1], dtype=inputs.dtype)
        optimizer = torch.optim.Adam([*first.parameters(), *second.parameters()], lr=self.learning_rate)
        best, lowered = torch.inf, 0
        for self.n_iter_ in range(1, self.max_iter + 1):  # noqa: B020
            errors = cells.errors(second(torch.tanh(first(inputs))))
            weights = self._weights(errors.detach(), cells)
            penalty = self.alpha * (first.weight.square().sum() + second.weight.square().sum())
            loss = ((cells.size @ (weights * errors)).sum() + penalty) / cells.size.sum()
            if loss < best * (1 - self.tol):
                best, lowered = loss.item(), self.n_iter_
            elif self.n_iter_ == lowered + PATIENCE:
                break
            if self.n_iter_ < self.max_iter:  # no step after the last errors, so that they are those of the result
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        else:
            warnings.warn(f"the loss still falls after max_iter={self.max_iter}", ConvergenceWarning, stacklevel=3)
        return [(first.weight.T, first.bias), (second.weight.T, second.bias)], errors.detach(), weights


def _is_label(group: object) -> bool:
    """Whether a group can be a dictionary key and equals itself; NaN does not, and for pd.NA this is undefined."""
    try:
        hash(group)
        return bool(group == group)
    except TypeError:
        return False


class _Cells:
    """Outputs, group and weight of each row, and the size of each group."""

    def __init__(self, outputs: np.ndarray, labels: np.ndarray, weight: np.ndarray) -> None:
        self.outputs, self.labels, self.weight = map(torch.tensor, (outputs, labels, weight))
        self.size = torch.zeros(labels.max() + 1, dtype=torch.float64).index_add(0, self.labels, self.weight)

    def errors(self, prediction: Outputs) -> Cells:
        """Mean squared error of each group and output; 0 for groups of weight 0."""
        error = (prediction - self.outputs).square() * self.weight[:, None]
        total = torch.zeros(len(self.size), error.shape[1], dtype=error.dtype).index_add(0, self.labels, error)
        return total / torch.where(self.size > 0, self.size, 1.0)[:, None]

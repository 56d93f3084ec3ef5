"""Ablations of ReMSE: other losses, controls, exponents, memories and references.

The functions train what is missing and return a row for each run, in the clean protocol, with the columns of
:func:`zslcore.study.results.tables.collect`.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from zslcore.config import RunConfig
from zslcore.criteria import CRITERIA
from zslcore.data import load_benchmark
from zslcore.methods import display_name
from zslcore.study.results.tables import collect
from zslcore.training import fit_all

CONTROLS = ("remse", "remse_permuted", "remse_random")
MEASURES = ["T1", "H", "effective_lambda", "test_seen_mean", "test_seen_theil"]


def train_losses(dataset: str, *, losses: Sequence[str] = (), lams: Sequence[float], seeds: int) -> pd.DataFrame:
    """Train cross entropy alone, and with each regression loss at each lambda.

    Losses have the default options of :mod:`zslcore.criteria`, except for two whose published options are for
    larger errors: ``beta`` of focal-R is 10, because its factor hardly varies at the published value (for errors in
    years), and ``delta`` of Huber's loss is the root mean square of a unit vector's entries, because with 1 it is half
    the MSE.

    Args:
        dataset: name of a data set.
        losses: names of losses, empty for all of :data:`zslcore.criteria.CRITERIA`.
        lams: weights of the regression loss.
        seeds: number of trainings of each setting.
    """
    base = RunConfig.study(dataset, method="remse")
    options = {"focal": {"beta": 10.0}, "huber": {"delta": load_benchmark(dataset).attributes.shape[1] ** -0.5}}
    configs = []
    for seed in range(seeds):
        configs.append(base.replace(loss="none", seed=seed))
        for loss in losses or CRITERIA:
            for lam in lams:
                configs.append(base.replace(loss=loss, lam=lam, seed=seed, loss_options=options.get(loss, {})))
    return _clean(fit_all(configs))


def train_controls(dataset: str, *, seeds: int) -> pd.DataFrame:
    """Train ReMSE and its two controls, whose weights are on random cells."""
    base = RunConfig.study(dataset, method="remse")
    return _clean(fit_all(base.replace(loss=loss, seed=seed) for loss in CONTROLS for seed in range(seeds)))


def train_exponents(dataset: str, *, exponents: Sequence[float], seeds: int) -> pd.DataFrame:
    """Train ReMSE with every pair of exponents p and p2."""
    base = RunConfig.study(dataset, method="remse")
    configs = []
    for p in exponents:
        for p2 in exponents:
            configs.extend(base.replace(p=p, p2=p2, seed=seed) for seed in range(seeds))
    return _clean(fit_all(configs))


def train_variants(dataset: str, *, seeds: int) -> pd.DataFrame:
    """Train ReMSE with other memories, references and samplings; a column ``variant`` names the change."""
    base = RunConfig.study(dataset, method="remse")
    variants = {
        "as in the study": base,
        "memory: running": base.replace(memory="running"),
        "memory: moving average": base.replace(memory="ema"),
        "reference: mean": base.replace(reference="mean"),
        "reference: median": base.replace(reference="median"),
        "reference: 10 % quantile": base.replace(reference="0.1"),
        "weights of mean 1": base.replace(unit_mean=True),
        "sampling: random images": base.replace(sampling="random"),
    }
    folders = fit_all(config.replace(seed=seed) for config in variants.values() for seed in range(seeds))
    parts = []
    for index, variant in enumerate(variants):
        parts.append(_clean(folders[index * seeds : (index + 1) * seeds]).assign(variant=variant))
    return pd.concat(parts, ignore_index=True)


def sort_by_validation(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort the rows by the mean ``validation_H`` of their method and lambda, highest first.

    Example:
        >>> rows = [("a", 1.0, 60.0), ("b", 1.0, 62.0), ("a", 1.0, 61.0)]
        >>> frame = pd.DataFrame(rows, columns=["method", "lam", "validation_H"])
        >>> sort_by_validation(frame)["method"].tolist()
        ['b', 'a', 'a']
    """
    means = frame.groupby(["method", "lam"])["validation_H"].transform("mean")
    return frame.loc[means.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


def mean_over_seeds(frame: pd.DataFrame, keys: Sequence[str], values: Sequence[str] = MEASURES) -> pd.DataFrame:
    """Mean of the values over the seeds; a row for each combination of the keys, in the order of the frame.

    Returns:
        The index holds the first key. Other keys and the values are columns.

    Example:
        >>> frame = pd.DataFrame({"method": ["mse", "mse", "mae"], "lam": 1.0, "H": [60.0, 61.0, 62.0]})
        >>> mean_over_seeds(frame, ["method", "lam"], ["H"]).reset_index().values.tolist()
        [['mse', 1.0, 60.5], ['mae', 1.0, 62.0]]
    """
    means = frame.groupby(list(keys), sort=False)[list(values)].mean()
    return means.reset_index(level=list(keys[1:]))


def ablation_verdicts(losses: pd.DataFrame, controls: pd.DataFrame) -> pd.DataFrame:
    """Verdicts on three claims that combine several comparisons.

    Args:
        losses: ReMSE compared with other losses, see :func:`zslcore.study.results.comparisons.compare`; needs the
            measure ``H``.
        controls: ReMSE compared with its controls; needs the measures ``H`` and ``test_seen_theil``.

    Returns:
        A row for each claim, with the number of its comparisons by verdict. The claim is ``supported`` if every
        comparison is, ``contradicted`` if one is, ``not testable`` if no comparison is testable, and otherwise
        ``inconclusive``.

    Example:
        >>> index = pd.MultiIndex.from_tuples([("H", "mse"), ("H", "mae")], names=["measure", "against"])
        >>> losses = pd.DataFrame({"verdict": ["supported", "inconclusive"]}, index)
        >>> index = pd.MultiIndex.from_tuples([("H", "remse_random"), ("test_seen_theil", "remse_random")])
        >>> controls = pd.DataFrame({"verdict": ["not testable", "supported"]}, index)
        >>> ablation_verdicts(losses, controls)["verdict"].tolist()
        ['inconclusive', 'not testable', 'supported']
    """
    method = display_name("remse")
    judged = {
        f"No other loss has an H as high as {method}.": losses.loc["H", "verdict"],
        f"{method} has a higher H than each of its controls.": controls.loc["H", "verdict"],
        f"{method} has more even errors than each of its controls.": controls.loc["test_seen_theil", "verdict"],
    }
    rows = [(claim, *_counts(verdicts), _joint_verdict(verdicts)) for claim, verdicts in judged.items()]
    columns = ["claim", "comparisons supported", "contradicted", "undecided", "verdict"]
    return pd.DataFrame(rows, columns=columns).set_index("claim")


def _counts(verdicts: pd.Series) -> tuple[int, int, int]:
    supported, contradicted = int((verdicts == "supported").sum()), int((verdicts == "contradicted").sum())
    return supported, contradicted, len(verdicts) - supported - contradicted


def _joint_verdict(verdicts: pd.Series) -> str:
    """Verdict on the claim that all of several claims are true."""
    if (verdicts == "contradicted").any():
        return "contradicted"
    if (verdicts == verdicts.iloc[0]).all():
        return verdicts.iloc[0]
    return "inconclusive"


def _clean(folders: Iterable) -> pd.DataFrame:
    frame = collect(folders)
    return frame[frame["protocol"] == "clean"].reset_index(drop=True)

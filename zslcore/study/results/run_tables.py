"""Small tables that the notebooks show: settings of a run, its protocols, and our numbers beside the published ones."""

from pathlib import Path

import pandas as pd

from zslcore._io.writing import new_file
from zslcore.config import RunConfig, setting_table
from zslcore.plots import forest
from zslcore.study.results.figure_files import save_figure
from zslcore.study.results.tables import ACCURACIES, PUBLISHED, reported
from zslcore.training import Run

EPOCH_NAMES = {"classification_loss": "cross entropy", "amplification": "amplification of λ"}


def changed_settings(config: RunConfig) -> pd.DataFrame:
    """Settings of a run that differ from the defaults, with their meaning.

    Example:
        >>> changed_settings(RunConfig(dataset="SYNTH", lam=1.0)).index.tolist()
        ['dataset', 'lam']
    """
    values = config.to_dict()
    rows = {}
    for name, default, _, meaning in setting_table():
        if str(values[name]) != default:
            rows[name] = (str(values[name]), default, meaning)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "default", "meaning"])


def last_epochs(run: Run) -> pd.DataFrame:
    """Epoch, cross entropy and amplification of lambda at the end of each training of a run."""
    last = run.history.groupby("task", sort=False).tail(1).set_index("task")[["epoch", *EPOCH_NAMES]]
    return last.rename(columns=EPOCH_NAMES)


def protocol_table(run: Run) -> pd.DataFrame:
    """Accuracies of a run in percent under both protocols, with gamma and the epoch; T1 alone has no gamma."""
    protocols = pd.DataFrame(run.metrics["protocols"], dtype=float).T  # NaN for null
    accuracies = (100 * protocols[ACCURACIES]).round(1)
    table = accuracies.join(protocols[["gamma", "epoch"]].round(2)).dropna(axis=1, how="all")
    return table if "H" in table else table.drop(columns="gamma", errors="ignore")


def beside_published(results: pd.DataFrame, method: str = "remse") -> pd.DataFrame:
    """Published accuracies, and below them the oracle accuracies of a method in a results table, in percent.

    Values that the results do not report are shown as a dash.

    Example:
        >>> row = {"dataset": "SYNTH", "protocol": "paper", "method": "remse", "T1": 76.0, "U": 70.0, "S": 70.0}
        >>> beside_published(pd.DataFrame([row | {"H": 70.0}])).iloc[-1].to_dict()
        {'T1': 76.0, 'U': 70.0, 'S': 70.0, 'H': 70.0}
    """
    ours = results[(results["protocol"] == "paper") & (results["method"] == method)]
    ours = ours.groupby("dataset")[["T1", "U", "S", "H"]].mean().round(1).reset_index()
    both = [PUBLISHED.assign(source="published"), ours.assign(source="this study, oracle")]
    table = pd.concat(both).set_index(["source", "dataset"])
    return table if table.notna().all(axis=None) else table.astype(object).fillna("–")


def oracle_gain(results: pd.DataFrame) -> pd.Series:
    """Increase of H, in points, by a choice of epoch and gamma on the test split, for each method and seed.

    Without H, points of T1, which has no gamma.

    Example:
        >>> frame = pd.DataFrame({"method": "mse", "seed": 0, "protocol": ["clean", "paper"], "H": [60.0, 64.0]})
        >>> oracle_gain(frame).tolist()
        [4.0]
    """
    measure = "H" if reported(results, ["H"]) else "T1"
    table = results.pivot_table(index=["method", "seed"], columns="protocol", values=measure)
    return (table["paper"] - table["clean"]).rename(f"points of {measure}")


def write_results(results: pd.DataFrame, differences: pd.DataFrame, folder: str, command: str) -> None:
    """Write the tables of a study into a folder, and paired differences of T1, H and AUSUC, if reported, as figures.

    Args:
        results: the frame of :func:`zslcore.study.results.tables.collect`, of one data set.
        differences: the frame of :func:`zslcore.study.results.tables.compare`.
        folder: folder to write to; created if needed.
        command: command line that makes the files.
    """
    target, dataset = Path(folder), results["dataset"].iloc[0]
    with new_file(target / "results.csv") as partial:
        results.to_csv(partial, index=False)
    with new_file(target / "differences.csv") as partial:
        differences.to_csv(partial)
    for measure in reported(results, ["T1", "H", "AUSUC"]):
        figure = forest(results, measure, label=f"{measure} on {dataset} (points)")
        save_figure(
            figure, target, f"forest_{measure}", command, caption=f"{measure} on {dataset}, paired differences."
        )

"""The page ``docs/map.md`` and the figure of the README, from the committed tables of the map."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from zslcore.plots import contrasts, method_looks, use_style
from zslcore.study.checkout import root
from zslcore.study.experiments.configs import FINE_TUNED, RATES, chosen_rate
from zslcore.study.pages.audit_tables import audit_text
from zslcore.study.pages.map_sections import (
    MAIN_LAMBDA,
    gradients_text,
    image_sentence,
    image_table,
    lambda_text,
    map_sentence,
    map_table,
    repetition_sentence,
    vector_table,
)
from zslcore.study.pages.map_tables import (
    contrast_name,
    gamma_source,
    judged,
    map_differences,
    vector_differences,
)
from zslcore.study.pages.pointing_tables import pointing_sentence, pointing_table
from zslcore.study.pages.tuned_tables import tuned_text
from zslcore.study.results.figure_files import save_figure
from zslcore.study.results.tables import higher_is_better

DATASETS = ("CUB100", "SYNTH")


def stored(folder: Path, dataset: str, name: str) -> pd.DataFrame | None:
    """A committed table below ``results/``, or None."""
    file = folder / dataset / f"{name}.csv"
    return pd.read_csv(file) if file.is_file() else None


def findings(folder: Path) -> pd.DataFrame:
    """The contrasts of the README's figure: over class splits, BasicNet on frozen features, lambda 60.

    Returns:
        The rows of :func:`zslcore.study.pages.map_tables.map_differences` with the columns ``contrast`` and ``unit``.
    """
    parts = []
    for dataset in DATASETS:
        rows, vectors = stored(folder, dataset, "map"), stored(folder, dataset, "vectors")
        random = rows[(rows["class_split"] > 0) & rows["lam"].isin([0.0, MAIN_LAMBDA])]
        parts.append(map_differences(random, measures=["T1", "H", "seen_theil"]))
        parts.append(vector_differences(vectors[vectors["class_split"] > 0], measures=["T1", "H"]))
    table = judged(pd.concat(parts, ignore_index=True))
    table["contrast"] = [contrast_name(row.method, row.baseline) for row in table.itertuples()]
    table["unit"] = table["measure"].map(_unit)
    return table


def _unit(measure: str) -> str:
    return "points" if higher_is_better(measure) else "% of the baseline"


def findings_figure(folder: Path) -> Figure:
    """The effects on accuracy and evenness: differences over random class splits, by data set."""
    use_style()
    table = findings(folder)
    return contrasts(table.assign(series=table["dataset"]))


def lambda_figure(folder: Path, dataset: str) -> Figure:
    """ReMSE and its permuted control, compared with the MSE: differences over class splits, by lambda.

    The data set must have a committed map, see :func:`stored`.
    """
    use_style()
    rows = stored(folder, dataset, "map")
    table = map_differences(rows[rows["class_split"] > 0], measures=["T1", "H", "seen_theil"])
    table = table[table["method"].isin(["remse", "remse_permuted"])]
    looks = {contrast_name(method, "mse"): look for method, look in method_looks(table["method"]).items()}
    series = [contrast_name(row.method, row.baseline) for row in table.itertuples()]
    lambdas = [f"λ = {lambda_text(lam)}" for lam in table["lam"]]
    return contrasts(table.assign(series=series, contrast=lambdas, unit=table["measure"].map(_unit)), looks=looks)


def finding(table: pd.DataFrame, dataset: str, method: str, measure: str) -> pd.Series:
    """The row of a table of :func:`findings` for a data set, a method and a measure."""
    chosen = (table["dataset"] == dataset) & (table["method"] == method) & (table["measure"] == measure)
    return table[chosen].iloc[0]


def map_page(folder: Path) -> str:
    """Text of ``docs/map.md``."""
    lines = [
        "# The map of rebalancing",
        "",
        "This page compares the MSE, ReMSE and ReMSE with permuted weights (a control) at the same λ. The loss of "
        "ReMSE is divided by its amplification, so that all three losses have the same value in every batch. They "
        "differ only in how strongly each cell, a class and an attribute, contributes to the gradient. λ is the weight "
        "of the regression loss beside the cross entropy. λ = ∞ is regression without cross entropy. Results are those "
        "after the last epoch. γ comes from three folds of the seen classes, as in the protocol `clean`, or from one "
        "validation split, where the val classes act as unseen. The validation split takes a third less time. Each "
        "section says which of them it uses. T1, H, AUSUC, γ and the Theil index: see [Formulas](formulas.md).",
        "",
        "Differences are paired, over random splits of the classes into seen and unseen ones, or over seeds on the "
        "benchmark's own split. Random splits ignore which classes are in ImageNet. Differences in accuracy are in "
        "points. Differences in measures of the errors are in percent of the baseline. Brackets contain the 95 % "
        "t-interval, which holds for other splits of the same classes. **Bold** differences are significant after "
        "Holm's correction over all comparisons of the table (p < 0.05). Splits share classes, so the interval for "
        "*new classes* is wider (Nadeau and Bengio, 2003). *Detectable* is the difference that the comparison finds "
        "with a probability of 80 %. *p* is the p value of the t-test, without and with Holm's correction. `make "
        "figures` writes this page from the CSV files.",
        "",
    ]
    titles = {
        "map": "BasicNet on frozen features",
        "attention": "AttentionNet on frozen feature maps",
        "fine_tuned": "Fine-tuned EfficientNet-Lite0",
        "fine_tuned_224": "Fine-tuned EfficientNet-Lite0, larger pictures",
        "fine_tuned_attention": "AttentionNet on the fine-tuned EfficientNet-Lite0",
        "vectors": "Centred class vectors",
        "tuned": "Equal tuning budgets",
        "pointing": "Attention on the parts",
        "gradients": "Gradients",
        "image_training": "Training on labels of single images",
        "audit": "Audit of the protocols",
    }
    for dataset in DATASETS:
        lines += [f"## {dataset}", ""]
        for name, title in titles.items():
            if stored(folder, dataset, name) is not None:
                lines += [f"### {title}", "", section(folder, dataset, name)]
    return "\n".join(lines).rstrip() + "\n"


def section(folder: Path, dataset: str, name: str, *, tables: bool = True) -> str:
    """The table of an experiment as Markdown, with its command, file and machine.

    Args:
        folder: the folder ``results``.
        dataset: name of a data set.
        name: an experiment, see :func:`zslcore.study.experiments.configs.configs_of`.
        tables: whether to add the tables after the sentences.
    """
    rows, command = stored(folder, dataset, name), f"python -m zslcore.study.experiments {dataset} {name}"
    if rows is None:
        return f"There are no committed results of this for {dataset}. To make some, run `{command}`."
    splits = rows.loc[rows["class_split"] > 0, "class_split"].nunique()
    option = f" --splits {splits}" if splits else ""
    if "gamma_from" in rows and (rows["gamma_from"] == "validation").all():
        option += " --gamma-from validation"
    count, machines = rows["settings"].nunique(), rows["device"].unique()
    origin = f"`{command}{option}`, `results/{dataset}/{name}.csv`: {count} configs on {', '.join(machines)}."
    if len(machines) > 1 and (rows.groupby(["class_split", "seed"])["device"].nunique() == 1).all():
        origin += " All configs of a seed ran on one machine."
    if "gamma_from" in rows:
        origin += f" γ comes from {gamma_source(rows)}."
    if name in FINE_TUNED:
        rates, chosen = ", ".join(f"{rate:g}" for rate in RATES), chosen_rate(name, dataset)
        origin += f" Images have {rows['image_size'].iloc[0]} px. By T1 on the validation split, `fine_tuned_rates` "
        smaller = " at 160 px" if name == "fine_tuned_224" else ""
        origin += f"chose the learning rate {chosen:g} of {rates}{smaller}"
        origin += ", which is the edge of the grid." if chosen in (min(RATES), max(RATES)) else "."
    if name == "vectors":
        return f"{origin}\n\n{vector_table(rows)}"
    if name == "tuned":
        return f"{origin}\n\n{tuned_text(rows)}"
    if name == "pointing":
        return f"{origin}\n\n{pointing_sentence(rows)}\n\n{pointing_table(rows)}"
    if name == "gradients":
        return f"{origin}\n\n{gradients_text(rows)}"
    if name == "image_training":
        return f"{origin}\n\n{image_sentence(rows)}\n\n{image_table(rows)}"
    if name == "audit":
        return f"{origin}\n\n{audit_text(rows)}"
    in_words = f"{origin}\n\n{map_sentence(rows)}"
    earlier = stored(folder, dataset, f"{name}_earlier")
    if earlier is not None:
        in_words += f"\n\n{repetition_sentence(rows, earlier, f'results/{dataset}/{name}_earlier.csv')}"
    return f"{in_words}\n\n{map_table(rows)}" if tables else in_words


def readme_figure(folder: Path | None = None) -> Path:
    """Draw the figure of the README from the committed tables, into ``results/`` by default; return the PNG's path."""
    results = root() / "results"
    text = (
        "What changes accuracy and evenness: paired differences over random class splits, 95 % intervals. BasicNet on "
        "frozen features; regression losses at λ = 60; each kind of class vectors at its tuned scale."
    )
    return save_figure(findings_figure(results), folder or results, "findings", "make figures", caption=text)[0]

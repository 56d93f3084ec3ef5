"""The generated tables of two pages: the settings in ``docs/options.md``, and ``docs/other_models.md``."""

import pandas as pd

from zslcore.backbone import BACKBONES, FILE_FEATURES
from zslcore.config import setting_table
from zslcore.study.checkout import root
from zslcore.study.experiments import regression
from zslcore.study.results.tables import markdown_table


def options_page() -> str:
    """Text of ``docs/options.md``, with the table of settings; features imported into the cache are left out."""
    text = (root() / "docs" / "options.md").read_text(encoding="utf-8")
    start, end = text.index("| setting |"), text.index("\n## Every option")
    rows = []
    for name, default, allowed, meaning in setting_table():
        if name == "backbone":
            allowed = f"one of {', '.join([*BACKBONES, FILE_FEATURES])}"
        rows.append([f"`{name}`", f"`{default}`", allowed, meaning])
    return text[:start] + markdown_table(["setting", "default", "allowed", "meaning"], rows) + text[end:]


def other_models_page() -> str:
    """Text of ``docs/other_models.md``, with the tables of ``results/regression/errors.csv`` as its last sections."""
    text = (root() / "docs" / "other_models.md").read_text(encoding="utf-8")
    errors = pd.read_csv(root() / "results" / "regression" / "errors.csv")
    found = regression.changes(errors).set_index(["dataset", "model", "method", "measure"])
    parts = [text[: text.index("\n### ")]]
    for dataset, title in regression.DATASETS.items():
        rows = []
        for model, name in regression.MODELS.items():
            chosen = errors[(errors["dataset"] == dataset) & (errors["model"] == model)]
            means = chosen[chosen["method"] == "MSE"][list(regression.MEASURES)].mean()
            rows.append([name, "MSE", *(f"{value:#.3g}" for value in means)])
            for method in chosen["method"].unique()[1:]:
                values = [_change(found.loc[(dataset, model, method, measure)]) for measure in regression.MEASURES]
                rows.append([name, method, *values])
        parts.append(f"### {title}\n\n{markdown_table(['model', 'loss', *regression.MEASURES.values()], rows)}")
    return "\n".join(parts)


def _change(row: pd.Series) -> str:
    """A change in percent and its interval: ``**−7.4** (−10.1 to −4.6)``; bold if the interval excludes 0."""
    change, low, high = (f"{value:+.1f}".replace("-", "−") for value in (row["change"], row["low"], row["high"]))
    mark = "" if row["low"] <= 0 <= row["high"] else "**"
    return f"{mark}{change}{mark} ({low}\u00a0to\u00a0{high})"

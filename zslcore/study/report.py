"""The front page of a report: the result tables and figures of a study, and links to its notebooks as pages."""

import html
import json
from pathlib import Path

import jinja2
import pandas as pd

from zslcore.errors import InputError
from zslcore.study.tables import COLUMN_NAMES, as_table, readable

_PAGE = jinja2.Template(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>zslcore: {{ dataset }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
img { max-width: 100%; } figure { margin: 1.5rem 0; } figcaption { color: #555; }
</style></head><body>
<h1>Does rebalancing help? The study on {{ dataset }}</h1>
<p>{{ runs }} runs, {{ seeds }} seeds a method; backbone {{ backbone }}, frozen; torch {{ torch }} on {{ device }};
data fingerprint <code>{{ fingerprint }}</code>.</p>
<h2>Accuracies</h2>
<p>Mean ± standard deviation over the seeds, in percent. <b>clean</b>: epoch and gamma chosen on the validation split.
<b>paper</b>: both chosen on the test split, an oracle to compare with published tables only.</p>
{{ table }}
<h2>ReMSE against the other methods</h2>
<p>Paired differences over the seeds, clean protocol, in points, with 95 % t-intervals;
the Theil index is that of the errors on test images of seen classes, where lower is more even.</p>
{{ differences }}
{% for name, caption in figures %}
<figure><img src="{{ name }}" alt="{{ caption }}"><figcaption>{{ caption }}</figcaption></figure>
{% endfor %}
<h2>Pages</h2>
<ul>{% for name, title in pages %}<li><a href="{{ name }}">{{ title }}</a></li>{% endfor %}</ul>
</body></html>
"""
)
_FIGURES = {
    "error_against_label.png": "Squared error against the value of the label, beside null models of noise (grey).",
    "forest_T1.png": "Accuracy among the unseen classes alone: every run, mean and 95 % interval.",
    "forest_H.png": "Harmonic mean of the accuracies on seen and unseen classes.",
    "forest_AUSUC.png": "Area under the seen-unseen curve.",
}


def write_index(folder: Path) -> Path:
    """Write ``index.html`` over what 05_results and the page notebooks left in a folder, and return its path.

    Reads ``results.csv`` and ``differences.csv``, shows the figures that are there, and links every ``*.html`` page by
    the title of its notebook. Raises InputError when the folder lacks one of the two.

    >>> import tempfile
    >>> from zslcore.study.tables import ACCURACIES, KEYS
    >>> row = dict.fromkeys([*KEYS, "lam", "torch", "device", "fingerprint"], "-") | dict.fromkeys(ACCURACIES, 60.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pd.DataFrame([row | {"seed": seed} for seed in range(3)]).to_csv(Path(folder, "results.csv"))
    ...     pd.DataFrame({"difference": [1.2345]}).to_csv(Path(folder, "differences.csv"))
    ...     page = write_index(Path(folder)).read_text(encoding="utf-8")
    >>> [text in page for text in ("3 runs, 3 seeds a method", "60.0 ± 0.0", "1.23")]
    [True, True, True]
    """
    for name in ("results.csv", "differences.csv"):
        if not (folder / name).is_file():
            raise InputError(f"{folder} must hold the {name} that 05_results writes, and does not")
    results = pd.read_csv(folder / "results.csv")
    first = results.iloc[0]
    table = as_table(results).drop(columns=["dataset", "backbone", "network"])[
        ["protocol", "method", "lam", "T1", "U", "S", "H", "AUSUC", "runs"]
    ]
    differences = pd.read_csv(folder / "differences.csv").round(2).replace({"measure": COLUMN_NAMES})
    page = _PAGE.render(
        **{name: html.escape(str(first[name])) for name in ("dataset", "backbone", "torch", "device", "fingerprint")},
        runs=len(results) // results["protocol"].nunique(),
        seeds=results["seed"].nunique(),
        table=readable(table).to_html(index=False, border=0),
        differences=differences.to_html(index=False, border=0),
        figures=[(name, caption) for name, caption in _FIGURES.items() if (folder / name).is_file()],
        pages=[(path.name, _title(path)) for path in sorted(folder.glob("*.html")) if path.name != "index.html"],
    )
    target = folder / "index.html"
    target.write_text(page, encoding="utf-8")
    return target


def _title(page: Path) -> str:
    """The first heading of the notebook that a page was made from."""
    notebook = page.with_suffix(".ipynb")
    if not notebook.is_file():
        return page.stem
    first = "".join(json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]["source"])
    return html.escape(first.splitlines()[0].lstrip("# "))

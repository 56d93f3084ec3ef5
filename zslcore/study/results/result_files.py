"""Reading ``results.csv`` and ``differences.csv``, whose texts become pages of a book."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from zslcore._io.locations import check_dataset_name
from zslcore._io.reading import LARGEST_TEXT, check_regular
from zslcore.errors import InputError, one_line
from zslcore.study.results.tables import ACCURACIES, KEYS

_TEXTS = {
    "results.csv": [*KEYS, "device", "torch", "fingerprint"],
    "differences.csv": ["measure", "against", "verdict"],
}
_NUMBERS = {"results.csv": ["seed", "lam", "T1"], "differences.csv": ["difference"]}
_MAYBE_EMPTY = {"results.csv": ACCURACIES[1:], "differences.csv": ["low", "high"]}
_MARKUP = re.compile(r"[<>|`\[\]\x00-\x1f\x7f]")  # would be more than text on a page


def read_tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The results and the differences of a study; InputError for a file that ``05_results`` did not write."""
    results, differences = (_read(folder / name) for name in _TEXTS)
    for dataset in sorted(set(results["dataset"])):
        check_dataset_name(dataset)
    return results, differences


def _read(file: Path) -> pd.DataFrame:
    if not file.exists():
        raise InputError(f"{file.parent} must hold the {file.name} that 05_results writes")
    check_regular(file, largest=LARGEST_TEXT)
    texts = _TEXTS[file.name]
    try:
        table = pd.read_csv(file, encoding="utf-8", dtype=dict.fromkeys(texts, str), keep_default_na=True)
    except (OSError, ValueError) as error:  # ValueError: of the parser and of the encoding
        raise InputError(f"{file} cannot be read as a table: {one_line(error)}") from None
    numbers = [*_NUMBERS[file.name], *_MAYBE_EMPTY[file.name]]
    for column in [*texts, *numbers]:
        if column not in table:
            raise InputError(f"{file} must have the column {column!r}, but has {', '.join(table)[:100] or 'none'}")
    if table.empty:
        raise InputError(f"{file} must have at least one row, but has none")
    for column in texts:
        for row, text in enumerate(table[column], start=2):
            if not isinstance(text, str) or _MARKUP.search(text):
                raise InputError(f"{column} in {file}, line {row}, must be text without markup, got {text!r:.100}")
    for column in numbers:
        values = table[column]
        if not is_numeric_dtype(values):
            wrong = pd.to_numeric(values, errors="coerce").isna() & values.notna()
            raise InputError(f"{column} in {file} must hold numbers, got {values[wrong].iloc[0]!r:.100}")
        infinite = np.isinf(values) if column in _MAYBE_EMPTY[file.name] else ~np.isfinite(values)
        if infinite.any():
            raise InputError(f"{column} in {file} must hold finite numbers, got {values[infinite].iloc[0]}")
    return table

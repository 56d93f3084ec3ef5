"""Figures on disk: a PNG and a PDF of each, which know the command that made them, and a list of all in a folder."""

import os
import re
import shlex
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from zslcore.errors import InputError

LIST, COLUMNS = "figures.csv", ["name", "command", "caption"]


def notebook_command(notebook: str, **parameters: object) -> str:
    """The command line that runs a notebook with these parameters, quoted for a shell.

    >>> notebook_command("07_figures", dataset="SYNTH", seed=0)
    'zslcore run 07_figures -p dataset SYNTH -p seed 0'
    """
    options = [word for name, value in parameters.items() for word in ("-p", name, str(value))]
    return shlex.join(["zslcore", "run", notebook, *options])


def save_figure(figure: Figure, folder: Path | str, name: str, command: str, *, caption: str = "") -> tuple[Path, Path]:
    """Write ``NAME.png`` and ``NAME.pdf``, both with the command and the caption in their metadata; return the paths.

    The command stands where programs show what made a file: ``Software`` of the PNG, ``Creator`` of the PDF; the
    caption under ``Description`` and ``Subject``. ``figures.csv`` in the folder gets a row for the figure, in the place
    of an earlier one of this name. The same figure gives the same bytes. Each file appears whole or not at all; two
    processes must not write to one folder at once, since the later one would drop the other's row.

    The folder is made where it is absent. Raises InputError for a folder that cannot be written to or whose
    ``figures.csv`` is not such a list, and for a name that is not of letters, digits, ``_`` and ``-``.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> png, pdf = save_figure(plt.figure(), folder, "empty", "zslcore run 07_figures", caption="Nothing.")
    >>> png.name, pdf.name, (folder / "figures.csv").read_text().splitlines()[1]
    ('empty.png', 'empty.pdf', 'empty,zslcore run 07_figures,Nothing.')
    """
    folder = Path(folder).expanduser()
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise InputError(f"name of a figure must be of letters, digits, _ and -, got {name!r}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        listed = _listed(folder / LIST)  # before anything is written
        png, pdf = folder / f"{name}.png", folder / f"{name}.pdf"
        with _replacing(png) as partial:
            figure.savefig(partial, metadata={"Title": name, "Description": caption, "Software": command})
        # no date, and fonts as TrueType rather than type 3, which publishers refuse
        metadata = {"Title": name, "Subject": caption, "Creator": command, "CreationDate": None}
        with _replacing(pdf) as partial, plt.rc_context({"pdf.fonttype": 42}):
            figure.savefig(partial, metadata=metadata)
        listed[name] = (command, caption)
        with _replacing(folder / LIST) as partial:
            rows = [(figure_name, *values) for figure_name, values in listed.items()]
            pd.DataFrame(rows, columns=COLUMNS).to_csv(partial, index=False)
    except OSError as error:
        raise InputError(f"figures cannot be saved in {folder}: {error.strerror or error}") from None
    return png, pdf


def _listed(path: Path) -> dict[str, tuple[str, str]]:
    """Command and caption of each figure in a list, by name; none where there is no list yet."""
    if not path.exists():
        return {}
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError:  # of pandas' parser and of UTF-8 alike
        frame = pd.DataFrame()
    if list(frame.columns) != COLUMNS:
        raise InputError(f"{path} must be a list of figures with the columns {', '.join(COLUMNS)}, and is not")
    return {name: (command, caption) for name, command, caption in frame.itertuples(index=False)}


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path``, of the same suffix, that takes its place once written; removed on failure."""
    partial = path.with_name(f".partial-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)

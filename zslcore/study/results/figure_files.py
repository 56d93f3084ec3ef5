"""Figure files: a PNG and a PDF with the command that made them in their metadata, and a list of all figures."""

import re
import shlex
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from zslcore._io.writing import locked, new_file
from zslcore.errors import InputError

LIST, COLUMNS = "figures.csv", ["name", "command", "caption"]


def notebook_command(notebook: str, **parameters: object) -> str:
    """Command line that runs a notebook with these parameters, quoted for a shell.

    Example:
        >>> notebook_command("06_ablations", dataset="SYNTH", losses=[], lams=[1.0, 10.0])
        "zslcore run 06_ablations -p dataset SYNTH -p losses '[]' -p lams 1.0,10.0"
    """
    words = ["zslcore", "run", notebook]
    for name, value in parameters.items():
        if isinstance(value, list):
            value = ",".join(map(str, value)) or "[]"
        words += ["-p", name, str(value)]
    return shlex.join(words)


def save_figure(figure: Figure, folder: Path | str, name: str, command: str, *, caption: str = "") -> tuple[Path, Path]:
    """Write ``NAME.png`` and ``NAME.pdf`` and add the figure to ``figures.csv`` in the same folder, by name.

    The metadata hold the command (``Software`` of the PNG, ``Creator`` of the PDF) and the caption. The same figure
    gives the same bytes.

    Args:
        figure: the figure.
        folder: folder to write to; created if needed.
        name: file name without suffix: letters, digits, ``_`` and ``-``.
        command: command line that makes the figure.
        caption: one sentence.

    Returns:
        Paths of the PNG and the PDF.

    Raises:
        InputError: for another name, a folder that cannot be written to, or a ``figures.csv`` with other columns.

    Example:
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
        _listed(folder / LIST)  # a damaged list is reported before anything is written
        png, pdf = folder / f"{name}.png", folder / f"{name}.pdf"
        with new_file(png) as partial:
            figure.savefig(partial, metadata={"Title": name, "Description": caption, "Software": command})
        # no date, and fonts as TrueType rather than type 3, which publishers refuse
        metadata = {"Title": name, "Subject": caption, "Creator": command, "CreationDate": None}
        with new_file(pdf) as partial, plt.rc_context({"pdf.fonttype": 42}):
            figure.savefig(partial, metadata=metadata)
        with locked(folder / ".figures.lock"):  # notebooks that run side by side write to one folder
            listed = _listed(folder / LIST)
            listed[name] = (command, caption)
            with new_file(folder / LIST) as partial:
                rows = [(figure_name, *listed[figure_name]) for figure_name in sorted(listed)]
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

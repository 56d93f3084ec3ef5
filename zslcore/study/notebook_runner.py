"""Run a notebook with checked parameters: what ``zslcore run`` does.

papermill fills in the cell tagged ``parameters``, but takes a misspelt name or a text for a number and still reports
success. So that cell is read first, line by line (``name: type = value  # help``), and what the user gave is checked
against it before anything is written.
"""

import ast
import difflib
import functools
import hashlib
import json
import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from zslcore.errors import InputError
from zslcore.study.notebook_parameters import Parameter


class NotebookError(RuntimeError):
    """A cell of a notebook failed, or its kernel died; the message is one sentence.

    >>> raise NotebookError("04_train: cell [3] raised KeyError: 'loss'")
    Traceback (most recent call last):
    zslcore.study.notebook_runner.NotebookError: 04_train: cell [3] raised KeyError: 'loss'
    """


def notebooks_root() -> Path:
    """Folder of the study's notebooks, in the checkout that holds the package.

    >>> notebooks_root().name
    'notebooks'
    """
    return Path(__file__).resolve().parents[2] / "notebooks"


def find_notebook(name: str, folder: Path | None = None) -> Path:
    """Path of a notebook given as a path, or by its name or the beginning of it (``04_train``, ``04``) in ``folder``.

    ``folder`` is the checkout's ``notebooks/`` by default, so names work from any working directory.
    :class:`~zslcore.errors.InputError` where none or several fit.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for stem in ("01_data", "04_train"):
    ...     (folder / f"{stem}.ipynb").touch()
    >>> find_notebook("04", folder).name
    '04_train.ipynb'
    >>> find_notebook("04_trian", folder)
    Traceback (most recent call last):
    zslcore.errors.InputError: no notebook '04_trian' (did you mean 04_train?); there are: 01_data, 04_train
    """
    path = Path(name).expanduser()
    if path.suffix == ".ipynb" and path.is_file():
        return path.absolute()
    folder = folder or notebooks_root()
    known = {found.stem: found for found in sorted(folder.glob("*.ipynb"))}
    wanted = name.removesuffix(".ipynb")
    fits = [stem for stem in known if wanted and stem.startswith(wanted)]
    if wanted in known or len(fits) == 1:
        return known[wanted if wanted in known else fits[0]]
    if fits:
        raise InputError(f"notebook {name!r} could be any of: {', '.join(fits)}")
    hint = _did_you_mean(wanted, known)
    raise InputError(f"no notebook {name!r}{hint}; there are: {', '.join(known) or f'none in {folder}'}")


def read_parameters(notebook: str | Path) -> dict[str, Parameter]:
    """Parameters of a notebook by name, from its one cell tagged ``parameters``, in their order there.

    :class:`~zslcore.errors.InputError` for a file that is no notebook, for no such cell or several, and for a line that
    is not ``name: type = value  # help``.

    >>> import nbformat, tempfile
    >>> cell = nbformat.v4.new_code_cell("epochs: int = 3  # passes over the data", metadata={"tags": ["parameters"]})
    >>> path = Path(tempfile.mkdtemp()) / "small.ipynb"
    >>> nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    >>> read_parameters(path)
    {'epochs': Parameter(name='epochs', kind='int', default=3, help='passes over the data')}
    """
    path = Path(notebook)
    cells = [cell for cell in _load(path).cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise InputError(f"{path.name} must have one cell tagged 'parameters', but has {len(cells)}")
    source = cells[0].source
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise InputError(f"{path.name}: line {error.lineno} of the parameters cell is not Python") from error
    read = [Parameter.read(statement, source, path.name) for statement in statements]
    return {parameter.name: parameter for parameter in read}


def bind(parameters: dict[str, Parameter], given: Sequence[tuple[str, str]]) -> dict[str, object]:
    """Values of the parameters that the user gave as texts, each of the type that the notebook declares.

    :class:`~zslcore.errors.InputError` for an unknown name (with the closest and all that are allowed), a name given
    twice, and a text that is not of the type.

    >>> known = {"epochs": Parameter("epochs", "int", 3, "")}
    >>> bind(known, [("epochs", "10")])
    {'epochs': 10}
    >>> bind(known, [("epoch", "10")])
    Traceback (most recent call last):
    zslcore.errors.InputError: no parameter 'epoch' (did you mean epochs?); there are: epochs (int)
    """
    values = {}
    for name, text in given:
        if name not in parameters:
            allowed = ", ".join(f"{known.name} ({known.kind})" for known in parameters.values())
            hint = _did_you_mean(name, parameters)
            raise InputError(f"no parameter {name!r}{hint}; there are: {allowed or 'none'}")
        if name in values:
            raise InputError(f"parameter {name!r} is given twice")
        values[name] = parameters[name].convert(text)
    return values


def output_path(notebook: Path, values: dict[str, object], runs: Path) -> Path:
    """Default place of an executed notebook: ``RUNS/notebooks/NAME.ipynb``, or with parameters ``NAME-HASH.ipynb``.

    The hash tells parameters apart, so runs side by side do not overwrite each other, and a rerun replaces its own.

    >>> output_path(Path("04_train.ipynb"), {}, Path("runs")).as_posix()
    'runs/notebooks/04_train.ipynb'
    >>> output_path(Path("04_train.ipynb"), {"epochs": 3}, Path("runs")).as_posix()
    'runs/notebooks/04_train-543da7ab.ipynb'
    """
    key = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]
    return runs / "notebooks" / (f"{notebook.stem}-{key}.ipynb" if values else f"{notebook.stem}.ipynb")


def execute(notebook: Path, values: dict[str, object], output: Path) -> Path:
    """Run ``notebook`` with the parameters ``values`` in the current interpreter; the executed copy becomes ``output``.

    ``output`` appears only when all cells have run. When one fails, what there is goes to ``NAME.failed.ipynb`` beside
    it and :class:`NotebookError` names the cell, the error and that file; an ``InputError`` of a cell is raised as one.
    ``values`` are as :func:`bind` gives them. Raises ``InputError`` too for an ``output`` that cannot be written.

    >>> import nbformat, tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> cells = [nbformat.v4.new_code_cell("n: int = 3", metadata={"tags": ["parameters"]})]
    >>> cells.append(nbformat.v4.new_code_cell("print(n**2)"))
    >>> nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "square.ipynb")
    >>> executed = execute(folder / "square.ipynb", {"n": 5}, folder / "executed.ipynb")
    >>> nbformat.read(executed, as_version=4).cells[-1].outputs[0].text
    '25\\n'
    """
    import papermill  # here, since it takes a second to import
    from nbclient.exceptions import DeadKernelError

    output = output.expanduser().absolute()
    _refuse_output(notebook, output)
    failed = output.with_suffix(".failed.ipynb")
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".partial-{output.stem}-{uuid.uuid4().hex[:8]}.ipynb")
    paths = [str(path).replace("{", "{{").replace("}", "}}") for path in (notebook, partial)]  # papermill formats them
    options = {"kernel_name": "python3", "language": "python", "kernel_manager_class": _kernel_manager()}
    try:
        papermill.execute_notebook(*paths, values, cwd=output.parent, **options)
        os.replace(partial, output)
        failed.unlink(missing_ok=True)
    except papermill.PapermillExecutionError as error:
        os.replace(partial, failed)
        what = " ".join(f"{error.ename}: {error.evalue}".split())
        message = f"{notebook.stem}: cell [{error.exec_count}] raised {what} (executed so far: {failed})"
        raise (InputError if error.ename == InputError.__name__ else NotebookError)(message) from None
    except DeadKernelError:
        raise NotebookError(f"{notebook.stem}: the Python process of the notebook died (out of memory?)") from None
    finally:
        partial.unlink(missing_ok=True)
    return output


def _refuse_output(notebook: Path, output: Path) -> None:
    if output.suffix != ".ipynb":
        raise InputError(f"the output must be a file name that ends in .ipynb, got {output}")
    if output.resolve() == notebook.resolve():
        raise InputError(f"the output must be another file than the notebook itself, got {output}")
    blocking = next((parent for parent in output.parents if parent.exists() and not parent.is_dir()), None)
    if blocking or output.is_dir():
        raise InputError(f"the output cannot be written to {output}: {blocking or output} is in the way")


def _load(path: Path) -> "nbformat.NotebookNode":  # noqa: F821
    import nbformat

    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
        if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
            raise ValueError("no cells")  # nbformat itself stumbles over these
        nbformat.validate(content, version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise InputError(f"{path} cannot be read as a notebook of format 4 ({type(error).__name__})") from error
    return nbformat.reads(text, as_version=4)


def _did_you_mean(name: str, known: dict[str, object]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


@functools.cache
def _kernel_manager() -> type:
    """Kernel manager that starts this interpreter, whatever another ``python3`` kernelspec of the user points to."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from traitlets import default

    command = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    metadata = {"supported_encryption": "curve"}
    quiet = {"TQDM_DISABLE": "1"}  # nobody watches; in the executed notebook a bar would stand at 0 % for ever
    spec = KernelSpec(argv=command, display_name="Python 3", language="python", metadata=metadata, env=quiet)

    class ThisInterpreter(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return spec

        @default("transport_encryption")
        def _encrypt_where_possible(self) -> str:
            return "auto"  # on a shared machine others could listen; ipykernel warns of it at each start

    return ThisInterpreter

"""Run a notebook with checked parameters: what ``zslcore run`` does.

papermill ignores misspelt parameters and does not check types, so they are checked against the parameters cell first.
"""

import ast
import difflib
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zslcore._io.extras import require
from zslcore._io.locations import check_folder, environment, user_path
from zslcore._io.text_values import SCALARS, text_value
from zslcore._io.writing import new_file
from zslcore.errors import InputError, one_line
from zslcore.study.checkout import notebooks_root
from zslcore.study.running.parameter_checks import check_parameters

require("notebooks", "papermill", "nbformat", "ipykernel")

START_TIMEOUT = 300  # seconds; a busy machine may need more than papermill's 60
PATHS = ("weights", "word_vectors")  # settings that may be files
KINDS = (*SCALARS, *(f"list[{kind}]" for kind in SCALARS))


class NotebookError(RuntimeError):
    """A cell of a notebook failed, or its kernel died; the message is one sentence."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a notebook: ``name: kind = default  # help``."""

    name: str
    kind: str  # one of KINDS
    default: object
    help: str


def notebook_titles() -> dict[str, str]:
    """Names of the study's notebooks, with the first heading of each."""
    titles = {}
    for path in _study_notebooks().values():
        lines = "\n".join(cell.source for cell in _load(path).cells if cell.cell_type == "markdown").splitlines()
        titles[path.stem] = next((line.lstrip("# ") for line in lines if line.startswith("#")), "")
    return titles


def find_notebook(name: str) -> Path:
    """Find a notebook by its path, or by its name in ``notebooks/`` of the checkout or the beginning of the name.

    Example:
        >>> find_notebook("04").name
        '04_train.ipynb'
    """
    path = user_path(name, what="notebook")
    if path.suffix == ".ipynb" and path.is_file():
        return path.absolute()
    known = _study_notebooks(f"{name!r}, and none of the study")
    wanted = name.removesuffix(".ipynb")
    fits = [wanted] if wanted in known else [stem for stem in known if wanted and stem.startswith(wanted)]
    if len(fits) == 1:
        return known[fits[0]]
    if fits:
        raise InputError(f"notebook {name!r} could be any of: {', '.join(fits)}")
    raise InputError(f"no notebook {name!r}{_did_you_mean(wanted, known)}; there are: {', '.join(known)}")


def _study_notebooks(wanted: str = "of the study") -> dict[str, Path]:
    """The notebooks of the checkout by name; InputError, which says what was wanted, if there are none."""
    known = {path.stem: path for path in sorted(notebooks_root().glob("*.ipynb"))}
    if not known:
        where = "they are in the repository of zslcore, not in the installed package"
        raise InputError(f"no notebook {wanted} in {notebooks_root()}: {where}")
    return known


def read_parameters(notebook: str | Path) -> dict[str, Parameter]:
    """Parameters of a notebook by name, from its cell tagged ``parameters``, in their order there.

    Every line of the cell must be ``name: type = value  # help``, without ``=`` in the help.

    Example:
        >>> read_parameters(find_notebook("04_train"))["seed"].kind
        'int'
    """
    from papermill.translators import PythonTranslator  # here, because papermill takes a second to import

    path = Path(notebook)
    cells = [cell for cell in _load(path).cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise InputError(f"{path.name} must have one cell tagged 'parameters', but has {len(cells)}")
    lines = [line for line in cells[0].source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found = PythonTranslator.inspect(cells[0])
    if len(found) != len(lines) or any(parameter.inferred_type_name not in KINDS for parameter in found):
        form = f"'name: type = value  # help' with a type among {', '.join(KINDS)}, and no = in the help"
        raise InputError(f"{path.name}: every line of the parameters cell must be {form}")
    return {name: Parameter(name, kind, _default(path, name, kind, text), help) for name, kind, text, help in found}


def _default(path: Path, name: str, kind: str, source: str) -> object:
    try:
        value = ast.literal_eval(source)
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # of thousands of brackets
        value = ...
    if kind == "float" and type(value) is int:
        value = float(value)
    if kind == "list[float]" and type(value) is list:
        value = [float(item) if type(item) is int else item for item in value]
    inner = kind.removeprefix("list[").removesuffix("]")
    values = value if kind != inner and type(value) is list else [value]
    if any(type(item).__name__ != inner for item in values):
        raise InputError(f"{path.name}: the default of {name} must be {kind}, got {source:.100}")
    return value


def bind(parameters: dict[str, Parameter], given: Sequence[tuple[str, str]]) -> dict[str, object]:
    """Convert the names and texts that a user gave for parameters to the types that the notebook declares.

    The parameter ``output`` is a path. A relative one is relative to the current directory, not to the folder of the
    executed notebook, and so are the files in the parameter ``settings``.

    Example:
        >>> bind({"epochs": Parameter("epochs", "int", 3, "")}, [("epochs", "10")])
        {'epochs': 10}
    """
    values = {}
    for name, text in given:
        if name not in parameters:
            allowed = ", ".join(f"{known.name} ({known.kind})" for known in parameters.values())
            raise InputError(f"no parameter {name!r}{_did_you_mean(name, parameters)}; there are: {allowed or 'none'}")
        if name in values:
            raise InputError(f"parameter {name!r} is given twice")
        values[name] = text_value(name, parameters[name].kind, text)
        if name == "output" and text:
            values[name] = str(user_path(text, what="output").absolute())
            check_folder("the parameter output", Path(values[name]))
        if name == "settings":
            values[name] = _with_absolute_paths(text)
    return values


def _with_absolute_paths(settings: str) -> str:
    """A JSON object of settings with absolute paths of files; unchanged where it names none."""
    try:
        values = text_value("settings", "dict", settings)
    except InputError:  # raised again when the settings are checked
        return settings
    files = {name: user_path(values[name], what=name) for name in PATHS if isinstance(values.get(name), str)}
    found = {name: str(path.absolute()) for name, path in files.items() if os.path.isfile(path)}
    return json.dumps(values | found) if found else settings


def check_values(notebook: Path, parameters: dict[str, Parameter], values: dict[str, object]) -> None:
    """Raise InputError for a value that a notebook of the study cannot use; other notebooks may use any."""
    if notebook.resolve().parent == notebooks_root():
        check_parameters(values, {name: parameter.default for name, parameter in parameters.items()})


def check_training(parameters: dict[str, Parameter], values: dict[str, object]) -> None:
    """Raise InputError, before a kernel starts, if a notebook that trains one run is given a run that cannot work.

    Such a notebook has the parameters ``dataset``, ``method``, ``seed`` and ``settings`` of 04_train.
    """
    if not {"dataset", "method", "seed", "settings"} <= parameters.keys():
        return
    from zslcore.config import RunConfig
    from zslcore.data import load_benchmark
    from zslcore.data.class_splits import split_classes
    from zslcore.training import default_folder
    from zslcore.training.conditions import check_inputs, check_settings

    dataset, method, seed, settings = (
        values.get(name, parameters[name].default) for name in ("dataset", "method", "seed", "settings")
    )
    changes = text_value("settings", "dict", settings)
    config = RunConfig.study(dataset, method=method, seed=seed).replace(**changes)
    if (default_folder(config) / "metrics.json").exists():  # a finished run needs nothing more
        return
    benchmark = load_benchmark(dataset)
    check_settings(config, split_classes(benchmark, config.class_split))
    check_inputs(config, benchmark)


def output_path(notebook: Path, values: dict[str, object], runs: Path) -> Path:
    """Default path of an executed notebook: ``RUNS/notebooks/NAME.ipynb``, or ``NAME-HASH.ipynb`` with parameters.

    The hash is that of the parameters, so other parameters have another path, and a rerun replaces its own output.

    Example:
        >>> output_path(Path("04_train.ipynb"), {"epochs": 3}, Path("runs")).as_posix()
        'runs/notebooks/04_train-543da7ab.ipynb'
    """
    key = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]
    return runs / "notebooks" / (f"{notebook.stem}-{key}.ipynb" if values else f"{notebook.stem}.ipynb")


def execute(notebook: Path, values: dict[str, object], output: Path) -> Path:
    """Run a notebook in the current interpreter, write the executed copy, and return its absolute path.

    The copy appears at ``output`` only when all cells have run. The working directory is the folder of ``output``.

    Raises:
        NotebookError: if a cell fails or ends the notebook, or the kernel dies. What was executed is kept in
            ``NAME.failed.ipynb`` beside ``output``.
        InputError: if a cell raises an ``InputError``, or ``output`` cannot be written.
    """
    import papermill  # here, because it takes a second to import
    from nbclient.exceptions import DeadKernelError

    output = output.absolute()
    _refuse_output(notebook, output)
    failed = output.with_suffix(".failed.ipynb")
    kept = f"(executed so far: {failed})"
    with new_file(output) as partial:
        try:
            executed = papermill.execute_notebook(
                _escaped(notebook),
                _escaped(partial),
                values,
                cwd=output.parent,
                kernel_name="python3",
                language="python",
                start_timeout=START_TIMEOUT,
                kernel_manager_class=_kernel_manager(),
            )
            _refuse_unfinished(notebook, executed)
        except papermill.PapermillExecutionError as error:
            os.replace(partial, failed)
            what = " ".join(f"{error.ename}: {error.evalue}".split())
            message = f"{notebook.stem}: cell [{error.exec_count}] raised {what} {kept}"
            raise (InputError if error.ename == InputError.__name__ else NotebookError)(message) from None
        except NotebookError as error:
            os.replace(partial, failed)
            raise NotebookError(f"{error} {kept}") from None
        except RuntimeError as error:  # of nbclient or jupyter_client
            os.replace(partial, failed)
            died = isinstance(error, DeadKernelError) or "Kernel died" in str(error)
            reason = "died (out of memory?)" if died else f"could not be used: {one_line(error)}"
            raise NotebookError(f"{notebook.stem}: the Python process of the notebook {reason} {kept}") from None
    failed.unlink(missing_ok=True)
    return output


def _refuse_unfinished(notebook: Path, executed: "nbformat.NotebookNode") -> None:  # noqa: F821
    """Raise NotebookError if a cell ended the notebook, as ``sys.exit(0)`` does, which papermill takes for success."""
    for cell in executed.cells:
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            raise NotebookError(f"{notebook.stem}: cell [{cell.execution_count}] ended the notebook early")


def _escaped(path: Path) -> str:
    """The path as papermill takes it, which calls ``str.format`` on it."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _refuse_output(notebook: Path, output: Path) -> None:
    if output.suffix != ".ipynb":
        raise InputError(f"the output must be a file name that ends in .ipynb, got {output}")
    if output.resolve() == notebook.resolve():
        raise InputError(f"the output must be another file than the notebook itself, got {output}")
    check_folder("the folder of the output", output.parent)
    if output.is_dir():
        raise InputError(f"the output must be a file, but {output} is a folder")


def _load(path: Path) -> "nbformat.NotebookNode":  # noqa: F821
    import nbformat

    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
        if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
            raise ValueError("no cells")  # nbformat raises other errors for these
        nbformat.validate(content, version=4)
    except (OSError, ValueError, RecursionError, nbformat.ValidationError) as error:  # Recursion: brackets
        reason = type(error).__name__
        if "UTF-8 BOM" in str(error):
            reason = "it starts with a byte order mark: save it as UTF-8 without one"
        raise InputError(f"{path} cannot be read as a notebook of format 4 ({reason})") from error
    return nbformat.reads(text, as_version=4)


def _did_you_mean(name: str, known: dict[str, object]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _kernel_manager() -> type:
    """Kernel manager that starts this interpreter, even if the user has another kernel called ``python3``."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from traitlets import default

    from zslcore.study.running.kernel_client import LookingClient

    command = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    # IPython's own exit() lets the next cells run, and then stops the kernel; an interrupted kernel logs a traceback
    command += ["--IPKernelApp.exec_lines=get_ipython().ask_exit = __import__('sys').exit"]
    command += ["--IPKernelApp.log_level=CRITICAL"]
    metadata = get_kernel_dict()["metadata"]  # an older kernel cannot encrypt, and would not answer
    variables = environment() | {"TQDM_DISABLE": "1"}  # a stored progress bar would stay at 0 %

    class ThisInterpreter(AsyncKernelManager):
        client_factory = LookingClient
        kernel_spec = KernelSpec(
            argv=command, display_name="Python 3", language="python", metadata=metadata, env=variables
        )

        @default("transport_encryption")
        def _encrypt_where_possible(self) -> str:
            return "auto"  # on a shared machine others could listen; ipykernel warns without it

    return ThisInterpreter

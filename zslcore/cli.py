"""The command ``zslcore``; ``docs/command_line.md`` lists the commands and the exit statuses.

Each command imports what it needs, so that ``zslcore --help`` is fast.
"""

import argparse
import re
import sys
import textwrap
import warnings
from collections.abc import Sequence
from typing import NoReturn

import zslcore
from zslcore import cli_data
from zslcore._io.exit_status import exit_status, fail
from zslcore.cli_data import add_command, add_values, changed_settings, given_values, path
from zslcore.errors import InputError

MAX_WORKERS = 1024


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Example:
        >>> main(["run", "no_such_notebook.txt"])
        2
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # where output is not UTF-8, other characters are written as \xe4
            stream.reconfigure(errors="backslashreplace")
    return exit_status(lambda: _run_command(sys.argv[1:] if argv is None else argv))


def _run_command(words: Sequence[str]) -> int:
    arguments, unknown = _parser().parse_known_args(_joined(words))
    _refuse_unknown(arguments, unknown)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        return arguments.command(arguments) or 0


def _refuse_unknown(arguments: argparse.Namespace, unknown: list[str]) -> None:
    if unknown:
        way_out = " (see zslcore --help)"
        if "set" in arguments:
            way_out = "; give each setting as -s NAME VALUE"
        if "parameter" in arguments:
            way_out = "; give each parameter as -p NAME VALUE"
        raise InputError(f"unrecognized arguments: {' '.join(unknown)}{way_out}")


def _show_warning(message: Warning | str, *_: object) -> None:
    print("zslcore: note:", " ".join(str(message).split()), file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    text = "Rebalanced MSE for zero-shot learning: the study's command line."
    parser = _Parser(prog="zslcore", description=text, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"zslcore {zslcore.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = add_command(commands, "run", _run, "run a notebook with checked parameters")
    text = "a path, or the name of a notebook in notebooks/ or its beginning: 04_train, 04"
    run.add_argument("notebook", metavar="NOTEBOOK", help=text)
    text = "value of a parameter, also as two words: -p epochs 3 (list them with: zslcore params NOTEBOOK)"
    add_values(run, "-p", "--parameter", f"{text}; the parameter output is relative to the current directory")
    run.add_argument("--output", metavar="PATH", type=path, help="executed notebook (default: in runs/notebooks/)")

    params = add_command(commands, "params", _params, "list the notebooks, or the parameters of one")
    params.add_argument("notebook", metavar="NOTEBOOK", nargs="?", help="as for run; without it, list the notebooks")

    add_command(commands, "synth", _synth, "generate the data set SYNTH if it is missing, and print its folder")

    cli_data.add_commands(commands)

    train = add_command(commands, "train", _train, "train one run")
    train.add_argument("config", metavar="CONFIG", nargs="?", help="settings as JSON or YAML, such as a config.json")
    train.add_argument("--dataset", metavar="NAME", help="instead of CONFIG: the study's settings for a data set")
    train.add_argument("--method", metavar="NAME", help="with --dataset: one of the methods below")
    text = "with --method: train seeds 0 to N - 1, in one process"
    train.add_argument("--seeds", metavar="N", type=int, help=text)
    text = "with --dataset: the released settings of resnet101 or vit_b_16"
    train.add_argument("--published", metavar="BACKBONE", help=text)
    train.add_argument("--release", metavar="NAME", help="with --published: 2023-09, remse-variant")
    add_values(train, "-s", "--set", "change a setting below, also as two words: -s epochs 3")
    train.add_argument("--output", metavar="FOLDER", type=path, help="run folder (default: by settings, in runs/)")
    text = "processes that decode images if the backbone is fine-tuned (default 0)"
    train.add_argument("--workers", metavar="N", type=int, default=0, help=text)
    options_help = train.format_help
    train.format_help = lambda: f"{options_help()}\n{_settings_help()}"  # later, because it imports the settings

    text = "choose the options of ESZSL and SAE for a data set, on folds of its seen classes"
    baselines = add_command(commands, "baselines", _baselines, text)
    baselines.add_argument("dataset", metavar="NAME", help="as for check")

    book = add_command(
        commands, "book", _book, "build a book, as HTML pages, from the notebooks and results in a folder"
    )
    book.add_argument("folder", metavar="FOLDER", type=path, help="a folder that 'make study' filled")
    return parser


def _settings_help() -> str:
    from zslcore.config import setting_table
    from zslcore.methods import BASELINES, METHODS, display_name

    methods = [f"  {name:<22}{display_name(name)}" for name in (*METHODS, *BASELINES)]
    lines = ["methods:", *methods, "", "settings:"]
    for name, default, allowed, help in setting_table():
        text = f"{help} (default {default}; {allowed})" if default != "required" else f"{help} (required)"
        lines.append(textwrap.fill(text, 110, initial_indent=f"  {name:<22}", subsequent_indent=" " * 24))
    return "\n".join(lines) + "\n"


def _joined(words: Sequence[str]) -> list[str]:
    """Join ``features import``, and ``-p NAME VALUE`` or ``-s NAME VALUE``, whose value may begin with a minus sign."""
    joined, rest = [], list(words)
    if rest[:2] == ["features", "import"]:
        rest[:2] = ["features import"]
    options = {"-p": "--parameter=", "--parameter": "--parameter=", "-s": "--set=", "--set": "--set="}
    while rest:
        word = rest.pop(0)
        if word in options and rest:
            option = options[word]
            word = option + rest.pop(0)
            if "=" not in word.removeprefix(option) and rest and not re.match("--|-[ps]$", rest[0]):
                word = f"{word}={rest.pop(0)}"
        joined.append(word)
    return joined


def _run(arguments: argparse.Namespace) -> int:
    from zslcore._io.locations import runs_root
    from zslcore.study.running import notebook_runner

    source = notebook_runner.find_notebook(arguments.notebook)
    parameters = notebook_runner.read_parameters(source)
    values = notebook_runner.bind(parameters, given_values(arguments.parameter))
    notebook_runner.check_values(source, parameters, values)
    notebook_runner.check_training(parameters, values)
    output = arguments.output or notebook_runner.output_path(source, values, runs_root())
    try:
        print(notebook_runner.execute(source, values, output))
    except notebook_runner.NotebookError as error:
        return fail(error, 1)
    return 0


def _params(arguments: argparse.Namespace) -> None:
    from zslcore.study.running import notebook_runner

    if arguments.notebook is None:
        rows = [("notebook", "title"), *notebook_runner.notebook_titles().items()]
    else:
        parameters = notebook_runner.read_parameters(notebook_runner.find_notebook(arguments.notebook)).values()
        rows = [("name", "type", "default", "help"), *((p.name, p.kind, repr(p.default), p.help) for p in parameters)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _synth(arguments: argparse.Namespace) -> None:
    from zslcore import synthbirds

    print(synthbirds.ensure())


def _train(arguments: argparse.Namespace) -> None:
    from zslcore._io.distributed import share_of_batch
    from zslcore.config import RunConfig
    from zslcore.training import fit, fit_all

    changes = changed_settings(arguments.set)
    _refuse_contradictions(arguments, changes)
    if arguments.seeds is not None:
        settings = [changes | {"seed": seed} for seed in range(arguments.seeds)]
        configs = [RunConfig.study(arguments.dataset, method=arguments.method, **chosen) for chosen in settings]
        print(*fit_all(configs), sep="\n")
        return
    if arguments.config is not None:
        config = RunConfig.read(arguments.config).replace(**changes)
    elif arguments.published is not None:
        released = RunConfig.published(arguments.dataset, backbone=arguments.published, release=arguments.release)
        config = released.replace(**changes)
    else:
        config = RunConfig.study(arguments.dataset, method=arguments.method, **changes)
    folder = fit(config, arguments.output, num_workers=arguments.workers)
    if share_of_batch()[0] == 0:  # one of the processes that torchrun starts
        print(folder)


def _refuse_contradictions(arguments: argparse.Namespace, changes: dict[str, object]) -> None:
    from zslcore.methods import MAX_SEEDS

    if (arguments.config is None) == (arguments.dataset is None):
        given = f", got CONFIG {arguments.config!r} and --dataset {arguments.dataset!r}" if arguments.config else ""
        raise InputError(f"train needs a CONFIG file or --dataset NAME, one of the two{given}")
    for option in ("method", "published", "release"):
        if arguments.config is not None and getattr(arguments, option) is not None:
            raise InputError(f"--{option} goes with --dataset, not with a CONFIG file, which holds all settings")
    if arguments.method is not None and arguments.published is not None:
        raise InputError("--method (the study's settings) and --published (the released ones) exclude each other")
    if arguments.seeds is not None:
        if arguments.method is None or arguments.output is not None or "seed" in changes:
            raise InputError("--seeds goes with --dataset and --method, without --output and -s seed")
        if not 1 <= arguments.seeds <= MAX_SEEDS:
            raise InputError(f"--seeds must lie in 1..{MAX_SEEDS}, got {arguments.seeds}")
    if arguments.release is not None and arguments.published is None:
        raise InputError("--release goes with --published")
    if arguments.dataset is not None and "dataset" in changes:
        raise InputError("the data set is given twice, by --dataset and by -s dataset")
    if not 0 <= arguments.workers <= MAX_WORKERS:
        raise InputError(f"--workers must be a number of processes from 0 to {MAX_WORKERS}, got {arguments.workers}")


def _baselines(arguments: argparse.Namespace) -> None:
    from zslcore.study.results.baselines import print_choice

    print_choice(arguments.dataset)


def _book(arguments: argparse.Namespace) -> None:
    from zslcore.study.pages.book import build_book

    print(build_book(arguments.folder))


if __name__ == "__main__":
    sys.exit(main())

"""The command ``zslcore``: run notebooks and trainings, list settings, check data sets, build the book.

Exit status: 0 done, 1 a notebook failed or a file could not be used, 2 wrong input (one sentence on stderr), 130
interrupted, 141 the reader of the output has closed it. Each command imports what it needs, so that ``zslcore --help``
is fast.
"""

import argparse
import os
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import zslcore
from zslcore._io.extras import MissingExtraError
from zslcore.errors import InputError


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: its words, by default those of the process.

    Returns:
        The exit status.

    Example:
        >>> main(["run", "no_such_notebook.txt"])
        2
    """
    try:
        arguments = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
        status = arguments.command(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except (InputError, MissingExtraError) as error:
        return _fail(error, 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more at its exit
        return 141
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        return _fail(f"{reason}: {error.filename}" if error.filename else reason, 1)
    return status


def _fail(message: object, status: int) -> int:
    print("zslcore:", " ".join(str(message).split()), file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="zslcore", description="Rebalanced MSE for zero-shot learning: the study's command line.")
    parser.add_argument("--version", action="version", version=f"zslcore {zslcore.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="run a notebook with checked parameters")
    run.add_argument(
        "notebook", metavar="NOTEBOOK", help="a path, or the name or the beginning of it in notebooks/: 04_train, 04"
    )
    run.add_argument(
        *("-p", "--parameter"),
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="value of a parameter, also as two words: -p epochs 3 (list them with: zslcore params NOTEBOOK); a "
        "relative path for the parameter output is relative to the current directory",
    )
    run.add_argument("--output", metavar="PATH", type=Path, help="executed notebook (default: in runs/notebooks/)")
    run.set_defaults(command=_run)

    params = commands.add_parser("params", help="list the notebooks, or the parameters of one")
    params.add_argument("notebook", metavar="NOTEBOOK", nargs="?", help="as for run; without it, list the notebooks")
    params.set_defaults(command=_params)

    synth = commands.add_parser("synth", help="make the embedded data set SYNTH if absent, and print its folder")
    synth.set_defaults(command=_synth)

    check = commands.add_parser("check", help="load a data set, print its counts, and check that no image is missing")
    check.add_argument("dataset", metavar="NAME", help="SYNTH, or a folder under xlsa17/data: CUB, AWA2, SUN, CUB100")
    check.set_defaults(command=_check)

    train = commands.add_parser(
        "train", help="train one run without a notebook", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    train.add_argument("config", metavar="CONFIG", nargs="?", help="settings as JSON or YAML, such as a config.json")
    train.add_argument("--dataset", metavar="NAME", help="instead of CONFIG: the study's settings for a data set")
    train.add_argument("--method", metavar="NAME", help="with --dataset: one of the methods below")
    train.add_argument(
        "--published", metavar="BACKBONE", help="with --dataset: the released settings of resnet101 or vit_b_16"
    )
    train.add_argument("--release", metavar="NAME", help="with --published: 2023-09, remse-variant")
    train.add_argument(
        *("-s", "--set"),
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="another value of a setting below, also as two words: -s epochs 3",
    )
    train.add_argument("--output", metavar="FOLDER", type=Path, help="run folder (default: by settings, in runs/)")
    train.add_argument(
        "--workers",
        metavar="N",
        type=int,
        default=0,
        help="processes that decode images if the backbone is trained too (default 0)",
    )
    options_help = train.format_help
    train.format_help = lambda: f"{options_help()}\n{_settings_help()}"  # later, because it imports the settings
    train.set_defaults(command=_train)

    features = commands.add_parser("features", help="compute the frozen features of a data set")
    features.add_argument("dataset", metavar="NAME", help="as for check")
    features.set_defaults(command=_features)

    book = commands.add_parser("book", help="build a book, as HTML pages, from the notebooks and results in a folder")
    book.add_argument("folder", metavar="FOLDER", type=Path, help="a folder that 'make study' filled")
    book.set_defaults(command=_book)
    return parser


def _settings_help() -> str:
    """The methods and settings of ``train`` in words."""
    from zslcore.config import setting_table
    from zslcore.methods import METHODS, display_name

    rows = [(name, display_name(name)) for name in METHODS]
    lines = ["methods:", *(f"  {name:<22}{text}" for name, text in rows), "", "settings:"]
    for name, default, allowed, help in setting_table():
        text = f"{help} (default {default}; {allowed})" if default != "required" else f"{help} (required)"
        lines.append(textwrap.fill(text, 110, initial_indent=f"  {name:<22}", subsequent_indent=" " * 24))
    return "\n".join(lines) + "\n"


def _joined(words: Sequence[str]) -> list[str]:
    """Join ``-p NAME VALUE``, and the same for ``-s``, to one word, because a value may begin with a minus sign."""
    joined, rest = [], list(words)
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


def _given(parameters: list[str], option: str = "-p") -> list[tuple[str, str]]:
    for parameter in parameters:
        if "=" not in parameter:
            raise InputError(f"parameter {parameter!r} has no value: give {option} NAME VALUE or {option} NAME=VALUE")
    return [tuple(parameter.split("=", 1)) for parameter in parameters]


def _run(arguments: argparse.Namespace) -> int:
    from zslcore._io.locations import runs_root
    from zslcore.study import notebook_runner

    source = notebook_runner.find_notebook(arguments.notebook)
    values = notebook_runner.bind(notebook_runner.read_parameters(source), _given(arguments.parameter))
    output = arguments.output or notebook_runner.output_path(source, values, runs_root())
    try:
        print(notebook_runner.execute(source, values, output))
    except notebook_runner.NotebookError as error:
        return _fail(error, 1)
    return 0


def _params(arguments: argparse.Namespace) -> int:
    from zslcore.study import notebook_runner

    if arguments.notebook is None:
        rows = [("notebook", "title"), *notebook_runner.notebook_titles().items()]
    else:
        parameters = notebook_runner.read_parameters(notebook_runner.find_notebook(arguments.notebook)).values()
        rows = [("name", "type", "default", "help"), *((p.name, p.kind, repr(p.default), p.help) for p in parameters)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    return 0


def _synth(arguments: argparse.Namespace) -> int:
    from zslcore import synthbirds

    print(synthbirds.ensure())
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from zslcore.data import load_benchmark

    benchmark = load_benchmark(arguments.dataset)
    print(f"{benchmark.name} in {benchmark.root}, fingerprint {benchmark.fingerprint}")
    print(f"{len(benchmark.class_names)} classes x {len(benchmark.attribute_names)} attributes")
    print(f"{'split':<12}{'images':>8}{'classes':>9}")
    for split in ("trainval", "test_seen", "test_unseen", "train", "val"):
        images = benchmark.split(split)
        print(f"{split:<12}{len(images):>8}{len(set(benchmark.labels[images].tolist())):>9}")
    benchmark.check_images()
    print(f"all {len(benchmark.image_paths)} images are there")
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from zslcore.config import RunConfig
    from zslcore.training import fit

    changes = {}
    for name, text in _given(arguments.set, "-s"):
        if name in changes:
            raise InputError(f"setting {name!r} is given twice")
        changes[name] = RunConfig.parse(name, text)
    _refuse_contradictions(arguments, changes)
    if arguments.config is not None:
        config = RunConfig.read(Path(arguments.config)).replace(**changes)
    elif arguments.published is not None:
        config = RunConfig.published(
            arguments.dataset, backbone=arguments.published, release=arguments.release
        ).replace(**changes)
    else:
        config = RunConfig.study(arguments.dataset, method=arguments.method, **changes)
    print(fit(config, arguments.output, num_workers=arguments.workers))
    return 0


def _refuse_contradictions(arguments: argparse.Namespace, changes: dict[str, object]) -> None:
    """InputError for options of ``train`` that exclude each other."""
    if (arguments.config is None) == (arguments.dataset is None):
        raise InputError("train needs a CONFIG file or --dataset NAME, one of the two")
    if arguments.config is not None:
        for option in ("method", "published", "release"):
            if getattr(arguments, option) is not None:
                raise InputError(f"--{option} goes with --dataset, not with a CONFIG file, which holds all settings")
    if arguments.method is not None and arguments.published is not None:
        raise InputError("--method (the study's settings) and --published (the released ones) exclude each other")
    if arguments.release is not None and arguments.published is None:
        raise InputError("--release goes with --published")
    if arguments.dataset is not None and "dataset" in changes:
        raise InputError("the data set is given twice, by --dataset and by -s dataset")
    if arguments.workers < 0:
        raise InputError(f"--workers must be a number of processes of at least 0, got {arguments.workers}")


def _features(arguments: argparse.Namespace) -> int:
    from zslcore.config import RunConfig
    from zslcore.data import load_benchmark
    from zslcore.training.inputs.sources import load_features

    features = load_features(RunConfig.study(arguments.dataset), load_benchmark(arguments.dataset))
    print(f"{features.folder.name}: {' x '.join(map(str, features.maps.shape))}")
    return 0


def _book(arguments: argparse.Namespace) -> int:
    from zslcore.study.book import build_book

    print(build_book(arguments.folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The command ``zslcore``; ``docs/command_line.md`` lists the commands and the exit statuses.

Each command imports what it needs, so that ``zslcore --help`` is fast.
"""

import argparse
import os
import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import zslcore
from zslcore._io.extras import MissingExtraError
from zslcore._io.locations import user_path
from zslcore.errors import InputError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Example:
        >>> main(["run", "no_such_notebook.txt"])
        2
    """
    try:
        arguments = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            status = arguments.command(arguments) or 0
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


def _show_warning(message: Warning | str, *_: object) -> None:
    print("zslcore: note:", " ".join(str(message).split()), file=sys.stderr)


def _fail(message: object, status: int) -> int:
    print("zslcore:", " ".join(str(message).split()), file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    text = "Rebalanced MSE for zero-shot learning: the study's command line."
    parser = _Parser(prog="zslcore", description=text, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"zslcore {zslcore.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = _command(commands, "run", _run, "run a notebook with checked parameters")
    text = "a path, or the name or the beginning of it in notebooks/: 04_train, 04"
    run.add_argument("notebook", metavar="NOTEBOOK", help=text)
    text = "value of a parameter, also as two words: -p epochs 3 (list them with: zslcore params NOTEBOOK)"
    _add_values(run, "-p", "--parameter", f"{text}; the parameter output is relative to the current directory")
    run.add_argument("--output", metavar="PATH", type=_path, help="executed notebook (default: in runs/notebooks/)")

    params = _command(commands, "params", _params, "list the notebooks, or the parameters of one")
    params.add_argument("notebook", metavar="NOTEBOOK", nargs="?", help="as for run; without it, list the notebooks")

    _command(commands, "synth", _synth, "make the embedded data set SYNTH if absent, and print its folder")

    text = "load a data set, print its counts, and check that it can be trained on"
    check = _command(commands, "check", _check, text)
    check.add_argument("dataset", metavar="NAME", help="SYNTH, or a folder under xlsa17/data: CUB, AWA2, SUN, CUB100")
    _add_values(check, "-s", "--set", "another value of a setting, as for train: -s backbone res101")

    data = commands.add_parser("data", help="make a data set of your own, or a smaller one", allow_abbrev=False)
    _add_data_commands(data.add_subparsers(title="commands", metavar="COMMAND", required=True))

    train = _command(commands, "train", _train, "train one run without a notebook")
    train.add_argument("config", metavar="CONFIG", nargs="?", help="settings as JSON or YAML, such as a config.json")
    train.add_argument("--dataset", metavar="NAME", help="instead of CONFIG: the study's settings for a data set")
    train.add_argument("--method", metavar="NAME", help="with --dataset: one of the methods below")
    text = "with --dataset: the released settings of resnet101 or vit_b_16"
    train.add_argument("--published", metavar="BACKBONE", help=text)
    train.add_argument("--release", metavar="NAME", help="with --published: 2023-09, remse-variant")
    _add_values(train, "-s", "--set", "another value of a setting below, also as two words: -s epochs 3")
    train.add_argument("--output", metavar="FOLDER", type=_path, help="run folder (default: by settings, in runs/)")
    text = "processes that decode images if the backbone is trained too (default 0)"
    train.add_argument("--workers", metavar="N", type=int, default=0, help=text)
    options_help = train.format_help
    train.format_help = lambda: f"{options_help()}\n{_settings_help()}"  # later, because it imports the settings

    features = _command(commands, "features", _features, "compute the frozen features of a data set")
    features.add_argument("dataset", metavar="NAME", help="as for check")

    text = "import the features of any backbone for a data set, to train with -s backbone NAME"
    imported = _command(commands, "features import", _import, text)
    imported.add_argument("name", metavar="NAME", help="name of the features, such as clip")
    text = ".npy, .npz or .mat with one row per image, in the order of the data set"
    imported.add_argument("file", metavar="FILE", type=Path, help=text)
    imported.add_argument("--dataset", metavar="DATASET", required=True, help="as for check")
    text = "choose the options of ESZSL and SAE for a data set, on its validation split"
    baselines = _command(commands, "baselines", _baselines, text)
    baselines.add_argument("dataset", metavar="NAME", help="as for check")

    book = _command(commands, "book", _book, "build a book, as HTML pages, from the notebooks and results in a folder")
    book.add_argument("folder", metavar="FOLDER", type=_path, help="a folder that 'make study' filled")
    return parser


def _add_data_commands(commands: Any) -> None:
    make = _command(commands, "make", _make, "make a data set from class folders and a CSV of class attributes")
    make.add_argument("source", metavar="SOURCE", type=Path, help="folder with a folder of images for each class")
    make.add_argument(
        "table", metavar="CSV", type=Path, help="a header, then a row a class: its folder, its attributes"
    )
    text = "unseen classes: a number to draw, a file with a name a line, or names with commas (default a fifth)"
    make.add_argument("--unseen", metavar="CLASSES", help=text)
    text = "validation classes among the seen ones, in the same ways (default a quarter)"
    make.add_argument("--val", metavar="CLASSES", help=text)
    text = "share of the images of each seen class to test on (default 0.2)"
    make.add_argument("--test-share", metavar="SHARE", type=float, default=0.2, help=text)
    text = ".npy file or pickled array, a row an attribute, for the networks attention and gem"
    make.add_argument("--word-vectors", metavar="FILE", type=Path, help=text)

    subset = _command(commands, "subset", _subset, "make a smaller data set from another one")
    subset.add_argument("dataset", metavar="DATASET", help="as for check")
    text = "classes to keep: a number to draw, a file with a name a line, or names with commas (default all)"
    subset.add_argument("--classes", metavar="CLASSES", help=text)
    text = "crop to the boxes of a bounding_boxes.txt as CUB has it, with its images.txt beside it"
    subset.add_argument("--boxes", metavar="FILE", type=Path, help=text)
    subset.add_argument("--size", metavar="PX", type=int, help="resize the short side of the images")
    subset.add_argument("--square", action="store_true", help="with --size: stretch the images to squares")

    for command in (make, subset):
        command.add_argument("--name", metavar="NAME", required=True, help="name of the new data set")
        command.add_argument("--root", metavar="FOLDER", type=Path, help="where to write it (default: ZSLCORE_DATA)")
        command.add_argument("--seed", metavar="N", type=int, default=0, help="seed of the draws (default 0)")
        text = "copy (default), hardlink or symlink the images"
        command.add_argument("--images", metavar="HOW", default="copy", help=text)


def _command(commands: Any, name: str, function: Callable, help: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help, allow_abbrev=False)
    parser.set_defaults(command=function)
    return parser


def _add_values(parser: argparse.ArgumentParser, short: str, long: str, help: str) -> None:
    parser.add_argument(short, long, metavar="NAME=VALUE", action="append", default=[], help=help)


def _path(text: str) -> Path:
    try:
        return user_path(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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


def _given(parameters: list[str], option: str = "-p") -> list[tuple[str, str]]:
    for parameter in parameters:
        if "=" not in parameter:
            raise InputError(f"parameter {parameter!r} has no value: give {option} NAME VALUE or {option} NAME=VALUE")
    return [tuple(parameter.split("=", 1)) for parameter in parameters]


def _run(arguments: argparse.Namespace) -> int:
    from zslcore._io.locations import runs_root
    from zslcore.study import notebook_runner

    source = notebook_runner.find_notebook(arguments.notebook)
    parameters = notebook_runner.read_parameters(source)
    values = notebook_runner.bind(parameters, _given(arguments.parameter))
    notebook_runner.check_values(source, parameters, values)
    notebook_runner.check_training(parameters, values)
    output = arguments.output or notebook_runner.output_path(source, values, runs_root())
    try:
        print(notebook_runner.execute(source, values, output))
    except notebook_runner.NotebookError as error:
        return _fail(error, 1)
    return 0


def _params(arguments: argparse.Namespace) -> None:
    from zslcore.study import notebook_runner

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


def _check(arguments: argparse.Namespace) -> None:
    from zslcore.config import RunConfig
    from zslcore.data import load_benchmark
    from zslcore.data.benchmark import describe_repeated
    from zslcore.data.tasks import batch_limits
    from zslcore.training.conditions import check_inputs, check_settings, describe_inputs

    benchmark, changes = load_benchmark(arguments.dataset), _changes(arguments.set)
    _print_counts(benchmark)
    if not len(benchmark.split("test_seen")):
        print("note: there is no test_seen_loc, so that runs report T1, and no U, S and H")
    if note := describe_repeated(benchmark):
        print(f"note: {note}")
    benchmark.check_consistency()
    config = RunConfig.study(arguments.dataset, **changes)
    for name, limit in batch_limits(benchmark).items():
        if name not in changes and limit < getattr(config, name):
            print(f"{name} must be at most {limit}, less than the default of {getattr(config, name)}")
            config = config.replace(**{name: limit})
    check_settings(config, benchmark)
    check_inputs(config, benchmark)
    for line in describe_inputs(config, benchmark):
        print(line)


def _print_counts(benchmark: Any) -> None:
    print(f"{benchmark.name} in {benchmark.root}, fingerprint {benchmark.fingerprint}")
    print(f"{len(benchmark.class_names)} classes x {len(benchmark.attribute_names)} attributes")
    print(f"{'split':<12}{'images':>8}{'classes':>9}")
    for split in ("trainval", "test_seen", "test_unseen", "train", "val"):
        images = benchmark.split(split)
        print(f"{split:<12}{len(images):>8}{len(set(benchmark.labels[images].tolist())):>9}")


def _make(arguments: argparse.Namespace) -> None:
    from zslcore.data.make import make_dataset

    benchmark = make_dataset(
        arguments.source,
        arguments.table,
        arguments.name,
        root=arguments.root,
        unseen=arguments.unseen,
        val=arguments.val,
        test_share=arguments.test_share,
        seed=arguments.seed,
        word_vectors=arguments.word_vectors,
        images=arguments.images,
    )
    _print_counts(benchmark)


def _subset(arguments: argparse.Namespace) -> None:
    from zslcore.data import load_benchmark
    from zslcore.data.subset import make_subset

    benchmark = make_subset(
        load_benchmark(arguments.dataset),
        arguments.name,
        root=arguments.root,
        classes=arguments.classes,
        boxes=arguments.boxes,
        size=arguments.size,
        square=arguments.square,
        seed=arguments.seed,
        images=arguments.images,
    )
    _print_counts(benchmark)


def _train(arguments: argparse.Namespace) -> None:
    from zslcore.config import RunConfig
    from zslcore.training import fit

    changes = _changes(arguments.set)
    _refuse_contradictions(arguments, changes)
    if arguments.config is not None:
        config = RunConfig.read(user_path(arguments.config)).replace(**changes)
    elif arguments.published is not None:
        released = RunConfig.published(arguments.dataset, backbone=arguments.published, release=arguments.release)
        config = released.replace(**changes)
    else:
        config = RunConfig.study(arguments.dataset, method=arguments.method, **changes)
    print(fit(config, arguments.output, num_workers=arguments.workers))


def _changes(given: list[str]) -> dict[str, object]:
    """Settings that a user gave, by name."""
    from zslcore.config import RunConfig

    changes = {}
    for name, text in _given(given, "-s"):
        if name in changes:
            raise InputError(f"setting {name!r} is given twice")
        changes[name] = RunConfig.parse(name, text)
    return changes


def _refuse_contradictions(arguments: argparse.Namespace, changes: dict[str, object]) -> None:
    if (arguments.config is None) == (arguments.dataset is None):
        raise InputError("train needs a CONFIG file or --dataset NAME, one of the two")
    for option in ("method", "published", "release"):
        if arguments.config is not None and getattr(arguments, option) is not None:
            raise InputError(f"--{option} goes with --dataset, not with a CONFIG file, which holds all settings")
    if arguments.method is not None and arguments.published is not None:
        raise InputError("--method (the study's settings) and --published (the released ones) exclude each other")
    if arguments.release is not None and arguments.published is None:
        raise InputError("--release goes with --published")
    if arguments.dataset is not None and "dataset" in changes:
        raise InputError("the data set is given twice, by --dataset and by -s dataset")
    if arguments.workers < 0:
        raise InputError(f"--workers must be a number of processes of at least 0, got {arguments.workers}")


def _features(arguments: argparse.Namespace) -> None:
    from zslcore.config import RunConfig
    from zslcore.data import load_benchmark
    from zslcore.training.inputs.sources import load_features

    features = load_features(RunConfig.study(arguments.dataset), load_benchmark(arguments.dataset))
    print(f"{features.folder.name}: {' x '.join(map(str, features.maps.shape))}")


def _import(arguments: argparse.Namespace) -> None:
    from zslcore.data import load_benchmark
    from zslcore.training.inputs.stored import import_features

    features = import_features(load_benchmark(arguments.dataset), arguments.name, arguments.file)
    shape = " x ".join(map(str, features.maps.shape))
    print(f"{arguments.name}: {shape}, for {arguments.dataset} with -s backbone {arguments.name}")


def _baselines(arguments: argparse.Namespace) -> None:
    from zslcore.study.baselines import print_choice

    print_choice(arguments.dataset)


def _book(arguments: argparse.Namespace) -> None:
    from zslcore.study.book import build_book

    print(build_book(arguments.folder))


if __name__ == "__main__":
    sys.exit(main())

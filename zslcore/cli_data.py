"""The commands of ``zslcore`` about data sets: check, data make, data subset, features, features import."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zslcore._io.locations import user_path
from zslcore.errors import InputError


def add_commands(commands: Any) -> None:
    """Add the commands to the parser of ``zslcore``."""
    text = "load a data set, print its counts, and check that it can be trained on"
    check = add_command(commands, "check", _check, text)
    check.add_argument("dataset", metavar="NAME", help="SYNTH, or a folder under xlsa17/data: CUB, AWA2, SUN, CUB100")
    add_values(check, "-s", "--set", "change a setting, as for train: -s backbone res101")

    data = commands.add_parser("data", help="make a data set of your own, or a smaller one", allow_abbrev=False)
    _add_data_commands(data.add_subparsers(title="commands", metavar="COMMAND", required=True))

    features = add_command(commands, "features", _features, "compute the frozen features of a data set")
    features.add_argument("dataset", metavar="NAME", help="as for check")

    text = "import the features of any backbone for a data set, to train with -s backbone NAME"
    imported = add_command(commands, "features import", _import, text)
    imported.add_argument("name", metavar="NAME", help="name of the features, such as clip")
    text = ".npy, .npz or .mat with one row per image, in the order of the data set"
    imported.add_argument("file", metavar="FILE", type=path, help=text)
    imported.add_argument("--dataset", metavar="DATASET", required=True, help="as for check")


def _add_data_commands(commands: Any) -> None:
    make = add_command(commands, "make", _make, "make a data set from class folders and a CSV of class attributes")
    make.add_argument("source", metavar="SOURCE", type=path, help="folder with a folder of images for each class")
    text = "a header, then one row per class: the name of its folder, and its attributes"
    make.add_argument("table", metavar="CSV", type=path, help=text)
    text = "unseen classes: a number to draw, a file with one name per line, or names with commas (default a fifth)"
    make.add_argument("--unseen", metavar="CLASSES", help=text)
    text = "validation classes among the seen ones, given in the same way (default a quarter)"
    make.add_argument("--val", metavar="CLASSES", help=text)
    text = "share of the images of each seen class to test on (default 0.2)"
    make.add_argument("--test-share", metavar="SHARE", type=float, default=0.2, help=text)
    text = ".npy file or pickled array with one row per attribute, for the networks attention and gem"
    make.add_argument("--word-vectors", metavar="FILE", type=path, help=text)

    subset = add_command(commands, "subset", _subset, "make a smaller data set from another one")
    subset.add_argument("dataset", metavar="DATASET", help="as for check")
    text = "classes to keep: a number to draw, a file with one name per line, or names with commas (default all)"
    subset.add_argument("--classes", metavar="CLASSES", help=text)
    text = "crop to the boxes of a bounding_boxes.txt as CUB has it, with its images.txt beside it"
    subset.add_argument("--boxes", metavar="FILE", type=path, help=text)
    subset.add_argument("--size", metavar="PX", type=int, help="resize the short side of the images")
    subset.add_argument("--square", action="store_true", help="with --size: stretch the images to squares")

    for parser in (make, subset):
        parser.add_argument("--name", metavar="NAME", required=True, help="name of the new data set")
        parser.add_argument("--root", metavar="FOLDER", type=path, help="where to write it (default: ZSLCORE_DATA)")
        parser.add_argument("--seed", metavar="N", type=int, default=0, help="seed of the draws (default 0)")
        text = "copy (default), hardlink or symlink the images"
        parser.add_argument("--images", metavar="HOW", default="copy", help=text)


def path(text: str) -> Path:
    """A path as an argument of a command."""
    try:
        return user_path(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_command(commands: Any, name: str, function: Callable, help: str) -> argparse.ArgumentParser:
    """Add a command that calls a function with the arguments."""
    parser = commands.add_parser(name, help=help, allow_abbrev=False)
    parser.set_defaults(command=function)
    return parser


def add_values(parser: argparse.ArgumentParser, short: str, long: str, help: str) -> None:
    """Add an option that takes NAME=VALUE, as often as wanted."""
    parser.add_argument(short, long, metavar="NAME=VALUE", action="append", default=[], help=help)


def given_values(parameters: list[str], option: str = "-p") -> list[tuple[str, str]]:
    """Names and texts of the values that :func:`add_values` collected."""
    for parameter in parameters:
        if "=" not in parameter:
            raise InputError(f"parameter {parameter!r} has no value: give {option} NAME VALUE or {option} NAME=VALUE")
    return [tuple(parameter.split("=", 1)) for parameter in parameters]


def changed_settings(given: list[str]) -> dict[str, object]:
    """Settings that a user gave, by name."""
    from zslcore.config import RunConfig

    changes = {}
    for name, text in given_values(given, "-s"):
        if name in changes:
            raise InputError(f"setting {name!r} is given twice")
        changes[name] = RunConfig.parse(name, text)
    return changes


def _check(arguments: argparse.Namespace) -> None:
    from zslcore.config import RunConfig
    from zslcore.data import load_benchmark
    from zslcore.data.batch_limits import batch_limits
    from zslcore.data.benchmark import describe_repeated
    from zslcore.data.class_splits import split_classes
    from zslcore.training.conditions import check_inputs, check_settings, describe_inputs

    benchmark, changes = load_benchmark(arguments.dataset), changed_settings(arguments.set)
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
    check_settings(config, split_classes(benchmark, config.class_split))
    check_inputs(config, benchmark)
    for line in describe_inputs(config, benchmark):
        print(line)


def _print_counts(benchmark: Any) -> None:
    from zslcore.data.class_vectors import describe_equal_vectors

    print(f"{benchmark.name} in {benchmark.root}, fingerprint {benchmark.fingerprint}")
    print(f"{len(benchmark.class_names)} classes x {len(benchmark.attribute_names)} attributes")
    print(f"{'split':<12}{'images':>8}{'classes':>9}")
    for split in ("trainval", "test_seen", "test_unseen", "train", "val"):
        images = benchmark.split(split)
        print(f"{split:<12}{len(images):>8}{len(set(benchmark.labels[images].tolist())):>9}")
    if note := describe_equal_vectors(benchmark.attributes, benchmark.class_names):
        print(f"note: {note}")


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

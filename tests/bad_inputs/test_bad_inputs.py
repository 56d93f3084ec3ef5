"""Every bad input gives one sentence, exit status 2, and changes nothing. ``tests/README.md`` lists the sentences."""

import shutil
import sys

import h5py  # noqa: F401 - starts a program when it is first imported
import pytest
from bad_inputs import (
    calls,
    command_line,
    config_files,
    dataset_files,
    environment,
    notebooks,
    other_files,
    pictures,
    run_folders,
    snakemake_options,
)
from bad_inputs.cases import provoke
from bad_inputs.table import row, stored_rows, write_rows
from bad_inputs.world import World, make_world, restore, world_in_use

MODULES = (
    command_line,
    config_files,
    environment,
    dataset_files,
    other_files,
    pictures,
    run_folders,
    notebooks,
    snakemake_options,
    calls,
)
CASES = [case for module in MODULES for case in module.CASES]

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("good") / "world")


@pytest.fixture(scope="session")
def copy(good, tmp_path_factory):
    """One copy of the good world for all cases: a folder for each would take longer than the cases."""
    return shutil.copytree(good.root, tmp_path_factory.mktemp("copy") / "world")


@pytest.fixture
def world(good, copy):
    """The copy, in use, and restored afterwards."""
    world = World(copy)
    with world_in_use(world):
        yield world
        restore(world, good)
    assert world.listing() == good.listing()


@pytest.fixture(scope="session")
def rows(request):
    """The rows of the cases that ran; with ``--rewrite`` they are written if there is one for each case."""
    found = {}
    yield found
    if request.config.getoption("--rewrite", default=False) and len(found) == len(CASES):
        write_rows(CASES, found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}: {case.what}")
def test_one_sentence(case, world, rows, capsys, request):
    """The sentence is that of the table; Python and the libraries have a part in some, so only under Python 3.11."""
    rows[case] = row(case, *provoke(case, world, capsys))
    if not request.config.getoption("--rewrite", default=False) and sys.version_info[:2] == (3, 11):
        assert rows[case] in stored_rows()[case.group]


def test_the_table_holds_these_cases():
    stored = {heading: [line.split(" | ")[0] for line in lines] for heading, lines in stored_rows().items()}
    expected = {}
    for case in CASES:
        expected.setdefault(case.group, []).append(row(case, "", "").split(" | ")[0])
    assert stored == expected
    assert all(len(set(names)) == len(names) for names in stored.values())
    assert len(CASES) > 150


def test_the_good_world_gives_no_error(good, world, capsys):
    """Else a case could fail for another reason than the one that it names."""
    from bad_inputs.world import PICTURES, check, train

    from zslcore import cli

    for words in (
        check(),
        train(),
        train(network="gem"),
        train(**PICTURES),
        [*train(), "--output", "runs/finished"],
        ["features", "import", "clip", "clip.npy", "--dataset", "TINY"],
        ["data", "make", "birds", "birds.csv", "--name", "NEW"],
        ["data", "subset", "TINY", "--name", "SMALL", "--size", "16"],
    ):
        assert cli.main(words) == 0, capsys.readouterr().err

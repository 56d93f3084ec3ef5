"""Every bad input gives one sentence, exit status 2, and changes nothing. ``tests/README.md`` lists the sentences."""

import shutil

import pytest
from bad_inputs import command_line, config_files, environment, snakemake_options
from bad_inputs.cases import provoke
from bad_inputs.world import World, make_world, world_in_use

MODULES = (command_line, environment, config_files, snakemake_options)
CASES = [case for module in MODULES for case in module.CASES]

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("good") / "world")


@pytest.fixture
def world(good, tmp_path):
    """A copy of the good world, in use."""
    world = World(shutil.copytree(good.root, tmp_path / "world", symlinks=True))
    with world_in_use(world):
        yield world


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}: {case.what}")
def test_one_sentence(case, world, capsys):
    shown, message = provoke(case, world, capsys)
    print(f"{shown}\n    {message}")

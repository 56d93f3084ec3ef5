"""Settings that ship with the package as YAML, each file with a header that says where its values come from."""

from functools import cache
from importlib import resources
from typing import Any

import yaml

_FOLDER = resources.files("zslcore") / "settings"


@cache
def study_settings() -> dict[str, dict[str, Any]]:
    """The YAML files that ship with the package, by data set: ``settings``, and per method what differs from them.

    >>> sorted(study_settings())
    ['CUB100', 'SYNTH']
    """
    files = (file for file in _FOLDER.iterdir() if file.name.endswith(".yml"))
    content = [yaml.safe_load(file.read_text()) for file in files]
    return {values["dataset"]: values for values in content}


@cache
def published_settings() -> dict[tuple[str, str], dict[str, Any]]:
    """The YAML files of the released settings, by data set and backbone: ``settings``, and what other releases change.

    >>> ("CUB", "vit_b_16") in published_settings()
    True
    """
    files = (_FOLDER / "published").iterdir()
    content = [yaml.safe_load(file.read_text()) for file in files if file.name.endswith(".yml")]
    return {(values["dataset"], values["backbone"]): values for values in content}

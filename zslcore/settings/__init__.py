"""Settings that were chosen for a data set: YAML files of the package, and files of users beside their data."""

from functools import cache, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from zslcore._io.extras import require
from zslcore._io.locations import data_root
from zslcore._io.reading import decoded
from zslcore.errors import InputError, one_line

require("study", "yaml")

import yaml  # noqa: E402 - after the check

from zslcore._io.mappings import unique_yaml  # noqa: E402

_FOLDER = resources.files("zslcore") / "settings"
_PARTS = ("settings", "methods")
_NOT_CHOSEN = ("dataset", "seed", "loss")  # the study and its methods decide them


@cache
def study_settings() -> dict[str, dict[str, Any]]:
    """Settings of the package by data set: ``settings``, and ``methods`` with what differs per method."""
    return {content["dataset"]: content for content in _read(_FOLDER)}


def chosen_settings(dataset: str) -> dict[str, dict[str, Any]]:
    """The ``settings`` of the study for a data set, and ``methods`` with what differs per method.

    A user's file (:func:`settings_file`) replaces that of the package. Both dictionaries are empty without a file.

    Example:
        >>> chosen_settings("SYNTH")["settings"]["lam"], chosen_settings("MINE")
        (10.0, {'settings': {}, 'methods': {}})
    """
    file = settings_file(dataset)
    content = _read_users(file) if file.is_file() else study_settings().get(dataset, {})
    return {part: content.get(part) or {} for part in _PARTS}


def settings_file(dataset: str) -> Path:
    """Where a user's settings of the study for a data set are looked for: beside its ``att_splits.mat``.

    The file is ``settings.yml`` or ``settings.yaml``; InputError if both are there.
    """
    file = data_root() / "xlsa17" / "data" / dataset / "settings.yml"
    other = file.with_suffix(".yaml")
    if other.is_file() and file.is_file():
        raise InputError(f"{file.parent} must hold one file of settings, but holds settings.yml and settings.yaml")
    return other if other.is_file() else file


@cache
def published_settings() -> dict[tuple[str, str], dict[str, Any]]:
    """Released settings by data set and backbone: ``settings``, and ``releases`` with what other releases change."""
    return {(content["dataset"], content["backbone"]): content for content in _read(_FOLDER / "published")}


def _read(folder: Traversable) -> list[dict[str, Any]]:
    return [yaml.safe_load(file.read_text(encoding="utf-8")) for file in folder.iterdir() if file.name.endswith(".yml")]


def _read_users(file: Path) -> dict[str, Any]:
    try:
        content = _parsed(decoded(file.read_bytes()))
    except (InputError, OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{file} cannot be read as YAML: {one_line(error)}") from None
    parts = {} if content is None else content
    if not isinstance(parts, dict) or not set(parts) <= set(_PARTS):
        raise InputError(f"{file} must hold {' and '.join(_PARTS)}, got {content!r:.100}")
    groups = [parts.get("settings") or {}]
    if isinstance(methods := parts.get("methods") or {}, dict):
        groups += methods.values()
    else:
        groups.append(methods)
    for group in groups:
        if not isinstance(group, dict):
            raise InputError(f"{file} must hold settings by name, got {group!r:.100}")
        if taken := [name for name in _NOT_CHOSEN if name in group]:
            raise InputError(f"{file} must not set {taken[0]}, which the study decides")
    return parts


_parsed = lru_cache(maxsize=8)(unique_yaml)  # the name of a run compares the settings of all methods

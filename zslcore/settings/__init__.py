"""Settings that are part of the package, as YAML files; the header of each says where its values come from."""

from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from zslcore._io.extras import require

require("study", "yaml")

import yaml  # noqa: E402 - after the check

_FOLDER = resources.files("zslcore") / "settings"


@cache
def study_settings() -> dict[str, dict[str, Any]]:
    """Settings of the study by data set: ``settings``, and ``methods`` with what differs per method."""
    return {content["dataset"]: content for content in _read(_FOLDER)}


@cache
def published_settings() -> dict[tuple[str, str], dict[str, Any]]:
    """Released settings by data set and backbone: ``settings``, and ``releases`` with what other releases change."""
    return {(content["dataset"], content["backbone"]): content for content in _read(_FOLDER / "published")}


def _read(folder: Traversable) -> list[dict[str, Any]]:
    return [yaml.safe_load(file.read_text(encoding="utf-8")) for file in folder.iterdir() if file.name.endswith(".yml")]

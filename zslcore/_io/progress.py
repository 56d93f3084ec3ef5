"""Progress bars that the environment variable ``TQDM_DISABLE`` switches off."""

import os
from collections.abc import Iterable
from typing import Any

from tqdm.auto import tqdm
from tqdm.std import tqdm as AnyBar


def progress_shown() -> bool:
    """Whether ``TQDM_DISABLE`` is unset, empty or 0."""
    return os.environ.get("TQDM_DISABLE", "0") in ("", "0")


def progress_bar(iterable: Iterable | None = None, *, hidden: bool = False, **settings: Any) -> AnyBar:
    """``tqdm.auto.tqdm`` with these settings, disabled if it is hidden or ``TQDM_DISABLE`` is set.

    tqdm itself reads that variable when it is imported, and not in notebooks.
    """
    return tqdm(iterable, disable=hidden or not progress_shown(), **settings)

"""Progress bars that the environment variable ``TQDM_DISABLE`` switches off."""

import os
from collections.abc import Iterable
from typing import Any

from tqdm.auto import tqdm
from tqdm.std import tqdm as AnyBar


def progress_shown() -> bool:
    """Whether ``TQDM_DISABLE`` is unset, empty or 0."""
    return os.environ.get("TQDM_DISABLE", "0") in ("", "0")


def progress_bar(iterable: Iterable | None = None, **settings: Any) -> AnyBar:
    """``tqdm.auto.tqdm``, disabled if ``TQDM_DISABLE`` is set; tqdm itself ignores that variable in notebooks."""
    if not progress_shown():
        settings["disable"] = True
    return tqdm(iterable, **settings)

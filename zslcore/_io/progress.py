"""Progress bars: tqdm's, which the variable ``TQDM_DISABLE`` switches off in notebooks too."""

import os
from collections.abc import Iterable
from typing import Any

from tqdm.auto import tqdm
from tqdm.std import tqdm as AnyBar


def progress_bar(iterable: Iterable | None = None, **settings: Any) -> AnyBar:
    """``tqdm.auto.tqdm(iterable, **settings)``, silent where ``TQDM_DISABLE`` is set to anything but 0.

    tqdm itself heeds that variable in a terminal, but not in a notebook, where a bar that is stored with the outputs
    stands at 0 % for ever. So notebooks that nobody watches run with it.

    >>> sum(progress_bar(range(4), disable=True))
    6
    """
    if os.environ.get("TQDM_DISABLE", "0") not in ("", "0"):
        settings["disable"] = True
    return tqdm(iterable, **settings)

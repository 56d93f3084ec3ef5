"""The type checker of the tests: beartype, for the first checks of each test.

A check takes longer than many of the functions. Without a limit, checks take a third of the time of the tests.
"""

import functools
from collections.abc import Callable

import jaxtyping
from beartype import BeartypeConf, beartype

CHECKS = 1000  # in one test, over all functions; a call is checked before and after it
_checks = 0


def start() -> None:
    """Switch the checks on, and count them from 0."""
    global _checks
    _checks = 0
    jaxtyping.config.update("jaxtyping_disable", False)


def checked(function: Callable) -> Callable:
    """Let beartype check the arguments of a function, until the checks of this test are used up."""
    check = beartype(function, conf=BeartypeConf(is_pep484_tower=True))

    @functools.wraps(check)
    def count(*arguments: object, **keywords: object) -> object:
        global _checks
        _checks += 1
        if _checks >= CHECKS:
            jaxtyping.config.update("jaxtyping_disable", True)
        return check(*arguments, **keywords)

    return count

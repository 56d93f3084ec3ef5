"""The type checker of the tests: beartype, for the first calls of each test.

A check takes longer than many functions do. A test that makes the same calls thousands of times is not slowed by them.
"""

import functools
from collections.abc import Callable

import jaxtyping
from beartype import BeartypeConf, beartype

CALLS = 4000  # that are checked in one test, over all functions of the package
_checks = 0


def start() -> None:
    """Check the calls from here on."""
    global _checks
    _checks = 0
    jaxtyping.config.update("jaxtyping_disable", False)


def checked(function: Callable) -> Callable:
    """Check the arguments of a function, and switch all checks off after the last one."""
    check = beartype(function, conf=BeartypeConf(is_pep484_tower=True))

    @functools.wraps(check)
    def count(*arguments: object, **keywords: object) -> object:
        global _checks
        _checks += 1
        if _checks >= CALLS:
            jaxtyping.config.update("jaxtyping_disable", True)
        return check(*arguments, **keywords)

    return count

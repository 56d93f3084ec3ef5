"""The error for a user's mistake. Its message is one sentence: what and where, what is allowed, what was given."""


class InputError(ValueError):
    """Bad input: a file, a setting or an argument that cannot be used.

    The command line prints its message as one line and exits with status 2.

    Example:
        >>> raise InputError("p must be at least 0, got -1")
        Traceback (most recent call last):
        zslcore.errors.InputError: p must be at least 0, got -1
    """


def one_line(error: Exception) -> str:
    """The message of an exception in one line of at most 120 characters."""
    return " ".join(str(error).split())[:120] or type(error).__name__

"""The error for a user's mistake: one sentence with what, where, what is allowed and what was given."""


class InputError(ValueError):
    """Bad input: a file, a setting or an argument that cannot be used.

    The command line prints its message as one line and exits with status 2.

    Example:
        >>> raise InputError("p must be at least 0, got -1")
        Traceback (most recent call last):
        zslcore.errors.InputError: p must be at least 0, got -1
    """

"""Optional dependencies: one sentence that names the extra to install."""

from importlib.util import find_spec


class MissingExtraError(ImportError):
    """A part of zslcore needs packages that ``pip install zslcore`` leaves out."""


def require(extra: str, *packages: str) -> None:
    """Raise MissingExtraError, with the command that installs the extra, unless these packages can be imported.

    Example:
        >>> require("study", "no_such_package")
        Traceback (most recent call last):
        zslcore._io.extras.MissingExtraError: no_such_package is not installed; run: pip install 'zslcore[study]'
    """
    for package in packages:
        if find_spec(package) is None:
            raise MissingExtraError(f"{package} is not installed; run: pip install 'zslcore[{extra}]'")

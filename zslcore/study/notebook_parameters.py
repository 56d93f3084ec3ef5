"""One line of a notebook's parameters cell, ``name: type = value  # help``, and texts turned into such values."""

import ast
import math
import re
from dataclasses import dataclass

from zslcore.errors import InputError

SCALARS = ("int", "float", "bool", "str")
KINDS = (*SCALARS, *(f"list[{kind}]" for kind in SCALARS))
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a notebook: its name, its type as written (one of ``KINDS``), its default and its help.

    >>> Parameter("seeds", "list[int]", [0], "").convert("0, 1, 2")
    [0, 1, 2]
    """

    name: str
    kind: str
    default: object
    help: str

    @classmethod
    def read(cls, statement: ast.stmt, source: str, where: str) -> "Parameter":
        """The parameter that a statement of the cell ``source`` declares; ``where`` names the notebook in errors.

        :class:`~zslcore.errors.InputError` for a statement of another form, and for a default of another type.

        >>> source = "lr: float = 1e-2  # step size"
        >>> Parameter.read(ast.parse(source).body[0], source, "04_train")
        Parameter(name='lr', kind='float', default=0.01, help='step size')
        """
        line = source.splitlines()[statement.lineno - 1]
        kind = ast.unparse(statement.annotation) if isinstance(statement, ast.AnnAssign) else ""
        try:
            default = ast.literal_eval(statement.value)
            plain = (
                kind in KINDS and isinstance(statement.target, ast.Name) and statement.lineno == statement.end_lineno
            )
        except (AttributeError, ValueError, TypeError):
            plain = False
        if not plain:
            form = f"'name: type = value  # help' with a type among {', '.join(KINDS)}"
            raise InputError(f"{where}: a line of the parameters cell must be {form}, got {line.strip()!r}")
        if kind == "float" and type(default) is int:
            default = float(default)
        if not _is_kind(default, kind):
            raise InputError(f"{where}: the default of {statement.target.id} must be {kind}, got {default!r}")
        after = line.encode()[statement.end_col_offset :].decode()  # ast counts bytes
        return cls(statement.target.id, kind, default, after.partition("#")[2].strip())

    def convert(self, text: str) -> object:
        """The value that a command line's ``text`` stands for; :class:`~zslcore.errors.InputError` if not of the type.

        A float must be finite, a bool is ``true`` or ``false``, a list has commas between its values (brackets and
        quotes are allowed, not needed).

        >>> Parameter("epochs", "int", 3, "").convert("ten")
        Traceback (most recent call last):
        zslcore.errors.InputError: epochs must be int, got 'ten'
        """
        try:
            if self.kind in SCALARS:
                return _scalar(text, self.kind)
            parts = text.strip().removeprefix("[").removesuffix("]").split(",")
            kind = self.kind.removeprefix("list[").removesuffix("]")
            return [_scalar(_unquoted(part.strip()), kind) for part in parts] if parts != [""] else []
        except (ValueError, KeyError):
            allowed = " (true or false)" if self.kind == "bool" else ""
            raise InputError(f"{self.name} must be {self.kind}{allowed}, got {text!r}") from None


def _scalar(text: str, kind: str) -> object:
    if kind == "str":
        return text
    if kind == "bool":
        return _BOOLEANS[text.strip().lower()]
    value = int(text) if kind == "int" else float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _unquoted(text: str) -> str:
    match = re.fullmatch(r"(['\"])(.*)\1", text)
    return match[2] if match else text


def _is_kind(value: object, kind: str) -> bool:
    if kind in SCALARS:
        return type(value).__name__ == kind
    inner = kind.removeprefix("list[").removesuffix("]")
    return type(value) is list and all(type(item).__name__ == inner for item in value)

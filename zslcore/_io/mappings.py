"""JSON and YAML texts in which every key is unique; the usual readers keep the last of several values silently."""

import json
import re
from collections.abc import Iterable
from typing import Any, ClassVar

import yaml

from zslcore.errors import InputError


def unique_json(text: str) -> Any:
    """The value of a JSON text; InputError if an object repeats a key, ValueError if it is not JSON.

    Example:
        >>> unique_json('{"lam": 1, "lam": 2}')
        Traceback (most recent call last):
        zslcore.errors.InputError: 'lam' is given twice
    """

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _refuse_repeated(key for key, _ in pairs)
        return dict(pairs)

    return json.loads(text, object_pairs_hook=build)


def unique_yaml(text: str) -> Any:
    """The value of a YAML text; InputError if a mapping repeats a key, ``yaml.YAMLError`` if it is not YAML.

    Example:
        >>> unique_yaml("lr: 1e-3")
        {'lr': 0.001}
    """
    return yaml.load(text, _UniqueLoader)


class _UniqueLoader(yaml.SafeLoader):
    """Numbers are those of YAML 1.2. PyYAML's are those of YAML 1.1, where 010 is 8, 1:30 is 90, and 1e-3 is text."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[-1] not in ("int", "float")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        _refuse_repeated(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        return super().construct_mapping(node, deep)

    def construct_whole_number(self, node: yaml.ScalarNode) -> int:
        return int(node.value, 0 if node.value.startswith(("0x", "0o")) else 10)


_WHOLE = re.compile(r"(?:[-+]?[0-9](?:_?[0-9])*|0o[0-7]+|0x[0-9a-fA-F]+)$")
_REAL = re.compile(
    r"""(?:[-+]?(?:[0-9](?:_?[0-9])*\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?
    |[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$""",
    re.VERBOSE,
)
# whole numbers first: the first pattern that fits decides
_UniqueLoader.add_implicit_resolver("tag:yaml.org,2002:int", _WHOLE, list("-+0123456789"))
_UniqueLoader.add_implicit_resolver("tag:yaml.org,2002:float", _REAL, list("-+.0123456789"))
_UniqueLoader.add_constructor("tag:yaml.org,2002:int", _UniqueLoader.construct_whole_number)


def _refuse_repeated(keys: Iterable[str]) -> None:
    seen = set()
    for key in keys:
        if key in seen:
            raise InputError(f"{key!r:.100} is given twice")
        seen.add(key)

"""Class names as people spell them: case, blanks, accents and a leading number may differ."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence

_NUMBERED = re.compile(r"(\d+)[\W_]+(?=.*[^\W\d_])")  # the rest must hold a letter: 737-200 has no leading number


def spelling(name: str) -> tuple[str | None, str]:
    """The leading number of a name, and what its spellings share: letters, digits, and vowel signs of other scripts.

    Accents of Latin letters are left out, and the zeros that a number begins with.

    Example:
        >>> spelling("001.Black_footed Albatross"), spelling("Mésange+bleue"), spelling("007")
        (('1', 'blackfootedalbatross'), (None, 'mesangebleue'), (None, '7'))
    """
    name = name.strip()
    number = _NUMBERED.match(name)
    letters, latin = [], False
    for letter in unicodedata.normalize("NFKD", name[number.end() :] if number else name).casefold():
        kind = unicodedata.category(letter)
        if kind[0] in "LN" or (kind[0] == "M" and not latin):
            letters.append(letter)
        if kind[0] != "M":
            latin = "LATIN" in unicodedata.name(letter, "")
    key = "".join(letters)
    return _counted(number[1]) if number else None, _counted(key) if key.isdecimal() else key


def _counted(digits: str) -> str:
    return digits.lstrip("0") or "0"


def class_finder(class_names: Sequence[str]) -> Callable[[str], int | None]:
    """A function from a name to the index of its class, or None.

    Another spelling of a name is accepted if it fits one class only, see :func:`spelling`. A leading number may be
    missing, but not differ: ``14-spot ladybird`` is not ``7-spot ladybird``.

    Example:
        >>> find = class_finder(["great tit", "owl"])
        >>> find("001.Great_Tit"), find("auk")
        (0, None)
    """
    by_name = {name: index for index, name in enumerate(class_names)}
    by_key = defaultdict(list)
    for index, (number, key) in enumerate(map(spelling, class_names)):
        by_key[key].append((number, index))

    def find(name: str) -> int | None:
        if name in by_name:
            return by_name[name]
        number, key = spelling(name)
        alike = by_key.get(key, []) if key else []
        fitting = [index for known, index in alike if known == number]
        fitting = fitting or [index for known, index in alike if number is None or known is None]
        return fitting[0] if len(fitting) == 1 else None

    return find

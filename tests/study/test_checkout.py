"""Where the checkout is, and what is said where there is none."""

import pytest

from zslcore.errors import InputError
from zslcore.study import checkout


def test_what_needs_the_repository_says_so(tmp_path, monkeypatch):
    assert (checkout.root() / "pyproject.toml").is_file()
    monkeypatch.setattr(checkout, "_ROOT", tmp_path)
    with pytest.raises(InputError, match=r"^this needs the repository of zslcore, but the package in .* without it$"):
        checkout.root()

"""The oldest versions that pyproject.toml promises, as requirements for pip: ``make test-oldest`` installs them."""

import tomllib
from pathlib import Path


def oldest() -> list[str]:
    """``name==lower bound`` of every dependency, except the extras whose packages need a newer numpy than the core."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    ranges = list(project["dependencies"])
    for extra, needs in project["optional-dependencies"].items():
        if extra not in ("cluster", "regression"):
            ranges += needs
    return [text.split(",")[0].replace(">=", "==") for text in ranges if not text.startswith("zslcore")]


if __name__ == "__main__":
    print("\n".join(oldest()))

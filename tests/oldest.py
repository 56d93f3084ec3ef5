"""The oldest versions that pyproject.toml promises, as requirements for pip: ``make test-oldest`` installs them."""

import tomllib
from pathlib import Path


def oldest() -> list[str]:
    """``name==lower bound`` of each core dependency and of each of the extra ``study``."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    ranges = [*project["dependencies"], *project["optional-dependencies"]["study"]]
    return [text.split(",")[0].replace(">=", "==") for text in ranges]


if __name__ == "__main__":
    print("\n".join(oldest()))

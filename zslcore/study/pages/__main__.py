"""Write pages of ``docs/``, ``CLAIMS.md`` and the README's figure from committed tables: ``make figures``."""

import argparse
import sys
from collections.abc import Sequence

from zslcore._io.writing import new_file
from zslcore.errors import InputError
from zslcore.study.checkout import root
from zslcore.study.pages.claims_page import claims_page
from zslcore.study.pages.map_pages import map_page, readme_figure
from zslcore.study.pages.option_pages import options_page, other_models_page
from zslcore.study.pages.results_page import results_page


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this module, which ``make figures`` runs."""
    argparse.ArgumentParser(prog="python -m zslcore.study.pages", description=__doc__).parse_args(argv)
    print(readme_figure())
    pages = {
        "docs/options.md": options_page(),
        "docs/results.md": results_page(),
        "CLAIMS.md": claims_page(root() / "results"),
        "docs/map.md": map_page(root() / "results"),
        "docs/other_models.md": other_models_page(),
    }
    for name, page in pages.items():
        with new_file(root() / name) as partial:
            partial.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        print(f"zslcore: {error}", file=sys.stderr)
        sys.exit(2)

"""Sphinx builds the book with these settings; ``zslcore/study/pages/book.py`` collects its pages.

The book can be read offline: MathJax is copied into it, and nothing is loaded from the network.
"""

from importlib.util import find_spec
from pathlib import Path

import zslcore

project = "zslcore"
author = "The zslcore developers"
copyright = author
version = release = zslcore.__version__
html_title = "zslcore"

extensions = ["myst_nb"]
exclude_patterns = ["zslcore/**", "tests/**", "profiles/**"]
nitpicky = True

nb_execution_mode = "off"  # notebooks keep the outputs that the study stored
nb_render_markdown_format = "myst"  # formulas in printed Markdown
nb_code_prompt_show = "Show code"
nb_code_prompt_hide = "Hide code"
nb_ipywidgets_js = {}  # widgets need a kernel; a static figure stands beside each
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "attrs_inline"]
myst_heading_anchors = 3
myst_links_external_new_tab = True

html_theme = "sphinx_book_theme"
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "show_navbar_depth": 2,
}
html_copy_source = False
html_show_copyright = False

mathjax = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax" / "tex-svg.js"
html_static_path = [str(mathjax), str(Path(__file__).parent / "book.css")]
html_css_files = ["book.css"]
mathjax_path = "tex-svg.js"

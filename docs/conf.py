"""How Sphinx builds these pages: python -m sphinx -W -n --keep-going -b html docs build/docs.

Nothing is fetched: no inventories of other projects, and MathJax is a file of the build.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import gibbous

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "gibbous"
author = "The gibbous developers"
copyright = "The gibbous developers"
version = release = gibbous.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_templates"]
templates_path = ["_templates"]

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# ---- mathematics: one file of MathJax, from a package, so that pages work with no network ----------


def mathjax() -> str:
    """Return the path of MathJax with its TeX input and SVG output in one file."""
    found = importlib.util.find_spec("sphinx-mathjax-offline")
    if found is None or found.origin is None:
        raise RuntimeError("sphinx-mathjax-offline is missing; install the extra: pip install '.[docs]'")
    return str(Path(found.origin).parent / "static" / "mathjax" / "tex-svg.js")


mathjax_path = "tex-svg.js"
html_static_path = ["_static", mathjax()]

# ---- look ------------------------------------------------------------------------------------------

html_theme = "furo"
html_title = "gibbous"
html_css_files = ["gibbous.css"]
html_theme_options = {"light_logo": "moon-light.svg", "dark_logo": "moon-dark.svg"}
html_favicon = "_static/moon-light.svg"
html_copy_source = False
html_show_sourcelink = False

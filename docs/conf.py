"""How Sphinx builds these pages: python -m sphinx -W -n --keep-going -b html docs build/docs.

The build downloads nothing: it needs no inventories of other projects, and includes MathJax.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import gibbous

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "gibbous"
author = "The gibbous developers"
copyright = "The gibbous developers"
version = release = gibbous.__version__

extensions = [
    "commands",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_ext", "_templates"]
templates_path = ["_templates"]

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# ---- mathematics: MathJax as one file from a package, so that pages work without a network -------


def mathjax() -> str:
    """Return the path of MathJax with its TeX input and SVG output in one file."""
    found = importlib.util.find_spec("sphinx-mathjax-offline")
    if found is None or found.origin is None:
        raise RuntimeError(
            "sphinx-mathjax-offline is missing; install the extra: pip install '.[docs]'"
        )
    return str(Path(found.origin).parent / "static" / "mathjax" / "tex-svg.js")


mathjax_path = "tex-svg.js"
html_static_path = ["_static", mathjax()]

# ---- reference -----------------------------------------------------------------------------------

autosummary_generate = ["reference/index.rst"]
autodoc_typehints = "none"  # docstrings have types, with shapes
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the template lists them with autodoc
numpydoc_class_members_toctree = False
# References to names of this project must resolve; those of others would need their inventories.
nitpick_ignore_regex = [(r"py:.*", r"(?!gibbous).*")]

# ---- gallery -------------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "examples",
    "filename_pattern": r"/plot_",
    # these take arguments; the tests run them
    "ignore_pattern": r"(mixture_gallery|picture_gallery|prior_to_posterior)\.py$",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 0,
    "show_signature": False,
    "abort_on_example_error": True,
    "capture_repr": (),
}

# ---- theme ---------------------------------------------------------------------------------------

html_theme = "furo"
html_title = "gibbous"
html_css_files = ["gibbous.css"]
html_theme_options = {"light_logo": "moon-light.svg", "dark_logo": "moon-dark.svg"}
html_favicon = "_static/moon-light.svg"
html_copy_source = False
html_show_sourcelink = False


def of_others(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Skip members inherited from scikit-learn, which its own documentation describes."""
    home = getattr(obj, "__module__", None) or ""
    return True if home.partition(".")[0] == "sklearn" else None


def setup(app: Sphinx) -> None:
    """Connect the handler."""
    app.connect("autodoc-skip-member", of_others)

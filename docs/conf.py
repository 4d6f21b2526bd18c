"""How the pages of this folder become a site: ``make docs``."""

import tomllib
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent

project = "sage-elt"
author = "the sage-elt authors"
copyright = author  # noqa: A001 - Sphinx's own name
release = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "version"
]

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = f"sage-elt {release}"
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False

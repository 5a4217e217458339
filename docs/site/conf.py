"""What Sphinx is told. It reads what ``source`` wrote, and every warning is an error."""

from importlib.metadata import version as version_of
from typing import Any

from sphinx.application import Sphinx

project = "Wellhead"
version = release = version_of("wellhead")
project_copyright = "the authors of Wellhead"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# Anchors as the repository's pages have them.
myst_heading_anchors = 4

autodoc_member_order = "bysource"
# Of what is replaced nothing new is said.
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
napoleon_use_ivar = True
napoleon_use_rtype = False
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = "Wellhead"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_use_index = False
html_domain_indices = False
html_sidebars: dict[str, list[str]] = {
    page: [] for page in ("index", "pages", "changelog", "contributing", "search")
}
html_theme_options = {
    "logo": {"text": "Documentation"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "show_toc_level": 2,
    "navigation_with_keys": False,
}


def leave_out_the_way_into_the_source(
    app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]
) -> None:
    """A module says from "Begin with" on where its source begins, which is for its readers."""
    del app, name, obj, options
    if what == "module":
        place = next((i for i, line in enumerate(lines) if line.startswith("Begin with ")), None)
        if place is not None:
            del lines[place:]


def setup(app: Sphinx) -> None:
    """Connect what the settings above cannot say."""
    app.connect("autodoc-process-docstring", leave_out_the_way_into_the_source)

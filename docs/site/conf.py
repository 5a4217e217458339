"""What Sphinx is told. It reads what ``source`` wrote, and every warning is an error."""

import inspect
from importlib.metadata import version as version_of
from typing import Any

from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains import Domain

project = "Wellhead"
version = release = version_of("wellhead")
project_copyright = "the authors of Wellhead"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

nitpicky = True

# Anchors as the repository's pages have them.
myst_heading_anchors = 4

autodoc_member_order = "bysource"
# Of what is replaced nothing new is said.
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
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


_COLON = "\N{MODIFIER LETTER COLON}"


def prepare_docstring(
    app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]
) -> None:
    """Leave out what is for those who read the source, and what Napoleon would misread."""
    del app, name, obj, options
    if what == "module":
        # From here on a module says where its source begins.
        place = next((i for i, line in enumerate(lines) if line.startswith("Begin with ")), None)
        if place is not None:
            del lines[place:]
    elif what in {"attribute", "data", "property"}:
        # All before a colon in the first line of these would be taken for a type.
        lines[0] = lines[0].replace(":", _COLON)


def put_colons_back(
    app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]
) -> None:
    """Undo what Napoleon was not to see."""
    del app, what, name, obj, options
    lines[:] = [line.replace(_COLON, ":") for line in lines]


def leave_out_what_is_of_others(
    app: Sphinx, what: str, name: str, obj: object, skip: bool, options: Any
) -> bool | None:
    """What a class only takes over, or does at the wish of pydantic, is not ours to document."""
    del app, what, skip, options
    is_of_pydantic = name.startswith(("model_", "settings_customise_"))
    is_of_others = inspect.isfunction(obj) and not obj.__module__.startswith("wellhead")
    return True if is_of_pydantic or is_of_others else None


def is_of_a_type(app: Sphinx, domain: Domain | None, node: pending_xref) -> bool | None:
    """Only what a docstring says by a role must lead somewhere; types may be those of others."""
    del app, domain
    by_role = "refexplicit" in node and not node.get("refspecific")
    by_itself = node.parent.astext().startswith(("Bases: ", "alias of "))
    return None if by_role and not by_itself else True


def setup(app: Sphinx) -> None:
    """Connect what the settings above cannot say."""
    app.connect("autodoc-process-docstring", prepare_docstring, priority=400)
    app.connect("autodoc-process-docstring", put_colons_back, priority=600)
    app.connect("autodoc-skip-member", leave_out_what_is_of_others)
    app.connect("warn-missing-reference", is_of_a_type)

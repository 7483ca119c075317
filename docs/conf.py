"""How the pages are built: `make docs`. Nothing is fetched, by the build or by readers.

Sphinx reads the Markdown of this folder as it is (MyST) and the docstrings of the three
packages. A warning is an error, and so is a link that leads nowhere.
"""

import importlib
from importlib import metadata
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment

from actors import AnyRef

project = "pykka-group"
version = release = metadata.version("pykka-group")
project_copyright = "the authors of pykka-group, Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
nitpicky = True

myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]

html_theme = "furo"
html_title = f"pykka-group {release}"
html_show_sphinx = False
# Not the sources of pages: they are in the repository.
html_copy_source = False

# Docstrings have `code` between single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Keys", "params_style")]

# The class of an event is evaluated as a whole, and imports this for types alone.
vars(importlib.import_module("group._core.events"))["AnyRef"] = AnyRef

FRONT_DOORS = ("actors", "transport", "group", "group.testing")
PUBLIC = {
    name: f"{package}.{name}"
    for package in reversed(FRONT_DOORS)
    for name in importlib.import_module(package).__all__
}


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element
) -> nodes.Element | None:
    """Lead a name in a signature to its entry, under the name that users import."""
    if node.get("refdomain") != "py":
        return None
    target = str(node["reftarget"])
    name = target.rpartition(".")[2]
    public = PUBLIC.get(name)
    if public is not None and public != target:
        domain = env.get_domain("py")
        assert isinstance(domain, PythonDomain)
        found = domain.find_obj(env, "", "", public, None, 1)
        if found:
            return domain.resolve_xref(
                env, node["refdoc"], app.builder, "obj", public, node, text
            )
    # Private helpers, Pykka's, Python's and type variables: plain text.
    return text


def mark_code(
    _app: Sphinx,
    _what: str,
    _name: str,
    _obj: object,
    _options: object,
    lines: list[str],
) -> None:
    """Let an indented block after an empty line be code, as it is in Markdown."""
    for number in range(len(lines) - 1, 1, -1):
        if lines[number].startswith("    ") and not lines[number - 1]:
            before = next((each for each in reversed(lines[:number]) if each), " ")
            if not before.startswith(" "):
                lines[number:number] = ["::", ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Let Sphinx call what is above."""
    app.connect("missing-reference", resolve)
    # Before napoleon, which has its own idea of what is indented.
    app.connect("autodoc-process-docstring", mark_code, priority=400)
    return {"parallel_read_safe": True}

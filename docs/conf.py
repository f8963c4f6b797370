"""How Sphinx makes a site of these pages: `make site`.

The rule of this module: the pages are Markdown that reads well without it. What only the site needs is worked out
here: its tables of contents, from the lists of the index, links to public names, from the modules, and the pictures
that pages show in HTML of their own.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from docutils.nodes import Element, reference
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

import write_api  # noqa: E402

project = "delivrd"
author = "the authors of delivrd"
html_title = "delivrd"
root_doc = "README"
source_suffix = {".md": "markdown"}
exclude_patterns = ["conf.py"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# Pages link to each other's headings as Git hosts name them.
myst_heading_anchors = 4

nitpicky = True
# Only our own names can be followed: a build asks nobody, so the documentation of others is out of reach.
nitpick_ignore_regex = [
    ("py:.*", r"(?!delivrd).*"),
    # Type variables, and inner types of attributes that no user has to name.
    ("py:class", r"delivrd.*\._\w+"),
    ("py:class", r"delivrd\.(ledger\.store\.Store|ledger\.phones\.Phones|readers\.(CompiledWay|Terms))"),
    ("py:class", r"delivrd\.receiving\.budget\.Holder"),
    ("py:class", r"delivrd\.serve\.(app\.Page|numbers\.Numbers)"),
]
# Inputs in files can have comments before them, which no lexer of HTTP knows.
suppress_warnings = ["misc.highlighting_failure"]

default_role = "code"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_static_path = ["site"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"

LISTED = re.compile(r"^- \[`?([^]`]*)`?\]\(([\w./-]+)\.md\)", re.MULTILINE)
SECTION = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
LINK = re.compile(r'\b(?:src|srcset|href)="(?![a-z]+:|//|#)([^"#?]+)')
WORD = re.compile(r"(?<![`:\w])`(\w+(?:\.\w+)*)`(?![`_])")
PUBLIC = write_api.public_names()
"""Where each public name is told of: by its own module's path, and by the public one."""


def add_contents(app: Sphinx, name: str, source: list[str]) -> None:
    """Give the index a table of contents for each of its lists, under the list's heading."""
    if name != root_doc:
        return
    heads = list(SECTION.finditer(source[0]))
    ends = [head.start() for head in heads[1:]] + [len(source[0])]
    for head, end in zip(heads, ends, strict=True):
        pages = LISTED.findall(source[0][head.end() : end])
        if pages:
            listed = "\n".join(f"{title} <{page}>" for title, page in pages)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {head[1]}\n\n{listed}\n```\n"


def link_names(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Make a link of each public name that a docstring shows as code."""

    def link(word: re.Match[str]) -> str:
        path = PUBLIC.get(word[1]) or PUBLIC.get(f"delivrd.{word[1]}")
        return f":py:obj:`{word[1]} <{path}>`" if path and path != name else word[0]

    lines[:] = [WORD.sub(link, line) for line in lines]


def follow(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: Element) -> reference | None:
    """Follow a name that an annotation gives by the module in which it happens to stand."""
    path = PUBLIC.get(node["reftarget"])
    if node.get("refdomain") != "py" or path is None or path == node["reftarget"]:
        return None
    return env.domains.python_domain.resolve_xref(env, node["refdoc"], app.builder, "obj", path, node, content)


def finish(app: Sphinx, error: Exception | None) -> None:
    """Add what Sphinx does not: the index where a server looks for it, and pictures, since it reads no HTML of pages.

    Raises:
        ExtensionError: a page shows or links to a file that the site does not have.
    """
    if error is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    shutil.copyfile(site / f"{root_doc}.html", site / "index.html")
    for picture in HERE.rglob("*.svg"):
        shutil.copyfile(picture, site / picture.relative_to(HERE))
    pages = [*(site / f"{name}.html" for name in app.env.found_docs), site / "index.html"]
    links = [(page, link) for page in pages for link in LINK.findall(page.read_text(encoding="utf-8"))]
    lost = sorted({f"{page.name}: {link}" for page, link in links if not (page.parent / unquote(link)).exists()})
    if lost:
        raise ExtensionError(f"the site lacks what its pages show: {', '.join(lost)}")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
            # Looked up, an attribute's name would lead to another class's attribute; and of several names that share
            # one sentence, Sphinx takes the first for types.
            field.rolename = field.typerolename = ""
    app.connect("source-read", add_contents)
    # After napoleon, which takes the sections apart.
    app.connect("autodoc-process-docstring", link_names, priority=900)
    app.connect("missing-reference", follow)
    app.connect("build-finished", finish)

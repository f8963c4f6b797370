"""The reference of public names, `docs/api/`: which page tells of which name.

The rule of this module: the names are those of each module's `__all__`, and what is said of them is their docstrings.
The site's builder (Sphinx) writes those out; a page as it stands lists the names with their first sentences.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from enum import Enum
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from write_tables import code, summary, table

from delivrd.hookspecs import GROUP

CORE = "delivrd"
LONGEST = 100
"""Characters of a value that the reference shows."""


class Page(NamedTuple):
    """A page of the reference: its title, and the modules it tells of, each with the parts of it that belong here."""

    title: str
    about: str
    modules: dict[str, tuple[str, ...] | None]
    """By name: of the core, the modules in which the page's names stand; None for a whole module."""


PAGES = {
    "reading": Page(
        "Reading inputs",
        "Providers, accounts, inputs, and what comes of one. All of it is in `delivrd`.",
        {CORE: ("registry", "provider", "accounts", "accountfile", "inputs", "pdu", "receipt", "errors", "blots")},
    ),
    "report": Page(
        "The report",
        "The canonical report, its words, ids, and how its codes were judged. All of it is in `delivrd`.",
        {
            CORE: (
                *("report", "vocabulary", "schema", "explain", "classify", "verdicts"),
                *("message_ids", "message_id_keys"),
            )
        },
    ),
    "providers": Page(
        "What providers are made of",
        "For whoever writes a provider. All but the hooks is in `delivrd`.",
        {
            CORE: (
                *("tables", "shapes", "ways", "auth", "questions", "times", "settings", "forms", "records"),
                *("hookspecs",),
            ),
            "delivrd.hookspecs": None,
        },
    ),
    "files": Page("Files of inputs", "Inputs as files hold them. All of it is in `delivrd`.", {CORE: ("files",)}),
    "receiving": Page(
        "Receiving",
        "Told in [Receive over HTTP](../receiving.md).",
        dict.fromkeys(f"{CORE}.{name}" for name in ("receiving", "asgi", "wsgi", "aiohttp", "django")),
    ),
    "serve": Page("Serving", "Told in [Run the receiver](../serving.md).", {"delivrd.serve": None}),
    "life": Page("The life of a message", "Told in [its own page](../life.md).", {"delivrd.life": None}),
    "ledger": Page("The ledger", "Told in [Keep receipts](../ledger.md).", {"delivrd.ledger": None}),
    "poll": Page("Asking", "Told in [Ask providers](../asking.md).", {"delivrd.poll": None}),
    "mailbox": Page("Mailboxes", "Told in [Ask providers](../asking.md#mailboxes).", {"delivrd.mailbox": None}),
    "handing-on": Page(
        "Handing on and observing",
        "Told in [Hand reports on](../handing-on.md) and [Count what comes](../observing.md).",
        dict.fromkeys(f"{CORE}.{name}" for name in ("cloudevents", "webhooks", "phones", "telemetry")),
    ),
    "many": Page("Many at once", "Told in [Read many at once](../many.md).", {"delivrd.arrow": None}),
    "stream": Page(
        "Topics",
        "Told in [Normalise between topics](../streams.md).",
        dict.fromkeys(["delivrd.stream", *(f"{CORE}.stream.{name}" for name in ("redis", "rabbit", "kafka", "nats"))]),
    ),
    "engines": Page(
        "Spark and Ray", "Told in [On many machines](../engines.md).", {"delivrd.spark": None, "delivrd.ray": None}
    ),
    "pictures": Page(
        "Pictures of code tables", "Told in [Export the code tables](../export-codes.md).", {"delivrd.pictures": None}
    ),
    "smpp": Page("SMPP", "Told in [Receipts over SMPP](../smpp.md).", {"delivrd_smpp": None}),
}


MODULES = sorted({module for page in PAGES.values() for module in page.modules})
"""Every module with public names."""


def names_of(module: str) -> list[str]:
    """The public names of a module: its `__all__`; else what it defines, unlike what it imports or keeps to itself."""
    loaded = import_module(module)
    if hasattr(loaded, "__all__"):
        return list(loaded.__all__)
    return [
        name
        for name, value in vars(loaded).items()
        if not name.startswith("_") and inspect.isroutine(value) | inspect.isclass(value)
        if value.__module__ == module and (module != f"{CORE}.hookspecs" or hasattr(value, f"{GROUP}_spec"))
        if name != "answer_environ"
    ]


def public_names() -> dict[str, str]:
    """The public path of each name, by that path and by the path of the module in which it is written down."""
    found = {}
    for module in MODULES:
        for name in names_of(module):
            path = f"{module}.{name}"
            found[path] = path
            found.setdefault(f"{home(module, name)}.{name}", path)
    return found


@cache
def homes(module: str) -> dict[str, str]:
    """The module from which each name of a package is imported, by the package's own import statements."""
    tree = ast.parse(inspect.getsource(import_module(module)))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.asname or alias.name: str(node.module) for node in imports for alias in node.names}


def home(module: str, name: str) -> str:
    """The module in which a public name is written down."""
    return homes(module).get(name, module)


def pages() -> Iterator[tuple[str, str]]:
    """Each page's name and its text."""
    for name, page in PAGES.items():
        yield name, "\n\n".join([f"# {page.title}", page.about, *parts_of(page)]) + "\n"


def parts_of(page: Page) -> Iterator[str]:
    """A section for each module, of the core for each of those it is made of."""
    for module, parts in page.modules.items():
        names = names_of(module)
        if parts is None:
            if len(page.modules) > 1:
                yield f"## {module}"
            yield from section(module, names)
            continue
        for part in parts:
            of_part = [name for name in names if home(module, name) == f"{CORE}.{part}"]
            if of_part:
                yield f"## {HEADS[part]}"
                yield from section(module, of_part)


HEADS = {
    "registry": "The registry",
    "provider": "Providers",
    "accounts": "Accounts",
    "accountfile": "Files of accounts",
    "inputs": "Inputs",
    "pdu": "PDUs",
    "receipt": "Receipts",
    "errors": "Errors",
    "blots": "Blots",
    "report": "Reports",
    "vocabulary": "Words",
    "schema": "JSON Schema",
    "explain": "Explanations",
    "classify": "The classifier",
    "verdicts": "Verdicts",
    "message_ids": "Ids of messages",
    "message_id_keys": "Spellings of ids",
    "tables": "Code tables",
    "shapes": "Shapes and fields",
    "ways": "Ways of being told",
    "auth": "Proofs",
    "questions": "Questions",
    "times": "Times",
    "settings": "Settings",
    "forms": "Forms and queries",
    "records": "Texts",
    "hookspecs": "The plugin's mark",
    "files": "Samples",
}


def section(module: str, names: list[str]) -> Iterator[str]:
    """A list of names, and the block in which the site tells all of each."""
    order = sorted(names, key=lambda name: written_at(home(module, name), name))
    yield table(["name", "what it is"], [(code(name), first_words(module, name)) for name in order])
    told = "\n".join(line for name in order for line in directive(module, name))
    yield f"```{{eval-rst}}\n{told.rstrip()}\n```"


def first_words(module: str, name: str) -> str:
    """What is said of a name, in short."""
    value = getattr(import_module(module), name)
    if inspect.isclass(value) or inspect.isroutine(value):
        return summary(value)
    return data_docstring(home(module, name), name).partition("\n\n")[0].replace("\n", " ")


def directive(module: str, name: str) -> Iterator[str]:
    """What makes the site's builder tell of a name."""
    path, value = f"{module}.{name}", getattr(import_module(module), name)
    if inspect.isclass(value):
        yield f".. autoclass:: {path}"
        if issubclass(value, Enum):
            yield from members(value)
        else:
            yield "   :members:"
    elif inspect.isroutine(value):
        yield f".. autofunction:: {path}"
    else:
        yield f".. py:data:: {path}"
        said, given = data_docstring(home(module, name), name), expression(home(module, name), name)
        if len(given) <= LONGEST:
            yield f"   :value: {given}"
        yield from ["", *(f"   {line}".rstrip() for line in said.splitlines())]
    yield ""


def members(kind: type[Enum]) -> Iterator[str]:
    """The words of an enumeration: with their meanings, or as their docstrings tell of them."""
    said: dict[str, Any] = {str(each.value): getattr(each, "meaning", None) for each in kind}
    if None in said.values():
        yield "   :members:"
        yield "   :undoc-members:"
    else:
        yield from ["   :no-members:", "", *(f"   - ``{word}``: {meaning}" for word, meaning in said.items())]


@cache
def statements(module: str) -> list[ast.stmt]:
    """A module's own statements."""
    return ast.parse(inspect.getsource(import_module(module))).body


def written_at(module: str, name: str) -> tuple[str, int]:
    """The module and the line in which a name is written down."""
    return module, next((node.lineno for node in statements(module) if name in bound(node)), 0)


def bound(node: ast.stmt) -> list[str]:
    """The names that a statement gives."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def expression(module: str, name: str) -> str:
    """What a name stands for, as it is written down."""
    found = (node for node in statements(module) if name in bound(node))
    return next((ast.unparse(node.value) for node in found if isinstance(node, ast.Assign | ast.AnnAssign)), "")


def data_docstring(module: str, name: str) -> str:
    """The text that stands after an assignment; else nothing."""
    body = statements(module)
    for node, after in zip(body, [*body[1:], None], strict=True):
        if name in bound(node) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            return inspect.cleandoc(str(after.value.value))
    return ""

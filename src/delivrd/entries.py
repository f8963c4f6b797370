"""How an item comes to the lines that build its report, a value for each way.

The rule of this module: these lines differ from entry to entry, and nothing else does. What they do
first is refuse or hand over whatever is not of the commonest form.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec


class Form(StrEnum):
    """What an item is."""

    SHAPE = "shape"
    """Attributes of a Struct."""
    RECORD = "record"
    """Texts by wire name."""
    PARTS = "parts"
    """Nothing: each field is an expression of its own (`Entry.parts`)."""


class Whole(msgspec.Struct, frozen=True):
    """How a `Together` comes to the lines: what it is looked up by, and how it is taken apart where that is new.

    Attributes:
        fields: their wire names.
        text: the expression of the text that holds them.
        apart: the lines that take it apart, after which the expressions of the fields hold.
    """

    fields: frozenset[str]
    text: str
    apart: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True):
    """How an item comes to the lines that build its report, and what is handed out.

    Attributes:
        form: what the item is.
        arguments: of the function that is compiled.
        names: what its lines use of an account, given by `Compiled.bind`. What is the same for all accounts is given
            when the entry is compiled.
        opening: the lines before; they set what fields are fetched from. Without any, the item is an argument, as are
            the warnings so far (`own`) and the extras.
        parts: the expression for each field, where the item is none itself.
        given: the value of each field that is the same in every item.
        sure: the wire names of what is never absent.
        texts: the wire names of what is always a text; white space alone, or nothing, is absent.
        wholes: the fields that are looked up by the text of them all.
        unmarked: the line that hands over an item without the field that marks a report; `MARK` in it becomes the
            field's expression.
        closing: the last line; `REPORT` in it becomes the report.
    """

    form: Form
    arguments: str = "item, received_at, own, extras"
    names: tuple[str, ...] = ()
    opening: tuple[str, ...] = ()
    parts: Mapping[str, str] = {}
    given: Mapping[str, str] = {}
    sure: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    wholes: tuple[Whole, ...] = ()
    unmarked: str = ""
    closing: str = "return REPORT"


FROM_SHAPE: Final = Entry(Form.SHAPE)
FROM_RECORD: Final = Entry(Form.RECORD)


def _from_json(*guard: str) -> Entry:
    return Entry(
        Form.SHAPE,
        "request, asked, received_at",
        ("LIMIT", "lenient"),
        (
            "body = request.body",
            "if len(body) > LIMIT: check_size(body, LIMIT)",
            "if request.method not in METHODS: return lenient(request, received_at)",
            *guard,
            "try: item = decode(body)",
            "except NOT_STRICT: item = None",
            # Outside the handler, so that no error of the lenient reader carries what the strict one quoted.
            "if item is None: return lenient(request, received_at)",
        ),
        closing="return Receipt((REPORT,), REPLY)",
    )


FROM_JSON: Final = _from_json()
# Where other bodies are taken too: one that begins like an object is JSON, whatever its content type says.
FROM_JSON_OR_OTHER: Final = _from_json("if body[:1] != b'{': return lenient(request, received_at)")
CHECKED_TARGET: Final = (
    "target = request.target",
    "if len(target) > LIMIT: check_size(target, LIMIT)",
    "if request.method not in METHODS: return lenient(request, received_at)",
)
"""The first lines of whatever reads a request's target."""
FROM_QUERY: Final = Entry(
    Form.RECORD,
    "request, asked, received_at",
    ("LIMIT", "lenient"),
    (
        *CHECKED_TARGET,
        "query = target.partition('?')[2]",
        # The commonest form needs no unescaping: a third of the general reader's cost.
        "if '%' in query or '+' in query or '#' in target or not query.isascii(): return lenient(request, received_at)",
        "pairs = query.split('&', MOST_FIELDS)",
        "item = {}",
        "for pair in pairs:",
        "    name, sign, item[name] = pair.partition('=')",
        "    if not sign: return lenient(request, received_at)",
        "if not len(item) == len(pairs) < MOST_FIELDS: return lenient(request, received_at)",
    ),
    unmarked="if not MARK: return lenient(request, received_at)",
    closing="return Receipt((REPORT,), REPLY)",
)

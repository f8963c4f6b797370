"""How an item comes to the lines that build its report, a value for each way.

The rule of this module: these lines differ from entry to entry, and nothing else does. What they do
first is refuse or hand over whatever is not of the commonest form.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """How an item comes to the lines that build its report, and what is handed out.

    Attributes:
        records: the item is a record (texts by wire name), not a shape.
        arguments: of the function that is compiled.
        names: what its lines use, given by `Compiled.bind`.
        opening: the lines before; they set `item`, `own` and `extras`.
        closing: the last line; `REPORT` in it becomes the report.
    """

    records: bool
    arguments: str = "item, received_at, own, extras"
    names: tuple[str, ...] = ()
    opening: tuple[str, ...] = ()
    closing: str = "return REPORT"


FROM_SHAPE: Final = Entry(False)
FROM_RECORD: Final = Entry(True)
FROM_JSON: Final = Entry(
    False,
    "request, asked, received_at",
    ("LIMIT", "METHODS", "NOT_STRICT", "REPLY", "check_size", "decode", "lenient", "refuse_method"),
    (
        "body = request.body",
        "if len(body) > LIMIT: check_size(body, LIMIT)",
        "if request.method not in METHODS: refuse_method(METHODS)",
        "try: item = decode(body)",
        "except NOT_STRICT: item = None",
        # Outside the handler, so that no error of the lenient reader carries what the strict one quoted.
        "if item is None: return lenient(request, received_at)",
        "own = None",
        "extras = {}",
    ),
    "return Receipt((REPORT,), REPLY)",
)
FROM_QUERY: Final = Entry(
    True,
    "request, asked, received_at",
    ("LIMIT", "METHODS", "MOST_FIELDS", "REPLY", "check_size", "lenient", "refuse_method", "is_report"),
    (
        "target = request.target",
        "if len(target) > LIMIT: check_size(target, LIMIT)",
        "if request.method not in METHODS: refuse_method(METHODS)",
        "query = target.partition('?')[2]",
        # The commonest form needs no unescaping: a third of the general reader's cost.
        "if '%' in query or '+' in query or '#' in query or not query.isascii(): return lenient(request, received_at)",
        "pairs = [pair.split('=', 1) for pair in query.split('&', MOST_FIELDS)]",
        "try: item = dict(pairs)",
        "except ValueError: item = {}",
        "if not len(item) == len(pairs) < MOST_FIELDS or not is_report(item): return lenient(request, received_at)",
        "own = None",
        "extras = {}",
    ),
    "return Receipt((REPORT,), REPLY)",
)
LONGEST_QUICK: Final = 4096
"""Bytes of the longest text of a PDU that is read the quick way; a message holds 255."""

FROM_PDU: Final = Entry(
    False,
    "pdu, asked, received_at",
    ("LIMIT", "REPLY", "lenient", "quick"),
    (
        "item = quick(pdu) if len(pdu.short_message) <= LIMIT else None",
        "if item is None: return lenient(pdu, asked, received_at)",
        "own = None",
        "extras = {}",
    ),
    "return Receipt((REPORT,), REPLY)",
)

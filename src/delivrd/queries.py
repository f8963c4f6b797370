"""Queries of the commonest form, read in one function: the declared fields in the order of their declaration.

The rule of this module: a query of another form is read as fields in any order, and one that needs unescaping, or has a
field twice, by the general reader; all say the same of what they take.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from delivrd.builder import Compiled, Frame, later
from delivrd.entries import CHECKED_TARGET, FROM_QUERY, Entry, Form
from delivrd.forms import MOST_FIELDS
from delivrd.shapes import Reading, wire_fields

_VALUE: Final = """[ -"$'-*,-~]*+"""
"""Printable ASCII that stands for itself: not `#`, `%`, `&` and `+`."""
_NAME: Final = """[ -"$'-*,-<>-~]++"""
"""The same without `=`."""
_PLAIN: Final = re.compile(_NAME)
_SIGN: Final = "[?&]"
"""Before a field; a value takes each `?` behind the first."""
_MOST_OWN: Final = 8
"""Parameters of the gateway's own URL before the provider's fields."""


class QueryReader:
    """The functions of one reading, compiled once and still to be given an account's frame.

    Args:
        provider: its name.
        reading: what the queries carry.
        code_fields: the provider's, in order of authority.
        constants: what the lines use that is the same for all accounts.
    """

    def __init__(self, provider: str, reading: Reading, code_fields: tuple[str, ...], **constants: Any) -> None:
        names = tuple(wire_fields(reading.shape))
        self._any_order = Compiled(provider, reading, code_fields, FROM_QUERY, MOST_FIELDS=MOST_FIELDS, **constants)
        # Another name is never sent as it is declared: its letters are escaped, or split the query.
        self._ordered = (
            Compiled(provider, reading, code_fields, _entry(names), match_target=in_order(names).match, **constants)
            if all(map(_PLAIN.fullmatch, names))
            else None
        )

    def bind(self, frame: Frame, limit: int, lenient: Any) -> Any:
        """The function for one account.

        Args:
            frame: what the account adds.
            limit: bytes of the longest target that it takes.
            lenient: reads what is of no common form.
        """
        if self._ordered is None:
            return self._any_order.bind(frame, limit, lenient)
        any_order = later(lambda: self._any_order.bind(frame, limit, lenient))
        return self._ordered.bind(frame, limit, any_order, lenient)


def in_order(names: Sequence[str]) -> re.Pattern[str]:
    """The form of a target whose query has these fields in this order, with a group for each.

    Any of them may be absent, and parameters of the gateway's own URL may stand before them.

    Args:
        names: as they stand in the query.
    """
    known = "|".join(map(re.escape, names))
    own = f"(?:{_SIGN}(?!(?:{known})=){_NAME}={_VALUE}){{0,{_MOST_OWN}}}+"
    fields = "".join(f"(?:{_SIGN}{re.escape(name)}=({_VALUE}))?+" for name in names)
    return re.compile(rf"[^?#]*+(?=\?){own}{fields}\Z")


def _entry(names: Sequence[str]) -> Entry:
    groups = {name: f"group{index}" for index, name in enumerate(names)}
    return Entry(
        Form.PARTS,
        "request, asked, received_at",
        ("LIMIT", "any_order", "lenient"),
        (
            *CHECKED_TARGET,
            "match = match_target(target)",
            "if match is None: return any_order(request, asked, received_at)",
            f"{', '.join(groups.values())}, = match.groups()",
        ),
        parts=groups,
        unmarked=FROM_QUERY.unmarked,
        closing=FROM_QUERY.closing,
    )

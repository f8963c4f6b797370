"""Receipts to test with: PDUs, their reports, and texts that are drawn from all that centres write."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from delivrd import Account, DeliverSm, Provider, Report
from delivrd_smpp import SMPP, STAT

PHONE, SENDER = "15555550123", "447700900123"
TEXTBOOK = "id:0123456789 sub:001 dlvrd:001 submit date:2401311200 done date:2401311205 stat:DELIVRD err:000 text:Hello"
BOTH = {0x001E: b"0123456789\0", 0x0427: b"\x02"}


def pdu(message: str | bytes = TEXTBOOK, esm_class: int = 4, tlvs: dict[int, bytes] | None = None) -> DeliverSm:
    data = message.encode() if isinstance(message, str) else message
    return DeliverSm(esm_class, PHONE, SENDER, data, tlvs or {})


def read(input: DeliverSm, **account: Any) -> Report:
    (report,) = SMPP.read(input, Account(**{"zone": "UTC", **account})).reports
    return report


# Separators, quotes and colons are no part of a value: what they do is tested by example.
# What a value ends with can be a space that a form wrote as a plus.
WITHOUT_PLUS = st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=",;|\"'():=+")
VISIBLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=",;|\"'():=")
VALUES = {
    "id": st.text(VISIBLE, min_size=1, max_size=64),
    "sub": st.text(WITHOUT_PLUS, min_size=1, max_size=5),
    "dlvrd": st.text(WITHOUT_PLUS, min_size=1, max_size=5),
    "submit date": st.from_regex(r"\A[0-9]{10,14}\Z").filter(lambda date: date.strip("0")),
    "done date": st.from_regex(r"\A[0-9]{10,14}\Z").filter(lambda date: date.strip("0")),
    "stat": st.one_of(
        st.sampled_from([row.label for row in STAT.rows]), st.text(WITHOUT_PLUS, min_size=1, max_size=12)
    ),
    "err": st.text(WITHOUT_PLUS, min_size=1, max_size=5),
}
LABELS = {
    "dlvrd": ("dlvrd", "delivrd"),
    "submit date": ("submit date", "submit_date"),
    "done date": ("done date", "done_date"),
}
SPACES = st.text(" \t\r\n\0", min_size=1, max_size=3)
CASES = st.sampled_from([str.lower, str.upper, str.title, str.swapcase])


@st.composite
def written(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """A text before `text:`, and what was put in."""
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, unique=True))
    values = {name: draw(VALUES[name]) for name in names}
    parts = [draw(st.one_of(st.just(""), SPACES))]
    for name in names:
        label = draw(CASES)(draw(st.sampled_from(LABELS.get(name, (name,)))))
        padding = draw(st.one_of(st.just(""), st.text(" \t", max_size=3)))
        parts += [label, ":", padding, values[name], draw(SPACES)]
    return "".join(parts), values


def without_quick(provider: Provider) -> Provider:
    """The same provider, whose receipts are all read by its decode function."""
    kept = ("name", "vendor", "title", "docs", "tables", "settings", "offers")
    way = msgspec.structs.replace(provider.ways[DeliverSm], quick=())
    ways = (*(other for kind, other in provider.ways.items() if kind is not DeliverSm), way)
    return Provider(ways=ways, **{name: getattr(provider, name) for name in kept})

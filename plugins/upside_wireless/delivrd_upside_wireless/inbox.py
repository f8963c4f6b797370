"""The records of an inbox: which of them are delivery reports, and what those say.

The rule of this module: a record is a report only where its `data` says nothing else. Every other
record comes back whole, because reading the inbox may have marked it as read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final
from urllib.parse import unquote_plus

from delivrd import Absence, AbsenceKind, Code, Decoded, FollowUp, Shape, Text, Warning, WarningKind, shorten
from delivrd_upside_wireless.soap import Node


class Record(Shape):
    """One record of the inbox, as documented."""

    isValid: Text = None  # noqa: N815 - as on the wire
    sender: Text = None
    data: Text = None
    name: Text = None
    inboundnumber: Text = None
    carriercode: Text = None
    trackingid: Code = None
    messageid: Code = None
    utcTime: Text = None  # noqa: N815 - as on the wire


class Told(Record):
    """A record whose `data` is a report, with what `data` says."""

    status: Code = None
    mtid: Code = None
    recipient: Text = None
    number: Text = None


WIRE_NAMES: Final = {name.lower(): name for name in Record.__struct_encode_fields__}

PAIR_NAMES: Final = frozenset({"name", "trackingid", "mtid", "status", "recipient", "number"})
"""What `data` may name, where it is written as a push's fields are."""

SAYS_SOMETHING: Final = frozenset({"sender", "data", "trackingid", "messageid"})
"""Without any of these a record is an empty inbox's."""


def read_inbox(root: Node, words: Collection[str], mark: str | None = None) -> Decoded | None:
    """The records of an answer, wherever they stand: reports apart from messages from handsets.

    Args:
        root: the answer.
        words: the listed status words.
        mark: the operation that marks a record as read, where the answer has left its records unread.

    Returns:
        None where the answer holds no record. `isValid` false means that the inbox holds nothing.
    """
    records = [fields for fields in map(_fields, root.nodes()) if fields]
    if not records:
        return None
    reports: list[dict[str, str | None]] = []
    others: list[dict[str, str]] = []
    anything = False
    warnings: dict[int, list[Warning]] = {}
    follow_up: list[FollowUp] = []
    for sent in records:
        record = {WIRE_NAMES.get(name.lower(), name): text for name, text in sent.items()}
        if SAYS_SOMETHING.isdisjoint(record):
            continue
        valid = record.get("isValid", "").strip().lower() not in ("false", "0")
        report = _report(record, words) if valid else None
        if report is None:
            others.append(sent)
        else:
            warnings[len(reports)] = _repeated(report)
            reports.append(report)
        anything = anything or valid
        if mark is not None and valid and record.get("messageid", "").strip():
            follow_up.append(FollowUp(mark, record["messageid"].strip()))
    absence = None if anything else Absence(AbsenceKind.NOT_YET)
    return Decoded(reports, others, absence=absence, warnings=warnings, follow_up=follow_up)


def _fields(node: Node) -> dict[str, str]:
    """The fields of a record as sent; none where the element is no record."""
    sent = []
    for child in node.children:
        holds_fields = any(inner.name.lower() in WIRE_NAMES for inner in child.nodes()[1:])
        if not holds_fields and child.text().strip():
            sent.append((child.name, child.text()))
    fields = _numbered(sent)
    return fields if any(name.lower() in WIRE_NAMES for name in fields) else {}


def _report(record: dict[str, str], words: Collection[str]) -> dict[str, str | None] | None:
    """The fields of a delivery report; None where the record is a message from a handset."""
    # GetDLR's elements are not documented; a status beside an id, where it is a listed word, can be nothing else.
    said = (record.get("data") or record.get("status") or "").strip()
    pairs = {"status": said} if said in words else _pairs(said)
    if not pairs.get("status") or not record.get("trackingid", "").strip():
        return None
    # What `data` calls the id stands beside the record's own, so that a contradiction is reported.
    return {**pairs, **record, "status": pairs["status"], "mtid": pairs.get("trackingid") or pairs.get("mtid")}


def _pairs(text: str) -> dict[str, str]:
    """A text that consists wholly of `name=value` pairs of a push; nothing of any other text."""
    pairs = []
    for piece in filter(None, text.replace("&", "\n").splitlines()):
        name, mark, value = piece.partition("=")
        name, value = name.strip().lower(), unquote_plus(value.strip())
        if not mark or name not in PAIR_NAMES or len(value.split()) > 1:
            return {}
        pairs.append((name, value))
    return _numbered(pairs)


def _numbered(sent: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Fields by name; of a repeated one the first keeps the name, and the others stand beside it.

    No name that is given can pass for a numbered one: neither XML's nor those of pairs have brackets.
    """
    fields: dict[str, str] = {}
    counts = Counter[str]()
    for name, value in sent:
        counts[name] += 1
        fields[name if counts[name] == 1 else f"{name}[{counts[name]}]"] = value
    return fields


def _repeated(report: Mapping[str, str | None]) -> list[Warning]:
    again = ((name.partition("["), value) for name, value in report.items() if value)
    return [Warning(WarningKind.REPEATED_FIELD, name, shorten(value)) for (name, mark, _), value in again if mark]

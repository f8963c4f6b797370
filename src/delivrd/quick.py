"""PDUs of a common form, read in one function each: those without optional parameters, and those with some.

The rule of this module: what is not of the form that the provider declares (`Quick`) is handed over whole, and what is
says what the provider's decode function would say.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from delivrd.builder import Compiled, Frame
from delivrd.entries import Entry, Form, Whole
from delivrd.errors import broken
from delivrd.receipt import Reply
from delivrd.shapes import Reading
from delivrd.ways import Quick, Together

LONGEST: Final = 4096
"""Bytes of the longest text of a PDU that is read the quick way; a message holds 255."""

_HAND_OVER: Final = "return lenient(pdu, asked, received_at)"


class QuickReader:
    """The functions of one form, compiled once and still to be given an account's frame.

    Args:
        provider: its name.
        reading: what the PDUs carry.
        code_fields: the provider's, in order of authority.
        quick: the form.
        reply: what the sender counts as received.
    """

    def __init__(
        self, provider: str, reading: Reading, code_fields: tuple[str, ...], quick: Quick, reply: Reply | None
    ) -> None:
        names: dict[str, Any] = {"REPLY": reply, "match_text": quick.text.match}
        names |= {_matcher(index): group.form.fullmatch for index, group in _together(quick)}
        names |= {"broken": partial(broken, provider), "read_parameters": quick.read_parameters}
        self._bare = Compiled(provider, reading, code_fields, _bare(quick), **names)
        self._with_parameters = Compiled(provider, reading, code_fields, _with_parameters(quick), **names)

    def bind(self, frame: Frame, limit: int, lenient: Any) -> Any:
        """The function for one account.

        Args:
            frame: what the account adds.
            limit: bytes of the largest input that it takes.
            lenient: reads what is not of the form.
        """
        limit = min(limit, LONGEST)
        return self._bare.bind(frame, limit, lenient, self._with_parameters.bind(frame, limit, lenient))


def _bare(quick: Quick) -> Entry:
    first = "if pdu.tlvs: return with_parameters(pdu, asked, received_at)"
    return _entry(("with_parameters",), quick, (first,), (), {})


def _with_parameters(quick: Quick) -> Entry:
    parameters = {name: f"parameter{index}" for index, name in enumerate(quick.parameters)}
    lines = (
        f"if sum(map(len, pdu.tlvs.values())) + len(data) > LIMIT: {_HAND_OVER}",
        "try:",
        "    found = read_parameters(pdu.tlvs, match)",
        f"    if found is None: {_HAND_OVER}",
        f"    ({''.join(f'{parameter}, ' for parameter in parameters.values())}) = found",
        "except InputError: raise",
        "except Exception as error: raise broken('read_parameters', error) from error",
    )
    return _entry((), quick, (), lines, parameters)


def _entry(
    names: tuple[str, ...], quick: Quick, first: tuple[str, ...], last: tuple[str, ...], parameters: dict[str, str]
) -> Entry:
    """How a PDU comes to the lines.

    Args:
        names: what the lines below use of an account besides what all of them do.
        quick: the form.
        first: the lines before any other.
        last: the lines once the text is of the form; `match` is its match.
        parameters: the expression of each field that comes from the optional parameters.
    """
    bits, value = quick.esm_class
    groups = [f"group{index}" for index in range(len(quick.groups))]
    fetched = {name: group for name, group in zip(quick.groups, groups, strict=True) if isinstance(name, str)}
    inner: dict[str, str] = {}
    wholes = []
    for index, group in _together(quick):
        parts = {name: f"{groups[index]}_{part}" for part, name in enumerate(group.fields)}
        apart = (
            f"match = {_matcher(index)}({groups[index]})",
            f"if match is None: {_HAND_OVER}",
            f"{', '.join(parts.values())}, = match.groups()",
        )
        wholes.append(Whole(frozenset(parts), groups[index], apart))
        inner |= parts
    source, destination = quick.addresses
    return Entry(
        Form.PARTS,
        "pdu, asked, received_at",
        ("LIMIT", "lenient", *names),
        (
            *first,
            "data = pdu.short_message",
            "kind = pdu.esm_class",
            # Nearly always no other bit is set: a comparison costs half of what taking the bits does.
            f"if kind != {value} and kind & {bits} != {value}: {_HAND_OVER}",
            f"if pdu.trailing or len(data) > LIMIT: {_HAND_OVER}",
            "try: match = match_text(data.decode())",
            f"except UnicodeDecodeError: {_HAND_OVER}",
            "source, destination = pdu.source, pdu.destination",
            f"if match is None or not (source.isascii() and destination.isascii()): {_HAND_OVER}",
            *last,
            f"{', '.join(groups)}, = match.groups()",
        ),
        parts={source: "source", destination: "destination", **parameters, **fetched, **inner},
        given=quick.given,
        sure=frozenset(quick.given) | (frozenset(fetched) - frozenset(quick.blank)),
        texts=frozenset(quick.addresses),
        wholes=tuple(wholes),
        closing="return Receipt((REPORT,), REPLY)",
    )


def _together(quick: Quick) -> list[tuple[int, Together]]:
    """The groups that hold several fields, each with its place among all."""
    return [(index, each) for index, each in enumerate(quick.groups) if isinstance(each, Together)]


def _matcher(index: int) -> str:
    return f"match_group{index}"

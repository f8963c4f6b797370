"""An input as a text to look at, and as a fixture without anybody's number.

The rule of this module: what cannot be read at a glance is not shown, for nobody could see what it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from delivrd.files import Sample, sample_line, write_sample
from delivrd.inputs import DeliverSm, Input, Mail, Request, Response, header_pairs
from delivrd.samplelines import write_line
from delivrd.unlisted.numbers import Fiction, Numbers, hides_numbers

MOST_SHOWN: Final = 64 * 1024
"""Characters of an input that are shown."""

_FEW: Final = 3
"""Bytes of an optional parameter in which no number can stand, also with two digits a byte."""


_UNREAD: Final = "the input holds what nobody can read at a glance, and a number may be in it"


class NoFixture(Exception):
    """No fixture can be made of an input without a number in it."""


def raw_text(input: Input, *, bare: bool) -> str:
    """An input as a text.

    Args:
        input: without secrets.
        bare: show bytes that are no text too, as escapes.
    """
    match input:
        case Request():
            text = f"{input.method} {input.target} HTTP/1.1\n{_headers(input)}\n\n{_shown(input.body, bare)}"
        case Response():
            text = f"HTTP/1.1 {input.status}\n{_headers(input)}\n\n{_shown(input.body, bare)}"
        case Mail():
            text = _shown(input.raw, bare)
        case DeliverSm():
            tlvs = "".join(f"tlv {tag:#06x}: {_shown(value, bare)}\n" for tag, value in input.tlvs.items())
            text = (
                f"deliver_sm, esm_class {input.esm_class:#04x}, data_coding {input.data_coding:#04x}\n"
                f"source_addr: {input.source}\ndestination_addr: {input.destination}\n{tlvs}"
                f"\n{_shown(input.short_message, bare)}"
            )
    # What came in a line of JSON can hold half a character, which no answer can.
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "\n(cut here)"


def _headers(input: Request | Response) -> str:
    return "\n".join(f"{name}: {value}" for name, value in header_pairs(input.headers))


def _shown(data: bytes, bare: bool) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if all(each.isprintable() or each in "\r\n\t" for each in text):
        return text.replace("\r\n", "\n")
    return ascii(data)[2:-1] if bare else f"({len(data)} bytes that are no text)"


def fixture(sample: Sample, numbers: Numbers) -> tuple[str, bytes]:
    """A sample as a file whose numbers are reserved for fiction: how its name ends, and its content.

    Args:
        sample: without secrets. Its account is left out.
        numbers: of its reports.

    Raises:
        NoFixture: numbers could stay in it.
    """
    if numbers.too_many or _size(sample.input) > MOST_SHOWN:
        raise NoFixture("the input is too long, or holds too many reports; make a fixture of one of them by hand")
    put = Fiction()

    def told(text: str) -> str:
        if "\0" in text or hides_numbers(text):
            raise NoFixture(_UNREAD)
        return numbers.every(text, put)

    fiction = _retold(sample.input, told, lambda number: numbers.every(number, put))
    asked = None if sample.asked is None else numbers.known(sample.asked, put)
    said = "captured; phone numbers replaced by fictional ones"
    made = Sample(fiction, asked, None, sample.received_at, said)
    suffix, content = write_sample(made)
    # Whoever shows a file on a terminal must not be at the mercy of who sent it: JSON escapes everything.
    return (suffix, content) if _shows_only_text(content) else (".jsonl", write_line(sample_line(made)))


def _size(input: Input) -> int:
    match input:
        case Request():
            return len(input.target) + len(input.body)
        case Response():
            return len(input.body)
        case Mail():
            return len(input.raw)
        case DeliverSm():
            return len(input.short_message) + sum(map(len, input.tlvs.values()))


def _shows_only_text(data: bytes, encoding: str = "utf-8") -> bool:
    return all(each.isprintable() or each in "\r\n\t" for each in data.decode(encoding, "replace"))


def _retold(input: Input, told: Callable[[str], str], address: Callable[[str], str]) -> Input:
    """The input with each of its texts told otherwise."""

    def bare(data: bytes) -> bytes:
        # Latin-1 holds any byte as it is.
        return told(data.decode("latin-1")).encode("latin-1")

    match input:
        case Request() | Response():
            body = bare(input.body)
            headers = tuple(
                (name, str(len(body)) if name.lower() == "content-length" else told(value))
                for name, value in header_pairs(input.headers)
            )
            if isinstance(input, Response):
                return Response(input.status, headers, body)
            # Whose address it came from is nobody's business.
            return Request(input.method, told(input.target), headers, body)
        case DeliverSm():
            # Digits can be packed into bytes, where nobody reads them.
            held = (each.removesuffix(b"\0") for each in (*input.tlvs.values(), input.short_message))
            if not all(len(each) <= _FEW or _shows_only_text(each, "latin-1") for each in held):
                raise NoFixture(_UNREAD)
            tlvs = {tag: _parameter(value, bare) for tag, value in input.tlvs.items()}
            source, destination = address(input.source), address(input.destination)
            message = bare(input.short_message)
            return DeliverSm(input.esm_class, source, destination, message, tlvs, input.data_coding)
        case Mail():
            raise NoFixture("a mail names people in its headers; make a fixture of it by hand")


def _parameter(value: bytes, bare: Callable[[bytes], bytes]) -> bytes:
    """An optional parameter of a PDU: text, which may end with a NUL, or a few bytes, which can hold no number."""
    text = value.removesuffix(b"\0")
    return value if len(value) <= _FEW else bare(text) + value[len(text) :]

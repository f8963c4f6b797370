"""An input as a text to look at, and as a fixture without anybody's number.

The rule of this module: what cannot be read at a glance is not shown, for nobody could see what it holds.
"""

from __future__ import annotations

from typing import Final

import msgspec

from delivrd.files import Sample, write_sample
from delivrd.inputs import DeliverSm, Input, Mail, Request, Response, header_pairs
from delivrd.serve.numbers import Fiction, Numbers, hides_numbers

_MOST: Final = 64 * 1024
"""Characters of an input that are shown."""


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
    return text if len(text) <= _MOST else text[:_MOST] + "\n(cut here)"


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
        sample: of a request, without secrets.
        numbers: of its report.

    Raises:
        NoFixture: numbers could stay in it.
    """
    if not isinstance(sample.input, Request):
        raise NoFixture("only HTTP requests are made into fixtures here")
    put = Fiction()

    def told(text: str) -> str:
        if "\0" in text or hides_numbers(text):
            raise NoFixture("the input holds what nobody can read at a glance, and a number may be in it")
        return numbers.every(text, put)

    request = sample.input
    # Latin-1 holds any byte as it is.
    body = told(request.body.decode("latin-1")).encode("latin-1")
    headers = tuple(
        (name, str(len(body)) if name.lower() == "content-length" else told(value))
        for name, value in header_pairs(request.headers)
    )
    # Whose address it came from is nobody's business.
    fiction = msgspec.structs.replace(request, target=told(request.target), headers=headers, body=body, client=None)
    return write_sample(
        Sample(fiction, sample.asked, None, sample.received_at, "captured; phone numbers replaced by fictional ones")
    )

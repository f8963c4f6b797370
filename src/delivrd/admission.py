"""What is checked of an input before it is decoded: its size, its method, how its body is written.

The rule of this module: nothing here looks further into an input than its first bytes.
"""

from __future__ import annotations

from typing import Final, NoReturn

from delivrd.errors import TooLarge, UnsupportedMediaType, WrongMethod
from delivrd.inputs import DeliverSm, Input, Mail, Request
from delivrd.receipt import Reply
from delivrd.ways import BodyKind


def check_size(data: bytes | str, limit: int) -> None:
    """Refuse what is larger than the account allows.

    Raises:
        TooLarge: it is.
    """
    if len(data) > limit:
        raise TooLarge(f"input: expected at most {limit} bytes, got {len(data)}")


def check_input(input: Input, limit: int) -> None:
    """Refuse an input that is larger than the account allows.

    Raises:
        TooLarge: it is.
    """
    if isinstance(input, DeliverSm):
        size = len(input.short_message) + len(input.trailing) + sum(len(value) for value in input.tlvs.values())
        if size > limit:
            raise TooLarge(f"input: expected at most {limit} bytes, got {size}")
    elif isinstance(input, Mail):
        check_size(input.raw, limit)
    else:
        check_size(input.body, limit)
        if isinstance(input, Request):
            check_size(input.target, limit)


def refuse_method(methods: tuple[str, ...]) -> NoReturn:
    """Refuse a request by its method; the reply names those that the provider uses.

    Raises:
        WrongMethod: always.
    """
    allowed = ", ".join(methods)
    raise WrongMethod(f"method: expected {allowed}", reply=Reply(WrongMethod.status, b"", (("Allow", allowed),)))


def body_kind(body: bytes, content_type: str | None, bodies: tuple[BodyKind, ...]) -> BodyKind:
    """How a body is written: its first byte says so, else the content type, else it is a form.

    Raises:
        UnsupportedMediaType: in a way that is not among `bodies`.
    """
    media = (content_type or "").split(";")[0].strip().lower()
    start = body.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")[:2]
    if start.startswith((b"{", b"[")):
        kind = BodyKind.JSON
    elif start.startswith(b"--"):
        kind = BodyKind.MULTIPART
    elif "json" in media:
        kind = BodyKind.JSON
    elif media.startswith("multipart/"):
        kind = BodyKind.MULTIPART
    elif media in _SAYS_NOTHING:
        kind = BodyKind.FORM if BodyKind.FORM in bodies else bodies[0]
    elif media == "application/x-www-form-urlencoded" or (BodyKind.FORM in bodies and b"=" in body):
        kind = BodyKind.FORM
    else:
        raise _unsupported(bodies)
    if kind not in bodies:
        raise _unsupported(bodies)
    return kind


_SAYS_NOTHING: Final = frozenset({"", "text/plain", "application/octet-stream"})


def _unsupported(bodies: tuple[BodyKind, ...]) -> UnsupportedMediaType:
    return UnsupportedMediaType(f"content type: expected a body in {' or '.join(bodies)}")

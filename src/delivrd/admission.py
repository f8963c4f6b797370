"""What is checked of an input before it is decoded: its size, its method, how its body is written.

The rule of this module: nothing here looks further into an input than its first bytes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final, NoReturn
from urllib.parse import urlencode

import msgspec

from delivrd.auth import Covers, Scheme
from delivrd.errors import TooLarge, UnsupportedMediaType, WrongMethod
from delivrd.forms import read_urlencoded, split_target
from delivrd.inputs import DeliverSm, Input, Mail, Request
from delivrd.receipt import Reply
from delivrd.records import charset_of, decode_text
from delivrd.ways import BodyKind, Push


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


def reads_either_place(push: Push, auth: Iterable[Scheme]) -> bool:
    """Whether fields are read from the query and from the form, whichever of the two a provider declares.

    But not where a signature covers one of the two: it says nothing of the other.
    """
    signed = any(scheme.covers & _OF_CONTENT for scheme in auth if scheme.takes is Request)
    has_fields = "GET" in push.methods or (push.decode is None and (push.query or BodyKind.FORM in push.bodies))
    return has_fields and not signed


def accepted_methods(push: Push, auth: Iterable[Scheme]) -> tuple[str, ...]:
    """The methods by which a provider may report: GET and POST both, where fields are read from either place."""
    if not reads_either_place(push, auth):
        return push.methods
    return (*push.methods, *(method for method in ("GET", "POST") if method not in push.methods))


_OF_CONTENT: Final = frozenset((Covers.BODY, Covers.TARGET, Covers.METHOD))

_URLENCODED: Final = "application/x-www-form-urlencoded"
_FORM_TYPE: Final = (("Content-Type", _URLENCODED),)


def as_declared(request: Request, push: Push, known: Collection[str]) -> Request:
    """A request by the other of GET and POST, as the provider's own would be.

    Args:
        request: by a method that is accepted and not declared.
        push: the declaration.
        known: the names that the shape declares.

    Raises:
        WrongMethod: it has no field of the provider's.
        UnsupportedMediaType: its body is no form.
        TooLarge: it has too many fields.
    """
    path, query = split_target(request.target)
    if request.method == "POST":
        content_type = request.header("content-type")
        form = ""
        if request.body.strip():
            body_kind(request.body, content_type, (BodyKind.FORM,))
            # In a form a `#` is a letter; in a target it would cut off what follows.
            form = decode_text(request.body, charset_of(content_type))[0].strip("\r\n").replace("#", "%23")
        # The first value counts: the form's.
        target = f"{path}?{'&'.join(filter(None, (form, query)))}"
        return msgspec.structs.replace(request, method="GET", target=target, body=b"")
    # Other parameters are the gateway's own, its secret among them: a form would keep them.
    record = read_urlencoded(query, known, keep_unknown=False)
    if not record.values:
        # A browser, say, or a check whether the gateway is alive.
        refuse_method(push.methods)
    if push.query:
        return msgspec.structs.replace(request, method=push.methods[0], body=b"")
    body = urlencode([*record.values.items(), *record.repeats]).encode()
    return msgspec.structs.replace(request, method=push.methods[0], headers=_FORM_TYPE, body=body)


def body_kind(body: bytes, content_type: str | None, bodies: tuple[BodyKind, ...]) -> tuple[BodyKind, bool]:
    """How a body is written: what it plainly is, else the content type, else it is a form.

    A form may begin as JSON or as a multipart form does: its first field tells it from both.

    Returns:
        The kind; and whether it is a form though the content type says otherwise.

    Raises:
        UnsupportedMediaType: in a way that is not among `bodies`.
    """
    media = (content_type or "").split(";")[0].strip().lower()
    text = body.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    form = BodyKind.FORM in bodies and b"=" in body
    if media.startswith("multipart/") and b"\n--" in body:
        kind = BodyKind.MULTIPART
    elif text.startswith((b"{", b"[")) and not (form and _FORM_START.match(text)):
        kind = BodyKind.JSON
    elif text.startswith(b"--") and not (form and _FORM_START.match(text)):
        kind = BodyKind.MULTIPART
    elif media == _URLENCODED:
        kind = BodyKind.FORM
    elif media in _SAYS_NOTHING:
        kind = BodyKind.FORM if BodyKind.FORM in bodies else bodies[0]
    elif form:
        return BodyKind.FORM, True
    elif "json" in media:
        kind = BodyKind.JSON
    elif media.startswith("multipart/"):
        kind = BodyKind.MULTIPART
    else:
        raise _unsupported(bodies)
    if kind not in bodies:
        raise _unsupported(bodies)
    return kind, False


_FORM_START: Final = re.compile(rb'[^"\r\n&=]*+(?:=[^\r\n&]*+)?+(?:&|\s*+\Z)')
"""The first field of a form: in JSON a quotation mark comes before any `=` or `&`, in a multipart form a line's end."""

_SAYS_NOTHING: Final = frozenset({"", "text/plain", "application/octet-stream"})


def _unsupported(bodies: tuple[BodyKind, ...]) -> UnsupportedMediaType:
    return UnsupportedMediaType(f"content type: expected a body in {' or '.join(bodies)}")

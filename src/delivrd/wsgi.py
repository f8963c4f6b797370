"""Receiving under WSGI: an application that runs alone or is mounted into another.

The rule of this module: only what WSGI (PEP 3333) asks for; what is answered is told in `delivrd.receiving`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from delivrd.receipt import Reply
from delivrd.receiving.conduct import CUT, Clock, answer, has_body, require_sync, status_line, utc_now
from delivrd.receiving.receiver import Handler, Receiver

_NO_LENGTH: Final = Reply(411)

# Servers' own names for the target as on the wire; gunicorn and Werkzeug give the first, uWSGI and mod_wsgi the second.
_TARGETS: Final = ("RAW_URI", "REQUEST_URI")

_LEFT_ALONE: Final = "/:@!$&'()*+,;=~-._"
"""What a path holds unescaped (RFC 3986, section 3.3)."""


class Application:
    """A WSGI application that answers providers' requests.

    Args:
        receiver: with the accounts.
        handler: takes each receipt over before it is answered; a plain function. A server with
            several threads calls it from each of them.
        clock: gives the time of arrival, aware.

    Raises:
        TypeError: the handler is none, or has to be awaited.
    """

    def __init__(self, receiver: Receiver, handler: Handler, *, clock: Clock = utc_now) -> None:
        self._receiver = receiver
        self._handler = require_sync(handler)
        self._clock = clock

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        if not path.isascii():
            # WSGI writes a path's bytes as Latin-1.
            path = path.encode("latin-1").decode("utf-8", "replace")
        read = environ["wsgi.input"].read
        reply = answer_environ(self._receiver, self._handler, environ, path, read, self._clock)
        headers = list(reply.headers)
        if has_body(reply.status):
            headers.append(("Content-Length", str(len(reply.body))))
        start_response(status_line(reply.status), headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [reply.body]


def answer_environ(
    receiver: Receiver,
    handler: Handler,
    environ: Mapping[str, Any],
    path: str,
    read: Callable[[int], bytes],
    clock: Clock,
) -> Reply:
    """Answer a request that is written as a WSGI environment.

    Args:
        receiver, handler, clock: as `Application`.
        environ: the request's head.
        path: unescaped, without what the receiver is mounted under.
        read: reads at most so many bytes of the body.
    """
    head = receiver.arrive(
        environ["REQUEST_METHOD"],
        path,
        _target(environ),
        _headers(environ),
        environ.get("REMOTE_ADDR"),
        environ.get("CONTENT_LENGTH"),
    )
    if isinstance(head, Reply):
        return head
    if head.length is None and not environ.get("wsgi.input_terminated"):
        if environ.get("HTTP_TRANSFER_ENCODING"):
            # Without the server's word that the input ends, reading it could wait for ever.
            return _NO_LENGTH
        read = _nothing
    try:
        return answer(receiver, handler, head, read, clock)
    except OSError:
        return CUT


def _nothing(most: int) -> bytes:
    return b""


def _headers(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    headers = [(key[5:].replace("_", "-"), value) for key, value in environ.items() if key[:5] == "HTTP_"]
    kind = environ.get("CONTENT_TYPE")
    if kind:
        headers.append(("CONTENT-TYPE", kind))
    return headers


def _target(environ: Mapping[str, Any]) -> str:
    for name in _TARGETS:
        target = environ.get(name)
        if target:
            return str(target)
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    try:
        sent = path.encode("latin-1")
    except UnicodeEncodeError:
        # Django under ASGI writes an environment of its own, with the path's characters.
        sent = path.encode()
    query = environ.get("QUERY_STRING")
    return quote(sent, _LEFT_ALONE) + (f"?{query}" if query else "")

"""Who may see the page.

The rule of this module: it fails closed. Without a password only this machine is let in, and nothing that
came through anybody else, nor a page of another origin that gave its name this machine's address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from delivrd.accounts import Account
from delivrd.addresses import read_address
from delivrd.auth import HttpBasic
from delivrd.inputs import Headers, Request, all_headers
from delivrd.logs import logger

LOG: Final = logger("serve")

USER: Final = "delivrd"
"""The user name that belongs to the password."""

SHORTEST_PASSWORD: Final = 12
"""Characters: nothing slows guesses down."""

_ELSEWHERE: Final = (b"cross-site", b"same-site")

_FORWARDING_ENDS: Final = (b"ip", b"-for", b"forwarded", b"via", b"-addr", b"-client")
_FORWARDING_STARTS: Final = (
    b"x-forward",
    b"forwarded",
    b"x-envoy-",
    b"x-original-",
    b"x-proxy",
    b"x-amzn-",
    b"x-azure-",
    b"x-arr-",
    b"x-cloud-trace-",
    b"x-appengine-",
    b"x-vercel-",
    b"x-github-request-",
    b"cf-",
    b"cdn-",
    b"fastly-",
    b"fly-",
    b"tailscale-",
    b"ngrok-",
)
"""How the names of header fields begin and end that proxies, tunnels and load balancers add, in lower case."""


def is_loopback(host: str) -> bool:
    """Whether a host, as a name or an address, is this machine alone (RFC 6761, section 6.3, for the name)."""
    if host.lower().rstrip(".") == "localhost":
        return True
    found = read_address(host)
    return found is not None and found.is_loopback


class Gate:
    """Decides for each request whether it may see the page.

    Without a password, a proxy on this machine could open the page to everybody. So the first request, to any path,
    that shows that there is one closes the page for good.

    Args:
        password: that has to be given, with the user name `delivrd`; None where only this machine is let in.

    Raises:
        ValueError: the password is too short.
    """

    def __init__(self, password: str | None = None) -> None:
        if password is not None and len(password) < SHORTEST_PASSWORD:
            raise ValueError(f"expected a password of at least {SHORTEST_PASSWORD} characters")
        self._account = None if password is None else Account(username=USER, password=password)
        self.proxy: str | None = None
        """How a proxy has shown itself, if one has and there is no password."""

    @property
    def asks(self) -> bool:
        """Whether a password is asked for."""
        return self._account is not None

    def watch(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Look at a request, to whatever path, for a sign that it came through a proxy.

        Args:
            headers: as ASGI gives them, names in lower case.
        """
        if self._account is not None or self.proxy is not None:
            return
        for name, value in headers:
            if name.startswith(_FORWARDING_STARTS) or name.endswith(_FORWARDING_ENDS):
                self._close(f"a request had the header {name.decode('latin-1')[:50]}")
            elif name == b"host" and not is_loopback(_without_port(value.decode("latin-1"))):
                self._close("a request was for another host than 127.0.0.1 or localhost")

    def _close(self, sign: str) -> None:
        self.proxy = sign
        LOG.warning("the page is closed until it has a password: a proxy or tunnel leads here (%s)", sign)

    def admits(self, headers: Iterable[tuple[bytes, bytes]], client: str | None, http_version: str = "1.1") -> bool:
        """Whether a request may see the page.

        Args:
            headers: as ASGI gives them, names in lower case.
            client: the address at the other end of the connection.
            http_version: as ASGI gives it.
        """
        pairs = list(headers)
        if _another_page_asks(dict(pairs)):
            return False
        if self._account is not None:
            return HttpBasic().authentic(Request("GET", "/", _texts(pairs)), self._account, None)
        self.watch(pairs)
        if self.proxy is not None or client is None or not is_loopback(client):
            return False
        # nginx speaks so to what is behind it, unless told otherwise; no browser does.
        if http_version == "1.0" or any(name == b"connection" and b"close" in value.lower() for name, value in pairs):
            return False
        hosts = all_headers(_texts(pairs), "host")
        return len(hosts) == 1 and is_loopback(_without_port(hosts[0]))


def _another_page_asks(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser says that a page of another origin asks; following a link from there is no such thing."""
    return headers.get(b"sec-fetch-site") in _ELSEWHERE and headers.get(b"sec-fetch-mode") != b"navigate"


def _texts(pairs: list[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)


def _without_port(host: str) -> str:
    """The host of a Host header (RFC 9110, section 7.2); empty where its port is none."""
    if host.startswith("["):
        name, end, rest = host[1:].partition("]")
        port = rest.removeprefix(":") if end and (rest.startswith(":") or not rest) else "none"
    else:
        name, _, port = host.partition(":")
    return name if not port or (port.isascii() and port.isdigit()) else ""

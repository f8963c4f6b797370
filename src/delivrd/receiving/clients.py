"""Where a request comes from, when it came through proxies.

The rule of this module: a header is believed only as far as proxies wrote it that the gateway
declares; whatever cannot be read leaves the client unknown, which no allowed address matches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec

from delivrd.inputs import Headers, all_headers

UNIX: Final = "unix"
"""Stands for a peer without an address, as on a Unix socket."""

_HEADERS: Final = ("x-forwarded-for", "forwarded")


class TrustedProxies(msgspec.Struct, frozen=True):
    """The gateway's own proxies, and the one header in which they tell the client's address.

    One header only: what a proxy does not write itself it passes on, whoever wrote it.

    Attributes:
        addresses: IP networks of the proxies; `unix` for one that connects over a Unix socket.
        header: `x-forwarded-for`, or `forwarded` (RFC 7239).

    Raises:
        ValueError: an address is no network, or the header is another.
    """

    addresses: Sequence[str]
    header: str = "x-forwarded-for"

    def __post_init__(self) -> None:
        if isinstance(self.addresses, str):
            raise ValueError("addresses: expected a list, got one text; put it in brackets")
        if self.header.lower() not in _HEADERS:
            raise ValueError(f"header: expected {' or '.join(_HEADERS)}")
        msgspec.structs.force_setattr(self, "addresses", tuple(self.addresses))
        self.networks()

    def networks(self) -> list[IPv4Network | IPv6Network]:
        """The addresses as networks."""
        try:
            return [ip_network(address) for address in self.addresses if address != UNIX]
        except ValueError as error:
            raise ValueError(f"addresses: expected IP networks ('192.0.2.0/24') or {UNIX!r}: {error}") from None


class Clients:
    """Finds the client of each request.

    Args:
        proxies: those to believe.
    """

    def __init__(self, proxies: TrustedProxies) -> None:
        self._header = proxies.header.lower()
        self._networks = proxies.networks()
        self._unix = UNIX in proxies.addresses

    def client(self, peer: str | None, headers: Headers) -> str | None:
        """The client's address: the peer's, or the nearest that no declared proxy has.

        Args:
            peer: the address at the other end of the connection, if it has one.
            headers: of the request.
        """
        if not self._is_proxy(peer):
            return peer or None
        listed = ",".join(all_headers(headers, self._header))
        hops = list(_forwarded(listed)) if self._header == "forwarded" else [_bare(hop) for hop in listed.split(",")]
        # The nearest proxy writes at the end.
        for hop in reversed(hops):
            if hop is None:
                return None
            if not self._is_proxy(hop):
                return hop
        return None

    def _is_proxy(self, address: str | None) -> bool:
        if not address:
            return self._unix
        found = _address(address)
        return found is not None and any(found in network for network in self._networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    # A socket that takes both versions shows an IPv4 peer as ::ffff:192.0.2.7.
    return getattr(found, "ipv4_mapped", None) or found


def _bare(hop: str) -> str | None:
    """An address without its port: `192.0.2.7:1234`, `[2001:db8::1]:1234`; None where it is none."""
    hop = hop.strip()
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    found = _address(hop)
    return None if found is None else str(found)


def _forwarded(listed: str) -> Iterator[str | None]:
    """The address of each element of a `Forwarded` header (RFC 7239, section 4); None where it names none."""
    for element in _outside_quotes(listed, ","):
        pairs = [pair.partition("=") for pair in _outside_quotes(element, ";")]
        named = [value.strip().strip('"') for name, _, value in pairs if name.strip().lower() == "for"]
        yield _bare(named[0]) if len(named) == 1 else None


def _outside_quotes(text: str, separator: str) -> Iterator[str]:
    start, quoted = 0, False
    for at, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            yield text[start:at]
            start = at + 1
    yield text[start:]

"""Where a request comes from, when it came through proxies.

The rule of this module: a header is believed only as far as proxies wrote it that the gateway
declares; whatever cannot be read leaves the client unknown, which no allowed address matches.
Each line of a header is read by itself, so that nothing a sender began swallows what a proxy wrote.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

import msgspec

from delivrd.addresses import read_address, read_network
from delivrd.inputs import Headers, all_headers

UNIX: Final = "unix"
"""Stands for a peer without an address, as on a Unix socket."""

_HEADERS: Final = ("x-forwarded-for", "forwarded")

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
"""A token (RFC 9110, section 5.6.2)."""

_QUOTED: Final = r'"((?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*)"'
"""RFC 9110, section 5.6.4; header values are read as Latin-1."""

_PAIR: Final = re.compile(rf"({_WORD})=(?:({_WORD})|{_QUOTED})")
_AFTER_PAIR: Final = re.compile(r"(;)|[\t ]*(,)[\t ]*|\Z")
"""What can follow a pair (RFC 7239, section 4): another, another element, or the end."""

_NODE: Final = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::(?:[0-9]{1,5}|_[0-9A-Za-z._-]+))?")
"""An address with or without a port (RFC 7239, section 6)."""


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
            return [read_network(address) for address in self.addresses if address != UNIX]
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
        hops_of = _forwarded if self._header == "forwarded" else _forwarded_for
        # The nearest proxy writes at the end.
        for line in reversed(all_headers(headers, self._header)):
            for hop in reversed(hops_of(line)):
                if hop is None:
                    return None
                if not self._is_proxy(hop):
                    return hop
        return None

    def _is_proxy(self, address: str | None) -> bool:
        if not address:
            return self._unix
        found = read_address(address)
        return found is not None and any(found in network for network in self._networks)


def _forwarded_for(line: str) -> list[str | None]:
    """The address of each element of a line of `X-Forwarded-For`; None where it is none."""
    hops = [hop.strip() for hop in line.split(",")]
    # Most proxies write the addresses of version 6 without brackets here.
    return [_written(read_address(hop)) or _node(hop) for hop in hops]


def _forwarded(line: str) -> list[str | None]:
    """The address of each element of a line of `Forwarded`; None where it names none, or the line is none."""
    line = line.strip("\t ")
    hops: list[str | None] = []
    named: list[str] = []
    at = 0
    while True:
        pair = _PAIR.match(line, at)
        if pair is not None:
            at = pair.end()
            if pair[1].lower() == "for":
                named.append(pair[2] or re.sub(r"\\(.)", r"\1", pair[3] or ""))
        after = _AFTER_PAIR.match(line, at)
        if after is None:
            return [None]
        at = after.end()
        if after[1] is None:
            hops.append(_node(named[0]) if len(named) == 1 else None)
            named = []
            if after[2] is None:
                return hops


def _node(text: str) -> str | None:
    """An address without its port: `192.0.2.7:1234`, `[2001:db8::1]:1234`; None where it is none."""
    node = _NODE.fullmatch(text)
    if node is None:
        return None
    host = node[1] or node[2] or ""
    # Brackets stand around version 6 and around nothing else.
    return _written(read_address(host)) if (":" in host) == (node[1] is not None) else None


def _written(address: IPv4Address | IPv6Address | None) -> str | None:
    return None if address is None else str(address)

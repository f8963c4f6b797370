"""Network addresses, in one form each.

An IPv4 address and its form in IPv6 (`::ffff:192.0.2.7`, RFC 4291, section 2.5.5.2) are one
address, in what is configured and in what a socket shows.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

_MAPPED: Final = IPv6Network("::ffff:0:0/96")


def read_address(text: str | None) -> IPv4Address | IPv6Address | None:
    """An address, of IPv4 where it is one; None where the text is none."""
    try:
        found = ip_address(text or "")
    except ValueError:
        return None
    # A socket that takes both versions shows an IPv4 client so.
    return getattr(found, "ipv4_mapped", None) or found


def read_network(text: str) -> IPv4Network | IPv6Network:
    """A network, of IPv4 where it is one.

    Raises:
        ValueError: the text is none.
    """
    found = ip_network(text)
    if isinstance(found, IPv6Network) and found.subnet_of(_MAPPED):
        return IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - _MAPPED.prefixlen))
    return found

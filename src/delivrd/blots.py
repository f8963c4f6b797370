"""Taking secrets out of whatever is stored, shown or logged.

The rule of this module: a secret is found as it stands, and however a URL or JSON spells it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import msgspec

from delivrd.inputs import DeliverSm, Input, Mail, Request, Response, header_pairs

BLOT: Final = "***"
"""What stands in place of a secret wherever something is stored, shown or logged."""

_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
"""Headers that hold credentials, whoever's they are."""

_DEEP: Final = 3
"""How often a spelling is unescaped: a URL within a form's field is escaped twice."""

_KEPT: Final = 64
"""How many sets of secrets are kept ready to be looked for."""


class Blotter:
    """Takes certain secrets out. Make it with `blotter`, which keeps it.

    Args:
        secrets: none of them empty.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets
        self._shortest = min(map(len, secrets), default=0)
        ways = (str, _quote, _quote_plus, _quote_all, _json)
        spelt = {outer(inner(secret)) for secret in secrets for inner in ways for outer in ways}
        # The longest first: one secret can begin another.
        words = "|".join(map(re.escape, sorted(spelt, key=len, reverse=True)))
        self._spelt = re.compile(words) if words else None

    def text(self, text: str) -> str:
        """A text without the secrets."""
        if self._spelt is None:
            return text
        text = self._spelt.sub(BLOT, text)
        if "%" not in text and "\\" not in text:
            return text
        # Any character can be escaped, in either case: what is left is compared piece by piece, unescaped.
        pieces = re.split(r"([&?=/#\s\"'<>]+)", text)
        return "".join(BLOT if self._hides(piece) else piece for piece in pieces)

    def data(self, data: bytes) -> bytes:
        """Bytes without the secrets."""
        if self._spelt is None:
            return data
        # What is no UTF-8 comes back byte for byte; a URL's escapes stand for UTF-8 too.
        return self.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def input(self, input: Input) -> Input:
        """An input without the secrets, and without the values of headers that hold credentials."""
        match input:
            case Request() | Response():
                headers = tuple(
                    (name, BLOT if name.lower() in _CREDENTIALS else self.text(value))
                    for name, value in header_pairs(input.headers)
                )
                blotted = msgspec.structs.replace(input, headers=headers, body=self.data(input.body))
                if isinstance(blotted, Request):
                    return msgspec.structs.replace(blotted, target=self.text(blotted.target))
                return blotted
            case Mail():
                return Mail(self.data(input.raw))
            case DeliverSm():
                return DeliverSm(
                    input.esm_class,
                    self.text(input.source),
                    self.text(input.destination),
                    self.data(input.short_message),
                    {tag: self.data(value) for tag, value in input.tlvs.items()},
                    input.data_coding,
                    self.data(input.trailing),
                )

    def _hides(self, piece: str) -> bool:
        # No escape is shorter than what it stands for.
        if len(piece) < self._shortest:
            return False
        found, known = {piece}, {piece}
        for _ in range(_DEEP):
            found = {way(text) for text in found if "%" in text or "\\" in text for way in _UNESCAPES}
            if any(secret in text for secret in self._secrets for text in found):
                return True
            # A stranger chooses how many pieces there are: most have nothing to be unescaped.
            found -= known
            if not found:
                return False
            known |= found
        return False


@lru_cache(maxsize=_KEPT)
def _blotter(secrets: tuple[str, ...]) -> Blotter:
    return Blotter(secrets)


def blotter(secrets: tuple[str, ...]) -> Blotter:
    """What takes these secrets out; empty ones are left aside."""
    return _blotter(tuple(filter(None, secrets)))


def blot_values(value: Any, blot: Callable[[str], str]) -> Any:
    """A plain value with the secrets in its texts taken out by `blot`."""
    if isinstance(value, str):
        return blot(value)
    if isinstance(value, dict):
        return {blot(name): blot_values(inner, blot) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [blot_values(inner, blot) for inner in value]
    return value


def _json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _unescaped(piece: str) -> str:
    try:
        return str(json.loads(f'"{piece}"'))
    except ValueError:
        return piece


_UNESCAPES: Final = (unquote, unquote_plus, _unescaped)


# Half a character is no text that a URL could hold, and no reason to fail where something has to be hidden.
_quote: Final = partial(quote, errors="surrogatepass")
_quote_plus: Final = partial(quote_plus, errors="surrogatepass")
_quote_all: Final = partial(quote, safe="", errors="surrogatepass")

"""A digest of several texts.

The rule of this module: each part stands with its length, so that no two lists of parts can be
taken for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

_EMPTY: Final = blake2b(digest_size=16)


def digest_of(parts: Iterable[str]) -> bytes:
    """16 bytes, equal for equal parts and for no others."""
    return bytes.fromhex(digest_spelt("".join(map(spell, parts)).encode("utf-8", "surrogatepass")))


def digest_spelt(spelt: bytes) -> str:
    """The digest of parts that stand together as `spell` writes them, in hexadecimal."""
    # Copying an empty digest is cheaper than making one.
    digest = _EMPTY.copy()
    digest.update(spelt)
    return digest.hexdigest()


def spell(part: str) -> str:
    """A part with its length in bytes before it, as it goes into a digest."""
    length = len(part) if part.isascii() else len(part.encode("utf-8", "surrogatepass"))
    return f"{length}:{part}"

"""A digest of several texts.

The rule of this module: each part stands with its length, so that no two lists of parts can be
taken for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b


def digest_of(parts: Iterable[str]) -> bytes:
    """16 bytes, equal for equal parts and for no others."""
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.digest()

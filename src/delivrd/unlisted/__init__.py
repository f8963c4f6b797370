"""Codes that no table lists: gathered, shown, and made into a row and a fixture.

The rule of this package: a stranger chooses these codes and what stands around them. Nothing leaves it with a phone
number or a secret in it, and nothing of it grows with what was sent. The core never imports it, and it needs no
extra: the command line and the live page share it.
"""

from __future__ import annotations

from delivrd.unlisted.codes import Elsewhere, elsewhere, fixture_name, table_row, unlisted_codes
from delivrd.unlisted.gathering import Found, Gatherer, Shown, Span
from delivrd.unlisted.numbers import Fiction, Numbers
from delivrd.unlisted.raw import NoFixture, fixture, raw_text

__all__ = [
    "Elsewhere",
    "Fiction",
    "Found",
    "Gatherer",
    "NoFixture",
    "Numbers",
    "Shown",
    "Span",
    "elsewhere",
    "fixture",
    "fixture_name",
    "raw_text",
    "table_row",
    "unlisted_codes",
]

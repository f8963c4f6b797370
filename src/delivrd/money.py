"""Amounts of money as providers write them, read into decimals. The one function is `read_money`.

The rule of this module: an amount is exact and finite and of bounded length, or it is absent.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final

from delivrd.memory import Recent

_LONGEST: Final = 32
_LARGEST_EXPONENT: Final = 18
_SIGNS: Final = frozenset("0123456789.+-eE")
_PLAIN: Final = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")
"""Within all of these bounds."""

recent_amounts: Recent[str, Decimal] = Recent(1024)
"""Amounts read lately: prices repeat, and a decimal is immutable."""


def read_money(text: str) -> Decimal | None:
    """Read an amount, such as `0.0150`; None where the text is no exact, finite amount."""
    amount = recent_amounts.get(text)
    if amount is not None:
        return amount
    amount = Decimal(text) if _PLAIN.fullmatch(text) else _read(text.strip())
    if amount is not None and len(text) <= _LONGEST:
        recent_amounts.keep(text, amount)
    return amount


def _read(text: str) -> Decimal | None:
    # Decimal itself also takes underscores, digits of other scripts, NaN and 1e999999999.
    if len(text) > _LONGEST or not _SIGNS.issuperset(text):
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    exponents = (amount.adjusted(), int(amount.as_tuple().exponent))
    return amount if all(abs(exponent) <= _LARGEST_EXPONENT for exponent in exponents) else None

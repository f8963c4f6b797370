"""Times as the store holds them: microseconds since 1970 in UTC.

The rule of this module: exact both ways. No clock is read.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

HOUR: Final = 3600 * 1_000_000


def micros(at: datetime, field: str = "at") -> int:
    """A time as the store holds it.

    Raises:
        ValueError: it has no zone.
    """
    if getattr(at, "tzinfo", None) is None:
        raise ValueError(f"{field}: expected a datetime with its zone")
    return (at - _EPOCH) // _MICROSECOND


def moment(held: int) -> datetime:
    """The time that the store holds; aware, in UTC."""
    return _EPOCH + held * _MICROSECOND

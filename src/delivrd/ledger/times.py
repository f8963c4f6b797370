"""Times as the store holds them: microseconds since 1970 in UTC.

The rule of this module: exact both ways. No clock is read.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_FIRST: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND

HOUR: Final = 3600 * 1_000_000


def micros(at: datetime, field: str = "at") -> int:
    """A time as the store holds it.

    Raises:
        ValueError: it has no zone, or is before the year 1 or after the year 9999 in UTC.
    """
    if getattr(at, "tzinfo", None) is None:
        raise ValueError(f"{field}: expected a datetime with its zone")
    held = (at - _EPOCH) // _MICROSECOND
    if not _FIRST <= held <= _LAST:
        raise ValueError(f"{field}: expected a time from the year 1 to the year 9999 in UTC")
    return held


def moment(held: int) -> datetime:
    """The time that the store holds; aware, in UTC."""
    return _EPOCH + held * _MICROSECOND

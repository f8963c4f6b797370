"""Times as providers write them, read into aware times in UTC. What reads them is `read_time`.

The rule of this module: no clock is read and nothing is guessed. A text that names no zone takes
the zone that the caller names; one that cannot be read is no time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from delivrd.memory import Recent
from delivrd.report import WarningKind


class TimeForm(StrEnum):
    """How a provider writes a time."""

    ISO = "iso"
    """ISO 8601 with date and time of day: `2020-02-04T08:09:42.389630`, with or without an offset."""
    US = "us"
    """Month, day and year with a twelve-hour clock: `2/4/2020 8:09:42 AM`."""
    UNIX = "unix"
    """Whole seconds since 1970 in UTC."""
    DIGITS = "digits"
    """Digits alone: YYMMDDhhmm, YYMMDDhhmmss or YYYYMMDDhhmm, YYYYMMDDhhmmss. Two digits are a year from 2000."""
    ABSOLUTE = "absolute"
    """SMPP 3.4's absolute time (7.1.1.1): YYMMDDhhmmss, a tenth of a second, quarters of an hour, and whether by these
    the time is ahead of UTC (`+`) or behind (`-`): `180711070003912+`. Two digits are a year from 2000."""


_BEHIND_DATE: Final = ("T", "t", " ")
_BEHIND_PACKED_DATE: Final = ("T", "t")
_LONGEST: Final = 40

_MONTHS: Final = "12"
"""The last month, as digits: a higher number in a month's place shows that it is none."""

_ABSOLUTE_TIME: Final = len("YYMMDDhhmmsstnnp")
_MOST_QUARTERS: Final = 48
"""Quarters of an hour by which SMPP lets a time differ from UTC."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

SECONDS: Final = {f"{second:02}": timedelta(seconds=second) for second in range(60)}
"""What the last two digits of a time add to its minute."""

Moment: TypeAlias = tuple[datetime | None, WarningKind | None]
"""What `read_time` gives."""

Minutes: TypeAlias = Recent[str, Moment]
"""Minutes that were read lately for one zone, by their ten digits: YYMMDDhhmm."""

_minutes: Recent[tzinfo | None, Minutes] = Recent(256)


def read_time(text: str, zone: tzinfo | None, forms: tuple[TimeForm, ...] = (TimeForm.ISO,)) -> Moment:
    """Read a time.

    Args:
        text: as sent.
        zone: the zone of a text that names none; None where nobody says, which means UTC and a warning.
        forms: tried in order.

    Returns:
        The time in UTC, or None where the text is no time; and what to warn of, if anything.
    """
    for form in forms:
        try:
            found = _READERS[form](text.strip()) if len(text) <= _LONGEST else None
            if found is not None:
                return _to_utc(found, zone)
        except (ValueError, OverflowError):
            continue
    return None, WarningKind.BAD_VALUE


def minutes_of(zone: tzinfo | None) -> Minutes:
    """What is remembered for a zone. All readers share it: what a text means depends on its zone alone."""
    found = _minutes.get(zone)
    if found is None:
        found = Recent(4096)
        _minutes.keep(zone, found)
    return found


def read_digits(text: str, zone: tzinfo | None, forms: tuple[TimeForm, ...], minutes: Minutes) -> Moment:
    """As `read_time`, for forms that begin with digits alone.

    Only minutes are remembered: those of live traffic repeat, and no zone changes within one.
    """
    size = len(text)
    if size == 10:
        found = minutes.get(text)
        if found is not None:
            return found
        # As digits alone: readers whose other forms mean something else by ten digits share this memory.
        found = read_time(text, zone, (TimeForm.DIGITS,))
        if found[0] is not None:
            minutes.keep(text, found)
            return found
    if size == 12 or (size == 14 and text.startswith("20")):
        # A year in full and no seconds leaves no minute here: its third and fourth digit are no month.
        second = SECONDS.get(text[-2:])
        minute, doubt = read_digits(text[-12:-2], zone, (TimeForm.DIGITS,), minutes)
        if minute is not None and second is not None:
            return minute + second, doubt
    return read_time(text, zone, forms)


def read_zone(name: str) -> tzinfo:
    """A zone by its name (`Europe/Tallinn`) or its fixed offset (`+02:00`, `UTC`).

    Raises:
        ValueError: there is no such zone.
    """
    if name == "UTC":
        return UTC
    if name[:1] in ("+", "-"):
        offset = datetime.fromisoformat("2000-01-01T00:00:00" + name).utcoffset()
        return timezone(offset or timedelta())
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ValueError(
            f"no zone {name!r}; expected a name such as 'Europe/Tallinn' or an offset such as '+02:00' "
            "(where the machine has no zone data, install the package tzdata)"
        ) from error


def _to_utc(found: datetime, zone: tzinfo | None) -> tuple[datetime, WarningKind | None]:
    if found.tzinfo is not None:
        return found.astimezone(UTC), None
    if zone is None:
        return found.replace(tzinfo=UTC), WarningKind.ASSUMED_ZONE
    if zone is UTC:
        return found.replace(tzinfo=UTC), None
    local = found.replace(tzinfo=zone)
    return local.astimezone(UTC), _doubt(local)


def _doubt(local: datetime) -> WarningKind | None:
    """Whether the zone has this local time twice, or never."""
    first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
    if first is None or second is None or first == second:
        return None
    return WarningKind.AMBIGUOUS_TIME if first > second else WarningKind.IMAGINARY_TIME


def _read_iso(text: str) -> datetime | None:
    # fromisoformat makes midnight of a bare date, takes any character for the one behind it, and makes what it can of
    # digits alone.
    separated = text[10:11] in _BEHIND_DATE or text[8:9] in _BEHIND_PACKED_DATE
    return datetime.fromisoformat(text) if separated else None


def _read_us(text: str) -> datetime | None:
    date, _, clock = text.partition(" ")
    clock, _, half = clock.partition(" ")
    month, day, year = _whole_numbers(date.split("/"))
    hour, minute, *rest = _whole_numbers(clock.split(":"))
    if half.upper() not in ("AM", "PM") or not 1 <= hour <= 12 or len(rest) > 1 or year < 1000:
        return None
    hour = hour % 12 + (12 if half.upper() == "PM" else 0)
    return datetime(year, month, day, hour, minute, rest[0] if rest else 0)  # noqa: DTZ001 - its zone comes later


def _read_unix(text: str) -> datetime | None:
    # The system's own calendar fails beyond its last year, each in its own way.
    return _EPOCH + timedelta(seconds=_whole_numbers([text])[0])


def _read_digits(text: str) -> datetime | None:
    if not (text.isascii() and text.isdigit()):
        return None
    # Twelve digits are a year in full and no seconds where they begin with 20 and what follows can be no month;
    # this can be wrong for events of 2020 and of years before 2013 alone.
    if len(text) == 14 or (len(text) == 12 and text.startswith("20") and text[2:4] > _MONTHS):
        return datetime.fromisoformat(f"{text[:8]}T{text[8:]}")
    return datetime.fromisoformat(f"20{text[:6]}T{text[6:]}") if len(text) in (10, 12) else None


def _read_absolute(text: str) -> datetime | None:
    digits, sign = text[:-1], text[-1:]
    if len(text) != _ABSOLUTE_TIME or sign not in "+-" or not (digits.isascii() and digits.isdigit()):
        return None
    quarters = int(digits[13:])
    if quarters > _MOST_QUARTERS:
        return None
    ahead = timedelta(minutes=15 * quarters)
    found = datetime.fromisoformat(f"20{digits[:6]}T{digits[6:12]}.{digits[12]}00")
    return found.replace(tzinfo=timezone(ahead if sign == "+" else -ahead))


def _whole_numbers(texts: list[str]) -> list[int]:
    if not all(text.isascii() and text.isdigit() for text in texts):
        raise ValueError("expected digits")
    return [int(text) for text in texts]


_READERS: Final[Mapping[TimeForm, Callable[[str], datetime | None]]] = {
    TimeForm.ISO: _read_iso,
    TimeForm.US: _read_us,
    TimeForm.UNIX: _read_unix,
    TimeForm.DIGITS: _read_digits,
    TimeForm.ABSOLUTE: _read_absolute,
}

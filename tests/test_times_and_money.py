"""Times and amounts of money: read exactly, or absent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd import TimeForm, WarningKind
from delivrd.money import read_money, recent_amounts
from delivrd.times import read_time, read_zone

TALLINN = ZoneInfo("Europe/Tallinn")
moments = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30))


@given(moments)
def test_a_naive_time_is_in_the_zone_that_was_named(moment):
    assert read_time(moment.isoformat(), UTC) == (moment.replace(tzinfo=UTC), None)
    assert read_time(moment.isoformat(" "), UTC)[0] == moment.replace(tzinfo=UTC)


@given(moments, st.integers(-23, 23))
def test_a_time_with_an_offset_keeps_its_moment_whatever_zone_was_named(moment, hours):
    local = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    found, doubt = read_time(local.isoformat(), TALLINN)
    assert (found, doubt) == (local, None)
    assert found.tzinfo is UTC


def test_a_time_without_any_zone_is_taken_as_utc_with_a_warning():
    assert read_time("2026-03-01T10:00:00", None) == (datetime(2026, 3, 1, 10, tzinfo=UTC), WarningKind.ASSUMED_ZONE)


def test_a_time_that_its_zone_has_twice_or_never_is_kept_with_a_warning():
    twice, doubt = read_time("2026-10-25T03:30:00", TALLINN)
    assert (twice, doubt) == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), WarningKind.AMBIGUOUS_TIME)
    never, doubt = read_time("2026-03-29T03:30:00", TALLINN)
    assert (never, doubt) == (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), WarningKind.IMAGINARY_TIME)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-02-04",
        "20260204",
        "2026-02-30T10:00:00",
        "2026-02-04T25:00:00",
        "2026-02-04T08:09:42B",
        "2026-02-04T08:09:42.389630x",
        "2026-02-04T08:09:42.",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-02-04T08:09:42" + "0" * 60,
        "\uff12\uff10\uff12\uff16-02-04T08:09:42",
    ],
)
def test_what_is_no_time_is_absent_with_a_warning(text):
    assert read_time(text, UTC) == (None, WarningKind.BAD_VALUE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2/4/2020 8:09:42 AM", datetime(2020, 2, 4, 8, 9, 42, tzinfo=UTC)),
        ("12/31/2020 12:00:01 AM", datetime(2020, 12, 31, 0, 0, 1, tzinfo=UTC)),
        ("02/04/2020 12:30 pm", datetime(2020, 2, 4, 12, 30, tzinfo=UTC)),
        ("2/4/2020 13:09:42 AM", None),
        ("2/4/2020 8:09:42", None),
        ("2/4/20 8:09:42 AM", None),
        ("2/4/2020 8:09:42:1 AM", None),
        ("2/4/2020 x:09 AM", None),
    ],
)
def test_american_times_are_read_by_their_twelve_hour_clock(text, expected):
    assert read_time(text, UTC, (TimeForm.ISO, TimeForm.US))[0] == expected


def test_unix_seconds_are_in_utc():
    assert read_time("1580803782", None, (TimeForm.UNIX,)) == (datetime(2020, 2, 4, 8, 9, 42, tzinfo=UTC), None)
    for text in ("-1", "1.5", "9" * 30):
        assert read_time(text, None, (TimeForm.UNIX,))[0] is None


@pytest.mark.parametrize(("name", "hours"), [("UTC", 0), ("+02:00", 2), ("-05:00", -5), ("Asia/Tokyo", 9)])
def test_a_zone_is_a_name_or_an_offset(name, hours):
    assert datetime(2026, 1, 1, tzinfo=read_zone(name)).utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize("name", ["Europe/Atlantis", "../etc/passwd", "", "/", "+25:00", "+2", "EET\0"])
def test_what_is_no_zone_is_refused(name):
    with pytest.raises(ValueError):
        read_zone(name)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_an_amount_is_read_to_the_digit(amount):
    assert str(read_money(str(amount))) == str(amount)
    assert read_money(f" {amount} ") == amount


@pytest.mark.parametrize(
    "text",
    ["", "free", "NaN", "Infinity", "1e999999999", "1e19", "1e-19", "1_000", "1,5", "٣", "0x1", "1" * 33, "--1", "."],
)
def test_what_is_no_exact_amount_is_absent(text):
    assert read_money(text) is None


@given(st.from_regex(r"\A[-+]?[0-9]{0,20}(\.[0-9]{0,20})?([eE][-+]?[0-9]{1,3})?\Z"))
def test_an_amount_is_exact_and_bounded_however_it_is_written(text):
    amount = read_money(text)
    assert amount is None or amount == Decimal(text)
    if amount is not None:
        assert max(abs(amount.adjusted()), abs(amount.as_tuple().exponent)) <= 18


def test_the_amounts_remembered_are_the_newest():
    for number in range(3000):
        assert read_money(f"0.{number}") == Decimal(f"0.{number}")
    assert list(recent_amounts) == [f"0.{number}" for number in range(3000 - 1024, 3000)]

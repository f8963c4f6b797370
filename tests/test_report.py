"""The canonical report: what is derived from it, and how it is published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import delivrd
from delivrd import Cause, Network, Outcome, Permanence, Report, Resend, Status, TableUse, Warning, WarningKind
from delivrd.vocabulary import advise_resend

texts = st.none() | st.text(min_size=1, max_size=8)
times = st.none() | st.datetimes(timezones=st.just(UTC))
reports = st.builds(
    Report,
    provider=st.text(min_size=1, max_size=8),
    message_id=texts,
    status=st.sampled_from(Status),
    final=st.booleans(),
    cause=st.none() | st.sampled_from(Cause),
    permanence=st.none() | st.sampled_from(Permanence),
    codes=st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3),
    occurred_at=times,
    received_at=times,
    account=texts,
    reference=texts,
    recipient=texts,
    network=st.none() | st.builds(Network, mcc=texts),
    parts=st.none() | st.integers(0, 99),
    total_price=st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=4),
    continues=st.booleans(),
    extras=st.dictionaries(st.text(max_size=4), st.text(max_size=4) | st.integers(0, 9), max_size=2),
    tables=st.just((TableUse("stat", "1", ("A",)),)),
    warnings=st.just((Warning(WarningKind.CONFLICT, "err", "1"),)),
)


@given(reports)
def test_a_published_report_reads_back_as_it_was(report):
    assert Report.from_dict(msgspec.json.decode(report.to_json())) == report


@given(reports)
def test_a_published_report_fits_its_schema(report):
    document = msgspec.json.decode(report.to_json())
    jsonschema.Draft202012Validator(delivrd.report_schema()).validate(document)
    assert {"outcome", "resend", "key"} <= set(document)


def test_a_report_of_another_schema_version_is_refused():
    with pytest.raises(msgspec.ValidationError, match="schema: expected 1"):
        Report.from_dict({"schema": 2, "provider": "x", "message_id": "1", "status": "sent", "final": False})


@given(reports, st.integers(-12, 12))
def test_the_key_is_the_same_whatever_the_zone_that_a_time_is_shown_in(report, hours):
    if report.occurred_at is None or not 1 < report.occurred_at.year < 9999:
        return
    elsewhere = report.occurred_at.astimezone(timezone(timedelta(hours=hours)))
    assert msgspec.structs.replace(report, occurred_at=elsewhere).key == report.key


@given(reports, st.sampled_from(["provider", "account", "message_id", "recipient"]))
def test_the_key_differs_where_a_part_of_it_does(report, field):
    changed = msgspec.structs.replace(report, **{field: (getattr(report, field) or "") + "x"})
    assert changed.key != report.key


def test_the_key_covers_codes_time_and_reference_and_nothing_else():
    report = Report("p", None, Status.SENT, False, reference="r", codes={"a": "1", "b": "2"})
    same = msgspec.structs.replace(report, codes={"b": "2", "a": "1"}, text="other", total_price=Decimal(1))
    assert same.key == report.key
    for change in (
        {"codes": {"a": "12", "b": ""}},
        {"reference": "s"},
        {"occurred_at": datetime(2026, 1, 1, tzinfo=UTC)},
    ):
        assert msgspec.structs.replace(report, **change).key != report.key
    assert msgspec.structs.replace(report, message_id="r", reference=None).key != report.key


def test_reports_are_compared_by_value_and_are_not_hashable():
    report = Report("p", "1", Status.SENT, False)
    assert report == Report("p", "1", Status.SENT, False)
    with pytest.raises(TypeError):
        hash(report)


def test_each_report_has_codes_and_extras_of_its_own():
    first, second = Report("p", "1", Status.SENT, False), Report("p", "1", Status.SENT, False)
    assert first.codes is not second.codes
    assert first.extras is not second.extras


@pytest.mark.parametrize(
    ("status", "final", "cause", "continues", "advice"),
    [
        (Status.DELIVERED, True, None, False, Resend.NO),
        (Status.DELIVERED, False, None, True, Resend.NO),
        (Status.SENT, False, None, False, Resend.WAIT),
        (Status.UNDELIVERED, False, Cause.BARRED, False, Resend.WAIT),
        (Status.UNKNOWN, False, None, False, Resend.WAIT),
        (Status.FAILED, True, Cause.INVALID_NUMBER, True, Resend.WAIT),
        (Status.SENT, True, None, False, Resend.UNSAFE),
        (Status.DEFERRED, True, Cause.ABSENT_SUBSCRIBER, False, Resend.UNSAFE),
        (Status.UNKNOWN, True, Cause.CARRIER_ERROR, False, Resend.UNSAFE),
        (Status.FAILED, True, Cause.NO_CREDIT, False, Resend.AFTER_FIX),
        (Status.FAILED, True, Cause.UNROUTABLE, False, Resend.ELSEWHERE),
        (Status.EXPIRED, True, None, False, Resend.LATER),
        (Status.DELETED, True, None, False, Resend.NO),
        (Status.FAILED, True, None, False, Resend.ELSEWHERE),
    ],
)
def test_the_advice_on_resending_follows_status_finality_and_cause(status, final, cause, continues, advice):
    assert advise_resend(status, final, cause, continues) is advice
    assert Report("p", "1", status, final, cause=cause, continues=continues).resend is advice


def test_every_failure_that_is_final_has_an_advice_other_than_to_wait():
    for status in Status:
        for cause in [None, *Cause]:
            if status.outcome is Outcome.FAILURE:
                assert advise_resend(status, True, cause, False) not in (Resend.WAIT, Resend.UNSAFE)


def test_the_temporary_causes_are_those_that_advise_to_send_later():
    for cause in Cause:
        assert (cause.resend is Resend.LATER) == (cause.permanence is Permanence.TEMPORARY), cause

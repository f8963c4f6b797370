"""What receipts need of the core: codes that qualify others, meanings by a setting, ids of their own, times of digits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd import (
    Account,
    BodyKind,
    Cause,
    Classifier,
    Code,
    CodeTable,
    Consulted,
    Evidence,
    Fields,
    Meanings,
    NoSettings,
    Offer,
    Provider,
    Push,
    Reading,
    Request,
    Row,
    Rule,
    Shape,
    Source,
    Status,
    TimeForm,
    TooLarge,
    WarningKind,
    read_query,
)
from delivrd.memory import Recent
from delivrd.settings import read_settings
from delivrd.tables import check_table
from delivrd.times import Moment, minutes_of, read_digits, read_time

PAGE = Source("a page")
STATE = CodeTable(
    "state",
    (
        Row("OK", Status.DELIVERED, True, Evidence.CARRIER, None, "delivered"),
        Row("BAD", Status.UNDELIVERED, True, Evidence.CARRIER, Cause.BARRED, "barred"),
        Row("WAIT", Status.SENT, False, Evidence.PROVIDER, None, "sent"),
        Row("?", Status.UNKNOWN, True, None, None, "unknown"),
    ),
    PAGE,
)
KIND = CodeTable(
    "kind",
    (
        Row("plain", None, meaning="nothing in particular"),
        Row("phone", None, False, Evidence.HANDSET, None, "the handset's"),
        Row("interim", Status.DEFERRED, False, None, None, "not the last word"),
    ),
    PAGE,
    consulted=Consulted.QUALIFIES,
)
RULES = Classifier((STATE, KIND))


def judge(**sent: str) -> tuple[object, ...]:
    verdict = RULES.judge(sent)
    assert verdict is not None
    return verdict.status, verdict.final, verdict.evidence, verdict.cause


@pytest.mark.parametrize(
    ("state", "kind", "expected"),
    [
        ("OK", "plain", (Status.DELIVERED, True, Evidence.CARRIER, None)),
        ("OK", "phone", (Status.DELIVERED, True, Evidence.HANDSET, None)),
        ("OK", "interim", (Status.DELIVERED, False, Evidence.CARRIER, None)),
        ("BAD", "interim", (Status.DEFERRED, False, Evidence.CARRIER, Cause.BARRED)),
        ("WAIT", "interim", (Status.SENT, False, Evidence.PROVIDER, None)),
        ("?", "interim", (Status.UNKNOWN, False, None, None)),
        ("unlisted", "phone", (Status.UNKNOWN, False, None, None)),
        ("BAD", "unlisted", (Status.UNDELIVERED, True, Evidence.CARRIER, Cause.BARRED)),
    ],
)
def test_a_code_that_qualifies_says_whose_word_it_is_or_that_it_is_not_the_last(
    state: str, kind: str, expected: tuple[object, ...]
) -> None:
    assert judge(state=state, kind=kind) == expected


def test_a_code_that_qualifies_is_no_code_by_itself() -> None:
    assert RULES.judge({"kind": "phone"}) is None


def test_an_unlisted_code_that_would_qualify_is_told_and_its_step_stands_in_its_place() -> None:
    verdict = RULES.judge({"state": "OK", "kind": "odd"})
    assert verdict is not None
    assert [(warning.kind, warning.field) for warning in verdict.warnings] == [(WarningKind.UNLISTED_CODE, "kind")]
    steps = [(step.field, step.rule) for step in (RULES.judge({"state": "BAD", "kind": "interim"}) or verdict).steps]
    assert steps == [("state", Rule.DECIDED), ("kind", Rule.QUALIFIED)]


@pytest.mark.parametrize(
    "row",
    [
        Row("x", Status.DELIVERED, meaning="an outcome"),
        Row("x", None, True, meaning="final"),
        Row("x", Status.DEFERRED, False, None, Cause.BARRED, "a cause"),
        Row("x", Status.DEFERRED, meaning="overrules", overrules=True),
    ],
)
def test_a_row_that_qualifies_and_decides_is_refused(row: Row) -> None:
    with pytest.raises(ValueError, match="qualifies what others say"):
        check_table(CodeTable("kind", (row,), PAGE, consulted=Consulted.QUALIFIES))


EVENT = CodeTable(
    "event",
    (
        Row("1", Status.DELIVERED, True, meaning="delivered"),
        Row("2", Status.FAILED, True, meaning="failed, or it is not known", beside=Consulted.NEVER),
        Row("32", Status.ACCEPTED, meaning="not the last word", beside=Consulted.QUALIFIES),
        Row("66", Status.UNKNOWN, True, meaning="unknown"),
    ),
    PAGE,
    consulted=Consulted.CHECKED,
)


@pytest.mark.parametrize(
    ("state", "event", "status", "final", "rule", "conflicts"),
    [
        ("OK", "1", Status.DELIVERED, True, Rule.NOT_CONSULTED, []),
        ("OK", "2", Status.DELIVERED, True, Rule.NOT_CONSULTED, []),
        ("OK", "66", Status.DELIVERED, True, Rule.NOT_CONSULTED, []),
        ("OK", "7", Status.DELIVERED, True, Rule.NOT_CONSULTED, []),
        ("BAD", "1", Status.UNDELIVERED, True, Rule.CONFLICT, ["event"]),
        ("WAIT", "1", Status.SENT, False, Rule.CONFLICT, ["event"]),
        ("?", "1", Status.UNKNOWN, True, Rule.NOT_CONSULTED, []),
        ("OK", "32", Status.DELIVERED, False, Rule.QUALIFIED, []),
        ("BAD", "32", Status.DEFERRED, False, Rule.QUALIFIED, []),
        # Where nothing above has decided, it decides.
        ("odd", "2", Status.FAILED, True, Rule.DECIDED, []),
        ("odd", "32", Status.ACCEPTED, False, Rule.DECIDED, []),
    ],
)
def test_a_table_that_is_checked_decides_nothing_beside_another_and_is_held_against_it(
    state: str, event: str, status: Status, final: bool, rule: Rule, conflicts: list[str]
) -> None:
    verdict = Classifier([STATE, EVENT]).judge({"state": state, "event": event})
    assert verdict is not None
    assert (verdict.status, verdict.final) == (status, final)
    assert [step.rule for step in verdict.steps if step.field == "event"] == [rule]
    assert [warning.field for warning in verdict.warnings if warning.kind is WarningKind.CONFLICT] == conflicts


@pytest.mark.parametrize(
    ("consulted", "beside"),
    [
        (Consulted.ALWAYS, Consulted.NEVER),
        (Consulted.UNDECIDED, Consulted.QUALIFIES),
        (Consulted.CHECKED, Consulted.ALWAYS),
    ],
)
def test_only_a_row_of_a_table_that_is_checked_stands_beside_others(consulted: Consulted, beside: Consulted) -> None:
    row = Row("x", Status.SENT, meaning="sent", beside=beside)
    with pytest.raises(ValueError, match="beside"):
        check_table(CodeTable("kind", (row,), PAGE, consulted=consulted))


# --- meanings by a setting


class Settings(NoSettings, frozen=True, forbid_unknown_fields=True):
    strict: bool = False


class Told(Shape):
    id: Code = None
    own: Code = None
    state: Code = None
    at: str | None = None


STRICT = Offer("strict", Meanings("state", (Row("ODD", Status.REJECTED, True, meaning="refused"),)), PAGE)


def provider(**more: object) -> Provider:
    given: dict[str, object] = {
        "name": "told",
        "vendor": "Told",
        "title": "Told",
        "docs": PAGE,
        "tables": (STATE,),
        "ways": (
            Push(
                reading=Reading(
                    shape=Told,
                    fields=Fields(message_id=("id", "own"), other_ids=("own",), occurred_at="at"),
                    times=(TimeForm.DIGITS,),
                    own_ids=True,
                ),
                bodies=(BodyKind.JSON,),
            ),
        ),
        "settings": Settings,
        "offers": (STRICT,),
    }
    return Provider(**(given | more))  # type: ignore[arg-type]


def test_an_offer_is_taken_by_its_setting_and_the_report_says_so() -> None:
    request = Request("POST", "/", {}, b'{"id": "1", "state": "ODD"}')
    (plain,) = provider().read(request).reports
    (taken,) = provider().read(request, Account(settings={"strict": True})).reports
    assert (plain.status, taken.status) == (Status.UNKNOWN, Status.REJECTED)
    assert [warning.kind for warning in taken.warnings] == [WarningKind.ACCOUNT_MEANING]
    assert taken.tables[0].changed == ("ODD",)


def test_an_offer_by_a_setting_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="told, offers: no setting strict"):
        provider(settings=NoSettings)


def test_an_offer_for_a_table_that_there_is_not_is_refused_when_it_is_taken() -> None:
    lost = Offer("strict", Meanings("elsewhere", ()), PAGE)
    with pytest.raises(ValueError, match="elsewhere"):
        provider(offers=(lost,)).check(Account(settings={"strict": True}))


def test_settings_are_those_of_the_shape() -> None:
    assert read_settings("told", Settings, None) == Settings()
    assert read_settings("told", Settings, {"strict": True}).strict


# --- ids of their own


@pytest.mark.parametrize(
    ("body", "id", "others"),
    [
        (b'{"id": "1", "own": "2", "state": "OK"}', "1", ("2",)),
        (b'{"id": "1", "own": "1", "state": "OK"}', "1", ()),
        (b'{"own": "2", "state": "OK"}', "2", ()),
        (b'{"id": " ", "own": 2, "state": "OK"}', "2", ()),
        (b'{"id": "1", "state": "OK"}', "1", ()),
    ],
)
def test_ids_of_their_own_are_kept_beside_each_other_and_contradict_nothing(
    body: bytes, id: str, others: tuple[str, ...]
) -> None:
    (report,) = provider().read(Request("POST", "/", {}, body)).reports
    assert (report.message_id, report.other_ids, report.warnings) == (id, others, ())


# --- times of digits alone


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 12, 31)))
def test_a_time_of_digits_alone_is_read_to_its_last_digit(moment: datetime) -> None:
    minute = moment.replace(second=0, microsecond=0, tzinfo=UTC)
    second = moment.replace(microsecond=0, tzinfo=UTC)
    for form, expected in (("%y%m%d%H%M", minute), ("%Y%m%d%H%M%S", second)):
        assert read_time(moment.strftime(form), UTC, (TimeForm.DIGITS,)) == (expected, None)
    if moment.year != 2020:
        assert read_time(moment.strftime("%y%m%d%H%M%S"), UTC, (TimeForm.DIGITS,)) == (second, None)
    if moment.year > 2012:
        assert read_time(moment.strftime("%Y%m%d%H%M"), UTC, (TimeForm.DIGITS,)) == (minute, None)


@pytest.mark.parametrize(
    "text",
    ["", "240131", "24013112000", "2413311200", "2402301200", "2401312560", "24013112O0", "٢٤٠١٣١١٢٠٠", "-401311200"],
)
def test_what_is_no_time_of_digits_is_none(text: str) -> None:
    assert read_time(text, UTC, (TimeForm.DIGITS,)) == (None, WarningKind.BAD_VALUE)


@pytest.mark.parametrize("text", ["202401311200", "20240131120000", "202401311120000"])
def test_digits_alone_are_no_iso_8601(text: str) -> None:
    assert read_time(text, UTC) == (None, WarningKind.BAD_VALUE)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),
    st.integers(0, 9),
    st.integers(0, 48),
    st.sampled_from("+-"),
)
def test_smpps_own_times_say_how_far_from_utc_they_are(moment: datetime, tenth: int, quarters: int, sign: str) -> None:
    away = timedelta(minutes=15 * quarters) * (1 if sign == "+" else -1)
    moment = moment.replace(microsecond=tenth * 100_000, tzinfo=timezone(away))
    text = f"{moment:%y%m%d%H%M%S}{tenth}{quarters:02}{sign}"
    assert read_time(text, None, (TimeForm.ABSOLUTE,)) == (moment.astimezone(UTC), None)


@pytest.mark.parametrize(
    "text",
    ["180711070003912R", "180711070003949+", "18071107000391+", "181311070003912+", "18071107000391\u0661+", "+"],
)
def test_what_is_no_absolute_time_of_smpp_is_no_time(text: str) -> None:
    assert read_time(text, UTC, (TimeForm.ABSOLUTE,)) == (None, WarningKind.BAD_VALUE)


digit_texts = st.one_of(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).flatmap(
        lambda moment: st.sampled_from(
            [moment.strftime(form) for form in ("%y%m%d%H%M", "%y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d%H%M%S")]
        )
    ),
    st.from_regex(r"\A(20)?[0-9]{9,14}\Z"),
    st.from_regex(r"\A[0-9 T+:.-]{9,15}\Z"),
)


@given(
    st.lists(digit_texts, max_size=6),
    st.sampled_from([None, UTC, timezone(timedelta(hours=2)), ZoneInfo("Europe/Tallinn"), ZoneInfo("Asia/Kolkata")]),
)
def test_a_remembered_minute_changes_no_time(texts: list[str], zone: tzinfo | None) -> None:
    forms = (TimeForm.DIGITS, TimeForm.ABSOLUTE, TimeForm.ISO)
    minutes: Recent[str, Moment] = Recent(3)
    for text in texts * 2:
        assert read_digits(text, zone, forms, minutes) == read_time(text, zone, forms)
        assert len(minutes) <= 3


def test_only_minutes_are_remembered_and_the_newest_of_them() -> None:
    minutes: Recent[str, Moment] = Recent(2)
    for text in ("2401311201", "240131120259", "20240131120358", "soon", "240131120260", "2401311260"):
        read_digits(text, UTC, (TimeForm.DIGITS,), minutes)
    assert list(minutes) == ["2401311202", "2401311203"]


def test_ten_digits_of_another_form_are_no_minute_for_other_readers() -> None:
    minutes: Recent[str, Moment] = Recent(2)
    for text in ("1700000000", "170000000005"):
        for forms in ((TimeForm.DIGITS, TimeForm.UNIX), (TimeForm.DIGITS,)):
            assert read_digits(text, UTC, forms, minutes) == read_time(text, UTC, forms)
    assert not minutes


def test_the_minutes_of_one_zone_serve_no_other() -> None:
    assert minutes_of(UTC) is minutes_of(UTC)
    assert minutes_of(UTC) is not minutes_of(None)


@pytest.mark.parametrize(
    "text",
    ["20240131120000+0200", "20130217000429Z", "180711070003Z", "20131231+1205", "2013-02-17x00:04", "2013-02-17"],
)
def test_what_has_no_separator_behind_its_date_is_no_iso_8601(text: str) -> None:
    assert read_time(text, UTC) == (None, WarningKind.BAD_VALUE)


@pytest.mark.parametrize(
    "text", ["2013-02-17 00:04:29", "2013-02-17T00:04:29Z", "20130217T000429", "2013-02-17t00:04:29"]
)
def test_a_date_and_a_time_of_day_between_which_a_separator_stands_are_iso_8601(text: str) -> None:
    assert read_time(text, UTC) == (datetime(2013, 2, 17, 0, 4, 29, tzinfo=UTC), None)


# --- fields of a query


def test_a_decode_function_gets_the_fields_that_it_names_and_what_to_warn_of() -> None:
    request = Request("GET", "/dlr?id=a+b&state=OK&state=BAD&secret=word&raw=%E9#id=z")
    fields, warnings = read_query(request, ("id", "state", "raw"))
    assert fields == {"id": "a b", "state": "OK", "raw": "\\xe9"}
    assert [(warning.kind, warning.field) for warning in warnings] == [
        (WarningKind.REPEATED_FIELD, "state"),
        (WarningKind.BAD_TEXT, "raw"),
    ]
    with pytest.raises(TooLarge):
        read_query(Request("GET", "/?" + "&".join(f"a{number}=1" for number in range(201))), ())

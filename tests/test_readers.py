"""Reading inputs: strict first, lenient where that fails, and nothing good lost to anything bad."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from email.generator import BytesGenerator
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import compat32
from io import BytesIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import delivrd
from delivrd import (
    Absence,
    AbsenceKind,
    AbsenceRow,
    AbsenceTable,
    Account,
    Answer,
    BodyKind,
    Cause,
    Code,
    CodeTable,
    Compare,
    Context,
    Count,
    Decoded,
    DeliverSm,
    Errors,
    Fields,
    FollowUp,
    HmacBody,
    Mail,
    MailText,
    Pdu,
    PluginError,
    Problem,
    Provider,
    Push,
    Reading,
    Reply,
    Request,
    Response,
    Row,
    Shape,
    Source,
    Status,
    Text,
    TimeForm,
    TooLarge,
    Unreadable,
    UnsupportedMediaType,
    Warning,
    WarningKind,
    WrongMethod,
)
from delivrd.forms import read_multipart

PAGE = Source("a page")
STAT = CodeTable(
    "stat",
    (
        Row("SENT", Status.SENT, meaning="sent"),
        Row("DELIVRD", Status.DELIVERED, True, meaning="delivered"),
        Row("FAILED", Status.FAILED, True, None, Cause.CARRIER_ERROR, "failed"),
    ),
    PAGE,
    compare=Compare.ANY_CASE,
)
REFUSALS = AbsenceTable("code", (AbsenceRow("404", AbsenceKind.NOT_FOUND, "no such message"),), PAGE)


class Price(Shape):
    each: Text = None
    total: Text = None


class Event(Shape, rename={"when": "done-at"}):
    id: Code = None
    old_id: Code = None
    batch: Code = None
    ref: Code = None
    stat: Code = None
    when: Text = None
    to: Text = None
    sender: Text = None
    mcc: Text = None
    parts: Count = None
    price: Price | None = None
    noise: Text = None


EVENT = Reading(
    shape=Event,
    fields=Fields(
        message_id=("id", "old_id"),
        other_ids=("old_id", "batch"),
        reference="ref",
        occurred_at="done-at",
        recipient="to",
        sender="sender",
        mcc="mcc",
        parts="parts",
        part_price="price.each",
        total_price="price.total",
    ),
    international=True,
    zone="UTC",
)


def acme(*ways, **more) -> Provider:
    return Provider(name="acme", vendor="Acme", title="Acme", docs=PAGE, tables=(STAT,), ways=ways, **more)


JSON = acme(Push(reading=EVENT, bodies=(BodyKind.JSON,)))
ANY = acme(Push(reading=EVENT, query=True, bodies=(BodyKind.JSON, BodyKind.FORM, BodyKind.MULTIPART)))
BATCH = acme(
    Push(reading=EVENT, bodies=(BodyKind.JSON,), items="events", inherit=("to",)),
    Answer(
        reading=EVENT,
        items="events",
        inherit=("to",),
        errors=Errors(REFUSALS, items="errors", code="code", text=("title", "detail")),
    ),
)
LIST = acme(Push(reading=EVENT, bodies=(BodyKind.JSON,), items=""))
QUERY = acme(Push(reading=EVENT, methods=("GET", "HEAD"), query=True))


def post(body: object, target: str = "/", content_type: str | None = "application/json") -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", target, {} if content_type is None else {"Content-Type": content_type}, data)


def one(provider: Provider, input, account: Account | None = None):
    (report,) = provider.read(input, account).reports
    return report


texts = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0\ufffd"), max_size=6)
events = st.fixed_dictionaries(
    {"id": st.text("abc1", min_size=1, max_size=5), "stat": st.sampled_from(["SENT", "delivrd", "FAILED", "odd"])},
    optional={
        "old_id": texts,
        "batch": texts | st.integers(-5, 5),
        "ref": texts,
        "done-at": st.sampled_from(["2026-01-02T03:04:05", "2026-01-02T03:04:05.000001+02:00", "never", ""]),
        "to": texts | st.sampled_from(["37255555555", " +15555550100 ", "0555"]),
        "sender": texts,
        "mcc": texts,
        "parts": st.none() | st.integers(0, 9),
        "price": st.none() | st.fixed_dictionaries({}, optional={"each": texts | st.just("0.1"), "total": texts}),
    },
)


@given(events)
def test_the_strict_and_the_lenient_reader_make_the_same_report(event):
    strict = JSON.read(post(event))
    lenient = JSON.read(post({**event, "undeclared": True}))
    assert lenient.reports[0].extras == {"undeclared": True}
    plain = msgspec.structs.replace(lenient.reports[0], extras={})
    assert plain == strict.reports[0]


@given(events)
def test_a_form_and_a_json_object_make_the_same_report(event):
    flat = {name: value for name, value in event.items() if name != "price" and value not in (None, "")}
    flat = {name: str(value) for name, value in flat.items()}
    boundary = "xyzzy"
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in flat.items()
    )
    multipart = post(f"{parts}--{boundary}--\r\n".encode(), content_type=f"multipart/form-data; boundary={boundary}")
    urlencoded = "&".join(f"{name}={delivrd_quote(value)}" for name, value in flat.items())
    form = post(urlencoded.encode(), content_type="application/x-www-form-urlencoded")
    expected = ANY.read(post(flat))
    assert ANY.read(form) == expected
    if not any("\r" in value or "\n" in value for value in flat.values()):
        assert ANY.read(multipart) == expected
    assert QUERY.read(Request("GET", "/?" + urlencoded)).reports == expected.reports


def delivrd_quote(value: str) -> str:
    from urllib.parse import quote_plus

    return quote_plus(value)


@given(
    st.lists(events, min_size=1, max_size=4), st.lists(st.sampled_from([None, 7, "x", [], {}, {"id": "1"}]), max_size=3)
)
def test_bad_items_of_a_batch_stand_beside_the_good_ones(good, bad):
    items = [*bad, *good]
    receipt = BATCH.read(post({"to": "outer", "events": items}))
    assert list(receipt.reports) == [one(JSON, post({"to": "outer", **strip(item)})) for item in good]
    assert [problem.index for problem in receipt.problems] == list(range(len(bad)))
    assert LIST.read(post(items)).problems == receipt.problems


def strip(item: dict) -> dict:
    return {name: value for name, value in item.items() if value not in (None, "")}


@given(events)
def test_a_batch_of_one_is_its_item(event):
    alone = JSON.read(post(event)).reports
    assert BATCH.read(post({"events": [event]})).reports == alone
    assert LIST.read(post([event])).reports == alone
    assert LIST.read(post(event)).reports == alone


def test_an_empty_batch_says_that_it_holds_no_report():
    assert LIST.read(post([])).absence == Absence(AbsenceKind.NOT_A_REPORT)
    assert BATCH.read(post({"events": []})).absence == Absence(AbsenceKind.NOT_A_REPORT)
    assert BATCH.read(Response(200, (), b'{"events": []}')).absence == Absence(AbsenceKind.NOT_YET)


def test_a_batch_of_nothing_but_bad_items_says_so():
    receipt = LIST.read(post([None, {"id": "1"}]))
    assert receipt.absence == Absence(AbsenceKind.UNREADABLE_ITEMS)
    assert [problem.reason for problem in receipt.problems] == [
        "expected an object of fields, got null",
        "stat: expected at least one code, found none; is this the right provider?",
    ]
    assert receipt.reply == Reply(200)


@pytest.mark.parametrize("body", [{}, {"events": {}}, {"events": None}, [1], "x", 7])
def test_a_batch_without_its_list_is_unreadable_and_names_the_field(body):
    with pytest.raises(Unreadable) as refused:
        BATCH.read(post(body))
    assert "expected a list of reports" in str(refused.value)


@pytest.mark.parametrize(
    ("field", "value", "warned"),
    [
        ("done-at", "soon", "soon"),
        ("done-at", 12, "12"),
        ("done-at", ["2026"], '["2026"]'),
        ("parts", "many", "many"),
        ("parts", -1, "-1"),
        ("parts", 10**10, "10000000000"),
        ("parts", 1.5, "1.5"),
        ("price", "0.1", "0.1"),
        ("price", {"each": "NaN"}, "NaN"),
        ("price", {"each": {"EUR": 1}}, '{"EUR": 1}'),
        ("to", False, "false"),
        ("to", {"number": "1"}, '{"number": "1"}'),
    ],
)
def test_a_bad_value_leaves_its_field_absent_and_stands_in_a_warning(field, value, warned):
    report = one(JSON, post({"id": "1", "stat": "SENT", field: value}))
    good = one(JSON, post({"id": "1", "stat": "SENT"}))
    assert [(warning.kind, warning.value) for warning in report.warnings] == [(WarningKind.BAD_VALUE, warned)]
    assert msgspec.structs.replace(report, warnings=(), extras={}) == good
    # What is no text is kept whole beside the warning, which is short.
    assert report.extras == (
        {} if not isinstance(value, list) and "{" not in warned else {name_of(field, value): inner(value)}
    )


def name_of(field: str, value) -> str:
    return "price.each" if field == "price" else field


def inner(value):
    return value["each"] if isinstance(value, dict) and "each" in value else value


@pytest.mark.parametrize("code", [True, ["SENT"], {"a": 1}, 1.5])
def test_a_code_of_the_wrong_type_is_an_unlisted_code_and_not_no_code(code):
    report = one(JSON, post({"id": "1", "stat": code}))
    assert (report.status, report.final, report.codes) == (Status.UNKNOWN, False, {"stat": json.dumps(code)})
    assert WarningKind.UNLISTED_CODE in [warning.kind for warning in report.warnings]


def test_numbers_are_taken_for_texts_and_texts_for_numbers_to_the_letter():
    body = b'{"id": 12345678901234567890123, "stat": "SENT", "parts": "2", "price": {"each": 0.10, "total": "0.20"}, "to": 37255555555}'
    report = one(JSON, post(body))
    assert (report.message_id, report.parts, str(report.part_price)) == ("12345678901234567890123", 2, "0.10")
    assert (report.total_price, report.recipient, report.warnings) == (Decimal("0.20"), "+37255555555", ())


def test_an_id_is_kept_exactly_and_white_space_alone_is_none():
    assert one(JSON, post({"id": " 7 ", "stat": "SENT"})).message_id == " 7 "
    for blank in ("", " ", "\t\n", None):
        with pytest.raises(Unreadable, match="id or old_id: expected the message's id") as refused:
            JSON.read(post({"id": blank, "stat": "SENT"}))
        assert refused.value.reply == Reply(400)


def test_a_report_of_the_gateways_own_id_alone_is_a_report():
    report = one(JSON, post({"ref": "mine", "stat": "SENT"}))
    assert (report.message_id, report.reference) == (None, "mine")


def test_two_spellings_of_one_field_that_contradict_each_other_are_reported():
    report = one(JSON, post({"id": "1", "old_id": "2", "batch": 3, "stat": "SENT"}))
    assert (report.message_id, report.other_ids) == ("1", ("2", "3"))
    assert [(w.kind, w.field, w.value) for w in report.warnings] == [(WarningKind.CONFLICT, "id+old_id", "2")]


def test_only_what_is_international_for_certain_gets_its_plus():
    for sent, expected in {
        "37255555555": "+37255555555",
        "0555555555": "0555555555",
        "12345": "12345",
        "Acme": "Acme",
    }.items():
        assert one(JSON, post({"id": "1", "stat": "SENT", "to": sent})).recipient == expected


def test_an_account_zone_takes_the_place_of_the_documented_one():
    event = {"id": "1", "stat": "SENT", "done-at": "2026-01-02T03:04:05"}
    for zone in ("+02:00", "Europe/Tallinn"):
        assert one(JSON, post(event), Account(zone=zone)).occurred_at == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    nobody = acme(Push(reading=msgspec.structs.replace(EVENT, zone=None), bodies=(BodyKind.JSON,)))
    report = one(nobody, post(event))
    assert report.occurred_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert [warning.kind for warning in report.warnings] == [WarningKind.ASSUMED_ZONE]


def test_times_that_are_not_iso_are_read_in_the_forms_declared():
    unix = acme(Push(reading=msgspec.structs.replace(EVENT, times=(TimeForm.UNIX,)), bodies=(BodyKind.JSON,)))
    report = one(unix, post({"id": "1", "stat": "SENT", "done-at": "1580803782"}))
    assert report.occurred_at == datetime(2020, 2, 4, 8, 9, 42, tzinfo=UTC)


def test_a_network_is_made_of_what_was_sent_of_it():
    assert one(JSON, post({"id": "1", "stat": "SENT", "mcc": "05"})).network == delivrd.Network(mcc="05")
    assert one(JSON, post({"id": "1", "stat": "SENT"})).network is None


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"id": "1", "stat": "SENT"}',
        '{"id": "1", "stat": "SENT"}'.encode("utf-16"),
        b'{"id": "1", "stat": "SENT", "noise": "\xff\xfe"}',
        b'{"id": "1", "stat": "SENT", "noise": "\\ud83d"}',
        b'{"id": "1", "stat": "SENT", "undeclared": NaN}',
        b' \r\n{"id": "1", "stat": "SENT"}\n',
        b'{"id": "1", "stat": "SENT", "noise": "a\tb"}',
    ],
)
def test_odd_encodings_lose_nothing_that_is_used(body):
    report = one(JSON, post(body))
    assert (report.message_id, report.status) == ("1", Status.SENT)


def test_bytes_that_are_no_text_are_written_as_escapes_with_a_warning():
    report = one(JSON, post(b'{"id": "1", "stat": "SENT", "sender": "Caf\xe9"}'))
    assert report.sender == "Caf\\xe9"
    assert [(warning.kind, warning.field) for warning in report.warnings] == [(WarningKind.BAD_TEXT, "sender")]


def test_a_declared_charset_is_believed_where_it_is_known():
    body = '{"id": "1", "stat": "SENT", "sender": "Café"}'.encode("latin-1")
    assert one(JSON, post(body, content_type="application/json; charset=ISO-8859-1")).sender == "Café"
    assert one(JSON, post(body, content_type="application/json; charset=punycode")).sender == "Caf\\xe9"


def test_a_wrong_type_of_body_is_refused_as_that():
    for content_type, body in [
        ("image/png", b"\x89PNG"),
        ("application/x-www-form-urlencoded", b"id=1&stat=SENT"),
        ("text/xml", b"<x/>"),
    ]:
        with pytest.raises(UnsupportedMediaType) as refused:
            JSON.read(post(body, content_type=content_type))
        assert refused.value.reply == Reply(415)
    for content_type in ("application/json", "text/plain", None):
        with pytest.raises(Unreadable, match="expected JSON"):
            JSON.read(post(b"id=1", content_type=content_type))


def test_the_first_byte_tells_json_from_a_form_whatever_the_header_says():
    body = {"id": "1", "stat": "SENT"}
    for content_type in (None, "text/plain", "application/x-www-form-urlencoded", "image/png"):
        assert one(ANY, post(body, content_type=content_type)).message_id == "1"
    assert one(ANY, post(b"id=1&stat=SENT", content_type=None)).message_id == "1"


@pytest.mark.parametrize("disposition", ['form-data; name=""', "form-data; name=", "form-data", ""])
def test_a_part_without_a_name_is_passed_over_and_loses_no_other(disposition):
    nameless = f"--b\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n"
    named = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("id", "1"), ("stat", "SENT"))
    )
    sent = post(f"{nameless}{named}--b--\r\n".encode(), content_type="multipart/form-data; boundary=b")
    (report,) = ANY.read(sent).reports
    assert (report.message_id, report.status) == ("1", Status.SENT)


MULTIPART = "multipart/form-data; boundary=b"


def part(name: str, value: str, head: str = "") -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n{head}\r\n{value}\r\n'


FIELDS = part("id", "1") + part("stat", "SENT")


@pytest.mark.parametrize(
    ("body", "extras"),
    [
        (FIELDS + "--b--\r\n" + part("stat", "DELIVRD") + part("own", "x") + "--b--\r\n", {}),
        (FIELDS + '--b\r\nContent-Disposition: form-data;\r\n name="own"\r\n\r\nx\r\n--b--', {"own": "x"}),
        (
            FIELDS + '--b\r\nContent-Disposition: form-data; filename="a; name=own"; name="file"\r\n\r\nx\r\n--b--',
            {"file": "x"},
        ),
        (FIELDS + '--b\r\nContent-Disposition: form-data; filename="a; name=own"\r\n\r\nx\r\n--b--', {}),
        (FIELDS + part("own", "a\r\nb\nc\r\n") + "--b--\r\n", {"own": "a\r\nb\nc\r\n"}),
        (FIELDS + part("own", "x") + "--b", {"own": "x"}),
        (FIELDS + part("own", "x")[:-2], {"own": "x"}),
        (f"a preamble\r\n{FIELDS}--b--", {}),
        ((FIELDS + part("own", "a\r\nb") + "--b--\r\n").replace("\r\n", "\n"), {"own": "a\nb"}),
        (
            (FIELDS + part("own", "a\\b\nc") + "--b--\r\n").replace("\r\n", "\n").replace("\\", "\r\n"),
            {"own": "a\r\nb\nc"},
        ),
        ((FIELDS + part("own", "a\r\nb") + "--b--\r\n").replace("--b\r\n", "--b \t\r\n"), {"own": "a\r\nb"}),
        ((FIELDS + part("own", "x") + "--b--").replace("\r\n", " \t\n").replace(" \t\n \t", "\n"), {"own": "x \t"}),
        (FIELDS + part("own", "")[:-2] + part("new", "x") + "--b--", {"new": "x"}),
        (FIELDS + part("own", "a --b\r\nb") + "--b--", {"own": "a --b\r\nb"}),
        (f"--bc --b\r\na preamble --b\r\n{FIELDS}--b--", {}),
        (FIELDS + part("own", "x", "Content-Length: 7\r\n") + part("new", "y") + "--b--", {"own": "x", "new": "y"}),
    ],
)
def test_a_multipart_form_is_what_stands_between_its_boundaries(body, extras):
    report = one(ANY, post(body.encode(), content_type=MULTIPART))
    assert (report.status, report.extras, report.warnings) == (Status.SENT, extras, ())


def test_a_part_is_text_in_its_own_charset():
    body = FIELDS.encode() + part("own", "", "Content-Type: text/plain; charset=iso-8859-1\r\n").encode()[:-2]
    assert one(ANY, post(body + b"\xe9\r\n--b--", content_type=MULTIPART)).extras == {"own": "é"}


def test_a_part_without_a_charset_is_text_in_that_of_the_form():
    body = FIELDS + part("own", "é") + part("new", "é", "Content-Type: text/plain; charset=iso-8859-15\r\n") + "--b--"
    sent = post(body.encode("latin-1"), content_type=f"{MULTIPART}; charset=iso-8859-1")
    report = one(ANY, sent)
    assert (report.extras, report.warnings) == ({"own": "é", "new": "é"}, ())


@pytest.mark.parametrize(
    "head", ["no header", ": x", " folded", "a b: c", "Content-Disposition", "\xe9: x", "a\rb", "--"]
)
def test_a_line_that_is_no_header_loses_no_field(head):
    body = part("id", "1", f"{head}\r\n") + f"--b\r\n{head}\r\n\r\nx\r\n" + part("stat", "SENT") + "--b--"
    for sent in (body, body.replace("\r\n", "\n")):
        report = one(ANY, post(sent.encode("latin-1"), content_type=MULTIPART))
        assert (report.message_id, report.status, report.extras) == ("1", Status.SENT, {})
        told = [(each.kind, each.field) for each in report.warnings]
        assert told == ([] if head == " folded" else [(WarningKind.BAD_VALUE, "body")])


@pytest.mark.parametrize("declared", ["another", "bc", "--b", "a b"])
def test_a_boundary_that_does_not_occur_is_the_bodys_own(declared):
    sent = post((FIELDS + "--b--").encode(), content_type=f'multipart/form-data; boundary="{declared}"')
    report = one(ANY, sent)
    assert (report.message_id, report.status) == ("1", Status.SENT)
    assert [(each.kind, each.field) for each in report.warnings] == [(WarningKind.BAD_VALUE, "content-type")]


@pytest.mark.parametrize(
    "piece", ["--b", "--b\n", "--b\n\n", "--b\na: b\n", "\n--bc", "--b\n \n", "--b --b", "\n", "\r", "a: b\n"]
)
@pytest.mark.parametrize("start", ["", "--b\n", "--b\n\n"])
def test_a_multipart_form_is_read_in_linear_time(start, piece):
    with suppress(TooLarge):
        read_multipart((start + piece * 100_000).encode(), MULTIPART, ("id",))


def test_a_multipart_form_that_goes_on_as_something_else_keeps_its_fields_and_says_so():
    report = one(ANY, post((FIELDS + "--b\r\nno header\r\n\r\nx\r\n--b--").encode(), content_type=MULTIPART))
    assert [(each.kind, each.field) for each in report.warnings] == [(WarningKind.BAD_VALUE, "body")]


words = st.sampled_from(["utf-8", "iso-8859-1", None]).flatmap(
    lambda charset: st.tuples(
        st.text(st.characters(codec=charset or "utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=120),
        st.just(charset),
    )
)
names = st.text("abcdefghijklmnopqrstuvwxyz-_. ;=", min_size=1, max_size=80).filter(lambda name: name == name.strip())


@given(st.dictionaries(names, words, min_size=1, max_size=5), st.booleans())
def test_what_the_standard_library_writes_as_a_multipart_form_is_read_back(fields, folded):
    """The library of the standard folds long headers as mails have them; browsers do not."""
    form = MIMEMultipart("form-data", boundary="boundary;of=it")
    given = {name: value for name, value in fields.items() if name not in ("id", "stat")}
    for name, (value, charset) in {**given, "id": ("1", None), "stat": ("SENT", None)}.items():
        each = MIMENonMultipart("text", "plain", **({} if charset is None else {"charset": charset}))
        del each["MIME-Version"]
        each.add_header("Content-Disposition", "form-data", name=name)
        each.set_payload(value.encode(charset or "utf-8").decode("ascii", "surrogateescape"))
        form.attach(each)
    out = BytesIO()
    BytesGenerator(out, policy=compat32.clone(linesep="\r\n", max_line_length=78 if folded else 0)).flatten(form)
    body = out.getvalue().partition(b"\r\n\r\n")[2]
    record = read_multipart(body, form["Content-Type"], ("id", "stat"))
    assert record.values == {"id": "1", "stat": "SENT"}
    assert record.extras == {name: value for name, (value, _) in given.items()}
    assert record.warnings == []


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("application/json; charset=UTF-16", "utf-16"),
        ('application/json; x="a; charset=utf-16"', None),
        ('application/json; x="a\\"; charset=utf-16"; Charset = "ISO-8859-1"', "iso-8859-1"),
        ("application/json; charset='latin-1'", "latin-1"),
        ("application/json;charset=utf-8;charset=utf-16", "utf-8"),
        ("application/json; charset", None),
        (None, None),
    ],
)
def test_a_charset_is_read_outside_quotes(content_type, charset):
    assert delivrd.charset_of(content_type) == charset


def test_a_multipart_form_is_split_at_its_first_line_where_the_header_names_no_boundary():
    body = b'--b\r\nContent-Disposition: form-data; name="id"\r\n\r\n1\r\n--b\r\ncontent-disposition: form-data;name="stat"\r\n\r\nSENT\r\n--b--'
    assert one(ANY, post(body, content_type=None)).status is Status.SENT
    with pytest.raises(Unreadable):
        ANY.read(post(b"--", content_type="multipart/form-data"))


def test_a_field_in_query_and_body_is_a_conflict_and_the_body_wins():
    report = one(
        ANY, post(b"id=1&stat=SENT", "/?id=2&stat=SENT&sender=me&secret=x", "application/x-www-form-urlencoded")
    )
    assert (report.message_id, report.sender, report.extras) == ("1", "me", {})
    assert [(w.kind, w.field, w.value) for w in report.warnings] == [(WarningKind.CONFLICT, "id", "2")]


def test_the_body_wins_over_the_query_whichever_spelling_it_uses():
    report = one(ANY, post(b"old_id=B&stat=SENT", "/?id=A&old_id=B", "application/x-www-form-urlencoded"))
    assert report.message_id == "B"
    assert [(w.kind, w.field, w.value) for w in report.warnings] == [(WarningKind.CONFLICT, "id", "A")]


def test_an_answer_that_holds_reports_and_errors_loses_no_report():
    body = b'{"events": [{"id": "1", "stat": "SENT"}], "errors": [{"code": "404"}]}'
    assert one(BATCH, Response(200, (), body)).extras == {"errors": [{"code": "404"}]}


def test_what_the_outer_object_of_a_batch_holds_and_nobody_declared_is_kept():
    report = one(BATCH, post({"events": [{"id": "1", "stat": "SENT", "n": 1}], "n": 2, "m": 3}))
    assert report.extras == {"n": 1, "m": 3}


class Judged(Shape):
    id: Code = None
    stat: Code = None
    final: delivrd.Flag = None


def test_a_field_that_says_whether_a_status_is_final_is_true_or_false():
    push = Push(reading=Reading(shape=Judged, fields=Fields(message_id="id")), bodies=(BodyKind.JSON, BodyKind.FORM))
    provider = acme(push, finality="final")
    strict = acme(Push(reading=push.reading, bodies=(BodyKind.JSON,)), finality="final")
    for body, final in [
        (b'{"id": 1, "stat": "FAILED", "final": false}', False),
        (b'{"id": 1, "stat": "SENT", "final": true}', True),
    ]:
        for reads in (provider, strict):
            report = one(reads, post(body))
            assert (report.final, report.warnings, report.codes["final"]) == (final, (), str(final).lower())
    assert one(provider, post(b"id=1&stat=SENT&final=TRUE", content_type=None)).final is True


def test_the_first_value_of_a_repeated_field_that_says_something_wins():
    report = one(QUERY, Request("GET", "/?id=1&stat=&stat=SENT&stat=FAILED"))
    assert report.codes == {"stat": "SENT"}
    assert [(w.kind, w.field, w.value) for w in report.warnings] == [(WarningKind.REPEATED_FIELD, "stat", "FAILED")]


def test_a_plus_that_somebody_forgot_to_escape_is_still_a_plus():
    assert one(QUERY, Request("GET", "/?id=a+b&stat=SENT&to=+15555550100")).recipient == "+15555550100"
    assert one(QUERY, Request("GET", "/?id=a+b&stat=SENT")).message_id == "a b"


def test_parameters_of_the_gateways_own_url_are_never_kept():
    report = one(QUERY, Request("GET", "/?id=1&stat=SENT&secret=hush#fragment"))
    assert report.extras == {}
    assert "hush" not in report.to_json().decode()


def test_fields_that_a_body_holds_and_nobody_declared_are_kept():
    report = one(ANY, post(b"id=1&stat=SENT&noise=x&new=1", content_type=None))
    assert report.extras == {"new": "1"}
    deep = one(JSON, post({"id": "1", "stat": "SENT", "price": {"vat": 0.2}, "new": {"a": [1, 2.50, None]}}))
    assert deep.extras == {"price.vat": "0.2", "new": {"a": [1, "2.5", None]}}


def test_what_stands_behind_a_fragment_is_no_query():
    for target in ("/dlr#x?id=1&stat=SENT", "/?id=1#&stat=SENT"):
        with pytest.raises(Unreadable):
            QUERY.read(Request("GET", target))


def test_more_fields_than_anybody_sends_are_refused():
    for many in ("&".join(f"a{n}=1" for n in range(201)), "&" * 200):
        for request in (Request("GET", "/?" + many), Request("GET", "/?%20&" + many)):
            with pytest.raises(TooLarge):
                QUERY.read(request)
        with pytest.raises(TooLarge):
            ANY.read(post(many.encode(), content_type="application/x-www-form-urlencoded"))
    parts = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 201 + b"--b--"
    with pytest.raises(TooLarge):
        ANY.read(post(parts, content_type="multipart/form-data; boundary=b"))


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [65, 10_000, 300_000])
def test_deep_nesting_is_refused_before_it_is_decoded(opening, depth):
    for provider in (JSON, ANY, BATCH, LIST):
        with pytest.raises((TooLarge, Unreadable)):
            provider.read(post(opening * depth))
        with pytest.raises((TooLarge, Unreadable)):
            provider.read(post(b'{"id": "1", "stat": "SENT", "noise": 1, "new": ' + opening * depth))


def test_brackets_inside_texts_are_no_nesting():
    body = {"id": "1", "stat": "SENT", "new": '[{"' * 100 + "\\", "newer": [{}]}
    assert one(JSON, post(body)).extras["newer"] == [{}]


def test_an_input_larger_than_the_account_allows_is_refused():
    small = Account(max_body=30)
    for provider, request in [
        (JSON, post(b" " * 31)),
        (QUERY, Request("GET", "/?" + "a" * 31)),
        (BATCH, post(b" " * 31)),
        (BATCH, Response(200, (), b" " * 31)),
        (MAIL, Mail(b" " * 31)),
    ]:
        with pytest.raises(TooLarge, match="at most 30 bytes, got 3"):
            provider.read(request, small)


def test_a_wrong_method_is_answered_with_the_right_ones():
    with pytest.raises(WrongMethod) as refused:
        QUERY.read(Request("PUT", "/?id=1&stat=SENT"))
    assert refused.value.reply == Reply(405, b"", (("Allow", "GET, HEAD, POST"),))
    for provider in (JSON, ANY, BATCH):
        with pytest.raises(WrongMethod):
            provider.read(Request("GET", "/"))


def test_fields_of_a_query_are_never_read_beside_a_signature_of_the_body_and_never_the_other_way_round():
    signed = acme(Push(reading=EVENT, bodies=(BodyKind.FORM,)), auth=(HmacBody("X-Signature"),))
    with pytest.raises(WrongMethod):
        signed.read(Request("GET", "/?id=1&stat=SENT"))
    query = acme(Push(reading=EVENT, methods=("GET",), query=True), auth=(HmacBody("X-Signature"),))
    with pytest.raises(WrongMethod):
        query.read(post(b"id=1&stat=SENT", content_type="application/x-www-form-urlencoded"))


def test_a_form_and_a_query_of_one_request_are_read_together_and_the_form_wins():
    request = post(b"id=1&stat=SENT", "/?id=2&stat=SENT&sender=me&secret=x", "application/x-www-form-urlencoded")
    report = one(QUERY, request)
    assert (report.message_id, report.sender, report.extras) == ("1", "me", {})
    assert {each.kind for each in report.warnings} == {WarningKind.REPEATED_FIELD, WarningKind.OTHER_FORM}
    with pytest.raises(UnsupportedMediaType):
        QUERY.read(post({"id": "1", "stat": "SENT"}))


def test_parameters_of_the_gateways_own_url_are_not_kept_where_a_query_takes_the_place_of_a_form():
    assert one(ANY, Request("GET", "/?id=1&stat=SENT&secret=x")).extras == {}


def test_a_kind_of_input_that_a_provider_does_not_take_is_unreadable():
    for input in (Mail(b""), Response(200), DeliverSm(4, "1", "2", b"")):
        with pytest.raises(Unreadable, match=f"acme reads Request, not {type(input).__name__}"):
            JSON.read(input)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (
            Response(404, (), b'{"errors": [{"code": "404", "title": "Not", "detail": "found"}]}'),
            (AbsenceKind.NOT_FOUND, "404", "Not: found"),
        ),
        (Response(200, (), b'{"errors": [{"code": 404}]}'), (AbsenceKind.NOT_FOUND, "404", None)),
        (Response(401, (), b'{"errors": [{"code": "odd", "title": "x"}]}'), (AbsenceKind.UNAVAILABLE, "odd", "x")),
        (Response(500, (), b'{"errors": [{}]}'), (AbsenceKind.UNAVAILABLE, None, None)),
        (Response(502, (), b"<html>Bad gateway</html>"), (AbsenceKind.UNAVAILABLE, "502", "<html>Bad gateway</html>")),
        (Response(503, (), b""), (AbsenceKind.UNAVAILABLE, "503", None)),
        (Response(400, (), b'{"errors": []}'), (AbsenceKind.UNAVAILABLE, "400", '{"errors": []}')),
    ],
)
def test_an_answer_without_reports_says_why_in_the_providers_words(response, expected):
    receipt = BATCH.read(response)
    assert receipt.absence == Absence(*expected)
    assert receipt.reply is None


def test_an_answer_that_is_no_answer_is_unreadable_and_nobody_waits_for_a_reply():
    for body in (b"", b"null", b"{", b'{"events": 7}'):
        with pytest.raises(Unreadable) as refused:
            BATCH.read(Response(200, (), body))
        assert refused.value.reply is None


def test_an_answer_of_one_object_is_one_report():
    provider = acme(Answer(reading=EVENT))
    assert one(provider, Response(200, (), b'{"id": 1, "stat": "SENT"}')).message_id == "1"
    assert one(provider, Response(201, (), b'{"id": 1, "stat": "SENT"}')).message_id == "1"


MARKED = msgspec.structs.replace(EVENT, report_if="stat")
MAIL = acme(MailText(reading=MARKED, patterns_setting="patterns"))


def test_a_body_with_the_field_of_another_kind_and_no_id_is_no_report():
    reading = msgspec.structs.replace(EVENT, other_if="inbound")
    provider = acme(Push(reading=reading, bodies=(BodyKind.JSON, BodyKind.FORM)))
    result = provider.read(post({"inbound": 7, "text": "STOP"}))
    assert result.absence == Absence(AbsenceKind.NOT_A_REPORT)
    assert result.others == ({"inbound": "7", "text": "STOP"},)
    assert result.reply == Reply(200)
    assert provider.read(post(b"inbound=7", content_type="application/x-www-form-urlencoded")).others == (
        {"inbound": "7"},
    )
    assert one(provider, post({"inbound": 7, "id": "1", "stat": "SENT"})).extras == {"inbound": 7}
    with pytest.raises(Unreadable):
        provider.read(post({"stat": "SENT"}))
    with pytest.raises(ValueError, match="`other_if` names a field that no report has"):
        acme(Push(reading=msgspec.structs.replace(EVENT, other_if="id"), bodies=(BodyKind.JSON,))).check()


def test_what_is_no_report_comes_back_whole():
    for provider, request, expected in [
        (
            acme(Push(reading=MARKED, bodies=(BodyKind.JSON,))),
            post({"id": 1, "text": "hi", "n": [1]}),
            {"id": "1", "text": "hi", "n": "[1]"},
        ),
        (
            acme(Push(reading=MARKED, query=True)),
            Request("POST", "/?id=1&sender=me&stat="),
            {"id": "1", "sender": "me"},
        ),
        (acme(Push(reading=MARKED, bodies=(BodyKind.JSON,), items="")), post([{"id": 2}]), {"id": "2"}),
        (acme(Answer(reading=MARKED)), Response(200, (), b'{"id": "3"}'), {"id": "3"}),
    ]:
        receipt = provider.read(request)
        assert receipt.others == (expected,)
        assert receipt.absence == Absence(AbsenceKind.NOT_A_REPORT)
    declared = acme(Push(reading=MARKED, bodies=(BodyKind.JSON,))).read(post({"id": "1", "noise": "what it is"}))
    assert declared.others == ({"id": "1", "noise": "what it is"},)
    with pytest.raises(Unreadable, match="expected fields, found none"):
        acme(Push(reading=MARKED, query=True)).read(Request("POST", "/"))


def mail(text: str, kind: str = "text/plain", header: str = "") -> Mail:
    return Mail(
        f"From: Reports <reports@example.com>\nSubject: x\n{header}Content-Type: {kind}; charset=utf-8\n\n{text}".encode()
    )


@pytest.mark.parametrize(
    "text",
    [
        "id=1\nstat=SENT\nto=15555550100",
        "Dear gateway,\n ID: 1\r\n Stat : SENT\r\nTo:  15555550100 \n",
        "id=1&stat=SENT&to=15555550100",
        "See http://gateway.example/dlr?id=1&stat=SENT&to=%2B15555550100&secret=x",
        "id=1\nid=1&stat=SENT&to=15555550100",
    ],
)
def test_a_mail_names_its_fields_line_by_line(text):
    report = one(MAIL, mail(text))
    assert (report.message_id, report.status, report.recipient, report.extras) == ("1", Status.SENT, "+15555550100", {})


def test_a_mail_of_html_is_read_as_its_text():
    html = "<html><style></style><p>id: 1</p><div>stat: SENT<br>to: 15555550100</div></html>"
    assert one(MAIL, mail(html, "text/html")).recipient == "+15555550100"


@pytest.mark.parametrize(
    "html",
    [
        "<table><tr><td>id</td><td>1</td></tr><tr><td>stat</td><td>SENT</td></tr><tr><td>to</td><td>15555550100</td></tr></table>",
        "<table>\n<tr>\n<th>id</th>\n<td>1</td>\n</tr>\n<tr>\n<th>\nstat\n<td><p>SENT</p>\n<tr><th>to:<td>15555550100</table>",
        "<table><tr><td>Dear gateway,<br>id: 1<br>stat: SENT<br>to=15555550100</td></tr></table>",
        "<dl><dt>id<dd>1<dt>stat<dd>SENT<dt>to<dd>15555550100</dl>",
        "Dear gateway,<dl>\n<dt>\nid\n</dt>\n<dd>\n1</dd>\n<DT>stat:</DT> <DD><p>SENT</p></DD><dt>to<dd>15555550100</dl>x",
        "<dl><div><dt>id</dt><dd>1</dd></div><div><dt>stat</dt><dd>SENT</dd></div><div><dt>to<dd>15555550100</div></dl>",
    ],
)
def test_the_cells_of_a_row_are_a_name_and_its_value(html):
    report = one(MAIL, mail(html, "text/html"))
    assert (report.message_id, report.status, report.recipient) == ("1", Status.SENT, "+15555550100")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("&#65;&#0065;&#x41;", "AAA"),
        ("&#" + "9" * 10_000 + ";x", "\ufffdx"),
        ("&#" + "0" * 10_000 + "65;x", "Ax"),
        ("&#" + "0" * 10_000 + "9" * 10_000, "\ufffd"),
        ("&#x" + "f" * 10_000 + ";", "\ufffd"),
    ],
)
def test_a_character_reference_has_any_number_of_digits(html, text):
    from delivrd.html_text import text_of_html

    assert text_of_html(html) == text


@pytest.mark.parametrize(
    "piece",
    [
        "<td>",
        "<dt>\n<dd>",
        "<tr>\n",
        "\n",
        "&#",
        "&#0",
        "&#11111111",
        "<",
        "<p",
        "<!--",
        "<script>",
        "</style>",
        "<a b='",
        "&lt;",
        "<![x[",
        "<p>id: 1",
    ],
)
def test_the_text_of_html_is_found_in_linear_time(piece):
    from delivrd.html_text import text_of_html

    text_of_html(piece * 100_000)


def test_the_text_of_html_is_what_a_reader_sees():
    from delivrd.html_text import text_of_html

    html = "<title>x</title><STYLE>p {a: b}</style>a &lt; b<!-- <p>no</p> --><BR/>id:&nbsp;1 < 2 <b>x</b>\u0130<p class='y'>z<unclosed"
    assert text_of_html(html) == "a < b\nid:\xa01 < 2 x\u0130\nz"
    assert text_of_html("plain") == "plain"
    assert text_of_html("<script>never closed") == ""


def test_the_plain_part_of_a_mail_is_read_before_the_html_part():
    parts = "\n".join(
        ["--b", "Content-Type: text/html", "", "<p>id: 2</p><p>stat: FAILED</p>"]
        + ["--b", "Content-Type: text/plain; charset=nonsense", "", "id: 1", "stat: SENT", "--b--", ""]
    )
    assert one(MAIL, mail(parts, "multipart/alternative; boundary=b")).message_id == "1"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    patterns: tuple[str, ...] = ()


def test_an_account_can_say_how_its_mails_are_written():
    provider = acme(MailText(reading=MARKED, patterns_setting="patterns"), settings=Settings)
    account = Account(settings={"patterns": ["Message {id} to {to} is {stat}.", "Price {nothing}", "broken {"]})
    report = one(provider, mail("Hello\nMessage 77 to 15555550100 is DELIVRD.\nPrice 5\nMessage 78 to"), account)
    assert (report.message_id, report.recipient, report.status) == ("77", "+15555550100", Status.DELIVERED)


def test_a_mail_that_is_no_report_comes_back_with_its_words():
    receipt = MAIL.read(mail("Our offices are closed", header="X: y\n"))
    assert receipt.others == (
        {"subject": "x", "from": "Reports <reports@example.com>", "text": "Our offices are closed"},
    )
    assert receipt.reply is None


def test_a_repeated_field_of_a_mail_is_reported_and_the_first_stands():
    report = one(MAIL, mail("id: 1\nstat: SENT\nstat: FAILED"))
    assert report.status is Status.SENT
    assert [warning.kind for warning in report.warnings] == [WarningKind.REPEATED_FIELD]


def test_a_mail_of_too_many_or_too_deep_parts_is_refused():
    nested = "".join(f"--b{n}\nContent-Type: multipart/mixed; boundary=b{n + 1}\n\n" for n in range(200))
    many = "--b\n\nx\n" * 60
    for text in (nested, many):
        with pytest.raises(TooLarge):
            MAIL.read(mail(text, "multipart/mixed; boundary=b0" if text is nested else "multipart/mixed; boundary=b"))


SPELT = [b"boundary=b%d", b"boundary =b%d", b"boundary*=b%d", b"boundary*0=b%d", b'\n boundary="b%d"']


@pytest.mark.parametrize("spelt", SPELT)
@pytest.mark.parametrize("depth", [40, 49, 200, 3000])
def test_a_mail_of_any_depth_is_read_or_refused_on_the_smallest_stack(spelt, depth):
    level = b"Content-Type: multipart/mixed; " + spelt + b"\n\n--b%d\n"
    raw = b"".join(level % (number, number) for number in range(depth)) + b"\nid=1\nstat=SENT\n"
    outcome = []

    def read():
        try:
            outcome.append(MAIL.read(Mail(raw)))
        except TooLarge as error:
            outcome.append(error)

    before = threading.stack_size(64 * 1024)
    try:
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert len(outcome) == 1
    assert isinstance(outcome[0], TooLarge) == (depth > 50)


@pytest.mark.parametrize(
    "head", [b";a=b" * 200_000, b";" * 900_000, b";charset*0*=x" * 70_000], ids=["parameters", "semicolons", "charsets"]
)
def test_a_header_that_nobody_writes_is_refused_before_it_is_looked_into(head):
    with pytest.raises(TooLarge, match="headers of at most 4096"):
        MAIL.read(Mail(b"Content-Type: text/plain" + head + b"\n\nid=1\nstat=SENT"))


def test_a_subject_of_any_length_loses_no_report():
    subject = b"=?utf-8?q?a?= " * 70_000
    assert one(MAIL, Mail(b"Subject: " + subject + b"\n\nid=1\nstat=SENT")).status is Status.SENT


def test_a_mail_inside_a_mail_is_read():
    inner = b"Subject: inner\n\nid=1\nstat=SENT\n"
    assert one(MAIL, Mail(b"Content-Type: message/rfc822\n\n" + inner)).status is Status.SENT


def test_words_about_messages_are_no_parts():
    assert one(MAIL, mail("id=1\nstat=SENT\n" + "see message/1 boundary=x " * 200)).status is Status.SENT


def test_mails_of_any_bytes_are_read_or_refused():
    for raw in (
        b"",
        b"\xff\xfe\0",
        b"Subject: =?x?q?=ff?=\n\nid=1\nstat=SENT",
        b"Subject: =?utf-8?b?!?=\n\n",
        b"Subject: =?utf-8?b?abcde?=\n\n",
        b"Content-Type: text/html\n\n<![x[<!--" + b"<" * 9999,
    ):
        receipt = MAIL.read(Mail(raw))
        assert receipt.reports or receipt.absence


def decode_lines(input: Request | DeliverSm, context: Context) -> Decoded:
    text = (input.body if isinstance(input, Request) else input.short_message).decode()
    if text == "nothing":
        return Decoded(absence=Absence(AbsenceKind.NOT_YET))
    if text == "refuse":
        raise Unreadable("nobody reads this")
    if text == "break":
        raise KeyError("status")
    return Decoded(
        records=[dict(pair.split("=") for pair in line.split()) | {"ref": context.asked} for line in text.splitlines()]
    )


def test_a_decode_function_gives_fields_and_the_core_makes_the_reports():
    provider = acme(Push(reading=EVENT, decode=decode_lines), Pdu(reading=EVENT, decode=decode_lines), reply=Reply(0))
    receipt = provider.read(post(b"id=1 stat=SENT\nid=2 stat=delivrd\nid=3"), asked="q")
    assert [(report.message_id, report.status, report.reference) for report in receipt.reports] == [
        ("1", Status.SENT, "q"),
        ("2", Status.DELIVERED, "q"),
    ]
    assert [(problem.index, problem.item) for problem in receipt.problems] == [(2, '{"id": "3", "ref": "q"}')]
    assert provider.read(post(b"nothing")).absence == Absence(AbsenceKind.NOT_YET)
    with pytest.raises(WrongMethod):
        provider.read(Request("GET", "/"))
    with pytest.raises(Unreadable, match="at least one code"):
        provider.read(post(b"id=1"))


def test_whatever_texts_a_decode_function_gives_the_result_can_be_written():
    bad = "\udcff\ud83d"
    given = Decoded(
        records=[{"id": f"1{bad}", "stat": "SENT", "own": bad}],
        others=[{f"name{bad}": bad}],
        problems=[Problem(0, f"reason {bad}", f"field{bad}", bad)],
        warnings={0: [Warning(WarningKind.BAD_VALUE, f"field{bad}", bad)]},
        follow_up=[FollowUp("mark", bad)],
    )
    absent = Decoded(absence=Absence(AbsenceKind.NOT_FOUND, bad, bad))
    for decoded in (given, absent):
        result = acme(Push(reading=EVENT, decode=lambda _, __, decoded=decoded: decoded)).read(post(b""))
        assert "\\xff\\ud83d" in json.dumps(result.to_dict(), ensure_ascii=False).encode().decode().replace(
            "\\\\", "\\"
        )


def test_what_a_decode_function_raises_is_the_plugins_fault_and_keeps_its_cause():
    provider = acme(Push(reading=EVENT, decode=decode_lines), Pdu(reading=EVENT, decode=decode_lines), reply=Reply(0))
    with pytest.raises(PluginError, match="acme: its decode function raised KeyError") as broken:
        provider.read(post(b"break"))
    assert isinstance(broken.value.__cause__, KeyError)
    with pytest.raises(Unreadable, match="nobody reads this"):
        provider.read(post(b"refuse"))


def test_a_pdu_larger_than_the_account_allows_is_refused_with_its_tlvs_counted():
    account = Account(open=True, max_body=4096)
    provider = acme(Pdu(reading=EVENT, decode=decode_lines))
    text = b"id=1 stat=SENT"
    assert provider.read(DeliverSm(4, "1", "2", text, {0x1400: b"x" * 4000}), account).reports
    for receipt in (DeliverSm(4, "1", "2", text * 300), DeliverSm(4, "1", "2", text, {0x0424: b"x" * 4090})):
        for take in (provider.read, provider.receive):
            with pytest.raises(TooLarge, match="input: expected at most 4096 bytes"):
                take(receipt, account)


def test_an_unreadable_smpp_receipt_is_answered_as_received():
    provider = acme(Pdu(reading=EVENT, decode=decode_lines), reply=Reply(0))
    assert provider.read(DeliverSm(4, "1", "2", b"id=1 stat=SENT")).reply == Reply(0)
    with pytest.raises(Unreadable) as refused:
        provider.read(DeliverSm(4, "1", "2", b"refuse"))
    assert refused.value.reply == Reply(0)

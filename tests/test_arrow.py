"""The Arrow kernel: what it gives is what `Provider.read` gives, in the columns that are published."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivrd import (
    Account,
    DeliverSm,
    InputError,
    Mail,
    Network,
    Provider,
    Registry,
    Report,
    Request,
    Response,
    Sample,
    SampleError,
    Status,
    TableUse,
    Warning,
    WarningKind,
    read_samples,
)
from delivrd.arrow import COLUMNS, INPUTS, REPORTS, ErrorKind, Normalizer, normalize
from delivrd.files import AccountMemory, read_line, sample_line
from delivrd.samplelines import write_line
from delivrd.vocabulary import Cause, Evidence, Permanence

FIXTURES = Path(__file__).parent.parent / "fixtures"
PROVIDERS = Registry.installed()
AT = datetime(2024, 1, 31, 12, 0, 0, 1, tzinfo=UTC)
STORED = Report.__struct_fields__


def samples(provider: str) -> list[Sample]:
    found = []
    for path in sorted((FIXTURES / provider).iterdir()):
        if path.suffix in (".http", ".eml", ".hex", ".jsonl"):
            found += read_samples(path.name, path.read_bytes())
    return found


def split(sample: Sample) -> dict[str, object]:
    """The row of a sample, in columns."""
    beside = {"asked": sample.asked, "received_at": sample.received_at}
    match sample.input:
        case Request(method, target, headers, body, client):
            return {
                **beside,
                "method": method,
                "target": target,
                "headers": list(headers),
                "body": body,
                "client": client,
            }
        case Response(status, headers, body):
            return {**beside, "kind": "response", "status": status, "headers": list(headers), "body": body}
        case Mail(raw):
            return {**beside, "kind": "mail", "raw": raw}
        case DeliverSm() as pdu:
            plain = msgspec.structs.asdict(pdu)
            plain["source_addr"], plain["destination_addr"] = plain.pop("source"), plain.pop("destination")
            return {**beside, "kind": "deliver_sm", **plain, "tlvs": list(pdu.tlvs.items())}


def batch_of(rows: list[dict[str, object]]) -> pa.RecordBatch:
    return pa.record_batch(
        [pa.array([row.get(field.name) for row in rows], field.type) for field in INPUTS], schema=INPUTS
    )


def report_of(row: dict[str, object]) -> Report:
    """The report that a row of columns holds."""
    made = {name: row[name] for name in STORED if row[name] is not None}
    for name, kind in (("status", Status), ("evidence", Evidence), ("cause", Cause), ("permanence", Permanence)):
        if name in made:
            made[name] = kind(made[name])
    if "codes" in made:
        made["codes"] = dict(made["codes"])
    if "other_ids" in made:
        made["other_ids"] = tuple(made["other_ids"])
    if "network" in made:
        made["network"] = Network(**made["network"])
    if "extras" in made:
        made["extras"] = json.loads(made["extras"])
    made["tables"] = tuple(TableUse(**{**each, "changed": tuple(each["changed"])}) for each in row["tables"] or ())
    made["warnings"] = tuple(
        Warning(WarningKind(each["kind"]), each["field"], each["value"]) for each in row["warnings"] or ()
    )
    return Report(**{"message_id": None, **made})


def told(provider: Provider, sample: Sample) -> list[tuple[object, ...]]:
    """What `Provider.read` gives of a sample, in the order in which the kernel has to give it."""
    try:
        receipt = provider.read(sample.input, sample.account, asked=sample.asked, received_at=sample.received_at)
    except InputError as error:
        return [("error", type(error).__name__.lower(), error.field)]
    found: list[tuple[object, ...]] = [
        ("report", index, report, report.outcome, report.resend, report.key)
        for index, report in enumerate(receipt.reports)
    ]
    found += [("item", each.index, each.field, each.reason) for each in receipt.problems]
    absence = receipt.absence
    if receipt.others:
        kind = "not_a_report" if absence is None else absence.kind
        found += [("other", kind, other) for other in receipt.others]
    elif absence is not None and not receipt.problems:
        found.append(("absence", absence.kind, absence.code, absence.text))
    return found


def given_back(row: dict[str, object]) -> tuple[object, ...]:
    """A row of the kernel, in the form of `told`."""
    assert sum(row[name] is not None for name in ("status", "absence", "error")) == 1
    if row["status"] is not None:
        return ("report", row["item"], report_of(row), row["outcome"], row["resend"], row["key"])
    if row["error"] == ErrorKind.ITEM:
        return ("item", row["item"], row["error_field"], row["error_message"])
    if row["error"] is not None:
        return ("error", row["error"].replace("_", ""), row["error_field"])
    if row["other"] is not None:
        return ("other", row["absence"], json.loads(row["other"]))
    return ("absence", row["absence"], row["absence_code"], row["absence_text"])


def same(result: pa.RecordBatch, provider: Provider, expected: list[Sample]) -> None:
    result.validate(full=True)
    assert result.schema.equals(REPORTS)
    rows = result.to_pylist()
    for index, sample in enumerate(expected):
        mine = [given_back(row) for row in rows if row["input"] == index]
        assert mine == told(provider, sample), index
    assert [row["input"] for row in rows] == sorted(row["input"] for row in rows)


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_kernel_gives_what_read_gives_of_every_fixture_from_columns_and_from_lines(name):
    provider, found = PROVIDERS[name], samples(name)
    assert found
    accounts = {f"{index}": sample.account for index, sample in enumerate(found) if sample.account is not None}
    rows = [
        {"provider": name, "account": f"{index}" if sample.account is not None else None, **split(sample)}
        for index, sample in enumerate(found)
    ]
    # The account is read from its own name: a row names it by another, and a report by its own.
    same(normalize(batch_of(rows), accounts), provider, found)
    lines = [{"provider": name, "line": write_line(sample_line(sample))} for sample in found]
    same(normalize(batch_of(lines)), provider, found)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_batch_of_all_is_each_of_them_alone(name):
    found = samples(name)
    rows = [split(sample) for sample in found if sample.account is None]
    together = normalize(batch_of(rows), provider=name).to_pylist()
    alone = [
        {**row, "input": index}
        for index, each in enumerate(rows)
        for row in normalize(batch_of([each]), provider=name).to_pylist()
    ]
    assert together == alone


OMNI = "messente-omnichannel"
TEXTS = st.sampled_from(
    [None, "", " ", "a", " a ", "\x1ca\x85", "+12025550123", "é", "\u3000ß", 7, 1.5, True, ["x"], {"y": 1}]
)
TIMES = st.sampled_from(
    [
        "2020-02-04T08:09:42.389630",
        "2020-02-04T08:09:42.000000",
        "0001-01-01T00:00:00.000000",
        "0000-01-01T00:00:00.000000",
        "9999-12-31T23:59:59.999999",
        "2020-02-04 08:09:42.389630",
        "2020-02-04x08:09:42.389630",
        "2020-02-30T08:09:42.389630",
        "2020-02-04T24:00:00.000000",
        "2020-02-04T08:09:60.389630",
        "2020-02-04T08:09:42.38963Z",
        "2020-02-04T08:09:42.38963 ",
        "2020-02-04T08:09:42.3+0200",
        "2020-02-04T08:09:42+02:00",
        "2020-02-04T08:09:42",
        "2020-02-04",
        "",
        None,
        5,
    ]
) | st.text("0123456789-T:.Z +", min_size=26, max_size=26)
PRICES = st.sampled_from(["0.1", "0.10", " 1 ", "", None, "NaN", "1e99", "-3", "x", 2, "9999999999999999999", "1e-18"])
CODES = st.sampled_from(
    ["DELIVRD", "delivrd ", "UNDELIV", "FAILED", "ACK", "SEEN", "", None, "new", 1, 2**70, True, [1]]
)
ERRS = st.sampled_from([0, 1, 3, 10, "3", "003", "999", "", None, 12345, 2**70, 1.5, "x" * 90])


@st.composite
def callbacks(draw) -> bytes:
    """Bodies of an Omnichannel callback, sound or not."""
    fields = {
        "message_id": draw(TEXTS),
        "omnimessage_id": draw(TEXTS),
        "status": draw(CODES),
        "err": draw(ERRS),
        "error": draw(TEXTS),
        "timestamp": draw(TIMES),
        "to": draw(TEXTS),
        "sender": draw(TEXTS),
        "channel": draw(TEXTS | st.sampled_from(["sms", " SMS", "viber"])),
        "price_info": draw(
            st.none()
            | st.fixed_dictionaries(
                {"part_price": PRICES, "total_price": PRICES, "parts_count": st.sampled_from([1, 0, None, -1, 2**40])}
            )
        ),
    }
    dropped = draw(st.sets(st.sampled_from([*fields])))
    fields = {"message_id": "m-1", **{name: value for name, value in fields.items() if name not in dropped}}
    if draw(st.booleans()):
        fields["unheard_of"] = draw(TEXTS)
    return json.dumps(fields).encode()[: draw(st.sampled_from([None, None, None, -1]))]


ACCOUNTS = [
    None,
    Account("plain"),
    Account("zoned", zone="Europe/Tallinn"),
    Account("single", settings={"fallback": False}),
    Account("small", max_body=200),
]


@settings(max_examples=150, deadline=None)
@given(st.lists(callbacks(), min_size=1, max_size=8), st.sampled_from(ACCOUNTS))
def test_whatever_stands_beside_it_a_row_comes_out_as_read_has_it(bodies, account):
    provider = PROVIDERS[OMNI]
    given_samples = [Sample(Request("POST", "/", (), body), None, account, AT) for body in bodies]
    columns: dict[str, object] = {"body": bodies, "received_at": pa.array([AT] * len(bodies))}
    if account is not None:
        columns["account"] = ["it"] * len(bodies)
    same(normalize(pa.record_batch(columns), {"it": account}, provider=OMNI), provider, given_samples)


QUERIES = st.sampled_from(
    ["stat=DELIVRD", "stat=new", "err=004", "err=", "stat=DELIVRD&stat=x", "dlr-mask=2", "a=%41", "sms_unique_id=+"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(QUERIES, max_size=4), min_size=1, max_size=6))
def test_queries_come_out_as_read_has_them(queries):
    targets = ["/dlr?" + "&".join(["sms_unique_id=m-1", *query]) for query in queries]
    found = [Sample(Request("GET", target)) for target in targets]
    same(
        normalize(pa.record_batch({"target": targets}), provider="messente-legacy"), PROVIDERS["messente-legacy"], found
    )


def test_each_row_says_for_itself_whose_and_what_it_is():
    omni, legacy = b'{"message_id": "1", "status": "SEEN"}', "/dlr?sms_unique_id=2&stat=DELIVRD"
    rows = [
        {"provider": OMNI, "body": omni},
        {"provider": "messente-legacy", "target": legacy},
        {"provider": "nobody", "body": omni},
        {"provider": OMNI, "body": omni, "account": "missing"},
        {"provider": OMNI, "body": omni, "account": "named"},
        {"body": omni},
        {"provider": OMNI, "kind": "fax", "body": omni},
        {"provider": OMNI},
        {"provider": OMNI, "method": "PUT", "body": omni},
        {"provider": OMNI, "line": b'{"kind": "request"}'},
        {"provider": "smpp", "kind": "deliver_sm", "short_message": b"x"},
        {"provider": OMNI, "body": b"x" * (2 << 20)},
        {"provider": "messente-legacy", "account": "named", "target": legacy},
    ]
    result = normalize(batch_of(rows), {"named": Account("mine")}).to_pylist()
    assert [(row["input"], row["status"], row["account"], row["error"]) for row in result] == [
        (0, "read", None, None),
        (1, "delivered", None, None),
        (2, None, None, ErrorKind.UNKNOWN_PROVIDER),
        (3, None, "missing", ErrorKind.ACCOUNT),
        (4, "read", "mine", None),
        (5, None, None, ErrorKind.NO_INPUT),
        (6, None, None, ErrorKind.NO_INPUT),
        (7, None, None, ErrorKind.NO_INPUT),
        (8, None, None, ErrorKind.WRONG_METHOD),
        (9, None, None, ErrorKind.NO_INPUT),
        (10, None, None, ErrorKind.NO_INPUT),
        (11, None, None, ErrorKind.TOO_LARGE),
        (12, "delivered", "mine", None),
    ]


def test_an_account_that_does_not_fit_costs_its_own_rows_and_shows_no_secret():
    account = Account("a", secrets=["hush"], settings={"no_such": "hush"})
    batch = pa.record_batch({"body": [b"{}", b'{"message_id": "1", "status": "SEEN"}'], "account": ["bad", None]})
    first, second = normalize(batch, {"bad": account}, provider=OMNI).to_pylist()
    assert first["error"] == ErrorKind.ACCOUNT
    assert "hush" not in first["error_message"]
    assert second["status"] == "read"


def test_columns_of_a_type_that_cannot_be_meant_are_refused_at_once():
    for columns, words in [
        ({"provider": ["x"]}, "columns: expected one that holds the inputs"),
        ({"body": [1]}, "body: expected binary"),
        ({"target": [b"/"]}, "target: expected texts, got binary"),
        ({"body": [b""], "received_at": [datetime(2024, 1, 1)]}, "received_at: expected times with their zone"),
    ]:
        with pytest.raises(ValueError, match=words):
            normalize(pa.record_batch(columns), provider=OMNI)
    with pytest.raises(TypeError, match=r"expected a pyarrow\.RecordBatch, got Table"):
        normalize(pa.table({"body": [b""]}))


def test_columns_may_be_spelt_as_other_tools_spell_them():
    plain = normalize(pa.record_batch({"body": [b'{"message_id": "1", "status": "SEEN"}'] * 2}), provider=OMNI)
    body = pa.array(['{"message_id": "1", "status": "SEEN"}'] * 2)
    headers = pa.array([[{"name": "A", "value": "b"}], None])
    for spelt in (body, body.cast(pa.large_string()), body.dictionary_encode(), body.cast(pa.large_binary())):
        batch = pa.record_batch(
            {"body": spelt, "provider": pa.array([OMNI] * 2).dictionary_encode(), "headers": headers}
        )
        assert normalize(batch).equals(plain)
    assert (
        normalize(pa.record_batch({"body": body}).slice(1), provider=OMNI).to_pylist() == plain.slice(0, 1).to_pylist()
    )


def test_no_rows_give_no_rows():
    assert normalize(pa.record_batch({"body": pa.array([], pa.binary())})).schema.equals(REPORTS)


def test_keys_can_be_left_out_and_nothing_else_changes():
    batch = pa.record_batch(
        {"body": [b'{"message_id": "1", "status": "SEEN"}', b"{}", b'{"id": 1, "message_id": "1"}']}
    )
    with_keys, without = (normalize(batch, provider=OMNI, keys=keys).to_pylist() for keys in (True, False))
    assert [{**row, "key": None} for row in with_keys] == without


def test_a_normalizer_serves_many_batches_and_accounts():
    normalizer = Normalizer({"a": Account("a"), "b": Account("b", zone="+02:00")}, provider=OMNI)
    body = b'{"message_id": "1", "status": "SEEN", "timestamp": "2020-02-04T08:09:42.389630"}'
    for name, hour in [("a", 8), ("b", 6), ("a", 8)]:
        (row,) = normalizer(pa.record_batch({"body": [body], "account": [name]})).to_pylist()
        assert (row["account"], row["occurred_at"].hour) == (name, hour)


def test_the_published_columns_are_those_of_a_report_and_in_its_order():
    names = [column.name for column in COLUMNS]
    place = names.index("provider")
    derived = ["outcome", "resend", "key"]
    assert set(names[place : place + len(STORED)]) == set(STORED)
    assert names[place + len(STORED) : place + len(STORED) + 3] == derived
    assert len(set(names)) == len(names)
    assert [field.name for field in REPORTS] == names


def test_amounts_keep_every_digit_that_money_can_have():
    for text in ["9999999999999999999", "1e-18", "-0.000000000000000001", "1234567890123456789.123456789012"]:
        body = json.dumps({"message_id": "1", "status": "SEEN", "price_info": {"total_price": text}}).encode()
        (row,) = normalize(pa.record_batch({"body": [body]}), provider=OMNI).to_pylist()
        assert row["total_price"] == Decimal(text)


def test_a_text_that_no_column_holds_is_written_as_its_escape_and_keeps_its_key():
    asked = pa.array([b"m-\xff", b"m-1"]).view(pa.string())
    batch = pa.record_batch({"kind": ["response"] * 2, "body": [b"OK DELIVERED"] * 2, "asked": asked})
    first, second = normalize(batch, provider="messente-legacy").to_pylist()
    assert first["message_id"] == r"m-\xff"
    assert second["message_id"] == "m-1"
    answer = Response(200, (), b"OK DELIVERED")
    (report,) = PROVIDERS["messente-legacy"].read(answer, asked="m-\udcff").reports
    assert first["key"] == report.key


def test_a_report_that_no_column_holds_costs_no_other(monkeypatch):
    provider = PROVIDERS["messente-legacy"]
    read = type(provider).read

    def careless(self, *args, **named):
        receipt = read(self, *args, **named)
        parts = 1 << 40 if receipt.reports[0].message_id == "2" else 1
        reports = tuple(msgspec.structs.replace(each, parts=parts) for each in receipt.reports)
        return msgspec.structs.replace(receipt, reports=reports)

    monkeypatch.setattr(type(provider), "read", careless)
    batch = pa.record_batch({"kind": ["response"] * 5, "body": [b"OK DELIVERED"] * 5, "asked": list("12345")})
    rows = normalize(batch, provider="messente-legacy").to_pylist()
    assert [(row["message_id"], row["error"]) for row in rows] == [
        ("1", None),
        (None, "plugin"),
        *((each, None) for each in "345"),
    ]


def test_a_line_that_holds_a_file_is_no_input():
    with pytest.raises(SampleError, match="found a file"):
        read_line(b'{"kind": "file", "name": "a.http", "raw": "x"}', AccountMemory())

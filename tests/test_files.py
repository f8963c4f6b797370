"""Files that hold inputs: what is written is read back, and nothing but `SampleError` comes out."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivrd import (
    SUFFIXES,
    Account,
    Cause,
    DeliverSm,
    DelivrdError,
    Mail,
    Meanings,
    Request,
    Response,
    Row,
    Sample,
    SampleError,
    Status,
    Unreadable,
    read_samples,
    write_sample,
)
from delivrd.files import AccountMemory, read_account, read_each, sample_line
from delivrd.pdu import read_pdu, write_pdu
from delivrd.samplelines import file_line, write_line

SECRET = "s3cr3t-of-the-gateway"

words = st.text(st.characters(codec="utf-8"), max_size=20)
headers = st.lists(
    st.tuples(st.sampled_from(["Host", "Content-Type", "Content-Length", "Transfer-Encoding", ""]) | words, words),
    max_size=4,
).map(tuple)
bodies = st.binary(max_size=60) | st.sampled_from([b"", b"#", b"# source: x\n", b"\n\n", b"\xef\xbb\xbf{}"])
tlvs = st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=9), max_size=3)
octet = st.integers(0, 255)
inputs = (
    st.builds(Request, st.sampled_from(["GET", "POST", "#"]) | words, words, headers, bodies, st.none() | words)
    | st.builds(Response, st.sampled_from([200, 404]) | st.integers(-1, 10**6), headers, bodies)
    | st.builds(Mail, bodies | st.binary(max_size=40).map(lambda raw: b"Subject: x\r\n\r\n" + raw))
    | st.builds(DeliverSm, octet, words, words, st.binary(max_size=300), tlvs, octet)
)
accounts = st.builds(
    Account,
    name=words,
    secrets=st.lists(words.filter(bool), max_size=2).map(tuple),
    zone=st.sampled_from([None, "Europe/Tallinn", "+02:00", UTC, ZoneInfo("Europe/London")]),
    addresses=st.sampled_from([(), ("192.0.2.0/24", "dlr@example.org")]),
    settings=st.none() | st.dictionaries(words, words | st.booleans(), max_size=2),
    meanings=st.sampled_from(
        [(), (Meanings("err", (Row("9", Status.FAILED, True, cause=Cause.BARRED, meaning="x"),)),)]
    ),
)
times = st.datetimes(timezones=st.sampled_from([UTC, ZoneInfo("Asia/Kolkata")]))
samples = st.builds(Sample, inputs, st.none() | words, st.none() | accounts, st.none() | times, st.none() | words)


@given(samples)
@settings(deadline=None)
def test_what_is_written_is_read_back_whatever_the_input(sample: Sample) -> None:
    suffix, content = write_sample(sample)
    (back,) = read_samples("case" + suffix, content)
    assert suffix in SUFFIXES
    assert back.input == sample.input
    assert (back.asked, back.source) == (sample.asked, sample.source)
    # Python never calls a time that its zone has twice equal to one of another zone.
    assert [at and at.astimezone(UTC) for at in (back.received_at,)] == [
        at and at.astimezone(UTC) for at in (sample.received_at,)
    ]
    # Two accounts are the same only if they are one object: what they hold is compared.
    assert sample_line(back) == sample_line(sample)


@given(st.sampled_from([*SUFFIXES, ".txt"]), st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_raise_nothing_but_a_sample_error(suffix: str, data: bytes) -> None:
    for _, found in read_each("case" + suffix, data):
        assert isinstance(found, Sample | SampleError)


@given(st.sampled_from(["# account: ", "", '{"kind":"request","account":']), st.data())
@settings(deadline=None)
def test_any_json_raises_nothing_but_a_sample_error(before: str, data: st.DataObject) -> None:
    plain = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*Account.__struct_fields__, "kind", "headers", "tlvs"]), inner, max_size=4
            )
        ),
        max_leaves=8,
    )
    text = before + json.dumps(data.draw(plain)) + ("}" if before.startswith("{") else "")
    for _, found in read_each("case.jsonl", text.encode() + b"\n{}"):
        assert isinstance(found, Sample | SampleError)


@given(st.sampled_from(["request", "response", "mail", "deliver_sm", "file"]), st.integers(0), st.data())
@settings(deadline=None)
def test_a_retyped_field_of_a_line_is_named_and_never_shown(kind: str, place: int, data: st.DataObject) -> None:
    lines: dict[str, dict[str, Any]] = {
        "request": {"method": "GET", "target": "/", "headers": [["A", "b"]], "body": "x", "client": "192.0.2.1"},
        "response": {"status": 200, "headers": {"A": "b"}, "body_base64": "eA=="},
        "mail": {"raw": "x"},
        "deliver_sm": {"esm_class": 4, "source_addr": "1", "destination_addr": "2", "tlvs": {"0x1e": "31"}},
        "file": {"name": "x.http", "raw": "GET / HTTP/1.1\n\n"},
    }
    document = lines[kind]
    field = sorted(document)[place % len(document)]
    document[field] = data.draw(st.sampled_from([17.5, [SECRET], {"x": [SECRET]}, {SECRET: 1}, True]))
    with pytest.raises(SampleError, match=f"case.jsonl: line 1: .*{field}") as caught:
        read_samples("case.jsonl", json.dumps({"kind": kind, **document}).encode())
    assert SECRET not in str(caught.value)


REQUEST = Request("POST", "/dlr?x=1", (("Host", "gateway.example"), ("Content-Length", "5")), b"a=1&b")


@pytest.mark.parametrize(
    "data",
    [
        b"POST /dlr?x=1 HTTP/1.1\r\nHost: gateway.example\r\nContent-Length: 5\r\n\r\na=1&b",
        b"POST /dlr?x=1 HTTP/1.1\nHost:gateway.example\nContent-Length: 5\n\na=1&b\n",
        b"# a comment\r\n#\n\r\nPOST /dlr?x=1 HTTP/1.0\nHost:\tgateway.example \nContent-Length: 5\n\na=1&b\r\n \n",
        b"\xef\xbb\xbfPOST /dlr?x=1 HTTP/1.1\nHost: gateway.example\nContent-Length: 5\n\na=1&b",
    ],
)
def test_a_request_is_read_with_either_line_end(data: bytes) -> None:
    assert read_samples("case.HTTP", data) == [Sample(REQUEST)]


@pytest.mark.parametrize("body", [b"", b"\n", b"a\r\n\r\nb\n", b"\xff\x00"])
def test_a_body_without_a_length_is_the_rest_exactly(body: bytes) -> None:
    (sample,) = read_samples("case.http", b"POST /dlr HTTP/1.1\nHost: gateway.example\n\n" + body)
    assert sample.input == Request("POST", "/dlr", (("Host", "gateway.example"),), body)


def test_a_head_may_end_with_the_file() -> None:
    (sample,) = read_samples("case.http", b"GET /dlr?a=1 HTTP/1.1\nHost: gateway.example")
    assert sample.input == Request("GET", "/dlr?a=1", (("Host", "gateway.example"),))


def test_a_status_line_makes_a_response() -> None:
    (sample,) = read_samples("case.http", b"# asked: 17\nHTTP/1.1 404 Not Found\nA: b: c\n\n{}")
    assert sample == Sample(Response(404, (("A", "b: c"),), b"{}"), asked="17")


@pytest.mark.parametrize(
    "chunks",
    [
        b"4\r\na=1&\r\n1\r\nb\r\n0\r\n\r\n",
        b"4;x=y\na=1&\n01\nb\n0\nTrailer: x\n\n\n",
        b"5\r\na=1&b\r\n0",
    ],
)
def test_chunks_are_undone(chunks: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\nContent-Length: 99\r\n\r\n"
    (sample,) = read_samples("case.http", head + chunks)
    assert isinstance(sample.input, Request)
    assert sample.input.body == b"a=1&b"


@pytest.mark.parametrize("body", [b"", b"a=1&b", b"\r\n0\r\n\r\n"])
def test_a_body_that_came_in_chunks_is_written_in_chunks(body: bytes) -> None:
    sample = Sample(Request("POST", "/", (("Transfer-Encoding", "chunked"),), body))
    suffix, content = write_sample(sample)
    assert (suffix, read_samples("case.http", content)) == (".http", [sample])


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip, chunked", gzip.compress(b"a=1&b=2")),
        ("GZIP ,\tChunked", gzip.compress(b"a=1&b=2")),
        ("x-gzip, chunked", gzip.compress(b"a=1&b=2")),
        ("deflate, chunked", zlib.compress(b"a=1&b=2")),
        ("identity, chunked", b"a=1&b=2"),
    ],
)
def test_a_body_that_was_packed_and_came_in_chunks_is_what_its_sender_made(coding: str, packed: bytes) -> None:
    chunks = b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (packed[:5], len(packed) - 5, packed[5:])
    head = f"POST / HTTP/1.1\r\nTransfer-Encoding: {coding}\r\n\r\n".encode()
    (sample,) = read_samples("case.http", head + chunks)
    assert isinstance(sample.input, Request)
    assert sample.input.body == b"a=1&b=2"
    suffix, content = write_sample(sample)
    assert read_samples("case" + suffix, content) == [sample]


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"a=1"),
        ("gzip", gzip.compress(b"a=1")[:-1]),
        ("gzip", gzip.compress(b"a=1") + b"more"),
        ("gzip", gzip.compress(b"\0" * (1 << 24) + b"\0")),
        ("br", b"a=1"),
        ("gzip, gzip, gzip", gzip.compress(gzip.compress(gzip.compress(b"a=1")))),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_refused(coding: str, body: bytes) -> None:
    with pytest.raises(SampleError, match="Transfer-Encoding"):
        read_samples("case.http", f"POST / HTTP/1.1\r\nTransfer-Encoding: {coding}\r\n\r\n".encode() + body)


@pytest.mark.parametrize("chunks", [b"", b"x\r\n", b"-1\r\n", b"5\r\na=1", b"1\r\nab\r\n0\r\n\r\n", b"0\r\n\r\nmore"])
def test_broken_chunks_are_refused(chunks: bytes) -> None:
    with pytest.raises(SampleError, match="in a chunk"):
        read_samples("case.http", b"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n" + chunks)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "line 1: expected a request line"),
        (b"# source: x\n\nGET /?secret=%s\n\n" % SECRET.encode(), "line 3: expected a request line"),
        (b"GET / HTTP/1.1\nHost: x\n%s\n\n" % SECRET.encode(), "line 3: expected a header"),
        (b"GET / HTTP/1.1\n folded: %s\n\n" % SECRET.encode(), "line 2: expected a header"),
        (b"GET / HTTP/1.1\n: %s\n\n" % SECRET.encode(), "line 2: expected a header"),
        (b"POST / HTTP/1.1\nContent-Length: 6\n\na=1&b", "line 4: expected a body of 6 bytes.* got 5"),
        (b"POST / HTTP/1.1\nContent-Length: 4\n\na=1&b", "line 4: expected nothing after the 4 bytes"),
        (b"POST / HTTP/1.1\nContent-Length: -1\n\n", "Content-Length: expected one whole number"),
        (b"POST / HTTP/1.1\nContent-Length: 1\nContent-Length: 2\n\nab", "Content-Length: expected one whole"),
        (b"# source: a\n# source: b\nGET / HTTP/1.1\n\n", "line 2: '# source:' is there twice"),
        (b"# received_at: 2024-01-31T12:00:00\nGET / HTTP/1.1\n\n", "received_at: expected a time with its zone"),
        (b"# received_at: yesterday\nGET / HTTP/1.1\n\n", "received_at: expected a time with its zone"),
    ],
)
def test_a_message_that_is_none_is_refused_by_its_line_and_not_shown(data: bytes, said: str) -> None:
    with pytest.raises(SampleError, match=said) as caught:
        read_samples("case.http", data)
    assert SECRET not in str(caught.value)
    assert str(caught.value).startswith("case.http: ")


def test_comments_say_what_stands_beside_the_input() -> None:
    account = json.dumps({"secrets": [SECRET], "zone": "+02:00"})
    said = f"# a note\n# source: the vendor's page\n#asked:17\n# account: {account}\n"
    said += "# received_at: 2024-01-31T12:00:00+02:00\n# client: 192.0.2.1\n#\n"
    (sample,) = read_samples("case.http", said.encode() + b"GET / HTTP/1.1\n\n")
    assert sample.input == Request("GET", "/", (), b"", "192.0.2.1")
    assert (sample.source, sample.asked) == ("the vendor's page", "17")
    assert sample.received_at == datetime(2024, 1, 31, 10, tzinfo=UTC)
    assert sample.account is not None
    assert sample.account.secrets == (SECRET,)


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (f'"{SECRET}"', "account: expected a JSON object"),
        (f"{{{SECRET}", "account: expected a JSON object"),
        (f'{{"secrets": "{SECRET}"}}', r"account, secrets: Expected `array`"),
        (f'{{"secrets": [["{SECRET}"]]}}', r"account, secrets\[0\]: Expected `str`"),
        (f'{{"{SECRET}": 1}}', "account, unknown field; expected: name, secrets"),
        (f'{{"zone": "{SECRET}"}}', "account, zone: expected a name such as"),
        ('{"zone": 2}', "account, zone: Expected `str | null`"),
        (f'{{"addresses": ["{SECRET}"]}}', r"account, addresses\[0\]: expected an IP network"),
        ('{"secrets": [""]}', r"account, secrets\[0\]: expected a text that is not blank"),
        (f'{{"meanings": [{{"field": "x", "rows": [{{"code": "1", "status": "{SECRET}"}}]}}]}}', "account, meanings"),
    ],
)
def test_an_account_that_does_not_fit_is_refused_by_its_field_and_not_shown(account: str, said: str) -> None:
    for name, data in (
        ("case.http", f"# account: {account}\nGET / HTTP/1.1\n\n"),
        ("case.jsonl", f'# account: {account}\n{{"kind":"mail","raw":"x"}}'),
    ):
        with pytest.raises(SampleError, match=said) as caught:
            read_samples(name, data.encode())
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None
    with pytest.raises(SampleError, match=said.removeprefix("account: ")) as caught:
        read_account("account.json", account.encode())
    assert SECRET not in str(caught.value)


def test_an_account_file_is_an_account() -> None:
    account = read_account("account.json", b'\xef\xbb\xbf{"name": "main", "settings": {"fallback": false}}')
    assert (account.name, account.settings) == ("main", {"fallback": False})


def test_a_mail_is_kept_to_the_byte() -> None:
    raw = b"\xef\xbb\xbfSubject: \xff\r\n\n\nbody\r\r\n\n"
    assert read_samples("case.eml", b"# source: x\n" + raw) == [Sample(Mail(raw), source="x")]


def test_a_mail_that_begins_like_a_comment_is_written_as_a_line() -> None:
    suffix, content = write_sample(Sample(Mail(b"# source: mine\nSubject: x\n\n"), source="a page"))
    assert suffix == ".jsonl"
    assert read_samples("case.jsonl", content) == [Sample(Mail(b"# source: mine\nSubject: x\n\n"), source="a page")]


DELIVER = DeliverSm(4, "447700900001", "447700900002", b"id:1 stat:DELIVRD", {0x001E: b"1\0", 0x0427: b"\2"}, 3)


def test_a_pdu_is_read_with_white_space_in_its_hex() -> None:
    digits = write_pdu(DELIVER).hex(" ", 4).replace(" ", "\n", 3)
    assert read_samples("case.hex", f"# source: x\n{digits.upper()}\n\t".encode()) == [Sample(DELIVER, source="x")]


def test_data_sm_is_read() -> None:
    body = b"CMT\0" + b"\x01\x01" + b"447700900001\0" + b"\0\0shop\0" + b"\x04\x01\x08" + b"\x04\x24\x00\x02hi"
    pdu = (16 + len(body)).to_bytes(4) + (0x103).to_bytes(4) + bytes(8) + body
    assert read_pdu(pdu) == DeliverSm(4, "+447700900001", "shop", b"", {0x0424: b"hi"}, 8)


def test_every_shorter_pdu_is_refused_by_the_field_that_is_cut_but_for_its_optional_parameters() -> None:
    whole = write_pdu(DELIVER)
    tlvs_begin = len(whole) - len(b"\0\x1e\0\x021\0") - len(b"\x04\x27\0\1\2")
    for size in range(len(whole)):
        cut = size.to_bytes(4) + whole[4:size]
        if size >= tlvs_begin:
            kept = read_pdu(cut)
            assert kept.short_message == DELIVER.short_message
            assert kept.tlvs == ({0x001E: b"1\0"} if size >= tlvs_begin + 6 else {})
            assert write_pdu(kept) == cut
            continue
        with pytest.raises(Unreadable) as caught:
            read_pdu(cut[:size])
        assert caught.value.field is not None
        with pytest.raises(SampleError):
            read_samples("case.hex", cut[:size].hex().encode())


@pytest.mark.parametrize(
    ("pdu", "field"),
    [
        (write_pdu(DELIVER) + b"\0", "command_length"),
        (write_pdu(DELIVER)[:4] + b"\0\0\0\x04" + write_pdu(DELIVER)[8:], "command_id"),
    ],
)
def test_a_pdu_that_is_none_of_these_is_refused(pdu: bytes, field: str) -> None:
    with pytest.raises(Unreadable, match=f"^{field}: expected") as caught:
        read_pdu(pdu)
    assert caught.value.field == field


def test_the_first_of_a_repeated_parameter_counts() -> None:
    longer = write_pdu(DELIVER) + b"\x04\x27\0\1\5"
    assert read_pdu(len(longer).to_bytes(4) + longer[4:]) == DELIVER


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": "a\0b"}, "source_addr"),
        ({"destination": "\u0161"}, "latin-1"),
        ({"esm_class": 256}, "byte"),
        ({"short_message": bytes(256)}, "byte"),
        ({"tlvs": {0x10000: b""}}, "tlvs"),
        ({"tlvs": {1: bytes(0x10000)}}, "tlvs"),
    ],
)
def test_what_no_pdu_holds_is_written_as_a_line(change: dict[str, Any], said: str) -> None:
    message = msgspec.structs.replace(DELIVER, **change)
    with pytest.raises(ValueError, match=said):
        write_pdu(message)
    suffix, content = write_sample(Sample(message))
    assert suffix == ".jsonl"
    assert read_samples("case.jsonl", content) == [Sample(message)]


def test_hex_that_is_none_is_refused_by_its_line() -> None:
    with pytest.raises(SampleError, match=r"case\.hex: line 2: expected a PDU in hexadecimal"):
        read_samples("case.hex", b"# source: x\n0x00 00\n")


def test_a_bad_line_never_loses_the_others() -> None:
    lines = [
        b"# source: a page",
        b'{"kind":"request","method":"GET","target":"/?a=1"}',
        b"",
        b'{"kind":"request","method":"GET"}',
        b"nonsense",
        b'{"kind":"call"}',
        b'{"kind":"mail","raw":"x","raw_base64":"eA=="}',
        b'{"kind":"mail","raw_base64":"%"}',
        b'{"kind":"mail","raw":"x","colour":"red"}',
        b'{"kind":"deliver_sm","esm_class":4,"source_addr":"1","destination_addr":"2","tlvs":{"x":"31"}}',
        b'{"kind":"response","status":200,"source":"another"}\r',
        b"[" * 100_000,
    ]
    found = [sample for _, sample in read_each("case.jsonl", b"\n".join(lines))]
    assert [sample.source for sample in found if isinstance(sample, Sample)] == ["a page", "another"]
    assert [str(error) for error in found if isinstance(error, SampleError)] == [
        "case.jsonl: line 4: Object missing required field `target`",
        "case.jsonl: line 5: expected a JSON object",
        "case.jsonl: line 6: kind: expected one of request, response, mail, deliver_sm, file",
        "case.jsonl: line 7: raw: expected either raw or raw_base64, got both",
        "case.jsonl: line 8: raw_base64: expected base64",
        "case.jsonl: line 9: no field colour; expected: asked, account, received_at, source, reason, raw, raw_base64",
        "case.jsonl: line 10: tlvs: expected tags such as '0x001e' with values in hexadecimal",
        "case.jsonl: line 12: expected a JSON object",
    ]


def test_a_bad_comment_costs_only_the_lines_that_need_it() -> None:
    lines = [
        b"# source: one",
        b"# received_at: yesterday",
        b"# source: two",
        b"# asked: 7",
        b"# asked: 7",
        b'{"kind":"mail","raw":"x","source":"mine","received_at":"2024-01-31T12:00:00+00:00"}',
        b'{"kind":"mail","raw":"x","received_at":"2024-01-31T12:00:00+00:00"}',
        b'{"kind":"mail","raw":"x","source":"mine"}',
    ]
    found = list(read_each("case.jsonl", b"\n".join(lines)))
    assert [number for number, _ in found] == [6, 7, 8]
    first, *errors = [each for _, each in found]
    assert isinstance(first, Sample)
    assert (first.source, first.asked) == ("mine", "7")
    assert [str(error) for error in errors] == [
        "case.jsonl: line 7: line 3: '# source:' is there twice with different values; keep one",
        "case.jsonl: line 8: received_at: expected a time with its zone, such as 2024-01-31T12:00:00+00:00",
    ]
    assert [error.content for error in errors if isinstance(error, SampleError)] == lines[6:]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_that_utc_does_not_have_is_none(time: str) -> None:
    line = f'{{"kind":"mail","raw":"x","received_at":"{time}"}}'.encode()
    ((_, found),) = read_each("case.jsonl", line)
    assert isinstance(found, SampleError)


def test_what_a_line_says_outranks_the_comments_of_its_file() -> None:
    said = b'# source: a\n# asked: 1\n# account: {"name": "x"}\n# received_at: 2024-01-31T12:00:00Z\n'
    line = (
        b'{"kind":"mail","raw":"x","source":"b","asked":"2","account":{"name":"y"},"received_at":"2024-02-01T00:00Z"}'
    )
    (sample,) = read_samples("case.jsonl", said + line)
    assert (sample.source, sample.asked, sample.received_at) == ("b", "2", datetime(2024, 2, 1, tzinfo=UTC))
    assert sample.account is not None
    assert sample.account.name == "y"


def test_a_lone_surrogate_stays_what_it_is() -> None:
    sample = Sample(Request("GET", "/\udcff", (("A", "\ud800"),)))
    suffix, content = write_sample(sample)
    assert (suffix, read_samples("case.jsonl", content)) == (".jsonl", [sample])


def test_a_mapping_of_headers_comes_back_as_pairs() -> None:
    suffix, content = write_sample(Sample(Request("GET", "/", {"Host": "gateway.example"})))
    assert suffix == ".http"
    assert read_samples("case.http", content) == [Sample(Request("GET", "/", (("Host", "gateway.example"),)))]


def test_a_naive_time_is_not_written() -> None:
    with pytest.raises(SampleError, match="a naive time"):
        write_sample(Sample(Mail(b"x"), received_at=datetime(2024, 1, 31)))


def test_settings_of_a_struct_are_written_as_plain_values() -> None:
    class Own(msgspec.Struct):
        fallback: bool = False

    _, content = write_sample(Sample(Mail(b"x"), account=Account(settings=Own())))
    (back,) = read_samples("case.eml", content)
    assert back.account is not None
    assert back.account.settings == {"fallback": False}


def test_a_file_that_could_not_be_read_is_kept_and_tried_again() -> None:
    kept = write_line(file_line("push.http", b"GET /?a=1 HTTP/1.1\n\n", "it was not read"))
    assert read_samples("errors.jsonl", kept) == [Sample(Request("GET", "/?a=1"))]
    worse = write_line(file_line("push.http", b"GET\xff\n", "it was not read"))
    ((_, error),) = read_each("errors.jsonl", kept.replace(b"GET", b""))
    assert isinstance(error, SampleError)
    assert (error.name, str(error).startswith("errors.jsonl: line 1: push.http: line 1: ")) == ("push.http", True)
    ((_, error),) = read_each("errors.jsonl", worse)
    assert isinstance(error, SampleError)
    assert error.content == b"GET\xff\n"


def test_a_file_in_a_file_in_a_file_is_refused() -> None:
    inner = write_line(file_line("x.jsonl", write_line(file_line("y.eml", b"x", "no")), "no"))
    with pytest.raises(SampleError, match="expected no file in a file"):
        read_samples("errors.jsonl", inner)


def test_a_name_that_says_nothing_is_refused_with_those_that_do() -> None:
    with pytest.raises(SampleError, match=r"case\.txt: expected a name that ends with \.http, \.eml, \.hex, \.jsonl"):
        read_samples("case.txt", b"")


def test_an_empty_file_of_lines_holds_nothing() -> None:
    assert read_samples("case.jsonl", b"\n# not a leading comment\n".split(b"#")[0]) == []


def test_a_sample_error_is_of_the_family() -> None:
    assert issubclass(SampleError, DelivrdError)


def test_accounts_of_lines_are_one_object_each_and_the_oldest_make_room():
    accounts = AccountMemory()
    first = accounts.account({"name": "0"})
    assert accounts.account({"name": "0"}) is first
    for number in range(1, 300):
        last = accounts.account({"name": str(number)})
    assert accounts.account({"name": "299"}) is last
    assert accounts.account({"name": "100"}) is accounts.account({"name": "100"})
    assert accounts.account({"name": "0"}) is not first

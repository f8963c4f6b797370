"""Backlogs: many inputs in a row, and logs of any length."""

from __future__ import annotations

import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd import Account, AccountError, InputError, Receipt, Registry, Request, Sample, SampleError, read_each
from delivrd.files import read_lines, sample_line
from delivrd.samplelines import write_line

PROVIDERS = Registry.installed()
LEGACY = PROVIDERS["messente-legacy"]
TARGETS = ["/dlr?sms_unique_id=m-1&stat=DELIVRD", "/dlr?sms_unique_id=m-2", "/dlr", "/dlr?sms_unique_id=m-3&stat=new"]


def alone(request: Request, account: Account | None = None) -> object:
    try:
        return LEGACY.read(request, account)
    except InputError as error:
        return type(error), str(error), error.field, error.reply


@given(st.lists(st.tuples(st.sampled_from(["GET", "POST"]), st.sampled_from(TARGETS)), max_size=6))
def test_many_come_out_as_each_does_alone_in_order(sent):
    requests = [Request(method, target) for method, target in sent]
    found = [
        each if isinstance(each, Receipt) else (type(each), str(each), each.field, each.reply)
        for each in LEGACY.read_many(requests)
    ]
    assert found == [alone(each) for each in requests]


def test_many_are_read_as_they_are_asked_for():
    taken = []

    def requests():
        for target in TARGETS:
            taken.append(target)
            yield Request("GET", target)

    many = LEGACY.read_many(requests())
    assert taken == []
    assert isinstance(next(many), Receipt)
    assert len(taken) == 1


def test_an_error_that_is_handed_out_keeps_nothing_of_its_reading_alive():
    (error,) = PROVIDERS["teli"].read_many([Request("POST", "/", (), b"{not json")])
    assert isinstance(error, InputError)
    assert error.__traceback__ is None
    assert error.__context__ is None
    assert error.__cause__ is None


def test_what_is_wrong_with_the_call_is_raised_at_once_and_what_is_no_input_in_its_turn():
    with pytest.raises(AccountError):
        LEGACY.read_many([], Account(settings={"no": 1}))
    many = LEGACY.read_many([Request("GET", TARGETS[0]), "nothing"])
    assert isinstance(next(many), Receipt)
    with pytest.raises(TypeError, match="expected one of Request"):
        next(many)


LINES = st.sampled_from(
    [
        b'{"kind": "request", "method": "GET", "target": "/dlr?sms_unique_id=1"}',
        b'{"kind": "mail", "raw": "a: b", "account": {"name": "own"}}',
        b'{"kind": "mail", "raw_base64": "/w==", "asked": "7", "received_at": "2024-01-31T12:00:00+00:00"}',
        b'{"kind": "mail", "raw": 1}',
        b'{"kind": "request", "method": "GET", "target": "/", "account": {"settings": ' + b"[" * 80 + b"]" * 80 + b"}}",
        b'{"kind": "file", "name": "x.http", "raw": "GET / HTTP/1.1\\r\\n\\r\\n"}',
        b'{"kind": "file", "name": "x.jsonl", "raw": "{}\\n{}"}',
        b'{"kind": "response", "status": 200, "headers": {"A": "b"}, "body": "\\ud800"}',
        b"# source: too late",
        b"\xef\xbb\xbf",
        b"not json",
        b"",
        b" ",
    ]
)


def plain(found: Sample | SampleError) -> object:
    if isinstance(found, SampleError):
        return str(found), found.name, found.content
    return sample_line(found)


@given(
    st.sampled_from([b"", b"\xef\xbb\xbf", b"# source: s\n# account: {}\n"]), st.lists(LINES, max_size=6), st.booleans()
)
def test_each_line_of_a_log_is_read_as_if_it_stood_alone(head, lines, ended):
    lines = [b"{}", *lines]
    data = head + b"\n".join(lines) + (b"\n" if ended else b"")
    alone = [head + b"\n" * above + line for above, line in enumerate(lines)]
    told = [(number, plain(found)) for one in alone for number, found in read_each("log.jsonl", one)]
    assert [(number, plain(found)) for number, found in read_lines("log.jsonl", io.BytesIO(data))] == told
    assert told[0][0] == 1 + head.count(b"\n")


def test_equal_accounts_of_lines_are_one_object():
    line = write_line(sample_line(Sample(Request("GET", "/"), account=Account("a", zone="UTC"))))
    first, second = (found for _, found in read_lines("log.jsonl", [line, line]))
    assert first.account is second.account


def test_a_log_of_any_length_is_read_in_the_same_memory():
    line = json.dumps({"kind": "request", "method": "GET", "target": TARGETS[0], "body": "x" * 1000}).encode() + b"\n"

    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            samples = (found for _, found in read_lines("log.jsonl", (line for _ in range(count))))
            assert sum(isinstance(each, Receipt) for each in LEGACY.read_many(each.input for each in samples)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(3000) < peak(300) + 20_000

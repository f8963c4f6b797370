"""Values that a stranger chooses: bytes that are no text, and numbers of any length."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from time import process_time

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from delivrd import DeliverSm, InputError, Mail, Registry, Request, TimeForm, WarningKind, read_samples
from delivrd.times import read_time

PROVIDERS = Registry.installed()
SIZE = 512 * 1024


def seconds(make, bad: bytes) -> float:
    """Processor time of reading one body, the best of three."""
    request = Request("POST", "/dlr", (), make(bad))
    best = 60.0
    for _ in range(3):
        start = process_time()
        PROVIDERS["messente-omnichannel"].read(request)
        best = min(best, process_time() - start)
    return best


HEAD = b'{"message_id":"1","status":"DELIVRD",'
BODIES = {
    "first in a field": lambda bad: HEAD + b'"error":"' + bad + b"a" * SIZE + b'"}',
    "in the middle": lambda bad: HEAD + b'"error":"' + b"a" * (SIZE // 2) + bad + b"a" * (SIZE // 2) + b'"}',
    "last": lambda bad: HEAD + b'"error":"' + b"a" * SIZE + bad + b'"}',
    "every byte": lambda bad: HEAD + b'"error":"' + bad * (SIZE // len(bad)) + b'"}',
    "every other byte": lambda bad: HEAD + b'"error":"' + (b"a" + bad) * (SIZE // (1 + len(bad))) + b'"}',
    "a field that nobody reads": lambda bad: HEAD + b'"own":"' + bad * (SIZE // len(bad)) + b'"}',
    "a key": lambda bad: HEAD + b'"' + bad * (SIZE // len(bad)) + b'":1}',
    "many texts": lambda bad: HEAD + b'"own":[' + (b'"' + bad + b'",') * (SIZE // (3 + len(bad))) + b"1]}",
    "many keys": lambda bad: HEAD + b"".join(b'"%d%b":"%b",' % (n, bad, bad) for n in range(SIZE // 16)) + b'"x":1}',
}


def test_bytes_that_are_no_text_cost_no_more_than_text():
    valid = {name: seconds(make, "é".encode()) for name, make in BODIES.items()}
    invalid = {name: seconds(make, b"\xff") for name, make in BODIES.items()}
    slowest = max(valid.values())
    assert {name: cost / slowest for name, cost in invalid.items() if cost > 5 * slowest} == {}


def test_bytes_that_are_no_text_keep_their_escapes_and_their_warning():
    for name in ("first in a field", "every byte"):
        (report,) = PROVIDERS["messente-omnichannel"].read(Request("POST", "/", (), BODIES[name](b"\xff"))).reports
        assert report.text.startswith("\\xff")
        assert [(warning.kind, warning.field) for warning in report.warnings] == [(WarningKind.BAD_TEXT, "error")]


FIXTURES = sorted(path for suffix in ("http", "eml", "hex") for path in Path("fixtures").glob(f"*/*.{suffix}"))
WORD = re.compile(r"[0-9A-Za-z.:+-]+")
PLACES = {Mail: "raw", DeliverSm: "short_message"}

digits = st.builds(
    lambda sign, digit, count, rest: sign + digit * count + rest,
    st.sampled_from(["", "-", "+", "0x", "&#", "1e", "0."]),
    st.sampled_from(["0", "1", "9", "\u0669", "\uff19", "f"]),
    st.sampled_from([1, 5, 10, 11, 12, 14, 17, 19, 20, 40, 309, 4300, 4301, 10_000]),
    st.sampled_from(["", "1", ".5", "e999999", ":00", ";", "T00:00:00", "+"]),
)


@settings(max_examples=400)
@given(st.sampled_from(FIXTURES), st.integers(0, 400), digits)
@example(Path("fixtures/kannel/delivered-recommended-url.http"), 3, "9" * 17)
def test_a_number_of_any_length_in_place_of_any_word_raises_nothing_but_an_input_error(path, place, number):
    (sample,) = read_samples(path.name, path.read_bytes())
    provider = PROVIDERS[path.parent.name]
    name = PLACES.get(type(sample.input), "body")
    if isinstance(sample.input, Request) and not sample.input.body:
        name = "target"
    sent = getattr(sample.input, name)
    text = sent if isinstance(sent, str) else sent.decode("latin-1")
    words = list(WORD.finditer(text))
    if words:
        word = words[place % len(words)]
        text = text[: word.start()] + number + text[word.end() :]
    changed = msgspec.structs.replace(sample.input, **{name: text if isinstance(sent, str) else text.encode()})
    with suppress(InputError):
        provider.read(changed, sample.account, asked=sample.asked).to_dict()


@pytest.mark.parametrize("form", list(TimeForm))
@given(number=digits)
@example(number="9" * 17)
@example(number="253402300800")
def test_a_number_of_any_length_is_a_time_or_absent_with_a_warning(form, number):
    found, doubt = read_time(number, UTC, (form,))
    assert doubt is (WarningKind.BAD_VALUE if found is None else None)


@given(digits)
def test_a_mail_of_html_holds_character_references_of_any_length(number):
    html = f"<p>trackingid: 1</p><p>status: DELIVRD</p><p>&#{number};&#x{number};{number}</p>"
    mail = Mail(b"From: a@example.com\nContent-Type: text/html; charset=utf-8\n\n" + html.encode())
    assert PROVIDERS["upside-wireless"].read(mail).reports

"""Values that a stranger chooses: bytes that are no text, and numbers of any length."""

from __future__ import annotations

from time import process_time

from delivrd import Registry, Request, WarningKind

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

"""Inputs are bytes as they were sent, and show nothing of themselves."""

from __future__ import annotations

import subprocess
import sys

import pytest

from delivrd import DeliverSm, Mail, Request, Response


def test_no_repr_shows_a_target_a_header_or_a_body():
    inputs = [
        Request("GET", "/dlr?password=hush&to=+15555550100", {"Authorization": "hush"}, b"hush"),
        Response(200, {"X": "hush"}, b"hush"),
        Mail(b"hush"),
        DeliverSm(4, "+15555550100", "hush", b"hush", {0x1E: b"hush"}),
    ]
    shown = " ".join(f"{input!r} {input}" for input in inputs)
    assert "hush" not in shown
    assert "15555550100" not in shown
    assert "Request(GET, target of 34 characters, body of 4 bytes)" in shown


@pytest.mark.parametrize(
    "make",
    [lambda b: Request("GET", "/", (), b), lambda b: Response(200, (), b), Mail, lambda b: DeliverSm(0, "", "", b)],
)
def test_a_body_that_somebody_has_decoded_is_refused(make):
    with pytest.raises(TypeError, match="expected the raw bytes, got str; do not decode it first"):
        make("text")


@pytest.mark.parametrize("headers", [{"Content-Type": "a"}, [("content-type", "a"), ("CONTENT-TYPE", "b")]])
def test_headers_are_found_in_any_case_and_given_in_either_form(headers):
    for input in (Request("POST", "/", headers), Response(200, headers)):
        assert input.header("content-TYPE") == "a"
        assert input.header("X-None") is None


def test_headers_of_bytes_are_found_where_python_takes_a_comparison_with_text_for_an_error():
    script = "from delivrd import Request; print(Request('POST', '/', [(b'X-A', b'1')]).header('x-a'))"
    done = subprocess.run([sys.executable, "-bb", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr

"""What a plugin's own function gives, however odd, costs no row of a batch but its own."""

from __future__ import annotations

import json

import msgspec
import pyarrow as pa

from delivrd import (
    Account,
    BodyKind,
    Code,
    CodeTable,
    Decoded,
    Fields,
    Provider,
    Push,
    Reading,
    Row,
    Shape,
    Source,
    Status,
    Unreadable,
)
from delivrd.arrow import ErrorKind, normalize


class Ping(Shape):
    id: Code = None
    state: Code = None


class Token(msgspec.Struct):
    token: str = ""


def rows_of(decode, *bodies: bytes, account: Account | None = None) -> list[dict]:
    """What comes of requests that a plugin's own function reads."""
    table = CodeTable("state", (Row("ok", Status.DELIVERED, True, meaning="it arrived"),), Source("made up"))
    push = Push(reading=Reading(shape=Ping, fields=Fields(message_id="id")), bodies=(BodyKind.JSON,), decode=decode)
    toy = Provider(
        name="toy",
        vendor="V",
        title="T",
        docs=Source("made up"),
        tables=(table,),
        ways=(push,),
        settings=Token,
        secret_settings=("token",),
    )
    batch = pa.record_batch({"body": bodies})
    return normalize(batch, provider="toy", providers={"toy": toy}, account=account).to_pylist()


def test_a_fault_of_a_plugin_costs_its_own_row():
    def decode(request, context):
        raise KeyError("+12025550123")

    (row,) = rows_of(decode, b"{}")
    assert row["error"] == ErrorKind.PLUGIN
    assert "+1202" not in row["error_message"]


def test_no_secret_setting_stands_in_what_a_plugin_says():
    def decode(request, context):
        raise Unreadable(f"token: expected {context.settings.token}")

    account = Account("mine", secrets=["one-of-the-secrets"], settings={"token": "hush-hush"})
    (row,) = rows_of(decode, b"{}", account=account)
    assert (row["error"], row["error_message"]) == (ErrorKind.UNREADABLE, "token: expected ***")


def test_half_a_character_in_what_is_no_report_costs_no_row():
    def decode(request, context):
        if request.body == b"1":
            return Decoded([{"id": "m-1", "state": "ok"}])
        return Decoded(others=[{"text\ud800": "\udfff"}])

    report, other = rows_of(decode, b"1", b"2")
    assert (report["message_id"], report["status"], report["absence"]) == ("m-1", "delivered", None)
    assert (other["absence"], json.loads(other["other"])) == ("not_a_report", {r"text\ud800": r"\udfff"})


def test_what_a_plugin_gives_against_its_contract_costs_its_own_row():
    def decode(request, context):
        return Decoded([{"id": "m-1", "state": "ok"}]) if request.body == b"1" else Decoded(others=[{"text": object()}])

    report, broken = rows_of(decode, b"1", b"2")
    assert (report["status"], broken["error"]) == ("delivered", ErrorKind.PLUGIN)

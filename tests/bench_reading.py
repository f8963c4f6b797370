"""What it costs to read an input of each form, beside the least that a reader of it must do.

The yardsticks: msgspec's decode into a typed, text-only shape for JSON; `parse_qsl` for queries and forms; the
standard library's parser for mails; defusedxml's for SOAP; for a receipt's text one anchored regular expression of the
textbook form, and the texts of its groups. And beside them a minimum by hand: decode, look up, make one Struct.
"""

from __future__ import annotations

import hmac
import re
from email import message_from_bytes
from urllib.parse import parse_qsl

import msgspec
from bench_inputs import mail, pdu, request, response
from bench_measure import Figure, Pair, figure, show, timed
from defusedxml.ElementTree import fromstring
from receipts import without_quick

from delivrd import Account, HmacBody, Registry, Request
from delivrd_messente.omnichannel import Delivery

TEXTBOOK = re.compile(
    r"id:(?P<id>\S+) sub:(?P<sub>\d+) dlvrd:(?P<dlvrd>\d+) submit date:(?P<submitted>\d+) done date:(?P<done>\d+)"
    r" stat:(?P<stat>\w+) err:(?P<err>\w+) text:(?P<text>.*)",
    re.DOTALL,
)
"""How a receipt is usually read: the form of the specification's example, anchored at its beginning."""

WORDS = {"DELIVRD": ("delivered", True), "UNDELIV": ("undelivered", True), "FAILED": ("failed", True)}
"""The table of the minimum by hand."""


class Least(msgspec.Struct):
    """The report of the minimum by hand."""

    id: str
    status: str
    final: bool


def matched(text: str) -> re.Match[str] | None:
    return TEXTBOOK.match(text)


def taken(text: str) -> tuple[str, ...]:
    found = TEXTBOOK.match(text)
    assert found is not None
    return found.groups()


def by_hand_omnichannel(body: bytes) -> Least:
    event = msgspec.json.decode(body)
    return Least(event["message_id"], *WORDS[event["status"]])


def by_hand_legacy(target: str) -> Least:
    fields = dict(parse_qsl(target.partition("?")[2], keep_blank_values=True))
    return Least(fields["sms_unique_id"], *WORDS[fields["stat"]])


def by_hand_smpp(message: bytes) -> Least:
    found = TEXTBOOK.match(message.decode())
    assert found is not None
    return Least(found["id"], *WORDS[found["stat"]])


def reading() -> list[Figure]:
    """Every provider and form."""
    providers = Registry.installed()
    omni, legacy, teli = providers["messente-omnichannel"], providers["messente-legacy"], providers["teli"]
    smpp, kannel, upside = providers["smpp"], providers["kannel"], providers["upside-wireless"]
    event = request("messente-omnichannel", "delivered-documented-sample.http")
    answer = response("messente-omnichannel", "delivered-answer-documented-sample.http")
    get, words = (
        request("messente-legacy", "delivered-documented-sample.http"),
        response("messente-legacy", "delivered-answer.http"),
    )
    form, document = request("teli", "delivered-form.http"), request("teli", "delivered-json.http")
    receipt, parameters = (
        pdu("smpp", "delivered-specification-example.hex"),
        pdu("smpp", "delivered-parameters-and-text.hex"),
    )
    slow = without_quick(smpp)
    callback = request("kannel", "delivered-recommended-url.http")
    push, letter = (
        request("upside-wireless", "delivered-form-body.http"),
        mail("upside-wireless", "delivered-mail-of-key-equals-value.eml"),
    )
    inbox = response("upside-wireless", "delivered-top-message-soap-1-1.http")

    decode = msgspec.json.Decoder(Delivery).decode
    answers = msgspec.json.Decoder(dict[str, str | list[Delivery]]).decode
    untyped = msgspec.json.Decoder(dict[str, str | int | None]).decode
    query, fields = get.target.partition("?")[2], form.body.decode()
    text, zoned, away = receipt.short_message.decode(), Account(zone="UTC"), Account(zone="Europe/Tallinn")
    pushed, asked_of = push.body.decode(), callback.target.partition("?")[2]
    return [
        *show(
            "Messente Omnichannel",
            [
                Pair("callback: read / typed decode", 2.5, lambda: decode(event.body), lambda: omni.read(event)),
                Pair("… / by hand", None, lambda: by_hand_omnichannel(event.body), lambda: omni.read(event)),
                Pair("answer: read / typed decode", None, lambda: answers(answer.body), lambda: omni.read(answer)),
            ],
        ),
        *show(
            "Messente legacy",
            [
                Pair("GET: read / parse_qsl of its query", 0.7, lambda: parse_qsl(query), lambda: legacy.read(get)),
                Pair("… / by hand", None, lambda: by_hand_legacy(get.target), lambda: legacy.read(get)),
                Pair(
                    "answer: read / decode", None, lambda: words.body.decode(), lambda: legacy.read(words, asked="m-1")
                ),
            ],
        ),
        *show(
            "Teli",
            [
                Pair("form: read / parse_qsl", None, lambda: parse_qsl(fields), lambda: teli.read(form)),
                Pair("JSON: read / decode", None, lambda: untyped(document.body), lambda: teli.read(document)),
                Pair("SMPP: read / a match, its texts", None, lambda: taken(text), lambda: teli.read(receipt, zoned)),
            ],
        ),
        *show(
            "SMPP",
            [
                Pair("receipt: read / a match alone", 3.0, lambda: matched(text), lambda: smpp.read(receipt, zoned)),
                Pair("… / a match, its texts", None, lambda: taken(text), lambda: smpp.read(receipt, zoned)),
                Pair(
                    "… / by hand",
                    None,
                    lambda: by_hand_smpp(receipt.short_message),
                    lambda: smpp.read(receipt, zoned),
                ),
                Pair(
                    "the same by the decode function / read",
                    5.0,
                    lambda: slow.read(receipt, zoned),
                    lambda: smpp.read(receipt, zoned),
                    at_least=True,
                ),
                Pair(
                    "with parameters: read / the match's texts",
                    None,
                    lambda: taken(text),
                    lambda: smpp.read(parameters, zoned),
                ),
            ],
        ),
        *show(
            "Kannel, Upside Wireless",
            [
                Pair("dlr-url: read / parse_qsl", None, lambda: parse_qsl(asked_of), lambda: kannel.read(callback)),
                Pair("form: read / parse_qsl", None, lambda: parse_qsl(pushed), lambda: upside.read(push, away)),
                Pair(
                    "mail: read / message_from_bytes",
                    None,
                    lambda: message_from_bytes(letter.raw),
                    lambda: upside.read(letter, away),
                ),
                Pair("SOAP: read / fromstring", None, lambda: fromstring(inbox.body), lambda: upside.read(inbox, away)),
            ],
        ),
        *receiving(event),
    ]


def receiving(event: Request) -> list[Figure]:
    """What a proof adds to reading: beside the proof alone, and for each provider that pushes beside its reading."""
    providers = Registry.installed()
    omni, account = providers["messente-omnichannel"], Account(secrets=["a-password"])
    signed = HmacBody("X-Messente-Signature").sign(event, account)
    assert isinstance(signed, Request)

    def bare() -> object:
        return hmac.new(b"a-password", event.body, "sha256").hexdigest()

    alone, read, received = timed(bare, lambda: omni.read(signed), lambda: omni.receive(signed, account))
    added = [with_proof - min(read) for with_proof in received]
    print("\nAuthentication")
    pair = Pair("callback: receive less read / the bare HMAC", 1.5, bare, bare)
    found = [figure(pair, alone, added, min(added) / min(alone))]
    print(found[0], flush=True)
    pushed = {
        "messente-omnichannel": signed,
        "messente-legacy": request("messente-legacy", "delivered-documented-sample.http"),
        "teli": request("teli", "delivered-form.http"),
        "kannel": request("kannel", "delivered-recommended-url.http"),
        "upside-wireless": request("upside-wireless", "delivered-form-body.http"),
    }
    pairs = []
    for name, input in pushed.items():
        provider = providers[name]
        scheme = next(scheme for scheme in provider.auth if scheme.takes is Request and scheme.configured(account))
        proven = scheme.sign(input, account)
        pairs.append(
            Pair(
                f"{name}: receive / read",
                None,
                lambda provider=provider, proven=proven: provider.read(proven, account),
                lambda provider=provider, proven=proven: provider.receive(proven, account),
            )
        )
    return [*found, *show("Receiving, of one account", pairs)]

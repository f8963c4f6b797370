"""No secret of an account reaches anything that is stored, shown or logged."""

from __future__ import annotations

import contextlib
import gc
import json
import re
from copy import copy
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from secrets import token_urlsafe
from urllib.parse import quote, quote_plus, urlencode

import pyarrow as pa
import pytest

import delivrd
from delivrd import (
    Account,
    Asking,
    Context,
    DeliverSm,
    HmacBody,
    HttpBasic,
    Mail,
    Request,
    Response,
    UrlSecret,
    basic_authorization,
)
from delivrd.arrow import normalize
from delivrd.ledger import Arrival, Ledger

PROVIDERS = delivrd.Registry.installed()
LEGACY, TELI, UPSIDE, OMNI = (
    PROVIDERS[name] for name in ("messente-legacy", "teli", "upside-wireless", "messente-omnichannel")
)
ACCOUNT = Account(name="main", secrets=["s3 qret/word"], username="user", password="pass+w0rd")
SPELT = [
    "s3 qret/word",
    "s3%20qret/word",
    "s3+qret%2Fword",
    "s3%20qret%2fword",
    "%733%20qret%2Fword",
    "pass+w0rd",
    "pass%2bw0rd",
]


def shows_nothing(text: str) -> bool:
    return not any(spelt in text for spelt in ("qret", "w0rd", "TOKEN", "SIGNED"))


@pytest.mark.parametrize("spelt", SPELT)
def test_an_answer_that_echoes_the_questions_url_shows_no_secret(spelt):
    page = f"Bad gateway: /get_dlr_response?username=user&password={spelt}&sms_unique_id=7".encode()
    for provider, status in ((LEGACY, 502), (LEGACY, 200), (OMNI, 502), (UPSIDE, 502)):
        receipt = (
            provider.read(Response(status, (), page), ACCOUNT, asked="7")
            if provider is not UPSIDE or status != 200
            else None
        )
        assert receipt is not None
        assert "Bad gateway" in receipt.absence.text
        assert shows_nothing(json.dumps(receipt.to_dict()))


@pytest.mark.parametrize("spelt", SPELT)
def test_a_field_that_nobody_declared_and_that_echoes_the_url_shows_no_secret(spelt):
    url = f"https://gateway.example/dlr?secret={spelt}"
    body = json.dumps({"id": "1", "status": "DELIVRD", "callback": url, "deep": {"urls": [url]}}).encode()
    report = TELI.read(Request("POST", "/", (), body), ACCOUNT).reports[0]
    assert set(report.extras) == {"callback", "deep"}
    assert shows_nothing(report.to_json().decode())
    batch = json.dumps({"statuses": [{"url": url}, {"message_id": "1", "status": "SEEN"}, [url]]}).encode()
    receipt = OMNI.read(Response(200, (), batch), ACCOUNT)
    assert len(receipt.problems) == 2
    assert shows_nothing(json.dumps(receipt.to_dict()))


def test_what_is_no_report_shows_no_secret():
    mail = Mail(b"Subject: s3 qret/word\n\nyour password is pass+w0rd")
    receipt = UPSIDE.read(mail, ACCOUNT)
    assert receipt.others[0]["text"] == "your password is ***"
    assert shows_nothing(json.dumps(receipt.to_dict()))


@pytest.mark.parametrize("spelt", SPELT)
def test_an_input_to_be_stored_is_blotted_whatever_kind_it_is(spelt):
    token = Account(
        secrets=ACCOUNT.secrets, password=ACCOUNT.password, settings={"token": "TOKEN1", "signature": "SIGNED2"}
    )
    text = f"x TOKEN1 {spelt} SIGNED2 y"
    inputs = [
        Request("GET", f"/dlr?a=1&secret={spelt}", {"Authorization": "Basic x", "X-Url": text}, text.encode()),
        Response(200, [("Set-Cookie", "x"), ("X", text)], text.encode()),
        Mail(text.encode()),
        DeliverSm(4, "1", "2", text.encode()),
    ]
    for input in inputs:
        blotted = UPSIDE.blotted(input, token)
        assert type(blotted) is type(input)
        assert shows_nothing(str([getattr(blotted, name) for name in blotted.__struct_fields__]))
    assert UPSIDE.blotted(inputs[0], token).header("authorization") == "***"
    assert UPSIDE.blotted(Mail(b"\xff\xfe x"), token) == Mail(b"\xff\xfe x")


def test_settings_that_do_not_fit_are_refused_without_their_value():
    account = Account(settings={"token": "TOKEN1", "soap_version": "SIGNED2"})
    with pytest.raises(delivrd.AccountError, match="soap_version") as refused:
        UPSIDE.check(account)
    assert shows_nothing(str(refused.value))
    assert shows_nothing(UPSIDE.blot("a TOKEN1", account))


def test_what_a_plugin_is_given_shows_no_secret():
    settings = {"token": "TOKEN1"}
    assert shows_nothing(repr(Context("7", settings)))
    assert shows_nothing(repr(Asking("7", ACCOUNT, settings, "https://a.example")))


def test_an_error_carries_nothing_that_a_stranger_sent():
    number = "+15555550100"
    for provider, body in [(OMNI, json.dumps({number: 1})), (OMNI, number), (TELI, '{"' + number)]:
        with pytest.raises(delivrd.Unreadable) as refused:
            provider.read(Request("POST", "/", {"Content-Type": "application/json"}, body.encode()))
        seen: BaseException | None = refused.value
        while seen is not None:
            assert number not in str(seen)
            assert number not in str(vars(seen))
            seen = seen.__cause__ or seen.__context__


def in_small_letters(text: str) -> str:
    return re.sub("%..", lambda escape: escape[0].lower(), quote(text, safe=""))


@pytest.mark.parametrize("secret", ["s3 qret/word", "gr\u00fcn qret", 'a "qret"\\ & more', "qret%41+"])
@pytest.mark.parametrize("escape", [quote, quote_plus, partial(quote, safe=""), in_small_letters])
def test_a_field_that_echoes_the_gateways_own_url_is_stored_without_its_secret(secret, escape):
    url = f"https://gateway.example/dlr/us?secret={quote(secret, safe='')}"
    # In JSON the URL stands as it is, in a form its escapes are escaped once more.
    form = f"url={quote(url, safe='')}&id=1&status=DELIVRD".encode()
    document = json.dumps({"url": url, "id": "1", "status": "DELIVRD"}).encode()
    mixed = f"url={escape(quote(url))}&id=1&status=DELIVRD".encode()
    for body in (form, document, mixed):
        kept = TELI.blotted(Request("POST", "/dlr/us", (), body), Account(name="us", secrets=[secret]))
        assert b"***" in kept.body
        assert b"qret" not in kept.body.lower()
        assert b"DELIVRD" in kept.body


def test_bytes_that_are_no_text_are_stored_as_they_came_but_for_the_secret():
    body = b"\xff\xfe\xe2\x82gr\xc3\xbcn\x00\x80 id=1"
    kept = TELI.blotted(Request("POST", "/dlr/us", (), body), Account(name="us", secrets=["gr\u00fcn"]))
    assert kept.body == b"\xff\xfe\xe2\x82***\x00\x80 id=1"


def test_a_secret_that_no_encoding_can_write_is_hidden_too():
    account = Account(settings={"token": "half \ud83d of it"})
    assert UPSIDE.blot("token=half \ud83d of it.", account) == "token=***."
    assert UPSIDE.blotted(Mail(b"nothing in it"), account) == Mail(b"nothing in it")


TELI_SECRET = "teli/secret+x"
TELI_URL = "http://gw.example/dlr/us?secret=teli/secret%2Bx"
ECHO = '{"url":"http:\\/\\/gw.example\\/dlr\\/us?secret=teli\\/secret%2Bx","id":"1","status":"DELIVRD"}'
"""Teli repeats the callback's URL, as PHP writes it in JSON."""


def test_the_url_that_teli_repeats_is_stored_without_its_secret(tmp_path):
    account = Account(name="us", secrets=[TELI_SECRET])
    at = datetime(2026, 1, 2, tzinfo=UTC)
    form = urlencode({"url": TELI_URL, "id": "2", "status": "DELIVRD"})
    with Ledger.open(str(tmp_path / "ledger.db"), migrate=True) as ledger:
        for body in (ECHO, form, form.lower().replace("delivrd", "DELIVRD")):
            request = Request("POST", "/dlr/us?secret=teli/secret%2bx", (), body.encode())
            receipt = TELI.receive(request, account, received_at=at)
            assert receipt.reports
            ledger.record(Arrival(TELI, request, receipt, at, account))
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert stored.count(b"secret=***") >= 3
    assert not re.search(rb"teli(\\*/|%2f|%252f)secret", stored, re.IGNORECASE)


@pytest.mark.parametrize(
    "target", ["/dlr/m?sms_unique_id=1&stat=DELIVRD&secret=a/b%2bc", "/dlr/m/a%2Fb%2bc?sms_unique_id=1&stat=DELIVRD"]
)
def test_a_secret_with_separators_authenticates_and_is_not_stored(target):
    account = Account(name="m", secrets=["a/b+c"])
    request = Request("GET", target)
    assert LEGACY.receive(request, account).reports
    assert LEGACY.blotted(request, account).target == re.sub("a(/|%2F)b%2bc", "***", target)


def test_a_report_shows_no_secret_in_any_of_its_fields():
    account = Account(name="m", secrets=["a/b+c"])
    fields = {"sms_unique_id": "1 a/b%2Bc", "stat": "a/b+c", "recipient": "a/b+c", "done_date": "a/b+c"}
    report = LEGACY.receive(Request("GET", f"/dlr/m/a%2Fb%2Bc?{urlencode(fields)}"), account).reports[0]
    assert report.message_id == "1 ***"
    assert report.codes == {"stat": "***"}
    assert "b+c" not in report.to_json().decode()
    assert "b%2Bc" not in report.to_json().decode()


def test_reports_in_columns_show_no_secret_in_any_of_their_fields():
    account = Account(name="m", secrets=["a/b+c"])
    errors = ("", "see https://gw.example/?secret=a%2fb%2Bc", "none")
    bodies = [
        json.dumps({"message_id": f"m-{place}", "status": "DELIVRD", "error": e}).encode()
        for place, e in enumerate(errors)
    ]
    batch = pa.record_batch({"body": bodies, "account": ["m"] * 3})
    rows = normalize(batch, {"m": account}, provider="messente-omnichannel").to_pylist()
    assert [row["message_id"] for row in rows] == ["m-0", "m-1", "m-2"]
    assert [row["text"] for row in rows] == [None, "see https://gw.example/?secret=***", "none"]


def test_what_http_basic_makes_of_a_password_is_a_secret_too():
    account = Account(username="user", password="pass+w0rd")
    token = basic_authorization("user", "pass+w0rd")
    shown = UPSIDE.blotted(Response(200, (), json.dumps({"headers": {"authorization": token}}).encode()), account)
    assert shown.body == b'{"headers": {"authorization": "Basic ***"}}'


def live_texts() -> set[str | bytes]:
    """Every text that an object of this process holds."""
    gc.collect()
    found: set[str | bytes] = set()
    holders = gc.get_objects()
    seen = set(map(id, holders))
    while holders:
        held = {id(each): each for holder in holders for each in gc.get_referents(holder)}
        found |= {each for each in held.values() if type(each) in (str, bytes)}
        # The collector does not list what holds nothing but texts and numbers.
        holders = [each for place, each in held.items() if place not in seen and not gc.is_tracked(each)]
        seen |= held.keys()
    return found


def test_nothing_holds_a_secret_when_its_account_is_gone():
    # Made at run time: constants of this file live as long as it does.
    made = [f"{word}-{token_urlsafe(12)}/+" for word in ("secret", "password", "setting")]
    digests = [blake2b(word.encode()).digest() for word in made]

    def use(made: list[str]) -> None:
        provider = copy(UPSIDE)
        provider.auth = (HmacBody("X-Signature"), HttpBasic(), UrlSecret())
        # What a provider keeps of its accounts goes with it.
        provider._accounts = {}
        account = Account(
            name="main",
            secrets=made[:1],
            username="user",
            password=made[1],
            settings={"token": made[2], "signature": "x"},
        )
        request = Request("POST", "/dlr", (), f"<x>{made[0]} {made[1]} {quote(made[2])}</x>".encode())
        for scheme in provider.auth:
            request = scheme.sign(request, account)
            assert scheme.authentic(request, account, None)
        for text in (*made, *map(quote, made)):
            assert provider.blot(text, account) == "***"
        assert account.blot(made[0]) == "***"
        blotted = provider.blotted(request, account)
        assert "***" in blotted.target
        assert b"***" in blotted.body
        with contextlib.suppress(delivrd.InputError):
            provider.receive(request, account)
        assert any(each in live_texts() for each in made)

    use(made)
    del made
    assert not [
        each
        for each in live_texts()
        if blake2b(each if type(each) is bytes else each.encode("utf-8", "replace")).digest() in digests
    ]

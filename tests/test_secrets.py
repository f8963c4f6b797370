"""No secret of an account reaches anything that is stored, shown or logged."""

from __future__ import annotations

import json
import re
from functools import partial
from urllib.parse import quote, quote_plus

import pytest

import delivrd
from delivrd import Account, Asking, Context, DeliverSm, Mail, Request, Response, blots

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


def test_what_is_too_short_or_cannot_be_unescaped_is_looked_at_once(monkeypatch):
    looked = []
    monkeypatch.setattr(blots, "_UNESCAPES", [lambda text: looked.append(text) or text])
    assert blots.Blotter(("s3cret",)).text("\\ %41 " * 50 + "\\long-enough") == "\\ %41 " * 50 + "\\long-enough"
    assert looked == ["\\long-enough"]

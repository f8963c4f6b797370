"""An input proves its sender, or is refused before it is decoded."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from backtracking import repeats
from hypothesis import given
from hypothesis import strategies as st

from delivrd import (
    Account,
    AccountError,
    AccountName,
    AllowedAddresses,
    AllowedSender,
    BodyKind,
    Code,
    CodeTable,
    Fields,
    HmacBody,
    HttpBasic,
    Mail,
    MailText,
    NotAuthentic,
    Provider,
    Push,
    Reading,
    Reply,
    Request,
    Response,
    Row,
    Shape,
    Source,
    Status,
    TooLarge,
    UrlSecret,
    WrongMethod,
)
from delivrd.auth import _MAILBOX
from delivrd.forms import first_value, read_urlencoded
from delivrd.receiving import TrustedProxies
from delivrd.receiving.clients import Clients

PAGE = Source("a page")
UNAUTHORIZED = Reply(401, headers=(("WWW-Authenticate", 'Basic realm="delivrd", charset="UTF-8"'),))
BODY = b'{"id": "1", "stat": "SENT"}'
TEST_VECTOR = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"


class Callback(Shape):
    id: Code = None
    stat: Code = None


READING = Reading(shape=Callback, fields=Fields(message_id="id"))


def provider(*auth) -> Provider:
    return Provider(
        name="acme",
        vendor="Acme",
        title="Acme",
        docs=PAGE,
        tables=(CodeTable("stat", (Row("SENT", Status.SENT, meaning="sent"),), PAGE),),
        ways=(Push(reading=READING, bodies=(BodyKind.JSON,)), MailText(reading=READING)),
        auth=auth,
    )


def post(target: str = "/dlr", headers=(), body: bytes = BODY, client: str | None = None) -> Request:
    return Request("POST", target, headers, body, client)


def accepts(acme: Provider, account: Account, request) -> bool:
    try:
        return bool(acme.receive(request, account).reports)
    except NotAuthentic as error:
        return error.reply not in (None, UNAUTHORIZED)


def test_a_signature_is_the_published_test_vector_of_its_algorithm():
    signed = HmacBody("X-Signature").sign(
        post(body=b"The quick brown fox jumps over the lazy dog"), Account(secrets=["key"])
    )
    assert signed.header("x-signature") == TEST_VECTOR


@given(
    st.binary(max_size=60), st.text(min_size=1, max_size=9).filter(str.strip), st.integers(0, 200), st.integers(1, 255)
)
def test_any_changed_byte_of_a_signed_body_is_refused(body, secret, place, change):
    scheme, account = HmacBody("X-Signature"), Account(secrets=[secret])
    signed = scheme.sign(post(body=body), account)
    assert scheme.authentic(signed, account, None)
    changed = bytearray(body or b"x")
    changed[place % len(changed)] ^= change
    assert not scheme.authentic(Request("POST", "/", signed.headers, bytes(changed)), account, None)


@given(st.lists(st.sampled_from(["a", "secret", "=", "&", "%61", "+", "é", "secret=", "&secret=x", "ü"]), max_size=12))
def test_one_field_of_a_query_is_what_the_general_reader_finds(pieces):
    query = "".join(pieces)
    general = read_urlencoded(query, ("secret",), keep_unknown=False).values.get("secret", "")
    assert first_value(query, "secret") == general


@pytest.mark.parametrize("header", ["", "x", "é", "\ud800", TEST_VECTOR.upper(), TEST_VECTOR + " "])
def test_a_malformed_signature_is_no_signature(header):
    acme, account = provider(HmacBody("X-Signature")), Account(secrets=["key"])
    assert not accepts(acme, account, post(headers={"X-Signature": header}))


def test_a_signature_that_cannot_be_meant_is_refused_when_it_is_declared():
    for fields, said in [
        ({"encoding": "b64"}, "expected hex or base64"),
        ({"algorithm": "sha257"}, "such as sha256"),
        # Its hash has any length.
        ({"algorithm": "shake_128"}, "such as sha256"),
    ]:
        with pytest.raises(ValueError, match=said):
            HmacBody("X-Signature", **fields)


def test_a_signature_sent_twice_is_no_signature():
    acme, account = provider(HmacBody("X-Signature")), Account(secrets=["key"])
    right = hmac.digest(b"key", BODY, "sha256").hex()
    assert accepts(acme, account, post(headers=[("x-signature", right)]))
    assert not accepts(acme, account, post(headers=[("x-signature", right), ("X-Signature", right)]))


def test_every_secret_of_an_account_is_accepted_for_rotation():
    scheme = HmacBody("X-Signature", "sha512", "base64", "v1=")
    acme, account = provider(scheme), Account(secrets=["old", "new"])
    for secret in account.secrets:
        assert accepts(acme, account, scheme.sign(post(), Account(secrets=[secret])))
    assert not accepts(acme, account, scheme.sign(post(), Account(secrets=["other"])))


@pytest.mark.parametrize(
    "target", ["/dlr?secret=s%20cret", "/dlr?a=1&secret=s%20cret", "/dlr/s%20cret", "/dlr/s%20cret?a=1"]
)
def test_a_secret_in_the_url_is_a_parameter_or_the_last_segment(target):
    assert accepts(provider(UrlSecret()), Account(secrets=["s cret"]), post(target))


@pytest.mark.parametrize(
    "target", ["/dlr", "/s%20cret/dlr", "/dlr?other=s%20cret", "/dlr?secret=", "/dlr?secret=s%20cre", "/dlr/"]
)
def test_a_url_without_the_secret_is_refused(target):
    assert not accepts(provider(UrlSecret()), Account(secrets=["s cret"]), post(target))


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic " + "é", "Bearer dTpw", "Basic dTpx"])
def test_basic_credentials_must_be_those_of_the_account(header):
    acme, account = provider(HttpBasic()), Account(username="u", password="p")
    assert accepts(acme, account, post(headers={"authorization": "basic dTpw"}))
    assert not accepts(acme, account, post(headers={"Authorization": header}))
    assert not accepts(acme, account, post())


@pytest.mark.parametrize(
    ("client", "allowed"),
    [("192.0.2.7", True), ("192.0.3.7", False), ("2001:db8::1", True), ("nonsense", False), (None, False), ("", False)],
)
def test_a_request_comes_from_an_address_that_the_account_lists(client, allowed):
    account = Account(addresses=["192.0.2.0/24", "2001:db8::/32", "reports@example.com"])
    assert accepts(provider(AllowedAddresses()), account, post(client=client)) is allowed


@pytest.mark.parametrize(
    ("sender", "allowed"),
    [
        ("Reports <REPORTS@example.com>", True),
        ("reports@example.com", True),
        ("reports@example.org", False),
        ("reports@example.com, other@example.com", False),
        ("", False),
    ],
)
def test_a_mail_comes_from_a_sender_that_the_account_lists(sender, allowed):
    mail = Mail(f"From: {sender}\nSubject: x\n\nid=1\nstat=SENT\n".encode())
    account = Account(addresses=["reports@example.com", "192.0.2.0/24"])
    assert accepts(provider(AllowedSender()), account, mail) is allowed
    signed = AllowedSender().sign(mail, account)
    assert accepts(provider(AllowedSender()), account, signed)


@pytest.mark.parametrize(
    "head",
    [
        b"Subject: a\rFrom: reports@example.com\r\r\nFrom: evil@example.org",
        b"Subject: a\rFrom: reports@example.com\r\rX: y\r\nFrom: evil@example.org",
        b"From: reports@example.com\r",
        b"From : evil@example.org\r\nFrom: reports@example.com",
        b"Subject: x\nFrom\t: evil@example.org\nFrom: reports@example.com",
        b"From: reports@example.com\r\nfrom: reports@example.com",
        b"no header\r\nFrom: reports@example.com",
        b" folded\r\nFrom: reports@example.com",
        b"Sender: reports@example.com",
        "From: reports@example.\u212aom".encode(),
        b"From: " + b"a" * 5000 + b" <reports@example.com>",
    ],
)
def test_a_mail_whose_head_mail_programs_read_differently_proves_nothing(head):
    account = Account(addresses=["reports@example.com"])
    mail = Mail(head + b"\r\n\r\nid=1\r\nstat=SENT\r\n")
    assert not accepts(provider(AllowedSender()), account, mail)


@pytest.mark.parametrize(
    "head",
    [
        b"From: Reports\r\n <reports@example.com>\r\nSubject: x",
        b"From : reports@example.com",
        b"From reports@example.com Fri May  1 12:00:00 2026\nFrom: reports@example.com",
    ],
)
def test_a_sender_may_be_written_in_the_ways_of_mail(head):
    account = Account(addresses=["reports@example.com"])
    mail = Mail(head + b"\r\n\r\nFrom: evil@example.org\r\nid=1\r\nstat=SENT\r\n")
    assert accepts(provider(AllowedSender()), account, mail)


HOSTILE_SENDERS = [
    "reports@example.com (",
    "reports@example.com (evil@example.org",
    "(evil@example.org) reports@example.com (",
    "(reports@example.com",
    "reports@example.com)",
    "reports@example.com (a\\)",
    "reports@example.com (a(b)",
    "(a) reports@example.com",
    "reports@(evil.example.org)example.com",
    "<reports@example.com",
    "reports@example.com>",
    "<<reports@example.com>>",
    "Reports <reports@example.com> evil",
    "Reports <reports@example.com> <evil@example.org>",
    "evil@example.org <reports@example.com>",
    "reports@example.com <evil@example.org>",
    "Group: reports@example.com;",
    "Group: reports@example.com",
    "Group:; reports@example.com",
    "<@evil.example.org:reports@example.com>",
    "reports@example.com,",
    ",reports@example.com",
    "reports@example.com;",
    "reports@example.com; evil@example.org",
    "reports@example.com evil@example.org",
    "reports@example.com@evil.example.org",
    "evil@example.org@example.com",
    "Reports, Inc <reports@example.com>",
    '"reports@example.com',
    '"Reports <reports@example.com>',
    '"Reports\\" <reports@example.com>',
    '"reports"@example.com',
    "reports @ example.com",
    "re ports@example.com",
    "reports@example.com\x00",
    "reports@example.com\x00@evil.example.org",
    "Reports\x00 <reports@example.com>",
    "reports@example.com\\",
    "=?utf-8?q?reports?=@example.com",
    "reports@=?utf-8?q?example.com?=",
    "=?utf-8?q?reports=40example.com?=",
    "=?utf-8?q?<reports@example.com>?=",
    "reports@example.com.",
    "reports@[example.com]",
    "Reports <>",
    "<>",
]


@pytest.mark.parametrize("sender", HOSTILE_SENDERS)
def test_a_sender_that_mail_programs_read_differently_proves_nothing(sender):
    mail = Mail(f"From: {sender}\n\nid=1\nstat=SENT\n".encode())
    assert not accepts(provider(AllowedSender()), Account(addresses=["reports@example.com"]), mail)


@pytest.mark.parametrize(
    "sender",
    [
        "<reports@example.com>",
        "Reports<reports@example.com>",
        "Reports. Inc <reports@example.com>",
        '"Reports, Inc (EU) \\"evil@example.org\\"" <reports@example.com>',
        '"reports@example.com" <reports@example.com>',
        "=?utf-8?q?R=C3=BCckmeldung?= <reports@example.com>",
        "Rückmeldung <reports@example.com>",
        "reports@example.com (Delivery Reports)",
    ],
)
def test_a_sender_may_have_a_name_as_mail_programs_write_it(sender):
    mail = Mail(f"From: {sender}\n\nid=1\nstat=SENT\n".encode())
    assert accepts(provider(AllowedSender()), Account(addresses=["reports@example.com"]), mail)


def test_a_sender_at_an_address_literal_can_be_listed():
    mail = Mail(b"From: Reports <reports@[IPv6:2001:db8::1]>\n\nid=1\nstat=SENT\n")
    assert accepts(provider(AllowedSender()), Account(addresses=["reports@[IPv6:2001:db8::1]"]), mail)


def test_no_sender_makes_its_pattern_go_back():
    assert repeats(_MAILBOX.pattern) == [("MAX_REPEAT", 0, 1)]


ADDRESSES_4 = st.ip_addresses(v=4)
ADDRESSES_6 = st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None)


@given(ADDRESSES_4, st.integers(0, 32), ADDRESSES_4, st.booleans(), st.booleans(), st.booleans())
def test_an_ipv4_network_holds_the_same_clients_in_either_form(
    base, bits, other, is_mapped, is_client_mapped, is_inside
):
    network = ip_network((base, bits), strict=False)
    client = network[int(other) % network.num_addresses] if is_inside else other
    written = f"::ffff:{network.network_address}/{96 + bits}" if is_mapped else str(network)
    seen = f"::ffff:{client}" if is_client_mapped else str(client)
    account = Account(addresses=[written])
    assert accepts(provider(AllowedAddresses()), account, post(client=seen)) is (client in network)
    assert accepts(provider(AllowedAddresses()), account, AllowedAddresses().sign(post(), account))
    clients = Clients(TrustedProxies([written]))
    assert (clients.client(seen, ()) is None) is (client in network)


@given(ADDRESSES_6, st.integers(0, 128), ADDRESSES_6, st.sampled_from(["", "%eth0", "%1"]), st.booleans())
def test_an_ipv6_network_holds_its_clients_whatever_their_zone(base, bits, other, zone, is_inside):
    network = ip_network((base, bits), strict=False)
    client = network[int(other) % network.num_addresses] if is_inside else other
    if client.ipv4_mapped is None:
        account = Account(addresses=[str(network)])
        assert accepts(provider(AllowedAddresses()), account, post(client=f"{client}{zone}")) is (client in network)


def test_a_network_of_ipv6_admits_no_client_of_ipv4():
    for client in ("192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.7%eth0"):
        assert not accepts(provider(AllowedAddresses()), Account(addresses=["::/0"]), post(client=client))
        assert accepts(provider(AllowedAddresses()), Account(addresses=["::ffff:192.0.2.0/120"]), post(client=client))


@pytest.mark.parametrize("sign", ["a:", "(", "<", '"', "a@b,", "\\", "["])
def test_a_sender_of_any_shape_is_refused_and_breaks_nothing(sign):
    account = Account(addresses=["reports@example.com"])
    for times in (10, 400, 500, 2000, 100_000):
        mail = Mail(b"From: " + sign.encode() * times + b"\n\nid=1\nstat=SENT\n")
        assert not accepts(provider(AllowedSender()), account, mail)


def test_an_account_name_is_checked_and_proves_nothing_alone():
    acme, named = provider(AccountName("id"), UrlSecret()), Account(username="1", secrets=["s"])
    form = Request("POST", "/dlr/s?id=2", (), BODY)
    assert not accepts(acme, named, form)
    assert not accepts(acme, named, post("/dlr/s"))
    assert not accepts(acme, named, Request("POST", "/dlr/s?id=1", (), b"\nid=2&x=1"))
    assert accepts(acme, named, post("/dlr/s?id=1"))
    assert not accepts(acme, Account(username="1"), post("/dlr?id=1"))


def test_a_push_is_signed_with_the_accounts_name_wherever_it_names_one():
    scheme, account = AccountName("id"), Account(username="a b")
    for request in (post("/dlr?x=1&id=2"), post("/dlr", body=b"id=2&x=1"), post("/dlr", body=b"x=1")):
        signed = scheme.sign(request, account)
        assert scheme.authentic(signed, account, None)
        assert (b"id=2" in signed.body, "id=2" in signed.target) == (False, False)


def test_an_account_without_any_proof_is_refused_unless_it_says_that_it_is_open():
    acme = provider(UrlSecret(), HmacBody("X-Signature"))
    assert not accepts(acme, Account(), post())
    assert accepts(acme, Account(open=True), post())
    assert not accepts(acme, Account(addresses=["a@example.com"]), post())


def test_an_open_account_that_has_a_secret_is_not_open_to_a_wrong_one():
    assert not accepts(provider(UrlSecret()), Account(open=True, secrets=["s"]), post("/dlr?secret=x"))


def test_an_answer_is_read_and_never_received():
    with pytest.raises(NotAuthentic) as refused:
        provider(UrlSecret()).receive(Response(200, (), BODY), Account(secrets=["s"]))
    assert refused.value.reply is None


@pytest.mark.parametrize("scheme", [HttpBasic(), HmacBody("X-Signature"), UrlSecret(), AllowedAddresses()])
@pytest.mark.parametrize("account", [Account(), Account(username="u", secrets=["word"], addresses=["192.0.2.7"])])
def test_a_refusal_of_a_request_that_proves_nothing_carries_a_challenge(scheme, account):
    with pytest.raises(NotAuthentic) as refused:
        provider(scheme).receive(post(), account)
    assert refused.value.reply == UNAUTHORIZED


def test_size_is_checked_first_then_the_method_then_the_proof_and_then_the_body():
    acme = provider(HmacBody("X-Signature"))
    account = Account(secrets=["key"], max_body=10)
    for request, expected in [
        (Request("PUT", "/", (), b"x" * 11), (TooLarge,)),
        (Request("PUT", "/" * 11, (), b""), (TooLarge,)),
        (Request("POST", "/", (), b"x" * 11), (TooLarge,)),
        (Request("PUT", "/", (), b"x"), (WrongMethod,)),
        (Request("POST", "/", (), b"x"), (NotAuthentic,)),
    ]:
        with pytest.raises(expected):
            acme.receive(request, account)


def test_the_reports_of_a_received_input_carry_the_callers_time_and_the_accounts_name():
    at = datetime(2026, 5, 1, tzinfo=UTC)
    receipt = provider().receive(post(), Account(name="main", open=True), received_at=at)
    assert (receipt.reports[0].received_at, receipt.reports[0].account) == (at, "main")


def test_a_scheme_refuses_a_kind_of_input_that_it_does_not_check():
    with pytest.raises(TypeError, match="expected Request, got Mail"):
        UrlSecret().authentic(Mail(b""), Account(secrets=["s"]), None)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"secrets": "s"}, "secrets: Expected `array`"),
        ({"secrets": [""]}, "a blank secret admits everybody"),
        ({"secrets": [1]}, r"secrets\[0\]: Expected `str`"),
        ({"name": 5}, "name: Expected `str`"),
        ({"max_body": "x"}, "max_body: Expected `int`"),
        ({"addresses": ["192.0.2.1/24"]}, "expected an IP network"),
        ({"addresses": "192.0.2.1"}, "addresses: Expected `array`"),
        ({"zone": "Europe/Atlantis"}, "zone: expected a name such as"),
        ({"max_body": 0}, "max_body"),
        ({"colour": "red"}, "unknown field; expected: name, secrets"),
        ({"meanings": [{"field": "stat"}]}, r"meanings\[0\]: .*rows"),
    ],
)
def test_an_account_that_cannot_be_meant_is_refused_by_its_field(fields, said):
    with pytest.raises(AccountError, match=said):
        Account.from_dict(fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"open": "false"}, "open: expected True or False"),
        ({"open": 1}, "open: expected True or False"),
        ({"secrets": None}, "secrets: expected a list"),
        ({"secrets": ["\ud800"]}, "secrets.0.: expected a text"),
        ({"addresses": [5]}, "addresses.0.: expected a text"),
        ({"meanings": [5]}, "meanings: expected Meanings"),
        ({"name": 5}, "name: expected a text"),
        ({"name": None}, "name: expected a text"),
        ({"name": "\ud800"}, "name: expected a text"),
        ({"password": 5}, "password: expected a text"),
        ({"zone": 5}, "zone: expected a name"),
        ({"max_body": "x"}, "max_body: expected a number"),
    ],
)
def test_an_account_of_the_wrong_types_is_refused_when_it_is_made(fields, said):
    with pytest.raises(AccountError, match=said):
        Account(**fields)


def test_what_an_account_was_given_cannot_be_changed_or_used_up():
    secrets = ["s"]
    account = Account(secrets=secrets, addresses=iter(["192.0.2.0/24"]), meanings=(each for each in ()))
    secrets[0] = ""
    assert account.secrets == ("s",)
    for _ in range(2):
        assert not accepts(provider(UrlSecret(), AllowedAddresses()), account, post("/dlr?secret=s", client="11.1.1.1"))
        assert accepts(
            provider(UrlSecret(), AllowedAddresses()), account, post("/dlr?secret=s", client="::ffff:192.0.2.7")
        )


def test_a_password_can_be_rotated_too():
    acme, account = provider(HttpBasic()), Account(username="u", password="old", secrets=["new"])
    for password in ("old", "new"):
        assert accepts(acme, account, HttpBasic().sign(post(), Account(username="u", password=password)))
    assert accepts(acme, account, HttpBasic().sign(post(), Account(username="u", secrets=["new"])))
    assert not accepts(acme, account, HttpBasic().sign(post(), Account(username="u", password="x")))


def test_headers_can_be_the_bytes_that_a_server_gives():
    signed = HmacBody("X-Signature").sign(post(headers=[(b"Host", b"x")]), Account(secrets=["key"]))
    as_bytes = [(name.encode(), value.encode()) for name, value in signed.headers]
    assert accepts(provider(HmacBody("X-Signature")), Account(secrets=["key"]), post(headers=as_bytes))


def test_an_account_made_in_code_refuses_a_text_for_a_list_and_a_secret_that_is_none():
    for fields, said in [
        ({"secrets": "s"}, "secrets: expected a list, got str"),
        ({"addresses": "192.0.2.1"}, "addresses: expected a list"),
        ({"secrets": [b"s"]}, "secrets.0.: expected a text"),
    ]:
        with pytest.raises(AccountError, match=said):
            Account(**fields)


def test_an_account_shows_no_secret():
    account = Account(name="main", secrets=["hush", "hush-hush"], username="u", password="word")
    for shown in (repr(account), str(account), f"{account}"):
        assert "hush" not in shown
        assert "word" not in shown
    odd = Account(secrets=["a b/c"])
    for spelt in ("a b/c", "a%20b/c", "a%20b%2Fc", "a+b%2Fc"):
        assert odd.blot(f"/dlr?secret={spelt}&x=1") == "/dlr?secret=***&x=1"
    assert account.blot("/dlr?secret=hush-hush&p=word&x=hush") == "/dlr?secret=***&p=***&x=***"


def test_an_account_written_as_plain_values_changes_meanings():
    account = Account.from_dict(
        {
            "meanings": [
                {"field": "stat", "rows": [{"code": "SENT", "status": "delivered", "final": True, "meaning": "x"}]}
            ]
        }
    )
    assert provider().read(post(), account).reports[0].status is Status.DELIVERED


def test_settings_and_meanings_that_do_not_fit_the_provider_are_refused():
    with pytest.raises(AccountError, match="acme, settings: unknown field; known settings: none"):
        provider().read(post(), Account(settings={"colour": "red"}))
    with pytest.raises(AccountError, match="acme: meanings: no field 'err'"):
        provider().check(Account.from_dict({"meanings": [{"field": "err", "rows": []}]}))


HEAD_SCHEMES = [
    (UrlSecret(), Account(secrets=["a-secret"])),
    (HttpBasic(), Account(username="name", password="a-secret")),
    (AllowedAddresses(), Account(addresses=["192.0.2.0/24"])),
    (HmacBody("X-Signature"), Account(secrets=["a-secret"])),
]


@pytest.mark.parametrize(("scheme", "account"), HEAD_SCHEMES, ids=lambda each: type(each).__name__)
def test_a_head_that_no_body_can_make_authentic_is_refused_without_its_body(scheme, account):
    acme = provider(scheme)
    bare = Request("POST", "/dlr/acme", (), b"", "203.0.113.1")
    with pytest.raises(NotAuthentic):
        acme.check_head(bare, account)
    signed = scheme.sign(Request("POST", "/dlr/acme", (), BODY), account)
    acme.check_head(Request("POST", signed.target, signed.headers, b"", signed.client), account)
    acme.receive(signed, account)


def test_a_head_is_refused_by_size_then_by_method_then_by_authentication():
    acme = provider(UrlSecret())
    account = Account(secrets=["a-secret"], max_body=100)
    with pytest.raises(TooLarge):
        acme.check_head(Request("PUT", "/" + "x" * 100), account)
    with pytest.raises(WrongMethod) as caught:
        acme.check_head(Request("PUT", "/"), account)
    assert caught.value.reply == Reply(405, b"", (("Allow", "POST"),))
    with pytest.raises(NotAuthentic):
        acme.check_head(Request("POST", "/"), account)


def test_a_scheme_that_says_nothing_of_heads_is_asked_only_with_the_body():
    class InTheBody:
        takes = Request
        covers = frozenset()
        sufficient = True

        def configured(self, account):
            return bool(account.secrets)

        def authentic(self, input, account, at):
            return account.secrets[0].encode() in input.body

        def sign(self, input, account, at=None):
            return input

    acme, account = provider(InTheBody()), Account(secrets=["SENT"])
    acme.check_head(Request("POST", "/"), account)
    acme.receive(Request("POST", "/", {}, BODY), account)
    with pytest.raises(NotAuthentic):
        acme.receive(Request("POST", "/", {}, b"{}"), account)

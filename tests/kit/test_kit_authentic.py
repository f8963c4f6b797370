"""Authentication: the schemes of the core pass, and each way to weaken one is found."""

from __future__ import annotations

import hmac
from base64 import b64encode

import pytest

SCHEMES = {
    "body": 'HmacBody("X-Signature"),',
    "encoded": 'HmacBody("X-Signature", encoding="base64", prefix="sha256="),',
    "basic": "HttpBasic(),",
    "addresses": "AllowedAddresses(),",
    "url": "UrlSecret(),",
    "several": 'UrlSecret(), HmacBody("X-Signature"), AllowedAddresses(), HttpBasic(),',
}


@pytest.mark.parametrize("auth", SCHEMES.values(), ids=SCHEMES)
def test_every_scheme_of_the_core_passes(bench, failures, auth) -> None:
    bench.plugin(auth=auth)
    bench.fixtures()
    assert failures(bench.accepted(hostile=5)) == set()


TWO_METHODS = 'Push(reading=READING, methods=("POST", "PUT"), bodies=(BodyKind.JSON,))'

WHOLE = """
class Whole(HmacBody, frozen=True):
    covers = frozenset({Covers.BODY, Covers.TARGET, Covers.METHOD})
    def _whole(self, input, secret):
        return self._proof(" ".join(COVERED(input)).encode() + input.body, secret)
    def authentic(self, input, account, at):
        given = [value for name, value in header_pairs(input.headers) if name.lower() == self.header.lower()]
        return len(given) == 1 and given[0] in [self._whole(input, secret) for secret in account.secrets]
    def sign(self, input, account, at=None):
        kept = [(name, value) for name, value in header_pairs(input.headers) if name.lower() != self.header.lower()]
        return replace(input, headers=(*kept, (self.header, self._whole(input, account.secrets[0]))))
"""
IMPORTS = "from msgspec.structs import replace\nfrom delivrd import Covers, header_pairs\n"


def whole(covered: str) -> str:
    return IMPORTS + f"COVERED = lambda input: {covered}\n" + WHOLE


SIGNED = (
    '# source: invented\n# account: {{"secrets": ["k"]}}\nPOST / HTTP/1.1\nContent-Type: application/json\n'
    "X-Signature: {proof}\n\n{body}"
)


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_fixture_that_holds_a_real_proof_must_be_accepted_as_it_stands(bench, failures, encoding) -> None:
    bench.plugin(auth='HmacBody("X-Signature"),')
    inputs = sorted(bench.fixtures().glob("delivered*.http"))
    body = inputs[0].read_text(encoding="utf-8").split("\n\n", 1)[1]
    digest = hmac.digest(b"k", body.encode(), "sha256")
    proof = digest.hex() if encoding == "hex" else b64encode(digest).decode()
    inputs[0].with_name("delivered-signed.http").write_text(SIGNED.format(proof=proof, body=body), encoding="utf-8")
    assert failures(bench.accepted(hostile=0)) == (set() if encoding == "hex" else {"authentic"})


def test_a_scheme_over_the_whole_request_passes(bench, failures) -> None:
    bench.plugin(whole("(input.method, input.target)"), auth='Whole("X-Signature"),')
    bench.fixtures()
    assert failures(bench.accepted(hostile=5)) == set()


FAULTS = {
    "a target that is not covered": (
        whole("(input.method, input.target[:1])"),
        'Whole("X-Signature"),',
        "of the target changed it * expected NotAuthentic (changed target)",
    ),
    "a method that is not covered": (
        whole("(input.target,)"),
        'Whole("X-Signature"),',
        "with the method PUT it * expected NotAuthentic (changed method)",
    ),
    "a body that is not covered": (
        """
        class Weak(HmacBody, frozen=True):
            def _proof(self, body, secret):
                return super()._proof(body[:10], secret)
        """,
        'Weak("X-Signature"),',
        "byte 10 of the body changed it * expected NotAuthentic (changed body)",
    ),
    "a secret of which a part counts": (
        """
        class Weak(HmacBody, frozen=True):
            def _proof(self, body, secret):
                return super()._proof(body, secret[:4])
        """,
        'Weak("X-Signature"),',
        "character 4 of the secret changed it * expected NotAuthentic (another's)",
    ),
    "a malformed proof that raises": (
        """
        class Weak(HmacBody, frozen=True):
            def authentic(self, input, account, at):
                proof = input.header(self.header)
                if proof is not None:
                    bytes.fromhex(proof)
                return super().authentic(input, account, at)
        """,
        'Weak("X-Signature"),',
        "header X-Signature = * it raised ValueError*expected NotAuthentic (malformed)",
    ),
    "only the first secret counts": (
        """
        class Weak(HmacBody, frozen=True):
            def authentic(self, input, account, at):
                return input.header(self.header) == self._proof(input.body, account.secrets[0])
        """,
        'Weak("X-Signature"),',
        "signed with the second of two secrets, it is refused; secrets could not be rotated",
    ),
    "any address": (
        """
        class Weak(AllowedAddresses, frozen=True):
            def authentic(self, input, account, at):
                return input.client is not None and input.client.count(".") == 3
        """,
        "Weak(),",
        "another address changed it * expected NotAuthentic (another's)",
    ),
    "an account without secrets": (
        """
        class Weak(HmacBody, frozen=True):
            def configured(self, account):
                return True
            def authentic(self, input, account, at):
                return not account.secrets or super().authentic(input, account, at)
        """,
        'Weak("X-Signature"),',
        "an account without credentials, which does not say open, received it",
    ),
    "nothing configures it": (
        """
        class Weak(HmacBody, frozen=True):
            def configured(self, account):
                return False
        """,
        'Weak("X-Signature"),',
        "configured() is true for no account with secrets, name and password, or addresses",
    ),
    "a head that is judged by its body": (
        """
        class Weak(HmacBody, frozen=True):
            def at_head(self, request, account):
                return self.authentic(request, account, None)
        """,
        'Weak("X-Signature"),',
        "signed, its head alone raised NotAuthentic*; does at_head look into the body?",
    ),
    "signing that does not prove": (
        """
        class Weak(HmacBody, frozen=True):
            def sign(self, input, account):
                return input
        """,
        'Weak("X-Signature"),',
        "signed, it raised NotAuthentic*; expected what read gives",
    ),
}


@pytest.mark.parametrize(("code", "auth", "said"), FAULTS.values(), ids=FAULTS)
def test_a_weak_scheme_is_found(bench, failures, code, auth, said) -> None:
    bench.plugin(code, auth=auth, way=TWO_METHODS)
    bench.fixtures()
    result = bench.accepted(hostile=0)
    assert failures(result) == {"authentic"}
    result.stdout.fnmatch_lines([f"*{said}"])


def test_an_unconfigured_account_that_raises_something_else_is_found(bench, failures) -> None:
    bench.plugin(
        """
        class Weak(HmacBody, frozen=True):
            def configured(self, account):
                return True
            def authentic(self, input, account, at):
                return input.header(self.header) == self._proof(input.body, account.secrets[0])
        """,
        auth='Weak("X-Signature"),',
    )
    bench.fixtures()
    result = bench.accepted(hostile=0)
    assert failures(result) == {"authentic"}
    result.stdout.fnmatch_lines(["*for an account without credentials it raised *; expected NotAuthentic"])


def test_a_scheme_without_a_fixture_to_try_it_on_is_found(bench, failures) -> None:
    bench.plugin(auth="UrlSecret(), AllowedSender(),")
    bench.fixtures()
    result = bench.accepted(hostile=0)
    assert failures(result) == {"authentic"}
    result.stdout.fnmatch_lines(["AllowedSender: no fixture is a Mail that can be read; add one"])


def test_a_secret_that_shows_in_the_receipt_is_found(bench, failures) -> None:
    bench.plugin(
        """
        def decode(request, context):
            document = load(request)
            signed = request.target.partition("secret=")[2]
            id = text(document.get("id"))
            return Decoded(records=[{"id": id and id + signed, "status": text(document.get("status"))}])
        """
    )
    bench.fixtures()
    result = bench.accepted(hostile=0)
    assert failures(result) == {"authentic"}
    result.stdout.fnmatch_lines(
        ["*the receipt holds the account's secret; declare the field that echoes it, to drop it"]
    )


NAMED = """
    class Sent(Shape):
        id: Code = None
        status: Code = None
        user: Text = None

    READING = Reading(shape=Sent, fields=Fields(message_id="id"))
"""


@pytest.mark.parametrize(
    ("said", "target", "auth", "complaint"),
    [
        ('# account: {"username":"me"}\n', "/?user=me", "AccountName", None),
        ("", "/?user=me", "AccountName", "no fixture's account is configured for it; *"),
        ('# account: {"username":"you"}\n', "/?user=me", "AccountName", "*refused for the account that it names"),
        ('# account: {"username":"me"}\n', "/", "AccountName", "*refused for the account that it names"),
    ],
)
def test_a_name_that_proves_nothing_alone_is_tried_too(
    bench, failures, make_http, said, target, auth, complaint
) -> None:
    bench.plugin(NAMED, auth=f'UrlSecret(), {auth}("user"),')
    first = f"POST {target} HTTP/1.1"
    bodies = {"delivered": '{"id":"1","status":"OK"}', "failed": '{"id":"1","status":"BAD"}'}
    bench.fixtures({f"{name}.http": make_http(body, first=first, said=said) for name, body in bodies.items()})
    result = bench.accepted(hostile=5)
    assert failures(result) == (set() if complaint is None else {"authentic"})
    if complaint is not None:
        result.stdout.fnmatch_lines([f"AccountName: {complaint}"])


def test_mails_and_pdus_are_checked_as_requests_are(bench, failures, make_http) -> None:
    bench.plugin(
        """
        def decode(pdu, context):
            words = pdu.short_message.decode("latin-1").split()
            fields = dict(word.partition(":")[::2] for word in words)
            return Decoded(records=[{"id": fields.get("id"), "status": fields.get("status")}])
        """,
        way="Push(reading=READING, bodies=(BodyKind.JSON,)), MailText(reading=READING), Pdu(reading=READING, decode=decode)",
        auth="UrlSecret(), AllowedSender(),",
    )
    mail = b"# source: invented\nFrom: someone@acme.example\nSubject: report\n\nid: 1\nstatus: OK\n"
    text = b"id:1 status:BAD"
    address = b"\x01\x01" + b"15555550100\0"
    body = b"\0" + address + address + b"\x04\0\0\0\0\0\0\0\0" + bytes([len(text)]) + text
    pdu = (16 + len(body)).to_bytes(4) + (5).to_bytes(4) + bytes(4) + (1).to_bytes(4) + body
    bench.fixtures(
        {
            "delivered.eml": mail,
            "failed.hex": b"# source: invented\n" + pdu.hex().encode(),
            "r.http": make_http('{"id":"1","status":"OK"}'),
        }
    )
    assert failures(bench.accepted(hostile=25)) == set()

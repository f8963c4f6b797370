"""Ways in which an input proves that it comes from its provider.

The rule of this module: a scheme is a value with one pure check of (input, account, time). It
compares in constant time, on bytes; a malformed proof is no proof; and it says what it covers, so
that the conformance kit knows which changed byte must fail.
"""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Final, Protocol, TypeVar
from urllib.parse import quote, unquote, unquote_plus

import msgspec

from delivrd.accounts import Account, basic_token
from delivrd.addresses import read_address
from delivrd.forms import first_value, read_form, read_urlencoded, split_target
from delivrd.inputs import Input, Mail, Request, all_headers, header_pairs
from delivrd.records import decode_text
from delivrd.vocabulary import Word

_LONGEST_FROM: Final = 4096
"""Characters of a `From`; no sender of reports writes a hundred."""

_ATOM: Final = r'[^][\s\x00-\x1f\x7f"<>()@,:;\\]++'
_ADDRESS: Final = rf"({_ATOM}@(?:{_ATOM}|\[[^][\s\x00-\x1f\x7f\\]*+\]))"
_MAILBOX: Final = re.compile(
    # A name, quoted or of plain words, with the address in angle brackets; or the address, with its name in a comment.
    r'(?:"(?:[^"\\]|\\.)*+"|[^]["<>()@,:;\\\x00-\x08\x0a-\x1f\x7f]++)*+'
    rf"<{_ADDRESS}>[ \t]*+|{_ADDRESS}[ \t]*+(?:\([^()\\]*+\))?[ \t]*+"
)
"""One mailbox (RFC 5322, section 3.4) that every mail program reads alike: no group, no route, no comment inside, and
nothing left open. The standard library's parsers mend what is broken, each of its versions in another way."""


class Covers(Word):
    """What of an input a proof covers: a change of it must fail."""

    BODY = "body", "every byte of the body"
    TARGET = "target", "every character of the target"
    METHOD = "method", "the method"
    SECRET = "secret", "the secret itself"
    ORIGIN = "origin", "where the input came from"


class Scheme(Protocol):
    """One way to authenticate an input.

    A scheme for requests can also have a method `at_head(request, account) -> bool`, which gets a request without its
    body: False rejects the request before its body is read, because no body could make it authentic.
    """

    takes: ClassVar[type[Input]]
    """The kind of input that it checks."""
    covers: ClassVar[frozenset[Covers]]
    sufficient: ClassVar[bool]
    """Whether it proves anything without another scheme beside it."""

    def configured(self, account: Account) -> bool:
        """Whether the account holds what the check needs."""

    def authentic(self, input: Input, account: Account, at: datetime | None) -> bool:
        """Whether the input is proven.

        Args:
            at: the caller's time, for a scheme with a replay window; without it such a scheme fails closed.
        """

    def sign(self, input: Input, account: Account, at: datetime | None = None) -> Input:
        """The input as an authentic sender would send it at that time; for tests."""


class HmacBody(msgspec.Struct, frozen=True):
    """A keyed hash over the raw body, in a header, keyed with one of the account's secrets.

    Attributes:
        header: its name.
        algorithm: as hashlib names it.
        encoding: `hex` (lower case) or `base64`.
        prefix: what stands before the hash, such as `sha256=`.
    """

    header: str
    algorithm: str = "sha256"
    encoding: str = "hex"
    prefix: str = ""

    def __post_init__(self) -> None:
        if self.encoding not in ("hex", "base64"):
            raise ValueError(f"encoding {self.encoding!r}: expected hex or base64")
        try:
            hmac.digest(b"", b"", self.algorithm)
        except ValueError:
            said = f"algorithm {self.algorithm!r}: expected a hash that HMAC is defined for here, such as sha256"
            raise ValueError(said) from None

    takes: ClassVar[type[Input]] = Request
    covers: ClassVar[frozenset[Covers]] = frozenset((Covers.BODY,))
    sufficient: ClassVar[bool] = True

    def configured(self, account: Account) -> bool:
        return bool(account.secrets)

    def authentic(self, input: Input, account: Account, at: datetime | None) -> bool:
        request = _request(input)
        given = all_headers(request.headers, self.header)
        if len(given) != 1:
            return False
        proof, found = given[0].encode("utf-8", "surrogatepass"), False
        for secret in account.secrets:
            # Every secret is tried, whichever fits.
            found |= hmac.compare_digest(proof, self._proof(request.body, secret).encode())
        return found

    def at_head(self, request: Request, account: Account) -> bool:
        return len(all_headers(request.headers, self.header)) == 1

    def sign(self, input: Input, account: Account, at: datetime | None = None) -> Input:
        request = _request(input)
        return _with_header(request, self.header, self._proof(request.body, account.secrets[0]))

    def _proof(self, body: bytes, secret: str) -> str:
        digest = hmac.digest(secret.encode(), body, self.algorithm)
        return self.prefix + (digest.hex() if self.encoding == "hex" else b64encode(digest).decode())


class UrlSecret(msgspec.Struct, frozen=True):
    """A secret in the URL that the gateway gave the provider: a query parameter, or the last path segment.

    For providers that sign nothing. It proves that the sender knows the URL, and no more.
    """

    parameter: str = "secret"

    takes: ClassVar[type[Input]] = Request
    covers: ClassVar[frozenset[Covers]] = frozenset((Covers.SECRET,))
    sufficient: ClassVar[bool] = True

    def configured(self, account: Account) -> bool:
        return bool(account.secrets)

    def authentic(self, input: Input, account: Account, at: datetime | None) -> bool:
        path, query = split_target(_request(input).target)
        in_path = _any_equal(unquote(path.rstrip("/").rpartition("/")[2]), account.secrets)
        return _any_equal(first_value(query, self.parameter), account.secrets) or in_path

    def at_head(self, request: Request, account: Account) -> bool:
        return self.authentic(request, account, None)

    def sign(self, input: Input, account: Account, at: datetime | None = None) -> Input:
        request = _request(input)
        path, query = split_target(request.target)
        pairs = [pair for pair in query.split("&") if pair and pair.partition("=")[0] != self.parameter]
        own = f"{self.parameter}={quote(account.secrets[0], safe='')}"
        return msgspec.structs.replace(request, target=f"{path}?{'&'.join([*pairs, own])}")


class HttpBasic(msgspec.Struct, frozen=True):
    """HTTP Basic with the account's user name, and its password or, for rotation, any of its secrets."""

    takes: ClassVar[type[Input]] = Request
    covers: ClassVar[frozenset[Covers]] = frozenset((Covers.SECRET,))
    sufficient: ClassVar[bool] = True

    def configured(self, account: Account) -> bool:
        return bool(account.username and (account.password or account.secrets))

    def authentic(self, input: Input, account: Account, at: datetime | None) -> bool:
        given = all_headers(_request(input).headers, "authorization")
        scheme, _, token = (given[0] if len(given) == 1 else "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            proof = b64decode(token.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        passwords = [*filter(None, (account.password,)), *account.secrets]
        return _any_equal(decode_text(proof)[0], [f"{account.username}:{password}" for password in passwords])

    def at_head(self, request: Request, account: Account) -> bool:
        return self.authentic(request, account, None)

    def sign(self, input: Input, account: Account, at: datetime | None = None) -> Input:
        return _with_header(
            _request(input),
            "Authorization",
            basic_authorization(account.username, account.password or account.secrets[0]),
        )


class AllowedAddresses(msgspec.Struct, frozen=True):
    """The sender's network address is one that the account lists (`Account.addresses`)."""

    takes: ClassVar[type[Input]] = Request
    covers: ClassVar[frozenset[Covers]] = frozenset((Covers.ORIGIN,))
    sufficient: ClassVar[bool] = True

    def configured(self, account: Account) -> bool:
        return bool(account.networks)

    def authentic(self, input: Input, account: Account, at: datetime | None) -> bool:
        client = read_address(_request(input).client)
        return client is not None and any(client in network for network in account.networks)

    def at_head(self, request: Request, account: Account) -> bool:
        return self.authentic(request, account, None)

    def sign(self, input: Input, account: Account, at: datetime | None = None) -> Input:
        return msgspec.structs.replace(_request(input), client=str(account.networks[0][0]))


class AllowedSender(msgspec.Struct, frozen=True):
    """The mail's one `From` address is one that the account lists (`Account.addresses`).

    Anybody can write any `From`: rely on it only where the mail server has checked the sender's domain.
    """

    takes: ClassVar[type[Input]] = Mail
    covers: ClassVar[frozenset[Covers]] = frozenset((Covers.ORIGIN,))
    sufficient: ClassVar[bool] = True

    def configured(self, account: Account) -> bool:
        return any("@" in address for address in account.addresses)

    def authentic(self, input: Input, account: Account, at: datetime | None) -> bool:
        # Loaded here: mails are rare, and the standard library's mail modules bring sockets with them.
        from delivrd.mails import mail_headers

        lines = mail_headers(_mail(input).raw, "from")
        # One header is one sender for every program; of two, some take the first and some the last.
        if lines is None or len(lines) != 1 or len(lines[0]) > _LONGEST_FROM:
            return False
        mailbox = _MAILBOX.fullmatch(lines[0])
        if mailbox is None:
            return False
        allowed = [address.lower() for address in account.addresses if "@" in address]
        return _any_equal((mailbox[1] or mailbox[2]).lower(), allowed)

    def sign(self, input: Input, account: Account, at: datetime | None = None) -> Input:
        mail = _mail(input)
        first = next(address for address in account.addresses if "@" in address)
        lines = mail.raw.split(b"\n")
        kept = [line for line in lines if line.lower().partition(b":")[0].rstrip() != b"from"]
        return Mail(b"From: " + first.encode() + b"\n" + b"\n".join(kept))


class AccountName(msgspec.Struct, frozen=True):
    """A field of the query or the urlencoded body names the account (`Account.username`).

    A name is no secret: where the account gives one, each request must give it too, and it proves nothing alone.
    """

    field: str

    takes: ClassVar[type[Input]] = Request
    covers: ClassVar[frozenset[Covers]] = frozenset((Covers.ORIGIN,))
    sufficient: ClassVar[bool] = False

    def configured(self, account: Account) -> bool:
        return bool(account.username)

    def authentic(self, input: Input, account: Account, at: datetime | None) -> bool:
        request = _request(input)
        query = read_urlencoded(split_target(request.target)[1], (self.field,), keep_unknown=False)
        body = read_form(request.body, request.header("content-type"), (self.field,), keep_unknown=False)
        named = [form.values[self.field] for form in (query, body) if self.field in form.values]
        return bool(named) and all(_any_equal(name, [account.username or ""]) for name in named)

    def sign(self, input: Input, account: Account, at: datetime | None = None) -> Input:
        request = _request(input)
        path, query = split_target(request.target)
        body = self._renamed(request.body.decode("latin-1"), account)
        query = self._renamed(query, account)
        if not self._names(query) and not self._names(body):
            query = "&".join(filter(None, (query, self._own(account))))
        target = f"{path}?{query}" if query else path
        return msgspec.structs.replace(request, target=target, body=body.encode("latin-1"))

    def _own(self, account: Account) -> str:
        return f"{self.field}={quote(account.username or '', safe='')}"

    def _names(self, form: str) -> bool:
        return any(unquote_plus(pair.partition("=")[0]) == self.field for pair in form.split("&"))

    def _renamed(self, form: str, account: Account) -> str:
        return "&".join(self._own(account) if self._names(pair) else pair for pair in form.split("&"))


_Kind = TypeVar("_Kind", Request, Mail)


def basic_authorization(username: str | None, password: str | None) -> str:
    """The value of an `Authorization` header for HTTP Basic."""
    return "Basic " + basic_token(username or "", password or "")


def _any_equal(given: str, expected: Iterable[str]) -> bool:
    """Whether a text is one of several, in a time that depends on neither which nor how much of it."""
    proof = given.encode("utf-8", "surrogatepass")
    found = False
    for secret in expected:
        # Every secret is compared, whichever fits.
        found |= hmac.compare_digest(proof, secret.encode("utf-8", "surrogatepass"))
    return found


def _request(input: Input) -> Request:
    return input if isinstance(input, Request) else _expect(input, Request)


def _mail(input: Input) -> Mail:
    return _expect(input, Mail)


def _expect(input: Input, kind: type[_Kind]) -> _Kind:
    if not isinstance(input, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(input).__name__}")
    return input


def _with_header(request: Request, name: str, value: str) -> Request:
    kept = [(known, held) for known, held in header_pairs(request.headers) if known.lower() != name.lower()]
    return msgspec.structs.replace(request, headers=(*kept, (name, value)))

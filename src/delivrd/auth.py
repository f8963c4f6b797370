"""Ways in which an input proves that it comes from its provider.

The rule of this module: a scheme is a value with one pure check of (input, account, time). It
compares in constant time, on bytes; a malformed proof is no proof; and it says what it covers, so
that the conformance kit knows which changed byte must fail.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, ClassVar, Final, Protocol, TypeVar
from urllib.parse import quote, unquote, unquote_plus

import msgspec

from delivrd.accounts import Account
from delivrd.forms import first_value, read_form, read_urlencoded, split_target
from delivrd.inputs import Input, Mail, Request, all_headers, header_pairs
from delivrd.records import decode_text
from delivrd.vocabulary import Word

_MOST_NESTED: Final = 16
"""Comments and groups in a `From`, by the signs that begin them. An address at an IPv6 literal has eight colons."""

_LONGEST_FROM: Final = 4096
"""Characters of a `From`; no sender of reports writes a hundred."""


class Covers(Word):
    """What of an input a proof covers: a change of it must fail."""

    BODY = "body", "every byte of the body"
    TARGET = "target", "every character of the target"
    METHOD = "method", "the method"
    SECRET = "secret", "the secret itself"
    ORIGIN = "origin", "where the input came from"


class Scheme(Protocol):
    """One way to prove an input.

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


@lru_cache(maxsize=256)
def _keyed(secret: str, algorithm: str) -> tuple[Any, Any]:
    """The inner and the outer hash of HMAC (RFC 2104), which have taken the key in.

    Taking it in costs as much as hashing a short body, and to copy the standard library's own object costs twice that.
    """
    key, size = secret.encode(), hashlib.new(algorithm).block_size
    if len(key) > size:
        key = hashlib.new(algorithm, key).digest()
    padded = key.ljust(size, b"\0")
    inner, outer = (hashlib.new(algorithm, bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))
    return inner, outer


def _hmac(secret: str, algorithm: str, message: bytes) -> bytes:
    inner, outer = _keyed(secret, algorithm)
    inner, outer = inner.copy(), outer.copy()
    inner.update(message)
    outer.update(inner.digest())
    return outer.digest()  # type: ignore[no-any-return]


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
            size = hashlib.new(self.algorithm).digest_size
        except ValueError:
            size = 0
        # Some have a hash of any length, and HMAC is not defined for them.
        if not size:
            raise ValueError(f"algorithm {self.algorithm!r}: expected a hash that hashlib makes here, such as sha256")

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
        digest = _hmac(secret, self.algorithm, body)
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
        return any("@" not in address for address in account.addresses)

    def authentic(self, input: Input, account: Account, at: datetime | None) -> bool:
        try:
            client = ip_address(_request(input).client or "")
        except ValueError:
            return False
        # A socket that takes both versions shows an IPv4 client as ::ffff:192.0.2.7.
        client = getattr(client, "ipv4_mapped", None) or client
        return any(client in ip_network(address) for address in account.addresses if "@" not in address)

    def at_head(self, request: Request, account: Account) -> bool:
        return self.authentic(request, account, None)

    def sign(self, input: Input, account: Account, at: datetime | None = None) -> Input:
        first = next(address for address in account.addresses if "@" not in address)
        return msgspec.structs.replace(_request(input), client=str(ip_network(first)[0]))


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
        from email.utils import getaddresses

        from delivrd.mails import mail_headers

        lines = mail_headers(_mail(input).raw, "from")
        # One header is one sender for every program; of two, some take the first and some the last.
        if lines is None or len(lines) != 1 or len(lines[0]) > _LONGEST_FROM:
            return False
        # Comments and groups nest, and the standard library's parser recurses once for each level.
        if lines[0].count("(") + lines[0].count(":") > _MOST_NESTED:
            return False
        senders = getaddresses(lines)
        if len(senders) != 1:
            return False
        allowed = [address.lower() for address in account.addresses if "@" in address]
        return _any_equal(senders[0][1].lower(), allowed)

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
    return "Basic " + b64encode(f"{username or ''}:{password or ''}".encode()).decode()


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

"""The callbacks of a soak: the providers' own fixtures with fresh ids, repetitions, and what is not authentic among them.

The rule of this module: a seed and a number give the same callbacks in the same order, and each says what must come of it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, quote_plus, urlencode

import msgspec
from servers import ROOT, written

from delivrd import (
    Account,
    Accounts,
    HmacBody,
    Provider,
    Registry,
    Report,
    Request,
    UrlSecret,
    read_accounts,
    read_samples,
)

MOST = 65_536
"""Bytes of the largest body that the accounts take."""

SECRETS = {
    "legacy": ("lèg acy/+&=\"'%41-of-2026", "legacy-before-rotation-7Q"),
    "omni": ('ömni "key"\\ of the API', "omni-before-rotation-3X"),
    "teli": ("téli & co=100%+1", "teli-before-rotation-9K"),
    "upside": ("upside;wire/less?#[2]", "upside-before-rotation-5M"),
}
"""By account; the second of each is the one before it was changed. Each character needs escaping somewhere."""

PROVIDERS = {
    "legacy": "messente-legacy",
    "omni": "messente-omnichannel",
    "teli": "teli",
    "upside": "upside-wireless",
}
STRANGER = "hostile"
"""Stands in whatever is not authentic: it must not be found in any store or log."""

NUMBERS = ("15555550100", "15555550101", "15555550199", "3725555555")
"""Phone numbers of the fixtures: no log holds them."""

# What fixtures hold that each callback has of its own.
_TIME = "2020-02-04T08:09:42.389630"
_GROUP = "d7248cda-6c1a-4436-acf5-aaf249bb67d3"
_OWN_URL = "http://yoursite.com/sms/notifications"


class Manner(Enum):
    """How a request is sent."""

    WHOLE = "whole"
    CUT = "cut"
    """The connection is closed before the announced length: nobody is there to be answered."""
    HEAD = "head"
    """A length is announced that nobody would read."""
    ENDLESS = "endless"
    """In chunks, without a length, beyond what is taken."""


class Callback(NamedTuple):
    """One callback, and what must come of it.

    Attributes:
        kind: a word for it, in messages.
        request: as it is sent.
        status: of the only right answer; None where nobody waits for one.
        report: that the ledger must hold; None for none.
        manner: how it is sent.
    """

    kind: str
    request: Request
    status: int | None
    report: Report | None = None
    manner: Manner = Manner.WHOLE

    def wire(self) -> bytes:
        """As bytes, for those that no client of HTTP would send: each ends where its manner says."""
        headers = {**dict(self.request.headers)}
        whole = written(self.request.method, self.request.target, self.request.body, headers)
        if self.manner is Manner.CUT:
            return whole[: -max(1, len(self.request.body) // 2)]
        if self.manner is Manner.HEAD:
            return written(self.request.method, self.request.target, None, headers | {"Content-Length": str(MOST + 1)})
        if self.manner is Manner.ENDLESS:
            head = written(self.request.method, self.request.target, None, headers | {"Transfer-Encoding": "chunked"})
            return head + b"1000\r\n%b\r\n" % (b"x" * 0x1000) * (MOST // 0x1000 + 1)
        return whole


class Template(NamedTuple):
    """A fixture that one report comes of."""

    account: str
    request: Request
    id: str


def accounts_file() -> bytes:
    """The accounts, as a file of accounts has them."""
    tables = []
    for name, secrets in SECRETS.items():
        words = ", ".join(json.dumps(secret, ensure_ascii=False) for secret in secrets)
        tables.append(f'[accounts.{name}]\nprovider = "{PROVIDERS[name]}"\nsecrets = [{words}]\nmax_body = {MOST}\n')
    return "\n".join(tables).encode()


def spellings(secret: str) -> set[bytes]:
    """How a secret can stand in a URL, in a form, in JSON, or in a URL within one of them."""
    ways: list[Callable[[str], str]] = [
        str,
        quote,
        quote_plus,
        partial(quote, safe=""),
        lambda text: json.dumps(text)[1:-1],
    ]
    once = {way(secret) for way in ways}
    return {way(text).encode() for text in once for way in ways}


class Maker:
    """Makes callbacks.

    Args:
        seed: of everything that is chosen.
    """

    def __init__(self, seed: int) -> None:
        self.accounts: Accounts = read_accounts("accounts.toml", accounts_file(), Registry.installed())
        self._chance = random.Random(seed)
        self._templates = {name: list(_templates(name, self.accounts[name][0])) for name in SECRETS}

    def all(self, number: int) -> list[Callback]:
        """So many callbacks: a tenth not authentic, a hundredth messages from handsets, a fifth of the reports again."""
        strangers, handsets = number // 10, number // 100
        unique = (number - strangers - handsets) * 5 // 6
        reports: list[Callback] = []
        while len(reports) < unique:
            reports += self.message()
        placed = [(self._chance.random(), each) for each in reports[:unique]]
        again = self._chance.sample(placed, number - strangers - handsets - unique)
        # One half of the repetitions comes at the same time, the other at any.
        placed += [(at if place % 2 else self._chance.random(), each) for place, (at, each) in enumerate(again)]
        placed += [(self._chance.random(), self.stranger()) for _ in range(strangers)]
        placed += [(self._chance.random(), self.handset()) for _ in range(handsets)]
        return [each for _, each in sorted(placed, key=lambda pair: pair[0])]

    def message(self) -> list[Callback]:
        """The callbacks of one message, one to four."""
        account = self._chance.choice(list(SECRETS))
        id, group = self._id(), self._id()
        return [self._report(account, id, group) for _ in range(self._chance.randint(1, 4))]

    def slow(self) -> Callback:
        """A callback with a body, to be sent slowly."""
        return self._report("omni", self._id(), self._id())

    def handset(self) -> Callback:
        """A message from a handset: authentic, and no report."""
        words = {"name": "your_username", "sender": NUMBERS[1], "data": self._id(), "inboundnumber": NUMBERS[2]}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        request = self._signed("upside", Request("POST", "/dlr/upside", headers, urlencode(words).encode()))
        return Callback("handset", request, 200)

    def stranger(self) -> Callback:
        """A callback that must leave no trace."""
        make = self._chance.choice(
            [
                self._wrong_secret,
                self._wrong_secret,
                self._no_secret,
                self._other_body,
                self._unknown_account,
                self._wrong_method,
                self._wrong_type,
                self._garbage,
                self._cut,
                self._oversize,
            ]
        )
        return make()

    def _report(self, account: str, id: str, group: str) -> Callback:
        request = self._signed(account, self._filled(self._chance.choice(self._templates[account]), id, group))
        provider, agreed = self.accounts[account]
        receipt = provider.receive(request, agreed)
        (report,) = receipt.reports
        assert report.message_id == id, "the template holds its id in another form"
        return Callback("report", request, 200 if receipt.reply is None else receipt.reply.status, report)

    def _filled(self, template: Template, id: str, group: str) -> Request:
        later = datetime.fromisoformat(_TIME) + timedelta(seconds=self._chance.randrange(86_400))
        url = f"https://gateway.test/dlr/teli?secret={quote(SECRETS['teli'][0], safe='')}"
        exchanges = {template.id: id, _GROUP: group, _TIME: later.isoformat()}
        exchanges |= {_OWN_URL: url, quote(_OWN_URL, safe=""): quote(url, safe="")}
        body, query = template.request.body, template.request.target.partition("?")[2]
        for was, becomes in exchanges.items():
            body, query = body.replace(was.encode(), becomes.encode()), query.replace(was, becomes)
        target = f"/dlr/{template.account}" + (f"?{query}" if query else "")
        return msgspec.structs.replace(template.request, target=target, body=body)

    def _signed(self, account: str, request: Request, secret: str | None = None) -> Request:
        """The request with its proof: of a URL's secrets, some stand in the path."""
        secret = self._chance.choice(SECRETS[account]) if secret is None else secret
        if account != "omni" and self._chance.random() < 0.3:
            path, mark, query = request.target.partition("?")
            return msgspec.structs.replace(request, target=f"{path}/{quote(secret, safe='')}{mark}{query}")
        scheme = HmacBody("X-Messente-Signature") if account == "omni" else UrlSecret()
        signed = scheme.sign(request, Account(secrets=[secret]))
        assert isinstance(signed, Request)
        return signed

    def _unsigned(self, account: str | None = None) -> tuple[str, Request]:
        account = self._chance.choice(list(SECRETS)) if account is None else account
        return account, self._filled(
            self._chance.choice(self._templates[account]), self._id(STRANGER), self._id(STRANGER)
        )

    def _wrong_secret(self) -> Callback:
        account, request = self._unsigned()
        right = SECRETS[account][0]
        wrong = [
            f"{STRANGER}-guess",
            right[:-1],
            right + "x",
            right.upper(),
            *(SECRETS[n][0] for n in SECRETS if n != account),
        ]
        return Callback("wrong secret", self._signed(account, request, self._chance.choice(wrong)), 401)

    def _no_secret(self) -> Callback:
        return Callback("no secret", self._unsigned()[1], 401)

    def _other_body(self) -> Callback:
        account, request = self._unsigned("omni")
        signed = self._signed(account, request)
        return Callback("other body", msgspec.structs.replace(signed, body=signed.body + b" "), 401)

    def _unknown_account(self) -> Callback:
        account, request = self._unsigned()
        signed = self._signed(account, request)
        target = signed.target.replace(f"/dlr/{account}", f"/dlr/{STRANGER}", 1)
        return Callback("unknown account", msgspec.structs.replace(signed, target=target), 404)

    def _wrong_method(self) -> Callback:
        account, request = self._unsigned()
        method = self._chance.choice(["PUT", "DELETE"])
        return Callback("wrong method", msgspec.structs.replace(self._signed(account, request), method=method), 405)

    def _wrong_type(self) -> Callback:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        request = Request("POST", "/dlr/omni", headers, f"message_id={self._id(STRANGER)}&status=DELIVRD".encode())
        return Callback("wrong type", self._signed("omni", request), 415)

    def _garbage(self) -> Callback:
        account = self._chance.choice(["omni", "teli"])
        body = STRANGER.encode() + self._chance.randbytes(self._chance.randrange(400))
        request = Request("POST", f"/dlr/{account}", {"Content-Type": "application/json"}, body)
        return Callback("garbage", self._signed(account, request), 400)

    def _cut(self) -> Callback:
        account, request = self._unsigned(self._chance.choice(["omni", "teli", "upside"]))
        return Callback("cut", self._signed(account, request), None, manner=Manner.CUT)

    def _oversize(self) -> Callback:
        account, request = self._unsigned(self._chance.choice(["omni", "teli", "upside"]))
        manner = self._chance.choice([Manner.HEAD, Manner.ENDLESS])
        return Callback("oversize", self._signed(account, request), 413, manner=manner)

    def _id(self, start: str = "") -> str:
        return f"{start}{self._chance.getrandbits(96):024x}"


def _templates(account: str, provider: Provider) -> Iterator[Template]:
    for path in sorted(Path(ROOT, "fixtures", provider.name).glob("*.http")):
        (sample,) = read_samples(path.name, path.read_bytes())
        request = sample.input
        if not isinstance(request, Request) or sample.account is not None or not path.name.startswith(_STATUSES):
            continue
        (report,) = provider.read(request).reports
        id = report.message_id or ""
        # A short one is a number, or stands elsewhere too.
        if len(id) > 8 and (id in request.target or id.encode() in request.body):
            headers = [(name, value) for name, value in request.headers if name not in ("Host", "Content-Length")]
            yield Template(account, msgspec.structs.replace(request, headers=tuple(headers)), id)


# A fixture's name says what comes of it.
_STATUSES = (
    "accepted", "sent", "deferred", "delivered", "read", "undelivered", "expired", "rejected", "deleted", "failed", "unknown",
)  # fmt: skip

"""What a gateway has agreed with a provider: secrets, time zone, limits, changed meanings.

The rule of this module: an account is checked when it is made, and never shows a secret.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from ipaddress import ip_network
from typing import Any, Final

import msgspec

from delivrd.blots import blotter
from delivrd.errors import AccountError
from delivrd.message_ids import AS_TEXT, MessageIds
from delivrd.records import encodable
from delivrd.tables import Meanings
from delivrd.times import read_zone

MIB: Final = 1 << 20


class Account(msgspec.Struct, frozen=True, eq=False):
    """What a gateway has agreed with a provider. Two accounts are the same only if they are one object.

    Attributes:
        name: appears in reports; empty for none.
        secrets: each is accepted, so that they can be rotated without losing a report. What they
            are (a signing key, a word in the URL) is the provider's to say.
        username, password: for HTTP Basic, or for asking the provider.
        zone: of the provider's times that name none: `Europe/Tallinn`, `+02:00`, or a tzinfo. It
            takes the place of the documented zone.
        addresses: IP networks that requests may come from; mail addresses that mails may come from.
        open: accept inputs that prove nothing. Say it only where something else keeps strangers out.
        public_url: the URL that the provider calls, where a proxy shows the gateway another.
        meanings: the account's own meanings of codes, laid over the provider's tables.
        settings: the provider's own settings; which ones there are, its documentation says.
        max_body: bytes of the largest input that is decoded.
        message_ids: how the ids of messages are spelt, when they are sent and when they are reported.

    Raises:
        AccountError: a field has a value that cannot be meant.
    """

    name: str = ""
    secrets: Sequence[str] = ()
    username: str | None = None
    password: str | None = None
    zone: str | tzinfo | None = None
    addresses: Sequence[str] = ()
    open: bool = False
    public_url: str | None = None
    meanings: Sequence[Meanings] = ()
    settings: Mapping[str, Any] | msgspec.Struct | None = None
    max_body: int = MIB
    message_ids: MessageIds = AS_TEXT

    def __post_init__(self) -> None:
        for field in ("secrets", "addresses", "meanings"):
            given = getattr(self, field)
            if isinstance(given, str | bytes) or not isinstance(given, Iterable):
                raise AccountError(f"{field}: expected a list, got {type(given).__name__}; put it in brackets")
            # Held as a tuple: a list can be changed, and an iterator gives its items only once.
            msgspec.structs.force_setattr(self, field, tuple(given))
        for field in ("name", "username", "password", "public_url"):
            if not _is_text(getattr(self, field)) and (field == "name" or getattr(self, field) is not None):
                raise AccountError(f"{field}: expected a text")
        if not all(_is_text(secret) and secret for secret in self.secrets):
            raise AccountError("secrets: expected texts that are not empty; an empty secret admits everybody")
        for address in self.addresses:
            if not _is_text(address):
                raise AccountError("addresses: expected texts")
            if "@" not in address:
                self._check_network(address)
        if not all(isinstance(meaning, Meanings) for meaning in self.meanings):
            raise AccountError("meanings: expected Meanings")
        self._check_zone()
        self._check_kinds()

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Account:
        """An account written as plain values, as in a TOML or JSON file.

        Raises:
            AccountError: a field is unknown, or has a value that cannot be meant.
        """
        unknown = sorted(set(document) - set(cls.__struct_fields__))
        if unknown:
            raise AccountError(f"no field {', '.join(unknown)}; expected: {', '.join(cls.__struct_fields__)}")
        try:
            plain = msgspec.convert(document, _Document)
        except msgspec.ValidationError as error:
            raise AccountError(without_value(error)) from error
        return cls(**{field: getattr(plain, field) for field in document})

    def local_zone(self) -> tzinfo | None:
        """The zone, ready to use."""
        return read_zone(self.zone) if isinstance(self.zone, str) else self.zone

    def blot(self, text: str) -> str:
        """A text without this account's secrets and password, for whatever is stored, shown or logged."""
        return blotter(credentials_of(self)).text(text)

    def __repr__(self) -> str:
        return f"Account({self.name!r}, {len(self.secrets)} secrets)"

    def _check_zone(self) -> None:
        if self.zone is not None and not isinstance(self.zone, str | tzinfo):
            raise AccountError("zone: expected a name, an offset or a tzinfo")
        if isinstance(self.zone, str):
            try:
                read_zone(self.zone)
            except ValueError as error:
                raise AccountError(f"zone: {error}") from error

    def _check_kinds(self) -> None:
        if type(self.open) is not bool:
            raise AccountError("open: expected True or False; anything else would admit everybody")
        if type(self.max_body) is not int or self.max_body <= 0:
            raise AccountError("max_body: expected a number of bytes above 0")
        if not isinstance(self.message_ids, MessageIds):
            raise AccountError("message_ids: expected MessageIds")

    @staticmethod
    def _check_network(address: str) -> None:
        try:
            ip_network(address)
        except ValueError as error:
            raise AccountError(
                f"addresses: {address!r} is neither an IP network ('192.0.2.0/24') nor a mail address"
            ) from error


def credentials_of(account: Account) -> tuple[str, ...]:
    """Whatever of an account nobody may see: its secrets, its password, and what HTTP Basic makes of them."""
    words = (*account.secrets, *filter(None, (account.password,)))
    if not account.username:
        return words
    return (*words, *(basic_token(account.username, word) for word in words))


def basic_token(username: str, password: str) -> str:
    """What HTTP Basic sends for a user name and a password (RFC 7617)."""
    return b64encode(f"{username}:{password}".encode()).decode()


def _is_text(value: object) -> bool:
    """Whether it is a text that every encoding of Unicode can write."""
    return isinstance(value, str) and encodable(value) == value


_WHERE: Final = " - at `$"


def without_value(error: msgspec.ValidationError) -> str:
    """The field and what was expected of it, without any value that the error shows."""
    said, _, where = str(error).partition(_WHERE)
    path = where.strip("`").lstrip(".")
    if said.startswith("Invalid"):
        said = "it holds a value that cannot be meant"
    return f"{path}: {said}" if path else said


_Document: Final = msgspec.defstruct(
    "Account",
    [
        # A file can name a zone and list settings; it holds no tzinfo and no Struct.
        (field.name, {"zone": str | None, "settings": dict[str, Any] | None}.get(field.name, field.type), None)
        for field in msgspec.structs.fields(Account)
    ],
    forbid_unknown_fields=True,
)

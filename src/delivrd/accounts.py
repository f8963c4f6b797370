"""What a gateway has agreed with a provider: secrets, time zone, limits, changed meanings.

The rule of this module: an account is checked when it is made, and never shows a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final, TypeAlias

import msgspec

from delivrd.blots import Blotter
from delivrd.errors import AccountError
from delivrd.message_ids import AS_TEXT, MessageIds
from delivrd.records import encodable
from delivrd.tables import Meanings
from delivrd.times import read_zone

MIB: Final = 1 << 20


Network: TypeAlias = IPv4Network | IPv6Network


class _Derived:
    """What is made of an account, and lives as long as it.

    Attributes:
        networks: those of the addresses that are IP networks.
        ready: what each provider has made ready for the account, by the provider; its own affair. Nothing in it may
            refer to the account, which would keep itself alive: the garbage collector does not follow an account that
            holds plain values alone.
    """

    networks: tuple[Network, ...]
    ready: dict[Any, Any]


class Account(_Derived, msgspec.Struct, frozen=True, eq=False, weakref=True, dict=True):
    """What a gateway has agreed with a provider. Two accounts are the same only if they are one object.

    Keep it: each provider makes itself ready for an account once, and the account holds what it made.

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
        for field, given in (("secrets", self.secrets), ("addresses", self.addresses), ("meanings", self.meanings)):
            if given.__class__ is tuple:
                continue
            if isinstance(given, str | bytes) or not isinstance(given, Iterable):
                raise AccountError(f"{field}: expected a list, got {type(given).__name__}; put it in brackets")
            # Held as a tuple: a list can be changed, and an iterator gives its items only once.
            msgspec.structs.force_setattr(self, field, tuple(given))
        if not _is_text(self.name):
            raise AccountError("name: expected a text")
        for field, text in (("username", self.username), ("password", self.password), ("public_url", self.public_url)):
            if text is not None and not _is_text(text):
                raise AccountError(f"{field}: expected a text")
        for secret in self.secrets:
            if not _is_text(secret) or not secret:
                raise AccountError("secrets: expected texts that are not empty; an empty secret admits everybody")
        for meaning in self.meanings:
            if not isinstance(meaning, Meanings):
                raise AccountError("meanings: expected Meanings")
        if self.zone is not None:
            self._check_zone()
        self._check_kinds()
        self.__dict__["networks"] = self._read_networks() if self.addresses else ()
        self.__dict__["ready"] = {}

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

    def __copy__(self) -> Account:
        return self

    def blot(self, text: str) -> str:
        """A text without this account's secrets and password, for whatever is stored, shown or logged."""
        return Blotter(tuple(filter(None, (*self.secrets, self.password)))).text(text)

    def __repr__(self) -> str:
        return f"Account({self.name!r}, {len(self.secrets)} secrets)"

    def _check_zone(self) -> None:
        if not isinstance(self.zone, str | tzinfo):
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

    def _read_networks(self) -> tuple[Network, ...]:
        if not all(map(_is_text, self.addresses)):
            raise AccountError("addresses: expected texts")
        return tuple(map(_read_network, (address for address in self.addresses if "@" not in address)))


def _read_network(address: str) -> Network:
    try:
        return ip_network(address)
    except ValueError as error:
        raise AccountError(
            f"addresses: {address!r} is neither an IP network ('192.0.2.0/24') nor a mail address"
        ) from error


def _is_text(value: object) -> bool:
    """Whether it is a text that every encoding of Unicode can write."""
    return isinstance(value, str) and (value.isascii() or encodable(value) == value)


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

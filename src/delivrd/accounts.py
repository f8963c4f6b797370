"""What a gateway has agreed with a provider: secrets, time zone, limits, changed meanings.

The rule of this module: an account is checked when it is made, and never shows a secret.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import tzinfo
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final, TypeAlias

import msgspec

from delivrd.addresses import read_network
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
        later_final_wins: of final reports of one message that contradict each other, the later one decides. By
            default, a delivery stands over a failure. The state keeps both (`State.contradictions`).

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
    later_final_wins: bool = False

    def __post_init__(self) -> None:
        # An account can be made for each input: what is absent costs a comparison.
        if self.secrets.__class__ is not tuple:
            self._hold("secrets", self.secrets)
        if self.addresses.__class__ is not tuple:
            self._hold("addresses", self.addresses)
        if self.meanings.__class__ is not tuple:
            self._hold("meanings", self.meanings)
        if not _is_text(self.name):
            raise AccountError("name: expected a text")
        if self.username is not None or self.password is not None or self.public_url is not None:
            self._check_texts()
        for at, secret in enumerate(self.secrets):
            if not _is_text(secret) or not secret.strip():
                raise AccountError(f"secrets[{at}]: expected a text that is not blank; a blank secret admits everybody")
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
        for key in document:
            if key not in cls.__struct_fields__:
                raise AccountError(unknown_field(key, cls.__struct_fields__))
        try:
            plain = msgspec.convert(document, _Document)
        except msgspec.ValidationError as error:
            said = without_value(error)
        else:
            return cls(**{field: getattr(plain, field) for field in document})
        # Outside the handler: msgspec's error shows the value.
        raise AccountError(said)

    def local_zone(self) -> tzinfo | None:
        """The zone, ready to use."""
        return read_zone(self.zone) if isinstance(self.zone, str) else self.zone

    def __copy__(self) -> Account:
        return self

    def blot(self, text: str) -> str:
        """A text without this account's secrets and password, for whatever is stored, shown or logged."""
        return Blotter(credentials_of(self)).text(text)

    def __repr__(self) -> str:
        return f"Account({self.name!r}, {len(self.secrets)} secrets)"

    def _hold(self, field: str, given: object) -> None:
        if isinstance(given, str | bytes) or not isinstance(given, Iterable):
            raise AccountError(f"{field}: expected a list, got {type(given).__name__}; put it in brackets")
        # Held as a tuple: a list can be changed, and an iterator gives its items only once.
        msgspec.structs.force_setattr(self, field, tuple(given))

    def _check_texts(self) -> None:
        for field in ("username", "password", "public_url"):
            text = getattr(self, field)
            if text is not None and not _is_text(text):
                raise AccountError(f"{field}: expected a text")

    def _check_zone(self) -> None:
        if not isinstance(self.zone, str | tzinfo):
            raise AccountError("zone: expected a name, an offset or a tzinfo")
        if isinstance(self.zone, str):
            try:
                read_zone(self.zone)
                return
            except ValueError:
                said = "expected a name such as 'Europe/Tallinn' or an offset such as '+02:00'"
            raise AccountError(f"zone: {said} (where the machine has no zone data, install the package tzdata)")

    def _check_kinds(self) -> None:
        if type(self.open) is not bool:
            raise AccountError("open: expected True or False; anything else would admit everybody")
        if type(self.later_final_wins) is not bool:
            raise AccountError("later_final_wins: expected True or False")
        if type(self.max_body) is not int or self.max_body <= 0:
            raise AccountError("max_body: expected a number of bytes above 0")
        if not isinstance(self.message_ids, MessageIds):
            raise AccountError("message_ids: expected MessageIds")

    def _read_networks(self) -> tuple[Network, ...]:
        networks = []
        for at, address in enumerate(self.addresses):
            if not _is_text(address):
                raise AccountError(f"addresses[{at}]: expected a text")
            if "@" not in address:
                networks.append(_read_network(at, address))
        return tuple(networks)


def _read_network(at: int, address: str) -> Network:
    try:
        return read_network(address)
    except ValueError:
        pass
    # Outside the handler: the caught error shows the text.
    said = "expected an IP network ('192.0.2.0/24', without bits behind the mask) or a mail address"
    raise AccountError(f"addresses[{at}]: {said}")


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
    return isinstance(value, str) and (value.isascii() or encodable(value) == value)


def unknown_field(name: str, known: Collection[str]) -> str:
    """What to say of a name that is none of those known. It is not shown: a secret can stand in its place."""
    return f"unknown field{meant(name, known) or ';'} expected: {', '.join(known) or 'none'}"


def meant(name: str, known: Iterable[str]) -> str:
    """Which of the known names a misspelt one is near, as the end of a message."""
    near = get_close_matches(str(name), known, 1)
    return f"; did you mean {near[0]}?" if near else ""


_WHERE: Final = " - at `$"


def without_value(error: msgspec.ValidationError) -> str:
    """The field and what was expected of it, without any value that the error shows."""
    said, _, where = str(error).partition(_WHERE)
    path = where.strip("`").lstrip(".")
    if said.startswith("Invalid"):
        said = "it holds a value that cannot be meant"
    if said.startswith("Object contains unknown field"):
        said = "unknown field"
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

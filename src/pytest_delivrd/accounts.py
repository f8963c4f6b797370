"""Accounts for the checks: configured for one way of proving an input, with invented credentials.

The rule of this module: which credentials a scheme needs is asked of the scheme (`configured`),
never known here, so that a plugin's own schemes are tested as the core's are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from delivrd import Account, Input, Provider, Sample, Scheme

SECRETS: Final = ("kit-first-Zq7", "kit-second-Xw9")

_CREDENTIALS: Final[tuple[dict[str, Any], ...]] = (
    {"secrets": SECRETS},
    {"username": "kit-user", "password": "kit-password-Vk3"},
    {"addresses": ("192.0.2.10",)},
    {"addresses": ("kit@provider.example",)},
    {"secrets": SECRETS, "username": "kit-user", "password": "kit-password-Vk3"},
)
"""What a scheme may need, the least first."""

_ORIGINS: Final = {"192.0.2.10": "198.51.100.77", "kit@provider.example": "kit@stranger.example"}
"""Another address for each of the above."""


def account_for(scheme: Scheme, sample: Sample) -> Account | None:
    """A fixture's account with the credentials that a scheme needs, and no others; None where none fit."""
    for credentials in _CREDENTIALS:
        account = _bare(sample, **credentials)
        if scheme.configured(account):
            return account
    return None


def locked_account(provider: Provider, sample: Sample) -> Account:
    """A fixture's account, configured for one of the provider's ways to prove such an input."""
    for scheme in provider.auth:
        if scheme.takes is type(sample.input) and scheme.sufficient:
            account = account_for(scheme, sample)
            if account is not None:
                return account
    return _bare(sample)


def open_account(sample: Sample) -> Account:
    """A fixture's account without credentials, that says it is open."""
    return _bare(sample, open=True)


def unconfigured_account(sample: Sample) -> Account:
    """A fixture's account without credentials."""
    return _bare(sample)


def signed(provider: Provider, input: Input, account: Account) -> Input:
    """An input with every proof that the account is configured for."""
    proven = input
    for scheme in provider.proofs(type(input), account):
        proven = scheme.sign(proven, account)
    return proven


def strangers(account: Account) -> Iterator[tuple[str, Account]]:
    """Accounts whose credentials differ: each character of each, each address; with what was changed."""
    for place, secret in enumerate(account.secrets):
        for index, other in _changed(secret):
            secrets = (*account.secrets[:place], other, *account.secrets[place + 1 :])
            # What is signed with is the first secret.
            yield f"character {index} of the secret", _with(account, secrets=(secrets[place],))
    for field in ("username", "password"):
        for index, other in _changed(getattr(account, field) or ""):
            yield f"character {index} of {field}", _with(account, **{field: other})
    for address in account.addresses:
        yield "another address", _with(account, addresses=(_ORIGINS[address],))


def _changed(text: str) -> Iterator[tuple[int, str]]:
    for index, character in enumerate(text):
        yield index, text[:index] + ("x" if character != "x" else "y") + text[index + 1 :]
    if text:
        yield len(text), text + "x"
        yield len(text) - 1, text[:-1]


def _bare(sample: Sample, **credentials: Any) -> Account:
    none: dict[str, Any] = {"secrets": (), "username": None, "password": None, "addresses": (), "open": False}
    return _with(sample.account or Account(), **{**none, **credentials})


def _with(account: Account, **fields: Any) -> Account:
    changed: Account = msgspec.structs.replace(account, **fields)
    return changed


def prefers_second(account: Account) -> Account | None:
    """The account of a sender who signs with the second of its secrets; None where there is no second."""
    return _with(account, secrets=account.secrets[1:]) if len(account.secrets) > 1 else None

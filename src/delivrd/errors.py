"""The errors of delivrd. Each tells whose fault it is, and what to do.

The rule of this module: on any bytes whatever, a sound plugin raises nothing but `InputError`;
any other exception is a fault of the plugin (`PluginError`), of the account's configuration
(`AccountError`), or a bug. No message holds a secret or a phone number.
"""

from __future__ import annotations

from typing import ClassVar

from delivrd.receipt import Reply


class DelivrdError(Exception):
    """The base of all errors that delivrd raises on purpose."""


class UnknownProvider(DelivrdError, KeyError):
    """No installed plugin brings a provider of that name. The message lists what is installed."""

    # A KeyError shows its message in quotes, as if it were the key.
    __str__ = Exception.__str__


class PluginError(DelivrdError):
    """A plugin broke its contract; the cause is kept in `__cause__`."""


class AccountError(DelivrdError, ValueError):
    """An account's configuration does not fit: the message names the setting and the remedy."""


class InputError(DelivrdError, ValueError):
    """The input could not be taken; `reply` is what to answer its sender.

    Attributes:
        reply: the refusal. For SMPP it is an acceptance (`command_status` 0), because refusing a
            receipt makes a message centre resend it for ever; None where nobody waits.
        field: the provider's name of the field that was wrong, where it was one field.
    """

    status: ClassVar[int] = 400
    headers: ClassVar[tuple[tuple[str, str], ...]] = ()

    def __init__(self, message: str, *, field: str | None = None, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.reply: Reply | None = reply if reply is not None else Reply(self.status, headers=self.headers)


class Unreadable(InputError):
    """The input is no report that its provider could have sent."""


class NotAuthentic(InputError):
    """The input does not prove that it comes from its provider."""

    status = 401
    # RFC 9110, section 15.5.2, requires a challenge, and some senders give credentials only after one. Of the ways to
    # authenticate that there are here, Basic (RFC 7617) alone has a registered name.
    headers = (("WWW-Authenticate", 'Basic realm="delivrd", charset="UTF-8"'),)


class WrongMethod(InputError):
    """The provider reports by another HTTP method; the reply names it."""

    status = 405


class TooLarge(InputError):
    """The input is larger than the account allows; it was not decoded."""

    status = 413


class UnsupportedMediaType(InputError):
    """The body's content type is none that the provider sends."""

    status = 415


def broken(provider: str, function: str, error: Exception) -> PluginError:
    """What is to be raised where a function of a provider's own has failed."""
    return PluginError(
        f"{provider}: its {function} function raised {type(error).__name__}; "
        "on any bytes it may raise nothing but InputError"
    )

"""Whose provider and account a command works with.

The rule of this module: ACCOUNT stands for both, and how it does is known here alone. Now it is a JSON file,
and the provider has to be named beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from delivrd.accounts import Account
from delivrd.cli.output import one_line
from delivrd.cli.reading import account_file
from delivrd.cli.session import Refusal, Session, pass_session
from delivrd.errors import AccountError
from delivrd.provider import Provider


def whose(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument ACCOUNT and what belongs to it; the command gets `provider` and `account`."""

    def with_account(session: Session, /, *, account: str, provider: str, **others: Any) -> Any:
        named = session.provider(provider)
        given = account_file(account, "ACCOUNT: ")
        return command(provider=named, account=_fitting(named, given), **others)

    with_session = functools.update_wrapper(pass_session(with_account), command)
    for option in (
        click.option("--provider", required=True, metavar="NAME", help="Whose account it is."),
        click.argument("account"),
    ):
        with_session = option(with_session)
    return with_session


def _fitting(provider: Provider, account: Account) -> Account:
    """The account, known to fit the provider."""
    try:
        provider.check(account)
    except AccountError as error:
        raise Refusal(f"ACCOUNT: {one_line(str(error))}") from error
    return account

"""Whose provider and account a command works with.

The rule of this module: ACCOUNT stands for both, and how it does is known here alone. It is a name in an accounts
file, or a JSON file, and then the provider has to be named beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from delivrd.accountfile import load_accounts
from delivrd.accounts import Account
from delivrd.cli.output import one_line
from delivrd.cli.reading import account_file
from delivrd.cli.session import Refusal, Session, pass_session
from delivrd.errors import AccountError, DelivrdError
from delivrd.provider import Provider


def whose(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument ACCOUNT and what belongs to it; the command gets `provider` and `account`."""

    def with_account(
        session: Session, /, *, account: str, provider: str | None, accounts: str | None, **others: Any
    ) -> Any:
        if accounts is not None:
            named, given = _of_file(session, accounts, account, provider)
        elif provider is None:
            raise Refusal("--provider: expected the name of a provider; or give --accounts FILE, which names it")
        else:
            named, given = session.provider(provider), account_file(account, "ACCOUNT: ")
        return command(provider=named, account=_fitting(named, given), **others)

    with_session = functools.update_wrapper(pass_session(with_account), command)
    for option in (
        click.option("--provider", metavar="NAME", help="Whose account it is; an accounts file names it itself."),
        click.option(
            "--accounts",
            envvar="DELIVRD_ACCOUNTS",
            metavar="FILE",
            help="A TOML file of accounts, of which ACCOUNT is a name; also the environment's DELIVRD_ACCOUNTS.",
        ),
        click.argument("account"),
    ):
        with_session = option(with_session)
    return with_session


def _of_file(session: Session, file: str, name: str, provider: str | None) -> tuple[Provider, Account]:
    try:
        accounts = load_accounts(file, session.registry)
    except (DelivrdError, OSError) as error:
        raise Refusal(f"--accounts: {one_line(str(error))}") from error
    if name not in accounts:
        raise Refusal(f"ACCOUNT: {click.format_filename(file)} has: {', '.join(accounts) or 'none'}")
    found, account = accounts[name]
    if provider not in (None, found.name):
        raise Refusal(f"--provider: this account is of {found.name}")
    return found, account


def _fitting(provider: Provider, account: Account) -> Account:
    """The account, known to fit the provider."""
    try:
        provider.check(account)
    except AccountError as error:
        raise Refusal(f"ACCOUNT: {one_line(str(error))}") from error
    return account

"""`delivrd serve`: the receiver, its store and its live page.

The rule of this module: everything that can be wrong is told before the first request is taken. No password
stands on the command line, where other users of the machine can read it.
"""

from __future__ import annotations

import logging
import signal
import sys
from typing import Final

import click

from delivrd.accountfile import load_accounts
from delivrd.cli.output import one_line, put_note
from delivrd.cli.session import Failure, Refusal, Session, pass_session
from delivrd.errors import AccountError


@click.command()
@click.option("--accounts", "file", required=True, metavar="FILE", help="The accounts, as TOML.")
@click.option(
    "--store",
    envvar="DELIVRD_STORE",
    default="delivrd.db",
    show_default=True,
    metavar="URL",
    help="A SQLite file, or postgresql://user@host/name; its tables are made if they are missing. Also the "
    "environment's DELIVRD_STORE.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="The port to listen on; 0 for any that is free.",
)
@pass_session
def serve(session: Session, file: str, store: str, host: str, port: int) -> None:
    """Receive what providers push, keep it, and show it on a page.

    Reports come to /dlr/<account name>, for each account of the file. A provider is answered once its report is in
    the store.

    Needs the extra `delivrd[serve]`; for PostgreSQL `delivrd[postgresql]` too. It is one process; several can share
    a store on PostgreSQL.
    """
    try:
        from delivrd.ledger import AsyncLedger, Ledger, LedgerError
        from delivrd.receiving import Receiver
        from delivrd.serve import Application, Server, listen
    except ImportError as error:
        raise Refusal(str(error)) from error
    _log_to_stderr()
    try:
        receiver = Receiver(load_accounts(file, session.registry))
    except AccountError as error:
        raise Refusal(f"--accounts: {one_line(str(error))}") from error
    try:
        ledger = Ledger.open(store, migrate=True)
    except LedgerError as error:
        raise Failure(f"--store: {one_line(str(error))}") from error
    try:
        listening = listen(host, port)
    except OSError as error:
        ledger.close()
        raise Failure(f"--host, --port: cannot listen there: {error.strerror or type(error).__name__}") from error
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listening.getsockname()[1]}"
    paths = ", ".join(f"{receiver.prefix}/{name}" for name in receiver.doors)
    for each in _ENDS:
        # uvicorn gives a signal back to this handler once all is written: a wanted end is no failure.
        signal.signal(each, _end)
    Server(Application(receiver, AsyncLedger(ledger)), listening, lambda: put_note(f"listening on {url} for {paths}")).run()


_ENDS: Final = (signal.SIGINT, signal.SIGTERM)


def _end(*_: object) -> None:
    sys.exit(0)


def _log_to_stderr() -> None:
    """Show what was refused, and what failed: no line of these logs holds a secret or a number."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    for name in ("delivrd.receiving", "delivrd.serve"):
        log = logging.getLogger(name)
        log.addHandler(handler)
        log.setLevel(logging.INFO)

"""`delivrd serve`: the receiver, its store and its live page.

The rule of this module: everything that can be wrong is told before the first request is taken. No password
stands on the command line, where other users of the machine can read it.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

import click

from delivrd.accountfile import load_accounts
from delivrd.cli.ledger import phone_key
from delivrd.cli.output import one_line, put_note
from delivrd.cli.passwords import named_password
from delivrd.cli.session import Failure, Refusal, Session, pass_session
from delivrd.errors import AccountError

if TYPE_CHECKING:
    from delivrd.receiving import TrustedProxies
    from delivrd.serve import Gate


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
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="ADDRESS",
    help="An address or network of your own proxies (192.0.2.0/24, or unix); can be given several times. Without it, "
    "whoever connects is taken for the client.",
)
@click.option(
    "--proxy-header",
    type=click.Choice(["x-forwarded-for", "forwarded"]),
    default="x-forwarded-for",
    show_default=True,
    help="The header in which your proxies name the client.",
)
@click.option(
    "--page-password-env",
    metavar="NAME",
    help="The environment's variable that holds the password of the page; the user name is delivrd.",
)
@click.option("--page-password-file", metavar="FILE", help="The file that holds the password of the page.")
@click.option(
    "--phone-key-file",
    metavar="FILE",
    envvar="DELIVRD_PHONE_KEY_FILE",
    help="Keep phone numbers as digests, under the key in this file; also the environment's DELIVRD_PHONE_KEY_FILE.",
)
@click.option("--show-numbers", is_flag=True, help="Show phone numbers whole on the page.")
@click.option(
    "--max-held-bytes",
    type=click.IntRange(min=2**20),
    default=64 * 2**20,
    show_default=True,
    help="Bytes that unanswered requests may hold in memory together. Beyond, the largest is answered with 503.",
)
@pass_session
def serve(
    session: Session,
    file: str,
    store: str,
    host: str,
    port: int,
    proxies: tuple[str, ...],
    proxy_header: str,
    page_password_env: str | None,
    page_password_file: str | None,
    phone_key_file: str | None,
    show_numbers: bool,
    max_held_bytes: int,
) -> None:
    """Receive what providers push, keep it, and show it on a page.

    Reports come to /dlr/<account name>, for each account of the file. A provider is answered once its report is in
    the store. The newest reports are shown live at /. On a loopback host that page is for this machine alone; on
    any other host, or behind a proxy, it needs a password, or there is no page.

    Needs the extra `delivrd[serve]`; for PostgreSQL `delivrd[postgresql]` too. It is one process; several can share
    a store on PostgreSQL.
    """
    try:
        from delivrd.serve import Application, Looks, Page, Server, listen, most_connections, raise_file_limit
    except ImportError as error:
        raise Refusal(str(error)) from error
    from delivrd.ledger import AsyncLedger, Ledger, LedgerError
    from delivrd.receiving import ByteBudget, Receiver

    trusted = _proxies(proxies, proxy_header)
    gate = _gate(host, page_password_env, page_password_file, behind_proxies=trusted is not None)
    _log_to_stderr()
    most = most_connections(raise_file_limit())
    try:
        accounts = load_accounts(file, session.registry)
        receiver = Receiver(accounts, proxies=trusted)
    except AccountError as error:
        raise Refusal(f"--accounts: {one_line(str(error))}") from error
    try:
        ledger = AsyncLedger(Ledger.open(store, phone_key=phone_key(phone_key_file), migrate=True))
    except (LedgerError, AccountError) as error:
        raise Failure(f"--store: {one_line(str(error))}") from error
    try:
        listening = listen(host, port)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Failure(f"--host, --port: {one_line(host)}, {port}: {reason}") from error
    page = None
    if gate is not None:
        page = Page(receiver, ledger, Looks(accounts, session.registry, show_numbers=show_numbers), gate)
    for each in _ENDS:
        # uvicorn gives a signal back to this handler once all is written: a wanted end is no failure.
        signal.signal(each, _end)
    address = f"[{host}]" if ":" in host else host
    paths = ", ".join(f"{receiver.prefix}/{name}" for name in receiver.doors)
    said = f"listening on http://{address}:{listening.getsockname()[1]}/ (reports: {paths})"
    budget = ByteBudget(max_held_bytes)
    app = Application(receiver, ledger, page, budget=budget)
    Server(app, listening, lambda: put_note(said), most=most, budget=budget).run()


def _proxies(addresses: tuple[str, ...], header: str) -> TrustedProxies | None:
    from delivrd.receiving import TrustedProxies

    if not addresses:
        return None
    try:
        return TrustedProxies(addresses, header)
    except ValueError as error:
        raise Refusal(f"--proxy: {one_line(str(error))}") from error


def _gate(host: str, variable: str | None, file: str | None, *, behind_proxies: bool) -> Gate | None:
    """Who may see the page; None where nobody may."""
    from delivrd.serve import Gate, is_loopback

    if variable is not None or file is not None:
        try:
            return Gate(named_password("--page-password", variable, file))
        except ValueError as error:
            raise Refusal(f"--page-password: {error}") from error
    if is_loopback(host) and not behind_proxies:
        return Gate()
    put_note("no page: others could see it here; --page-password-env or --page-password-file gives it a password")
    return None


_ENDS: Final = (signal.SIGINT, signal.SIGTERM)


def _end(*_: object) -> None:
    sys.exit(0)


class _Notes(logging.Handler):
    """Shows the lines of a log as any other note; of those that repeat, the first and a count."""

    def __init__(self) -> None:
        from delivrd.serve.repeats import Repeats

        super().__init__()
        self._repeats = Repeats(time.monotonic)

    def emit(self, record: logging.LogRecord) -> None:
        """As the standard library's."""
        text = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            # The message of an error can hold what a request held.
            text = f"{text.strip()}: {record.exc_info[0].__name__}"
        arguments = record.args[:2] if isinstance(record.args, tuple) else ()
        # An account and the type of an error make a line another; numbers and addresses in it do not.
        kind = (record.name, str(record.msg).partition("\n")[0], *(each for each in arguments if isinstance(each, str)))
        for line in self._repeats.shown(kind, text):
            put_note(line)

    def close(self) -> None:
        """As the standard library's; what was only counted is shown."""
        for name in _SHOWN:
            logging.getLogger(name).removeHandler(self)
        for line in self._repeats.rest():
            put_note(line)
        super().close()


_SHOWN: Final = {
    "delivrd.receiving": logging.INFO,
    "delivrd.serve": logging.INFO,
    "asyncio": logging.WARNING,
    "uvicorn.error": logging.WARNING,
}
"""What is shown of which log: rejected requests and failures. No line of these holds a secret or a number."""


def _log_to_stderr() -> None:
    """Show rejected requests and failures, until the command ends."""
    notes = _Notes()
    click.get_current_context().call_on_close(notes.close)
    for name, level in _SHOWN.items():
        log = logging.getLogger(name)
        log.addHandler(notes)
        log.setLevel(level)

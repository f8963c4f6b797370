"""`delivrd mail`: the reports of a mailbox.

The rule of this module: a report is on standard output, flushed, before its mail is deleted or marked. No
password stands on the command line, where other users of the machine can read it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import click

from delivrd.accounts import Account
from delivrd.cli.output import hand_over, put_note
from delivrd.cli.passwords import named_password
from delivrd.cli.session import Failure, Refusal
from delivrd.cli.whose import whose
from delivrd.inputs import Mail
from delivrd.provider import Provider
from delivrd.receipt import Receipt

if TYPE_CHECKING:
    from delivrd.mailbox import Box, Login

_FORMS: Final = "maildir:FOLDER, imaps://USER@HOST[:PORT][/FOLDER], or pop3s://USER@HOST[:PORT]"
_ENCRYPTIONS: Final = {
    "imaps": "tls",
    "pop3s": "tls",
    "imap+starttls": "starttls",
    "pop3+starttls": "starttls",
    "imap": "none",
    "pop3": "none",
}


@click.command()
@whose
@click.argument("mailbox")
@click.option("--password-env", metavar="NAME", help="The environment's variable that holds the mailbox's password.")
@click.option("--password-file", metavar="FILE", help="The file that holds the mailbox's password.")
@click.option(
    "--delete", is_flag=True, help="Delete mails, in place of marking them as seen. POP3 knows no marks: it is needed."
)
def mail(
    provider: Provider,
    account: Account,
    mailbox: str,
    password_env: str | None,
    password_file: str | None,
    delete: bool,
) -> None:
    """Print the canonical reports of a mailbox, and mark or delete the mails that held them.

    ACCOUNT is a JSON file with the fields of delivrd.Account; its `addresses` are the senders whose mails count.

    MAILBOX is maildir:FOLDER, imaps://USER@HOST[:PORT][/FOLDER] or pop3s://USER@HOST[:PORT]; an @ of the user is
    written %40. imap+starttls and pop3+starttls encrypt from a command on, imap and pop3 not at all. Seen mails
    are left alone, unless mails are deleted. Mails that are no report, or that cannot be read, stay as they are.

    Exits with 0 if every mail was read, 1 if one was not, 2 if the call was wrong.
    """
    from delivrd.mailbox import Fate, MailboxError, collect

    if Mail not in provider.ways:
        raise Refusal(f"--provider: {provider.name} does not report by mail")
    box = _box(mailbox, password_env, password_file, delete)
    count = failed = 0
    try:
        with box as opened:
            for collected in collect(opened, provider, account, _print, now=lambda: datetime.now(UTC)):
                count += 1
                failed += collected.fate not in (Fate.HANDED_OVER, Fate.NO_REPORT)
                if collected.fate is not Fate.HANDED_OVER:
                    put_note(f"mail {collected.id}: {collected.reason or collected.fate.meaning}")
    except MailboxError as error:
        raise Failure(str(error)) from error
    if failed:
        put_note(f"{failed} of {count} mails could not be read; they stay in the mailbox")
        raise click.exceptions.Exit(1)


def _print(mail: Mail, receipt: Receipt) -> None:
    for report in receipt.reports:
        hand_over(report.to_dict())


def _box(
    mailbox: str, password_env: str | None, password_file: str | None, delete: bool
) -> AbstractContextManager[Box]:
    from delivrd.mailbox import Imap, Maildir, Pop3

    kind, _, rest = mailbox.partition(":")
    if kind == "maildir" and rest:
        return Maildir(rest, delete=delete)
    login, folder = _login(mailbox, password_env, password_file)
    if kind.startswith("imap"):
        try:
            return Imap(login, folder=folder or "INBOX", delete=delete)
        except ValueError as error:
            raise Refusal(f"MAILBOX: {error}") from error
    if not delete:
        raise Refusal("--delete: POP3 can only delete mails, not mark them; say that you want it")
    return Pop3(login)


def _login(mailbox: str, password_env: str | None, password_file: str | None) -> tuple[Login, str]:
    from delivrd.mailbox import Encryption, Login

    try:
        url = urlsplit(mailbox)
        port, host = url.port, url.hostname
    except ValueError:
        port = host = None
    if host is None or url.scheme not in _ENCRYPTIONS or not url.username:
        raise Refusal(f"MAILBOX: expected {_FORMS}")
    if url.password is not None:
        raise Refusal("MAILBOX: expected no password, for others can read it here; give --password-env or -file")
    login = Login(
        host=host,
        port=port,
        user=unquote(url.username),
        password=named_password("--password", password_env, password_file),
        encryption=Encryption(_ENCRYPTIONS[url.scheme]),
    )
    return login, unquote(url.path.lstrip("/"))

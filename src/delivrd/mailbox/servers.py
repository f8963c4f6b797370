"""Mailboxes on a server, by POP3 or IMAP, over the standard library's clients.

The rule of this module: no error and no `repr` shows a password, and a server's own words are shown
without it. A connection is encrypted unless somebody says in so many words that it is not to be.
"""

from __future__ import annotations

import imaplib
import poplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec

from delivrd.accounts import Account
from delivrd.mailbox.bounded import ImapClient, ImapTlsClient, Overlong, Pop3Client, Pop3TlsClient
from delivrd.mailbox.box import Letter, MailboxError, letter_of, too_large
from delivrd.mailbox.fetched import body_of, size_of

_T = TypeVar("_T")

_FAILURES: Final = (poplib.error_proto, imaplib.IMAP4.error, OSError, EOFError, ValueError)
"""What the clients raise where the server or the network fails, or an answer is none that they know."""

_LOST: Final = "the connection was lost while it was fetched"


class Encryption(StrEnum):
    """How a connection to a mail server is encrypted."""

    TLS = "tls"
    """From its beginning."""
    STARTTLS = "starttls"
    """From a command on, before the password is sent; refused where the server cannot."""
    NONE = "none"
    """Not at all: the password is sent as it stands. For a server on the same machine."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Which mailbox on which server.

    Attributes:
        host, port: of the server; the port is the usual one by default.
        user, password: of the mailbox.
        encryption: of the connection.
        context: for TLS, in place of the standard library's default, which checks certificate and name.
        timeout: seconds that the server may be silent.
    """

    host: str
    port: int | None = None
    user: str
    password: str
    encryption: Encryption = Encryption.TLS
    context: ssl.SSLContext | None = None
    timeout: float = 60.0

    def __repr__(self) -> str:
        return f"Login({self.user!r} at {self.host}, {self.encryption})"

    def tls(self) -> ssl.SSLContext:
        """The context to encrypt with."""
        return self.context or ssl.create_default_context()

    def told(self, do: Callable[[], _T]) -> _T:
        """What something comes to; what fails of it is told without the password.

        Raises:
            MailboxError: it failed.
        """
        try:
            return do()
        except _FAILURES as error:
            said = self.words(error)
        # Raised here, so that no context holds the client's own error.
        raise MailboxError(f"{self.host}: {said}")

    def words(self, error: BaseException) -> str:
        """A client's error, without the password."""
        return Account(password=self.password).blot(_words(error))


class Pop3:
    """A mailbox over POP3. Mails are deleted: POP3 knows no marks.

    The server deletes when the session ends well, and only then: after a lost connection what was handed over
    comes again. The server must know UIDL, by which a mail is the same from session to session.

    Raises:
        MailboxError: the server cannot be reached, or refuses the password.
    """

    def __init__(self, login: Login) -> None:
        self._login = login
        self._client: Pop3Client | None = None
        self._forgotten: set[str] = set()
        self._known: dict[str, int] = {}
        self._sizes: dict[int, int] = {}

    def letters(self, most: int) -> Iterator[Letter]:
        """As `Box.letters`, in the server's order."""
        for unique in self._login.told(self._look):
            yield self._login.told(partial(self._letter, unique, most))

    def _letter(self, id: str, most: int) -> Letter:
        number = self._known.get(id)
        if number is None:
            return Letter(id, None, "gone from the server")
        if self._sizes.get(number, 0) > most:
            return Letter(id, None, too_large(most))
        client = self._open()
        # Each line of a mail can begin with a dot, and is sent with one more (RFC 1939, section 3).
        client.meter.limit(2 * most)
        try:
            _, lines, _ = client.retr(number)
        except Overlong:
            return self._anew(id, too_large(most))
        except poplib.error_proto as error:
            said = error.args[0]
            if isinstance(said, bytes):
                return Letter(id, None, self._login.words(error))
            long_line = said == "line too long"
            return self._anew(id, "it has a line that is longer than POP3 clients take" if long_line else _LOST)
        finally:
            client.meter.limit(None)
        return letter_of(id, b"".join(line + b"\r\n" for line in lines), most)

    def _anew(self, id: str, problem: str) -> Letter:
        """A mail in the middle of which the session has ended; the next one is for the mails behind it."""
        self._drop()
        self._look()
        return Letter(id, None, problem)

    def forget(self, letter: Letter) -> None:
        """As `Box.forget`."""
        number = self._known[letter.id]
        self._login.told(lambda: self._open().dele(number))
        self._forgotten.add(letter.id)

    def _look(self) -> list[str]:
        """The mails of a session, by the ids that stay the same from session to session."""
        client = self._open()
        listed = [line.decode("latin-1").split() for line in client.uidl()[1]]
        self._known = {unique: int(number) for number, unique in listed}
        self._sizes = {int(number): int(size) for number, size in (line.split()[:2] for line in client.list()[1])}
        # In a session that took the place of another, its deletions are made again.
        for unique in self._forgotten & self._known.keys():
            client.dele(self._known[unique])
        return [unique for unique in self._known if unique not in self._forgotten]

    def _open(self) -> Pop3Client:
        if self._client is None:
            login = self._login
            if login.encryption is Encryption.TLS:
                port = login.port or poplib.POP3_SSL_PORT
                client: Pop3Client = Pop3TlsClient(login.host, port, timeout=login.timeout, context=login.tls())
            else:
                client = Pop3Client(login.host, login.port or poplib.POP3_PORT, login.timeout)
            self._client = client
            if login.encryption is Encryption.STARTTLS:
                client.stls(login.tls())
            client.user(login.user)
            client.pass_(login.password)
        return self._client

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def __enter__(self) -> Self:
        try:
            self._login.told(self._open)
        except MailboxError:
            self._drop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        try:
            # Also where the handler failed: what was handed over before is deleted.
            self._login.told(client.quit)
        except MailboxError:
            client.close()
            if error is None:
                raise


class Imap:
    """A mailbox over IMAP.

    Args:
        login: which one.
        folder: of it, as the server writes its name.
        delete: delete mails; otherwise they are marked as seen, and seen mails are left alone.

    Raises:
        MailboxError: the server cannot be reached, or refuses the password or the folder.
        ValueError: the folder's name is not ASCII.
    """

    def __init__(self, login: Login, *, folder: str = "INBOX", delete: bool = False) -> None:
        if not folder.isascii() or not folder.isprintable():
            raise ValueError("folder: expected ASCII; IMAP writes other letters in modified UTF-7")
        self._login = login
        self._folder = '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
        self._delete = delete
        self._client: ImapClient | None = None
        self._validity: list[Any] = []

    def letters(self, most: int) -> Iterator[Letter]:
        """As `Box.letters`, in the order of their delivery."""
        wanted = "UNDELETED" if self._delete else "UNSEEN UNDELETED"
        found = self._login.told(lambda: self._uid("SEARCH", wanted))
        for unique in b" ".join(each for each in found if isinstance(each, bytes)).decode("ascii", "replace").split():
            yield self._login.told(partial(self._letter, unique, most))

    def _letter(self, id: str, most: int) -> Letter:
        client = self._session()
        client.meter.limit(most)
        try:
            if size_of(self._uid("FETCH", id, "(RFC822.SIZE)"), id) > most:
                return Letter(id, None, too_large(most))
            # PEEK leaves the mail unseen; the range is for servers that were mistaken about the size.
            raw = body_of(self._uid("FETCH", id, f"(BODY.PEEK[]<0.{most + 1}>)"), id)
        except Overlong:
            return self._anew(id, too_large(most))
        except imaplib.IMAP4.abort:
            return self._anew(id, _LOST)
        # The server has this mail and cannot give it, which says nothing about the others.
        except imaplib.IMAP4.error as error:
            return Letter(id, None, self._login.words(error))
        finally:
            client.meter.limit(None)
        return Letter(id, None, "gone from the server") if raw is None else letter_of(id, raw, most)

    def _anew(self, id: str, problem: str) -> Letter:
        """A mail in the middle of which the connection has ended; the next one is for the mails behind it."""
        # In the middle of an answer there is nothing to say goodbye to.
        client, self._client = self._client, None
        if client is not None:
            with suppress(*_FAILURES):
                client.shutdown()
        self._open()
        return Letter(id, None, problem)

    def forget(self, letter: Letter) -> None:
        """As `Box.forget`. Without UIDPLUS the server is told that the mail is deleted, and removes it in its time."""
        self._login.told(partial(self._mark, letter.id))

    def _mark(self, unique: str) -> None:
        self._uid("STORE", unique, "+FLAGS.SILENT", r"(\Deleted)" if self._delete else r"(\Seen)")
        if self._delete and "UIDPLUS" in self._session().capabilities:
            # A plain EXPUNGE would remove what somebody else has marked too.
            self._uid("EXPUNGE", unique)

    def _uid(self, command: str, *arguments: str) -> list[Any]:
        return self._ok(lambda client: client.uid(command, *arguments))

    def _ok(self, ask: Callable[[ImapClient], tuple[str, list[Any]]]) -> list[Any]:
        said, answer = ask(self._session())
        if said != "OK":
            words = b" ".join(each for each in answer if isinstance(each, bytes))
            raise imaplib.IMAP4.error(words.decode("utf-8", "replace"))
        return answer

    def _session(self) -> ImapClient:
        if self._client is None:
            raise imaplib.IMAP4.error("the mailbox is not open")
        return self._client

    def _open(self) -> None:
        login = self._login
        if login.encryption is Encryption.TLS:
            port = login.port or 993
            self._client = ImapTlsClient(login.host, port, ssl_context=login.tls(), timeout=login.timeout)
        else:
            self._client = ImapClient(login.host, login.port or 143, login.timeout)
        if login.encryption is Encryption.STARTTLS:
            self._ok(lambda client: client.starttls(login.tls()))
        self._ok(lambda client: client.login(login.user, login.password))
        self._ok(lambda client: client.select(self._folder))
        validity = self._session().response("UIDVALIDITY")[1]
        if self._validity and validity != self._validity:
            # The same number would be another mail (RFC 3501, section 2.3.1.1).
            raise imaplib.IMAP4.error("the server has numbered the mails anew; begin again")
        self._validity = validity
        # What a server can do may be more once it knows the user.
        said = b" ".join(each for each in self._ok(lambda client: client.capability()) if isinstance(each, bytes))
        self._session().capabilities = tuple(said.decode("ascii", "replace").upper().split())

    def __enter__(self) -> Self:
        self._validity = []
        try:
            self._login.told(self._open)
        except MailboxError:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        client, self._client = self._client, None
        # Every mail was deleted or marked when it was handed over; nothing depends on a good end.
        if client is not None:
            with suppress(*_FAILURES):
                client.logout()
            # The client leaves its connection open where the server does not answer.
            with suppress(*_FAILURES):
                client.shutdown()


def _words(error: BaseException) -> str:
    """A client's error as one line."""
    said = error.args[0] if error.args else ""
    if isinstance(error, OSError) and error.strerror:
        said = error.strerror
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join(text.split()) or type(error).__name__

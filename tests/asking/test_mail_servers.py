"""Mail servers that go wrong in the middle: what one mail brings about stops no other."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from test_mailbox import ACCOUNT, fates, login_at, report, take

from delivrd.mailbox import Imap, MailboxError, Pop3

MAILS = {number: report(number) for number in (1, 2, 3)}
LENGTH = ACCOUNT.max_body


class _Handler(socketserver.StreamRequestHandler):
    """Speaks a protocol; `damaged` says what mail 2 comes to, and None ends the connection."""

    damaged: Callable[[bytes], Iterator[bytes | None]]
    sessions: list[list[bytes]]

    def handle(self) -> None:
        told: list[bytes] = []
        self.sessions.append(told)
        try:
            self.wfile.write(self.greeting)
            for line in self.rfile:
                told.append(line)
                for said in self.answer(line):
                    if said is None:
                        return
                    self.wfile.write(said)
        except OSError:
            return


class ImapServer(_Handler):
    greeting = b"* OK IMAP4rev1 here\r\n"

    def answer(self, line: bytes) -> Iterator[bytes | None]:
        tag, command, *rest = line.split()
        if command == b"CAPABILITY":
            yield b"* CAPABILITY IMAP4rev1\r\n"
        elif command == b"SELECT":
            yield b"* 3 EXISTS\r\n* OK [UIDVALIDITY %d] numbered\r\n" % self.validity(len(self.sessions))
        elif rest[:1] == [b"SEARCH"]:
            yield b"* SEARCH 1 2 3\r\n"
        elif rest[:1] == [b"FETCH"] and b"SIZE" not in line:
            if rest[1] == b"2":
                yield from type(self).damaged(tag)
                return
            raw = MAILS[int(rest[1])]
            yield b"* %s FETCH (BODY[]<0> {%d}\r\n%s UID %s)\r\n" % (rest[1], len(raw), raw, rest[1])
        yield tag + b" OK done\r\n"

    @staticmethod
    def validity(session: int) -> int:
        return 7


class Pop3Server(_Handler):
    greeting = b"+OK here\r\n"

    def answer(self, line: bytes) -> Iterator[bytes | None]:
        command, *rest = line.split()
        if command == b"UIDL":
            yield b"+OK\r\n1 a\r\n2 b\r\n3 c\r\n.\r\n"
        elif command == b"LIST":
            yield b"+OK\r\n1 90\r\n2 90\r\n3 90\r\n.\r\n"
        elif command == b"RETR":
            yield b"+OK\r\n"
            yield from type(self).damaged(b"") if rest == [b"2"] else iter([MAILS[int(rest[0])] + b".\r\n"])
        else:
            yield b"+OK\r\n"


class Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def serving(kind: type[_Handler], damaged: Callable[[bytes], Iterator[bytes | None]], **others):
    made = type("Made", (kind,), {"damaged": staticmethod(damaged), "sessions": [], **others})
    with Threads(("127.0.0.1", 0), made) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1], made.sessions
        finally:
            server.shutdown()
            thread.join(timeout=20)


def refused(tag: bytes) -> Iterator[bytes | None]:
    yield tag + b" NO [SERVERBUG] this mail is damaged\r\n"


def bad(tag: bytes) -> Iterator[bytes | None]:
    yield tag + b" BAD this mail is damaged\r\n"


def cut(tag: bytes) -> Iterator[bytes | None]:
    yield b"* 2 FETCH (UID 2 BODY[]<0> {500}\r\nFrom: dlr@upside.example\r\n\r\ntrackingid=2\r\nstatus=DELIVRD\r\n"
    yield None


def huge(tag: bytes) -> Iterator[bytes | None]:
    # So much that nobody could hold it, were it waited for.
    yield b"* 2 FETCH (UID 2 BODY[]<0> {99999999999999}\r\n"
    yield b"x" * LENGTH


def endless(tag: bytes) -> Iterator[bytes | None]:
    while True:
        yield b"* 9 FETCH (UID 99 FLAGS (" + b"x" * 1000 + b"))\r\n"


@pytest.mark.parametrize(
    ("damaged", "why", "sessions"),
    [
        (refused, "[SERVERBUG] this mail is damaged", 1),
        (bad, "this mail is damaged", 1),
        (cut, "the connection was lost while it was fetched", 2),
        (huge, "larger than 20000 bytes", 2),
        (endless, "larger than 20000 bytes", 2),
    ],
)
def test_a_mail_that_imap_cannot_give_stops_no_other(damaged, why, sessions):
    with serving(ImapServer, damaged) as (port, told):
        collected = take(Imap(login_at(port)))
    assert fates(collected) == ["handed_over", "unreadable", "handed_over"]
    assert why in collected[1].reason
    assert [each.receipt.reports[0].message_id for each in collected[::2]] == ["MTID1", "MTID3"]
    assert len(told) == sessions


def item(uid: int, raw: bytes, form: str = "literal") -> bytes:
    if form == "quoted":
        held = b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
        return b"* 2 FETCH (UID %d BODY[]<0> %s)\r\n" % (uid, held)
    return b"* 2 FETCH (UID %d BODY[]<0> {%d}\r\n%s)\r\n" % (uid, len(raw), raw)


def test_of_what_imap_says_only_the_mail_that_was_asked_for_is_taken():
    def others(tag: bytes) -> Iterator[bytes | None]:
        yield item(99, report(9)) + b"* 5 FETCH (FLAGS (\\Seen))\r\n" + item(2, report(2)) + item(22, report(8))
        yield tag + b" OK done\r\n"

    with serving(ImapServer, others) as (port, _):
        collected = take(Imap(login_at(port)))
    assert [each.receipt.reports[0].message_id for each in collected] == ["MTID1", "MTID2", "MTID3"]


def test_a_mail_that_imap_quotes_is_read():
    line = b'From: "a \\\\ b" <dlr@upside.example>'

    def quoted(tag: bytes) -> Iterator[bytes | None]:
        yield item(2, line, "quoted") + tag + b" OK done\r\n"

    with serving(ImapServer, quoted) as (port, _), Imap(login_at(port)) as box:
        assert [letter.raw for letter in box.letters(LENGTH)][1] == line


def test_where_imap_numbers_its_mails_anew_nothing_more_is_done_by_the_old_numbers():
    with serving(ImapServer, cut, validity=staticmethod(lambda session: session)) as (port, told):
        with pytest.raises(MailboxError, match="numbered the mails anew"):
            take(Imap(login_at(port)))
        assert sum(b"STORE" in line for session in told for line in session) == 1


def lost(tag: bytes) -> Iterator[bytes | None]:
    yield b"From: dlr@up"
    yield None


def without_end(tag: bytes) -> Iterator[bytes | None]:
    while True:
        yield b"x" * 1000 + b"\r\n"


def long_line(tag: bytes) -> Iterator[bytes | None]:
    yield b"x" * 5000 + b"\r\n.\r\n"


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        (lost, "the connection was lost while it was fetched"),
        (without_end, "larger than 20000 bytes, the account's max_body"),
        (long_line, "it has a line that is longer than POP3 clients take"),
    ],
)
def test_a_mail_that_pop3_cannot_give_stops_no_other(damaged, why):
    with serving(Pop3Server, damaged) as (port, told):
        collected = take(Pop3(login_at(port)))
    assert fates(collected) == ["handed_over", "unreadable", "handed_over"]
    assert collected[1].reason == why
    # The session that took the place of the first one deletes what was handed over in both.
    assert [line for line in told[1] if line.startswith((b"DELE", b"QUIT"))] == [
        b"DELE 1\r\n",
        b"DELE 3\r\n",
        b"QUIT\r\n",
    ]

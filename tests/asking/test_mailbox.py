"""Reports from mailboxes: a maildir, and Dovecot over POP3 and IMAP."""

from __future__ import annotations

import imaplib
import os
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from desk import START
from dovecot import PASSWORD, Dovecot

from delivrd import Account, Mail, Receipt
from delivrd.mailbox import Box, Collected, Encryption, Imap, Letter, Login, MailboxError, Maildir, Pop3, collect
from delivrd_upside_wireless.sms_wiki import UPSIDE_WIRELESS

ACCOUNT = Account(name="up", addresses=["dlr@upside.example"], max_body=20_000)
SERVERS = ["pop3", "imap"]
KINDS = [*SERVERS, "maildir"]


def report(number: int, *, sender: str = "dlr@upside.example", more: str = "") -> bytes:
    lines = f"From: {sender}\r\nSubject: report\r\n\r\n{more}trackingid=MTID{number}\r\nstatus=DELIVRD\r\n"
    return lines.encode()


LETTER = b"From: dlr@upside.example\r\nSubject: hello\r\n\r\nYour invoice is attached.\r\n"
PARTS = (
    b'From: dlr@upside.example\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    + b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * 60
    + b"--b--\r\n"
)
LONG_LINE = report(8, more="x" * 5000 + "\r\n")


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A mailbox of the test's own."""
    return "".join(each for each in request.node.name.lower() if each.isascii() and each.isalnum())[-60:]


class Post:
    """One kind of mailbox, with what is in it."""

    def __init__(self, dovecot: Dovecot | None, folder: Path, kind: str, user: str) -> None:
        self.dovecot, self.folder, self.kind, self.user = dovecot, folder, kind, user

    def deliver(self, *mails: bytes) -> None:
        if self.dovecot is not None:
            self.dovecot.deliver(self.user, mails)
            return
        for name in ("new", "cur", "tmp"):
            (self.folder / name).mkdir(exist_ok=True)
        for number, mail in enumerate(mails):
            (self.folder / "new" / f"{1700000000 + number}.M{number}.here").write_bytes(mail)

    def left(self) -> list[tuple[bytes, bool]]:
        if self.dovecot is not None:
            return self.dovecot.left(self.user)
        files = sorted(
            (path for name in ("new", "cur") for path in (self.folder / name).iterdir()), key=lambda path: path.name
        )
        return [(path.read_bytes(), path.name.endswith(":2,S")) for path in files]

    def login(self, encryption: Encryption = Encryption.TLS, **others) -> Login:
        assert self.dovecot is not None
        ports = {"pop3": (self.dovecot.pop3s, self.dovecot.pop3), "imap": (self.dovecot.imaps, self.dovecot.imap)}
        port = ports[self.kind][encryption is not Encryption.TLS]
        given = {"user": self.user, "password": PASSWORD, "context": self.dovecot.context()} | others
        return Login(host="127.0.0.1", port=port, encryption=encryption, **given)

    def open(self, *, delete: bool = True, login: Login | None = None) -> Box:
        if self.kind == "maildir":
            return Maildir(str(self.folder), delete=delete)
        if self.kind == "pop3":
            return Pop3(login or self.login())
        return Imap(login or self.login(), delete=delete)


@pytest.fixture
def post(request: pytest.FixtureRequest, tmp_path: Path, user: str, kind: str) -> Post:
    return Post(request.getfixturevalue("dovecot") if kind in SERVERS else None, tmp_path, kind, user)


def take(box: Box, handler: Callable[[Mail, Receipt], None] = lambda mail, receipt: None, **options) -> list[Collected]:
    with box as opened:
        return list(collect(opened, UPSIDE_WIRELESS, ACCOUNT, handler, now=lambda: START, **options))


def fates(collected: list[Collected]) -> list[str]:
    return [each.fate.value for each in collected]


@pytest.mark.parametrize("kind", KINDS)
def test_each_report_is_handed_over_as_it_was_sent_and_then_deleted(post):
    post.deliver(report(1), report(2))
    handed = []

    def look(mail: Mail, receipt: Receipt) -> None:
        handed.append((mail.raw, receipt.reports[0], len(post.left())))

    assert fates(take(post.open(), look)) == ["handed_over"] * 2
    assert [raw for raw, _, _ in handed] == [report(1), report(2)]
    assert [said.message_id for _, said, _ in handed] == ["MTID1", "MTID2"]
    assert handed[0][1].received_at == START
    # While its report was being handed over, the mail was there.
    assert all(there >= 2 - place for place, (_, _, there) in enumerate(handed))
    assert post.left() == []


@pytest.mark.parametrize("kind", ["imap", "maildir"])
def test_a_mail_is_marked_where_it_is_not_to_be_deleted_and_left_alone_from_then_on(post):
    post.deliver(report(1))
    seen = []
    assert fates(take(post.open(delete=False), lambda mail, receipt: seen.append(post.left()[0][1]))) == ["handed_over"]
    assert seen == [False]
    assert post.left() == [(report(1), True)]
    assert take(post.open(delete=False)) == []
    assert fates(take(post.open(delete=True))) == ["handed_over"]
    assert post.left() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_whose_report_could_not_be_handed_over_stays_and_comes_again_with_the_same_key(post):
    post.deliver(report(1), report(2), report(3))
    keys: list[str] = []

    def second_fails(mail: Mail, receipt: Receipt) -> None:
        keys.append(receipt.reports[0].key)
        if receipt.reports[0].message_id == "MTID2":
            raise OSError("disk full")

    collected = take(post.open(), second_fails)
    assert fates(collected) == ["handed_over", "not_handed_over", "handed_over"]
    assert (collected[1].reason, str(collected[1].error)) == ("the handler raised OSError", "disk full")
    # Over POP3 fetching a mail marks it as seen, which means nothing there.
    assert post.left() == [(report(2), post.kind == "pop3")]
    again = take(post.open())
    assert [each.receipt.reports[0].key for each in again] == [keys[1]]
    assert again[0].id == collected[1].id
    assert post.left() == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_report_what_is_not_proven_and_what_is_too_large_stays(post):
    large = report(4, more="x\r\n" * 10_000)
    mails = [LETTER, report(2, sender="stranger@elsewhere.example"), PARTS, large, report(5)]
    post.deliver(*mails)
    handed = []
    collected = take(post.open(), lambda mail, receipt: handed.append(receipt))
    assert fates(collected) == ["no_report", "not_authentic", "unreadable", "unreadable", "handed_over"]
    assert handed[0].others[0]["text"].strip() == "Your invoice is attached."
    assert len(handed) == 2
    assert collected[2].reason.startswith("TooLarge")
    assert collected[3].reason == "larger than 20000 bytes, the account's max_body"
    assert [mail for mail, _ in post.left()] == mails[:4]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_report_goes_too_where_the_caller_says_so(post):
    post.deliver(LETTER, report(2, sender="stranger@elsewhere.example"))
    assert fates(take(post.open(), forget_others=True)) == ["no_report", "not_authentic"]
    assert [mail for mail, _ in post.left()] == [report(2, sender="stranger@elsewhere.example")]


@pytest.mark.parametrize("kind", KINDS)
def test_an_account_that_proves_nothing_takes_nothing(post):
    post.deliver(report(1))
    with post.open() as box:
        collected = list(collect(box, UPSIDE_WIRELESS, Account(), lambda mail, receipt: None))
    assert fates(collected) == ["not_authentic"]
    assert len(post.left()) == 1


@pytest.mark.parametrize("kind", ["maildir"])
def test_a_sender_that_nests_a_thousand_times_stops_no_other_mail(post):
    post.deliver(report(1, sender="a:" * 2000), report(2))
    assert fates(take(post.open())) == ["not_authentic", "handed_over"]


@pytest.mark.parametrize("kind", ["maildir"])
def test_whatever_one_mail_brings_about_stops_no_other(post):
    class Breaking:
        def __getattr__(self, name: str):
            return getattr(UPSIDE_WIRELESS, name)

        def receive(self, input, account, **others):
            if b"MTID1" in input.raw:
                raise RecursionError("+15555550123")
            return UPSIDE_WIRELESS.receive(input, account, **others)

    post.deliver(report(1), report(2))
    with post.open() as box:
        collected = list(collect(box, Breaking(), ACCOUNT, lambda mail, receipt: None))
    assert fates(collected) == ["unreadable", "handed_over"]
    assert collected[0].reason == "reading it raised RecursionError"


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_mailbox_holds_nothing(post):
    post.deliver()
    assert take(post.open()) == []


@pytest.mark.parametrize("kind", ["imap", "maildir"])
def test_a_line_of_any_length_is_read(post):
    post.deliver(LONG_LINE)
    assert fates(take(post.open())) == ["handed_over"]


@pytest.mark.parametrize("kind", ["pop3"])
def test_a_mail_that_pop3_clients_cannot_take_costs_no_other_mail(post):
    post.deliver(report(1), LONG_LINE, report(3))
    collected = take(post.open())
    assert fates(collected) == ["handed_over", "unreadable", "handed_over"]
    assert "longer than POP3 clients take" in collected[1].reason
    assert [mail for mail, _ in post.left()] == [LONG_LINE]


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("encryption", Encryption)
def test_a_server_is_reached_with_any_encryption(post, encryption):
    post.deliver(report(1))
    assert fates(take(post.open(login=post.login(encryption)))) == ["handed_over"]
    assert post.left() == []


def shows_nothing(error: BaseException) -> bool:
    return PASSWORD not in "".join(traceback.format_exception(error)) + repr(vars(error))


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("encryption", Encryption)
def test_a_wrong_password_is_told_without_it(post, encryption):
    login = post.login(encryption, password=PASSWORD + "x")
    with pytest.raises(MailboxError, match="127.0.0.1: .*uthentication") as raised:
        take(post.open(login=login))
    assert shows_nothing(raised.value)
    assert PASSWORD not in repr(login) + repr(post.open(login=login))


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("encryption", [Encryption.TLS, Encryption.STARTTLS])
def test_a_server_whose_certificate_nobody_vouches_for_gets_no_password(post, encryption):
    with pytest.raises(MailboxError, match="certificate verify failed") as raised:
        take(post.open(login=post.login(encryption, context=None)))
    assert shows_nothing(raised.value)


@contextmanager
def says(*lines: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server that says its lines, one after the other, and keeps what it was told."""
    told: list[bytes] = []

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, connection.makefile("rb") as reading:
            for line in lines:
                connection.sendall(line)
                told.append(reading.readline())

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], told
        thread.join(timeout=20)
        assert not thread.is_alive()


def login_at(port: int, encryption: Encryption = Encryption.NONE) -> Login:
    return Login(host="127.0.0.1", port=port, user="me", password=PASSWORD, encryption=encryption)


@pytest.mark.parametrize(
    ("box", "lines"),
    [
        (Pop3, [b"+OK hello\r\n", b"-ERR no STLS here\r\n"]),
        (Imap, [b"* OK hello\r\n", b"* CAPABILITY IMAP4rev1\r\nAAAA0 OK\r\n"]),
    ],
)
def test_a_server_that_cannot_encrypt_gets_no_password(box, lines):
    with says(*lines) as (port, told), pytest.raises(MailboxError):
        take(box(login_at(port, Encryption.STARTTLS)))
    assert not any(PASSWORD.encode() in line or b"me" in line for line in told)


@pytest.mark.parametrize(
    "lines",
    [
        [b"nonsense\r\n"],
        [b"+OK\r\n", b"+OK\r\n", b"-ERR wrong: " + PASSWORD.encode() + b"\r\n"],
        [b"+OK\r\n", b"+OK\r\n", b"+OK\r\n", b"+OK\r\nnonsense\r\n.\r\n"],
        [b"+OK\r\n", b"+OK\r\n", b"+OK\r\n", b"-ERR no UIDL\r\n"],
        [b"+OK\r\n", b"+OK\r\n"],
    ],
)
def test_a_pop3_server_that_makes_no_sense_is_told_in_one_error(lines):
    with says(*lines) as (port, _), pytest.raises(MailboxError) as raised:
        take(Pop3(login_at(port)))
    assert shows_nothing(raised.value)


@pytest.mark.parametrize("box", [Pop3, Imap])
def test_a_server_that_is_not_there_is_told(box, nobody):
    with pytest.raises(MailboxError, match="127.0.0.1: Connection refused"):
        take(box(login_at(int(nobody.rpartition(":")[2]))))


@pytest.mark.parametrize("kind", ["pop3"])
def test_after_a_lost_connection_what_was_handed_over_comes_again_with_the_same_key(post, dovecot):
    post.deliver(report(1), report(2))
    keys = []

    def lose(mail: Mail, receipt: Receipt) -> None:
        keys.append(receipt.reports[0].key)
        if len(keys) == 2:
            dovecot.control("kick", post.user)

    with pytest.raises(MailboxError):
        take(post.open(), lose)
    assert [mail for mail, _ in post.left()] == [report(1), report(2)]
    again = take(post.open())
    assert [each.receipt.reports[0].key for each in again] == keys
    assert post.left() == []


@pytest.mark.parametrize("kind", ["imap"])
def test_after_a_lost_connection_a_mailbox_over_imap_has_what_was_not_handed_over(post, dovecot):
    post.deliver(report(1), report(2))
    handed = []

    def lose(mail: Mail, receipt: Receipt) -> None:
        handed.append(receipt)
        if len(handed) == 2:
            dovecot.control("kick", post.user)

    with pytest.raises(MailboxError):
        take(post.open(), lose)
    assert [mail for mail, _ in post.left()] == [report(2)]


@pytest.mark.parametrize("kind", ["imap"])
def test_deleting_one_mail_removes_no_other_that_somebody_has_marked(post):
    post.deliver(report(1), LETTER)
    with imaplib.IMAP4("127.0.0.1", post.dovecot.imap) as other:
        other.login(post.user, PASSWORD)
        other.select()
        other.store("2", "+FLAGS", r"(\Deleted)")
        other.unselect()
    assert fates(take(post.open())) == ["handed_over"]
    assert [mail for mail, _ in post.left()] == [LETTER]


@pytest.mark.parametrize("kind", ["imap"])
def test_a_folder_is_named_as_the_server_writes_it(post):
    post.deliver(report(1))
    with imaplib.IMAP4("127.0.0.1", post.dovecot.imap) as other:
        other.login(post.user, PASSWORD)
        other.create('"Delivery \\"reports\\""')
        other.append('"Delivery \\"reports\\""', None, None, report(2))
    box = Imap(post.login(), folder='Delivery "reports"')
    assert [each.receipt.reports[0].message_id for each in take(box)] == ["MTID2"]
    with pytest.raises(MailboxError, match="doesn't exist"):
        take(Imap(post.login(), folder="Nothing"))
    with pytest.raises(ValueError, match="expected ASCII"):
        Imap(post.login(), folder="Entwürfe")
    with pytest.raises(ValueError, match="expected ASCII"):
        Imap(post.login(), folder="INBOX\r\nA1 LOGOUT")


@pytest.mark.parametrize("kind", ["imap"])
def test_a_mail_that_somebody_else_has_deleted_meanwhile_costs_no_other(post):
    post.deliver(report(1), report(2), report(3))
    with Imap(post.login()) as box:
        found = box.letters(9999)
        next(found)
        with imaplib.IMAP4("127.0.0.1", post.dovecot.imap) as other:
            other.login(post.user, PASSWORD)
            other.select()
            other.store("2", "+FLAGS", r"(\Deleted)")
            other.expunge()
        assert [letter.raw for letter in found] == [None, report(3)]


def test_a_mailbox_that_is_not_open_says_so():
    with pytest.raises(MailboxError, match="not open"):
        list(Imap(login_at(1)).letters(9))


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    Post(None, tmp_path, "maildir", "").deliver(report(1))
    return tmp_path


def test_a_folder_that_is_no_maildir_is_told(tmp_path):
    with pytest.raises(MailboxError, match="expected a maildir, a folder with new and cur: No such file"):
        take(Maildir(str(tmp_path / "none")))


def test_links_pipes_trash_and_hidden_files_are_no_mails(maildir):
    os.mkfifo(maildir / "new" / "1600000000.pipe")
    (maildir / "new" / "1600000001.link").symlink_to(__file__)
    (maildir / "new" / ".hidden").write_bytes(report(2))
    (maildir / "cur" / "1600000002.trash:2,ST").write_bytes(report(3))
    collected = take(Maildir(str(maildir), delete=True))
    assert [(each.id, each.fate.value) for each in collected] == [
        ("1600000000.pipe", "unreadable"),
        ("1600000001.link", "unreadable"),
        ("1700000000.M0.here", "handed_over"),
    ]


def test_marking_keeps_the_other_flags_and_the_bytes(maildir):
    (maildir / "new" / "1700000000.M0.here").rename(maildir / "cur" / "1700000000.M0.here:2,FR")
    assert fates(take(Maildir(str(maildir)))) == ["handed_over"]
    assert [path.name for path in (maildir / "cur").iterdir()] == ["1700000000.M0.here:2,FRS"]
    assert (maildir / "cur" / "1700000000.M0.here:2,FRS").read_bytes() == report(1)


def test_a_mail_that_is_gone_when_it_is_to_be_forgotten_is_forgotten(maildir):
    path = maildir / "new" / "1700000000.M0.here"
    assert fates(take(Maildir(str(maildir)), lambda mail, receipt: path.unlink())) == ["handed_over"]


def test_a_mail_that_cannot_be_marked_is_told(maildir):
    def block(mail: Mail, receipt: Receipt) -> None:
        (maildir / "cur").rmdir()
        (maildir / "cur").write_bytes(b"")

    with pytest.raises(MailboxError, match="could not be deleted or marked"):
        take(Maildir(str(maildir)), block)


def test_marking_a_mail_overwrites_no_other_of_its_name(maildir):
    taken = ["1700000000.M0.here:2,S", "1700000000.M0.here.1:2,S"]
    for name in taken:
        (maildir / "cur" / name).write_bytes(LETTER)
    assert fates(take(Maildir(str(maildir)))) == ["handed_over"]
    assert [(maildir / "cur" / name).read_bytes() for name in taken] == [LETTER, LETTER]
    assert (maildir / "cur" / "1700000000.M0.here.2:2,S").read_bytes() == report(1)
    assert take(Maildir(str(maildir))) == []


def test_of_two_mails_of_one_name_each_is_the_one_that_is_forgotten(maildir):
    (maildir / "cur" / "1700000000.M0.here:2,").write_bytes(LETTER)
    with Maildir(str(maildir), delete=True) as box:
        letters = list(box.letters(9999))
        assert {letter.raw for letter in letters} == {report(1), LETTER}
        box.forget(next(letter for letter in letters if letter.raw == LETTER))
    assert [path.read_bytes() for name in ("new", "cur") for path in (maildir / name).iterdir()] == [report(1)]


def test_a_folder_among_the_mails_is_no_mail_and_leaves_nothing_open(maildir):
    for name in ("new", "cur"):
        (maildir / name / "folder").mkdir()
    before = len(os.listdir("/proc/self/fd"))
    collected = take(Maildir(str(maildir)))
    assert fates(collected) == ["handed_over", "unreadable", "unreadable"]
    assert {each.reason for each in collected[1:]} == {"it is no file"}
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_letter_shows_no_text():
    assert repr(Letter("7", report(1))) == f"Letter('7', {len(report(1))} bytes)"
    assert repr(Letter("7", None)) == "Letter('7', no bytes)"

"""`delivrd mail`: what it prints, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from dovecot import PASSWORD
from test_mailbox import LETTER, Post, report

from delivrd.cli import main

PROVIDER = ["--provider", "upside-wireless"]


@pytest.fixture
def account(tmp_path: Path) -> str:
    path = tmp_path / "account.json"
    path.write_text(json.dumps({"name": "up", "addresses": ["dlr@upside.example"]}))
    return str(path)


@pytest.fixture
def box(tmp_path: Path) -> Post:
    folder = tmp_path / "maildir"
    folder.mkdir()
    post = Post(None, folder, "maildir", "")
    post.deliver(report(1), LETTER, report(3, sender="stranger@elsewhere.example"), report(4))
    return post


def mail(*arguments: str, **env: str) -> Result:
    result = CliRunner().invoke(main, ["mail", *arguments], env=env, prog_name="delivrd")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert PASSWORD not in result.output
    return result


@pytest.mark.parametrize("more", [[], ["--delete"]])
def test_the_reports_of_a_maildir_are_printed_and_its_other_mails_told_and_left(box, account, more):
    result = mail(account, f"maildir:{box.folder}", *PROVIDER, *more)
    assert [json.loads(line)["message_id"] for line in result.stdout.splitlines()] == ["MTID1", "MTID4"]
    assert json.loads(result.stdout.splitlines()[0])["account"] == "up"
    assert result.exit_code == 1
    told = result.stderr.splitlines()
    assert told[0].startswith("mail 1700000001.M1.here: it is no report")
    assert told[1].startswith("mail 1700000002.M2.here: upside-wireless: the input does not prove")
    assert told[2:] == ["1 of 4 mails could not be read; they stay in the mailbox"]
    marked = [] if more else [report(1), report(4)]
    assert [raw for raw, seen in box.left() if seen] == marked
    assert [raw for raw, seen in box.left() if not seen] == [LETTER, report(3, sender="stranger@elsewhere.example")]


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
from delivrd.cli import main
main(sys.argv[2:])
"""
"""The command line, in a process that can write only so many bytes to a file."""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_mail_whose_report_could_not_be_printed_stays(box, account, tmp_path, unbuffered):
    line = mail(account, f"maildir:{box.folder}", *PROVIDER).stdout.splitlines()[0]
    for path in (box.folder / "cur").iterdir():
        path.rename(box.folder / "new" / path.name.partition(":")[0])
    arguments = ["mail", account, f"maildir:{box.folder}", *PROVIDER, "--delete"]
    with (tmp_path / "out").open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, str(len(line) + 20), *arguments],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            timeout=60,
            check=False,
        )
    assert done.returncode == 1, done.stderr
    assert "mail 1700000003.M3.here: the handler raised OSError" in done.stderr
    assert json.loads((tmp_path / "out").read_text().splitlines()[0])["message_id"] == "MTID1"
    assert [raw for raw, _ in box.left()] == [LETTER, report(3, sender="stranger@elsewhere.example"), report(4)]


@pytest.fixture
def post(request: pytest.FixtureRequest, dovecot, tmp_path: Path, kind: str) -> Post:
    name = "".join(each for each in request.node.name if each.isalnum())[-40:].lower()
    made = Post(dovecot, tmp_path, kind, f"{name}@{kind}")
    made.deliver(report(1))
    return made


@pytest.mark.parametrize("kind", ["imap", "pop3"])
@pytest.mark.parametrize("where", ["env", "file"])
def test_a_server_is_read_with_a_password_from_outside_the_call(post, account, where, tmp_path):
    (tmp_path / "password").write_text(PASSWORD + "\n")
    given = {"env": ["--password-env", "DLR_PASSWORD"], "file": ["--password-file", str(tmp_path / "password")]}[where]
    port = {"imap": post.dovecot.imap, "pop3": post.dovecot.pop3}[post.kind]
    url = f"{post.kind}://{post.user.replace('@', '%40')}@127.0.0.1:{port}"
    result = mail(account, url, *PROVIDER, "--delete", *given, DLR_PASSWORD=PASSWORD)
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["message_id"] == "MTID1"
    assert post.left() == []


@pytest.mark.parametrize("kind", ["imap"])
@pytest.mark.parametrize("scheme", ["imaps", "imap+starttls"])
def test_encryption_is_checked_and_a_folder_named(post, account, scheme, monkeypatch):
    port = post.dovecot.imaps if scheme == "imaps" else post.dovecot.imap
    arguments = [account, f"{scheme}://{post.user}@127.0.0.1:{port}/INBOX", *PROVIDER, "--password-env", "DLR_PASSWORD"]
    refused = mail(*arguments, DLR_PASSWORD=PASSWORD)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "certificate verify failed" in refused.stderr
    monkeypatch.setenv("SSL_CERT_FILE", str(post.dovecot.folder / "cert.pem"))
    assert json.loads(mail(*arguments, DLR_PASSWORD=PASSWORD).stdout)["message_id"] == "MTID1"


@pytest.mark.parametrize(
    ("mailbox", "more", "said"),
    [
        ("maildir:", [], "MAILBOX: expected maildir:FOLDER"),
        ("nonsense", [], "MAILBOX: expected maildir:FOLDER"),
        ("imaps://host", [], "MAILBOX: expected maildir:FOLDER"),
        ("imaps://me@host:x", [], "MAILBOX: expected maildir:FOLDER"),
        ("ftp://me@host", [], "MAILBOX: expected maildir:FOLDER"),
        ("imaps://me:w0rd@host", ["--password-env", "P"], "MAILBOX: expected no password"),
        ("imaps://me@host", [], "either --password-env or --password-file"),
        (
            "imaps://me@host",
            ["--password-env", "P", "--password-file", "x"],
            "either --password-env or --password-file",
        ),
        ("imaps://me@host", ["--password-env", "NOTHING_IN_HERE"], "--password-env: it holds no password"),
        ("imaps://me@host", ["--password-file", "/none"], "--password-file: /none: No such file"),
        ("imaps://me@host/Entw%C3%BCrfe", ["--password-env", "P"], "MAILBOX: folder: expected ASCII"),
        ("pop3s://me@host", ["--password-env", "P"], "--delete: POP3 can only delete"),
    ],
)
def test_a_wrong_call_is_refused_in_one_line(account, mailbox, more, said):
    result = mail(account, mailbox, *PROVIDER, *more, P=PASSWORD)
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert said in result.stderr
    assert "w0rd" not in result.stderr


def test_a_provider_that_sends_no_mails_is_refused(account):
    result = mail(account, "maildir:/none", "--provider", "teli")
    assert (result.exit_code, result.stderr) == (2, "delivrd: --provider: teli does not report by mail\n")


def test_a_mailbox_that_is_not_there_is_told(account):
    result = mail(account, "maildir:/none", *PROVIDER)
    assert (result.exit_code, result.stderr) == (
        1,
        "delivrd: expected a maildir, a folder with new and cur: No such file or directory\n",
    )

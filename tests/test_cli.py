"""The command line: what it prints, what it says to standard error, and how it ends."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from delivrd import (
    Absence,
    AbsenceKind,
    Account,
    Answer,
    BodyKind,
    Cause,
    Code,
    CodeTable,
    Compare,
    Consulted,
    Covers,
    Decoded,
    Evidence,
    Fields,
    Input,
    MailText,
    NoCode,
    Pdu,
    Permanence,
    Provider,
    Push,
    Question,
    Reading,
    Registry,
    Reply,
    Request,
    Row,
    Shape,
    Source,
    Status,
    Text,
    UrlSecret,
    read_samples,
    report_schema,
)
from delivrd.cli import main, texttable
from delivrd.cli.output import columns, one_line
from delivrd.cli.texttable import text_table
from delivrd.pages import duration, provider_page
from delivrd_messente.legacy import LEGACY
from delivrd_messente.omnichannel import OMNICHANNEL
from delivrd_teli.notifications import TELI

SECRET = "s3cr3t-of-the-gateway"
PHONE = "+15555550123"


class Item(Shape):
    id: Code = None
    state: Code = None
    sub: Code = None
    done: Code = None
    to: Text = None
    at: Text = None
    text: Text = None
    secret: Text = None


def never(*_: Any) -> Decoded:
    raise KeyError(PHONE)


def nothing(response: Any, _: Any) -> Decoded:
    return Decoded(absence=Absence(AbsenceKind.UNAVAILABLE, response.body.decode(), response.body.decode()))


PAGE = Source("Acme's page", "https://acme.example/dlr")
READING = Reading(
    shape=Item,
    fields=Fields(message_id="id", recipient="to", occurred_at="at", text="text"),
    international=True,
    report_if="state",
)
ROWS = (
    Row("OK", Status.DELIVERED, True, Evidence.HANDSET, meaning="it is there"),
    Row(
        "BAD",
        Status.FAILED,
        True,
        cause=Cause.BARRED,
        permanence=Permanence.PERMANENT,
        meaning="no | way",
        dashboard="Lost",
        map_error=13,
    ),
    Row("FOG", Status.UNKNOWN, True, meaning="who knows", overrules=True, source=Source("Acme's forum")),
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account's own settings.

    Attributes:
        token: what Acme's desk
            gave the account.
        first, second: of a pair.

    More words.
    """

    token: str
    first: int = 1
    second: tuple[str, ...] = ("a|b",)


ACME = Provider(
    name="acme",
    vendor="Acme",
    title="Acme SMS",
    docs=PAGE,
    tables=(
        CodeTable("state", ROWS, PAGE, compare=Compare.ANY_CASE),
        CodeTable(
            ("state", "sub"),
            (Row(("OK", "7"), Status.READ, True, Evidence.RECIPIENT, meaning="seen"),),
            PAGE,
            consulted=Consulted.UNDECIDED,
        ),
    ),
    ways=(
        Push(reading=READING, bodies=(BodyKind.JSON,), items=""),
        Answer(reading=READING, decode=nothing),
        MailText(reading=READING, decode=never),
    ),
    auth=(UrlSecret(),),
    reply=Reply(200, b"ACK", (("Content-Type", "text/plain"),)),
    finality="done",
    notes=("Be kind.",),
)

ODD = Provider(
    name="odd",
    vendor="Odd",
    title="Odd one",
    docs=Source("A letter"),
    tables=(CodeTable("state", ROWS, PAGE),),
    ways=(
        Push(reading=READING, decode=never),
        MailText(reading=msgspec.structs.replace(READING, zone="UTC"), patterns_setting="second"),
    ),
    questions=(
        Question(
            operation="ask",
            meaning="All of it.",
            make=lambda *_: Request("GET", "/"),
            hosts=("https://a.example", "https://b.example"),
            shortest_interval=timedelta(minutes=2),
            kept=timedelta(days=30),
        ),
        Question(operation="tell", meaning="More.", make=lambda *_: Request("GET", "/"), hosts=("https://a.example",)),
    ),
    settings=Settings,
    no_code=NoCode(Status.ACCEPTED, False, None, "it is queued"),
    many_recipients=True,
)

EVERYONE = Registry([LEGACY, OMNICHANNEL, TELI, ACME, ODD])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Calls the command line in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*args: str, registry: Registry | None = EVERYONE, stdin: bytes = b"") -> Result:
        result = CliRunner().invoke(main, list(args), obj=registry, input=stdin, prog_name="delivrd")
        # Whatever happens, it ends by its own word and not by a traceback.
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


def put(name: str, content: str | bytes) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def get(query: str) -> str:
    return f"GET /dlr?{query} HTTP/1.1\nHost: gateway.example\n\n"


def post(body: str, *, before: str = "") -> str:
    return f"{before}POST /dlr?secret={SECRET} HTTP/1.1\nContent-Type: application/json\n\n{body}"


def documents(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


DELIVERED = get("sms_unique_id=17&stat=DELIVRD&err=000")


# normalize


def test_normalize_prints_one_object_a_report(run: Callable[..., Result]) -> None:
    files = [put("a.http", DELIVERED), put("b.http", get("sms_unique_id=18&stat=UNDELIV&err=006"))]
    result = run("normalize", "messente-legacy", *files)
    assert (result.exit_code, result.stderr) == (0, "")
    sample = read_samples("a.http", DELIVERED.encode())[0]
    first, second = documents(result)
    assert first == LEGACY.read(sample.input).reports[0].to_dict()
    assert (second["message_id"], second["cause"], second["resend"]) == ("18", "duplicate", "later")


def test_one_bad_input_never_stops_the_rest_and_is_kept(run: Callable[..., Result]) -> None:
    put("bad.http", "# source: invented\nnonsense\n")
    put("code.http", get("sms_unique_id=19"))
    put("both.jsonl", '{"kind":"mail","raw":"x"}\nnonsense\n{"kind":"request","method":"GET","target":"/?err=1"}\n')
    put("last.http", DELIVERED)
    names = ["bad.http", "missing.http", "code.http", "both.jsonl", "x.txt", ".", "last.http"]
    put("x.txt", "?")
    result = run("normalize", "messente-legacy", *names, "--errors", "errors.jsonl")
    assert result.exit_code == 1
    assert [report["message_id"] for report in documents(result)] == ["17"]
    said = [
        "bad.http: line 2: expected a request line such as",
        "missing.http: No such file or directory",
        "code.http: Unreadable: ",
        "both.jsonl:1: Unreadable: ",
        "both.jsonl: line 2: expected a JSON object",
        "both.jsonl:3: Unreadable: sms_unique_id: ",
        "x.txt: expected a name that ends with .http, .eml, .hex, .jsonl",
        ".: Is a directory",
        "8 of 9 inputs could not be read; kept in errors.jsonl",
    ]
    for line, beginning in zip(result.stderr.splitlines(), said, strict=True):
        assert line.startswith(beginning)
    kept = Path("errors.jsonl")
    assert kept.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["file", "request", "mail", "file", "request", "file"]
    assert lines[0]["raw"] == "# source: invented\nnonsense\n"
    assert lines[3] == {
        "kind": "file",
        "name": "both.jsonl",
        "raw": "nonsense",
        "reason": "both.jsonl: line 2: expected a JSON object",
    }
    assert lines[1]["reason"].startswith("Unreadable: ")
    assert lines[1]["target"] == "/dlr?sms_unique_id=19"


def test_what_was_kept_is_read_again_once_it_is_mended(run: Callable[..., Result]) -> None:
    put("bad.http", DELIVERED.replace(" HTTP/1.1", ""))
    put("code.http", get("sms_unique_id=19&sta=DELIVRD"))
    assert run("normalize", "messente-legacy", "bad.http", "code.http", "--errors", "e.jsonl").exit_code == 1
    itself = run("normalize", "messente-legacy", "e.jsonl", "--errors", "e.jsonl")
    assert (itself.exit_code, itself.stdout) == (2, "")
    assert "--errors: expected another file than the inputs" in itself.stderr
    again = run("normalize", "messente-legacy", "e.jsonl", "--errors", "f.jsonl")
    assert (again.exit_code, again.stdout) == (1, "")
    assert len(Path("f.jsonl").read_text().splitlines()) == 2
    put("e.jsonl", Path("e.jsonl").read_text().replace("err=000\\n", "err=000 HTTP/1.1\\n").replace("sta=", "stat="))
    mended = run("normalize", "messente-legacy", "e.jsonl", "--errors", "f.jsonl")
    assert (mended.exit_code, mended.stderr) == (0, "")
    assert [report["message_id"] for report in documents(mended)] == ["17", "19"]
    assert Path("f.jsonl").read_bytes() == b""


def test_what_could_not_be_read_can_be_kept_nowhere(run: Callable[..., Result]) -> None:
    result = run("normalize", "acme", put("bad.http", "nonsense"), "--errors", os.devnull)
    assert result.stderr.splitlines()[1:] == [f"1 of 1 inputs could not be read; kept in {os.devnull}"]


def test_no_secret_and_no_number_is_told_or_kept(run: Callable[..., Result]) -> None:
    account = {"secrets": [SECRET], "password": SECRET + "2", "name": "main", "zone": "UTC"}
    before = f"# account: {json.dumps(account)}\n# source: invented\n"
    body = json.dumps([{"state": "OK", "to": PHONE}, {"id": "1", "to": PHONE, "text": PHONE}, SECRET])
    message = post(body, before=before).replace(" HTTP/1.1\n", f" HTTP/1.1\nAuthorization: Basic {SECRET}3\n")
    put("push.http", message)
    put("answer.http", f"HTTP/1.1 200 OK\n\nno news of {PHONE}")
    result = run("normalize", "acme", "push.http", "answer.http", "--errors", "e.jsonl")
    assert (result.exit_code, result.stdout) == (1, "")
    kept = Path("e.jsonl").read_text()
    assert PHONE.strip("+") not in result.stderr
    assert SECRET not in result.stderr + kept
    # The input itself is kept whole, or it could not be read again.
    assert json.loads(json.loads(kept)["body"]) == [*json.loads(body)[:2], "***"]
    sample = read_samples("e.jsonl", kept.encode())[0]
    assert isinstance(sample.input, Request)
    assert (sample.input.target, sample.input.header("authorization")) == ("/dlr?secret=***", "***")
    assert sample.account is not None
    assert (sample.account.name, sample.account.zone, sample.source) == ("main", "UTC", "invented")
    assert result.stderr.splitlines()[-2:] == [
        "answer.http: no report: unavailable",
        "1 of 2 inputs could not be read; kept in e.jsonl",
    ]


def test_a_bad_item_of_a_batch_loses_no_other(run: Callable[..., Result]) -> None:
    put("batch.http", post('[{"id": "1", "state": "OK"}, 17, {"id": "2", "state": "BAD"}, {"id": "3"}]'))
    result = run("normalize", "acme", "batch.http", "--errors", "e.jsonl")
    assert result.exit_code == 1
    assert [report["message_id"] for report in documents(result)] == ["1", "2"]
    others, problem, summary = result.stderr.splitlines()
    assert others == (
        "batch.http: 1 item(s) that are no delivery report; delivrd explain --format json shows them whole"
    )
    assert problem.startswith("batch.http: item 1: ")
    assert summary == "1 of 1 inputs could not be read; kept in e.jsonl"
    assert len(read_samples("e.jsonl", Path("e.jsonl").read_bytes())) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("HTTP/1.1 200 OK\n\nFAILED 102", "not_yet (FAILED 102)"),
        ("HTTP/1.1 503 Down\n\nlater", "unavailable (503)"),
        (f"HTTP/1.1 200 OK\n\nERROR 999 {PHONE}", "unavailable"),
    ],
)
def test_an_absence_is_told_and_is_no_failure(run: Callable[..., Result], answer: str, said: str) -> None:
    put("answer.http", answer)
    result = run("normalize", "messente-legacy", "answer.http", "--asked", "17")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"answer.http: no report: {said}\n"


def test_what_is_asked_on_the_command_line_outranks_the_file(run: Callable[..., Result]) -> None:
    put("answer.http", "# asked: 1\nHTTP/1.1 200 OK\n\nOK DELIVERED")
    assert documents(run("normalize", "messente-legacy", "answer.http"))[0]["message_id"] == "1"
    assert documents(run("normalize", "messente-legacy", "answer.http", "--asked", "2"))[0]["message_id"] == "2"


@pytest.mark.parametrize(
    ("options", "hour", "name"),
    [
        ([], "10", "file"),
        (["--zone", "+05:00"], "07", "file"),
        (["--account", "mine.json"], "09", "mine"),
        (["--account", "mine.json", "--zone", "UTC"], "12", "mine"),
    ],
)
def test_account_and_zone_of_the_command_line_outrank_the_file(
    run: Callable[..., Result], options: list[str], hour: str, name: str
) -> None:
    put("mine.json", '{"zone": "+03:00", "name": "mine"}')
    own = '# account: {"zone": "+02:00", "name": "file"}\n'
    put("push.http", post('[{"id": "1", "state": "OK", "at": "2024-01-31T12:00:00"}]', before=own))
    (report,) = documents(run("normalize", "acme", "push.http", *options))
    assert (report["occurred_at"], report["account"]) == (f"2024-01-31T{hour}:00:00Z", name)


def test_a_zone_needs_no_account(run: Callable[..., Result]) -> None:
    put("push.http", post('[{"id": "1", "state": "OK", "at": "2024-01-31T12:00:00"}]'))
    (report,) = documents(run("normalize", "acme", "push.http", "--zone", "+01:00"))
    assert report["occurred_at"] == "2024-01-31T11:00:00Z"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["normalize", "nobody", "a.http"], "delivrd: no provider 'nobody'; installed: messente-legacy, "),
        (["normalize", "acme", "a.http", "--zone", "Moon"], "delivrd: --zone: expected a name such as"),
        (["normalize", "acme", "a.http", "--account", "no.json"], "delivrd: --account: no.json: No such file"),
        (["normalize", "acme", "a.http", "--account", "bad.json"], "delivrd: --account: bad.json: account, secrets[0]"),
        (["normalize", "acme", "a.http", "--errors", "no/e"], "delivrd: --errors: no/e: No such file or directory"),
        (["normalize", "acme"], "delivrd: standard input has no name that says what it holds: give --kind"),
        (["normalize", "acme", "a.http", "-"], "delivrd: standard input has no name that says what it holds"),
        (["explain", "acme", "-"], "delivrd: standard input has no name that says what it holds: give --kind"),
        (["normalize"], "delivrd: Missing argument 'PROVIDER'. (see delivrd normalize --help)"),
        (["nothing"], "delivrd: No such command 'nothing'. (see delivrd --help)"),
        (["--nothing"], "delivrd: No such option"),
        (["demo", "no-folder"], "delivrd: no-folder: no such folder; name the one that holds fixtures/<provider>/"),
    ],
)
def test_a_wrong_call_is_told_on_one_line(run: Callable[..., Result], args: list[str], said: str) -> None:
    put("a.http", post("[]"))
    put("bad.json", json.dumps({"secrets": [[SECRET]]}))
    result = run(*args)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(said)
    assert SECRET not in result.stderr
    assert result.stdout == ""


def test_standard_input_is_read_by_its_kind(run: Callable[..., Result]) -> None:
    result = run("normalize", "messente-legacy", "--kind", "http", stdin=DELIVERED.encode())
    assert [report["message_id"] for report in documents(result)] == ["17"]
    put("push.txt", DELIVERED)
    result = run("normalize", "messente-legacy", "--kind", "http", "push.txt", "-", stdin=b"?")
    assert [report["message_id"] for report in documents(result)] == ["17"]
    assert result.stderr.startswith("stdin.http: line 1: expected a request line")


def test_a_table_is_printed_on_a_terminal_and_where_it_is_asked_for(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a.http", get("sms_unique_id=18&stat=DELIVRD&err=006"))
    table = run("normalize", "messente-legacy", "a.http", "--format", "table").stdout
    assert [line.split() for line in table.splitlines()] == [
        ["message_id", "status", "final", "evidence", "cause", "resend", "warnings"],
        ["----------", "---------", "-----", "--------", "-----", "------", "------------"],
        ["18", "delivered", "yes", "carrier", "no", "conflict", "err"],
    ]
    monkeypatch.setattr("delivrd.cli.normalize.is_terminal", lambda: True)
    assert run("normalize", "messente-legacy", "a.http").stdout == table
    assert run("normalize", "messente-legacy", "a.http", "--format", "json").stdout.startswith("{")
    put("none.jsonl", "")
    assert run("normalize", "messente-legacy", "none.jsonl").stdout == ""


def test_no_control_character_reaches_the_terminal(run: Callable[..., Result]) -> None:
    put("a.http", get("sms_unique_id=%1b[31m18%0d%0aX&stat=%1b[2J"))
    for args in (["normalize", "--format", "table"], ["explain"]):
        result = run(args[0], "messente-legacy", "a.http", *args[1:])
        assert result.exit_code == 0
        assert "\x1b" not in result.stdout
        assert "\r" not in result.stdout
    assert one_line("a\x1b\n b") == "a\ufffd b"


def test_a_fault_of_a_plugin_is_told_on_one_line(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.http", post("[]"))
    result = run("normalize", "odd", "a.http", "--account", put("account.json", '{"settings": {"token": "x"}}'))
    assert result.exit_code == 1
    assert result.stderr.startswith("a.http: PluginError: odd: its decode function raised KeyError")
    assert PHONE not in result.stderr
    result = run("normalize", "odd", "a.http")
    assert result.stderr.startswith("a.http: AccountError: odd, settings: ")

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError(PHONE)

    monkeypatch.setattr(Provider, "read", fail)
    for command in ("normalize", "explain"):
        result = run(command, "acme", "a.http")
        assert result.exit_code == 1
        assert result.stderr.splitlines()[0] == (
            "a.http: RuntimeError while reading it: a fault of delivrd or of the plugin; please report it"
        )


def test_what_was_read_of_standard_input_is_kept_where_the_reading_is_broken_off(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Provider, "read", stop)
    lines = b'nonsense\n{"kind":"mail","raw":"x"}\n'
    result = run("normalize", "acme", "--kind", "jsonl", "--errors", "e.jsonl", stdin=lines)
    assert result.exit_code == 1
    assert json.loads(Path("e.jsonl").read_text())["raw"] == "nonsense"


# explain


def test_explain_tells_which_rows_decided_and_where_they_are_documented(run: Callable[..., Result]) -> None:
    put("a.http", get("sms_unique_id=18&stat=FAILED&err=006"))
    result = run("explain", "messente-legacy", "a.http")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("a.http: read by messente-legacy\n")
    for said in ("stat=FAILED: decided", "err=006: refined", "row '006'", f"source: {LEGACY.tables[0].source}"):
        assert said in result.stdout


def test_explain_tells_each_input_of_a_file(run: Callable[..., Result]) -> None:
    line = '{"kind":"request","method":"GET","target":"/?sms_unique_id=1&stat=DELIVRD"}\n'
    put("two.jsonl", line + "nonsense\n" + line)
    result = run("explain", "messente-legacy", "two.jsonl", "--format", "json")
    assert result.exit_code == 1
    assert result.stderr == "two.jsonl: line 2: expected a JSON object\n"
    first, second = documents(result)
    assert first == second
    assert first["provider"] == "messente-legacy"
    assert first["receipt"]["reports"][0]["status"] == "delivered"
    assert first["steps"][0]["codes"][0]["rule"] == "decided"
    assert first["steps"][0]["fields"][0]["wire_names"] == ["sms_unique_id"]
    text = run("explain", "messente-legacy", "two.jsonl").stdout
    assert "\n\ntwo.jsonl:3: read by messente-legacy\n" in text


# codes, providers, schema


def test_codes_says_what_a_code_means_in_each_table_that_lists_it(run: Callable[..., Result]) -> None:
    result = run("codes", "messente-legacy", "1", "--format", "json")
    assert result.exit_code == 0
    lines = documents(result)
    assert [(line["field"], line["code"], line["status"], line.get("dashboard")) for line in lines] == [
        ("status", "1", "delivered", "Delivered"),
        ("dlr-mask", "1", "delivered", "Delivered"),
        ("err", "001", "failed", "Failed"),
    ]
    assert lines[2] == {
        "provider": "messente-legacy",
        "place": 4,
        "field": "err",
        "field_count": 1,
        "code": "001",
        "compare": "number",
        "compared": "1",
        "consulted": "always",
        "reasons": True,
        "table_version": LEGACY.tables[3].version,
        "outcome": "failure",
        "status": "failed",
        "final": True,
        "resend": "elsewhere",
        "meaning": "failed to deliver to this number",
        "dashboard": "Failed",
        "source": LEGACY.tables[3].source.title,
        "source_url": LEGACY.tables[3].source.url,
    }


def test_codes_looks_a_code_up_everywhere_where_no_provider_is_named(run: Callable[..., Result]) -> None:
    named = [(line["provider"], line["field"]) for line in documents(run("codes", "delivrd", "--format", "json"))]
    assert named == [
        ("messente-legacy", "stat"),
        ("messente-omnichannel", "status"),
        ("teli", "status"),
        ("teli", "stat"),
    ]
    everything = documents(run("codes", "--format", "json"))
    rows = [row for each in EVERYONE.values() for table in each.tables for row in table.rows]
    absences = [row for each in EVERYONE.values() for table in each.absences for row in table.rows]
    assert len(everything) == len(rows) + len(absences)


@pytest.mark.parametrize(
    ("code", "found"),
    [("ok", ["OK", "OK+7"]), ("OK+7", ["OK+7"]), ("7", ["OK+7"]), ("FAILED 102", [])],
)
def test_codes_compare_as_their_tables_compare(run: Callable[..., Result], code: str, found: list[str]) -> None:
    result = run("codes", "acme", code, "--format", "json")
    # The second table compares exactly.
    assert [line["code"] for line in documents(result)] == [each for each in found if code != "ok" or each == "OK"]


def test_codes_lists_those_by_which_no_report_is_given(run: Callable[..., Result]) -> None:
    (line,) = documents(run("codes", "messente-legacy", "FAILED 102", "--format", "json"))
    assert (line["absence"], "status" in line) == ("not_yet", False)
    table = run("codes", "messente-legacy").stdout
    assert "(not_yet)" in table
    assert "(silent)" in table
    assert "Rejected" in table


def test_a_code_that_nobody_lists_is_said_to_be_unlisted(run: Callable[..., Result]) -> None:
    result = run("codes", "teli", "LOST")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("delivrd: no table of teli lists 'LOST': it comes out as unlisted")
    result = run("codes", "LOST")
    assert (result.exit_code, result.stderr.startswith("delivrd: no provider 'LOST'; installed: ")) == (2, True)
    assert run("codes", registry=Registry()).stdout == ""


def test_codes_in_markdown_are_the_providers_page(run: Callable[..., Result]) -> None:
    assert run("codes", "acme", "--format", "markdown").stdout == provider_page(ACME)
    both = run("codes", "--format", "markdown", registry=Registry([ACME, ODD])).stdout
    assert both == provider_page(ACME) + "\n" + provider_page(ODD)
    rows = run("codes", "BAD", "--format", "markdown").stdout.splitlines()
    assert rows[0].startswith("| provider | field | code | status | final | cause |")
    assert [row.split("|")[1].strip() for row in rows[2:]] == ["acme", "odd"]


def test_providers_are_listed(run: Callable[..., Result]) -> None:
    table = run("providers").stdout.splitlines()
    assert [line.split()[0] for line in table[2:]] == list(EVERYONE)
    (legacy, *_) = documents(run("providers", "--format", "json"))
    assert legacy == {
        "name": "messente-legacy",
        "vendor": "Messente",
        "title": "Messente SMS API (legacy)",
        "reads": ["Request", "Response"],
        "asks": ["get_dlr_response"],
        "plugin": None,
        "docs": str(LEGACY.docs),
    }
    none = run("providers", registry=Registry())
    assert (none.stdout, none.stderr.startswith("no provider is installed: install a plugin")) == ("", True)


def test_the_schema_is_printed(run: Callable[..., Result]) -> None:
    assert json.loads(run("schema").stdout) == json.loads(json.dumps(report_schema()))


# doctor


def install(folder: Path, name: str, code: str, *, package: str | None = None) -> None:
    """A package on disk, with the metadata that an installer writes."""
    package = package or f"delivrd-{name}"
    module = f"delivrd_fake_{name}_{abs(hash(package)) % 1000}"
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{package.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[delivrd]\n{name} = {module}\n")


SOUND = """
import delivrd
PAGE = delivrd.Source("a page")
class Item(delivrd.Shape):
    id: delivrd.Code = None
    code: delivrd.Code = None
ROWS = (delivrd.Row("1", delivrd.Status.SENT, meaning="sent"),)
PROVIDER = delivrd.Provider(
    name="NAME", vendor="V", title="T", docs=PAGE, tables=(delivrd.CodeTable("code", ROWS, PAGE),),
    ways=(delivrd.Push(reading=delivrd.Reading(shape=Item, fields=delivrd.Fields(message_id="id")), query=True),),
)
@delivrd.hookimpl
def delivrd_providers():
    return [PROVIDER]
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delenv("DELIVRD_ALLOW", raising=False)
    monkeypatch.delenv("DELIVRD_BLOCK", raising=False)
    return folder


def state(result: Result, name: str) -> list[str]:
    return [line for line in result.stdout.splitlines() if line.startswith(name + " ")]


def test_doctor_finds_sound_plugins_sound(run: Callable[..., Result], plugins: Path) -> None:
    install(plugins, "zsound", SOUND.replace("NAME", "zsound-one"))
    result = run("--allow", "zsound", "doctor", registry=None)
    assert result.exit_code == 0
    (line,) = state(result, "zsound")
    assert line.split() == ["zsound", "delivrd-zsound", "1.2", "sound", "zsound-one"]
    assert f"Python {sys.version.split()[0]}" in result.stdout
    assert f"msgspec {msgspec.__version__}" in result.stdout
    assert result.stdout.endswith("\nnothing is broken\n")


def test_doctor_names_what_is_broken_with_its_remedy(run: Callable[..., Result], plugins: Path) -> None:
    install(plugins, "zbroken", "raise RuntimeError('no\\nluck')")
    install(plugins, "ztwin", SOUND.replace("NAME", "ztwin-one"), package="delivrd-ztwin-a")
    install(plugins, "ztwinb", SOUND.replace("NAME", "ztwin-one"))
    allowed = ["--allow", "zbroken,ztwin", "--allow", "ztwinb", "--allow", "znone"]
    result = run(*allowed, "doctor", registry=None)
    assert result.exit_code == 1
    assert "broken" in state(result, "zbroken")[0]
    assert "refused" in state(result, "ztwin")[0]
    assert "no plugin of this name, though it is allowed or blocked: znone" in result.stdout
    troubles = [line for line in result.stdout.splitlines() if line.startswith("broken: ")]
    assert troubles == [
        "broken: plugin zbroken (delivrd-zbroken 1.2): RuntimeError: no luck; repair or uninstall it, or use "
        "--block zbroken",
        "broken: two plugins bring a provider named 'ztwin-one': delivrd-ztwin-a 1.2 and delivrd-ztwinb 1.2; "
        "uninstall or block one of them",
    ]
    asked = run(*allowed, "normalize", "zbroken", "x.http", registry=None)
    assert (asked.exit_code, asked.stderr) == (
        1,
        "delivrd: plugin zbroken (delivrd-zbroken 1.2): RuntimeError: no luck (see delivrd doctor)\n",
    )
    assert "ztwin-one" in run(*allowed, "codes", "ztwin-one", registry=None).stderr
    assert "zbroken" in run(*allowed, "providers", registry=None).stderr


def test_a_blocked_plugin_is_not_loaded(
    run: Callable[..., Result], plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(plugins, "zbroken", "raise RuntimeError")
    install(plugins, "zsound", SOUND.replace("NAME", "zsound-one"))
    monkeypatch.setenv("DELIVRD_ALLOW", "zsound, zbroken")
    monkeypatch.setenv("DELIVRD_BLOCK", "zbroken")
    result = run("doctor", registry=None)
    assert result.exit_code == 0
    assert "blocked" in state(result, "zbroken")[0]
    (provider,) = documents(run("providers", "--format", "json", registry=None))
    assert (provider["name"], provider["plugin"]) == ("zsound-one", "delivrd-zsound 1.2")


def test_doctor_says_where_nothing_is_installed(run: Callable[..., Result]) -> None:
    result = run("doctor", registry=Registry())
    assert result.exit_code == 0
    assert "\nno plugin is installed\n" in result.stdout


# demo


def fixtures() -> None:
    put("fixtures/messente-legacy/delivered.http", "# source: x\n" + DELIVERED)
    put("fixtures/messente-legacy/notes.txt", "no input")
    put("fixtures/messente-legacy/not-yet.http", "# asked: 1\nHTTP/1.1 200 OK\n\nFAILED 102")
    put("fixtures/messente-legacy/unreadable.http", get("sms_unique_id=1"))
    put("fixtures/acme/batch.http", post('[{"id": "1", "state": "BAD", "sub": "7"}, 17, {"id": "2", "state": "NO"}]'))
    line = '{"kind":"request","method":"POST","target":"/","body":"send_status=delivered&id=%d"}\n'
    put("fixtures/teli/codes.jsonl", line % 1 + line % 2)


def test_demo_shows_every_fixture_of_every_provider(run: Callable[..., Result]) -> None:
    fixtures()
    result = run("demo")
    assert (result.exit_code, result.stderr) == (0, "")
    table, summary, story = result.stdout.split("\n\n", 2)
    assert [line.split(maxsplit=2)[:2] for line in table.splitlines()[2:]] == [
        ["messente-legacy", "delivered.http"],
        ["messente-legacy", "not-yet.http"],
        ["messente-legacy", "unreadable.http"],
        ["teli", "codes.jsonl:1"],
        ["teli", "codes.jsonl:2"],
        ["acme", "batch.http"],
        ["acme", "batch.http"],
        ["acme", "batch.http"],
    ]
    assert [line.split()[2] for line in table.splitlines()[2:]] == [
        *("delivered", "(not_yet", "(Unreadable)", "delivered", "delivered", "failed", "unknown", "(problem)"),
    ]
    assert summary == "6 inputs of 3 providers: 1 bad items, 1 refused, 5 reports, 1 without a report"
    # The input with the most to tell: two codes, a cause, and a code in no table.
    assert story.startswith(f"{Path('fixtures/acme/batch.http')}, step by step: read by acme\n")
    assert "row 'BAD'" in story


def test_demo_says_where_a_fixture_holds_no_input(run: Callable[..., Result]) -> None:
    fixtures()
    put("fixtures/teli/broken.http", "nonsense")
    put("fixtures/odd/fault.http", post("[]", before='# account: {"settings": {"token": "x"}}\n'))
    result = run("demo", "fixtures")
    assert result.exit_code == 1
    assert "2 broken" in result.stdout
    assert result.stderr == "2 of 8 inputs hold none, or brought out a fault; see the table\n"


def test_demo_without_reports_has_no_story(run: Callable[..., Result]) -> None:
    put("fixtures/messente-legacy/unreadable.http", get("sms_unique_id=1"))
    result = run("demo")
    assert result.exit_code == 0
    assert result.stdout.endswith("\n1 inputs of 1 providers: 1 refused\n")


def test_demo_without_inputs_says_what_is_installed(run: Callable[..., Result]) -> None:
    Path("fixtures").mkdir()
    result = run("demo")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("delivrd: fixtures: no inputs of an installed provider; installed: messente-legacy")


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100])
def test_demo_never_wraps_its_table(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    fixtures()
    monkeypatch.setattr("delivrd.cli.demo.columns", lambda: width)
    table = run("demo").stdout.split("\n\n")[0].splitlines()
    assert len(table) == 10
    assert max(map(len, table)) <= width
    if width >= 60:
        assert table[2].split()[1:4] == ["delivered.http", "delivered", "yes"]


# tables as text


cells = st.text(st.characters(categories=["L", "N", "P", "M", "Zs"]), max_size=30)


@given(st.integers(1, 5).flatmap(lambda count: st.lists(st.tuples(*[cells] * count), min_size=1)), st.integers(1, 90))
def test_no_line_of_a_table_is_longer_than_the_terminal(rows: list[tuple[str, ...]], width: int) -> None:
    head = [f"column {place}" for place in range(len(rows[0]))]
    lines = text_table(head, rows, width).split("\n")
    assert len(lines) == len(rows) + 2
    for line in lines:
        # A table of wide characters only is as wide as one of as many cells, each two columns wide.
        assert len(text_table(["x"], [[line]], None).split("\n")[1]) <= max(width, 1)


def test_a_cell_is_cut_only_where_its_line_is_too_long() -> None:
    rows = [("provider", "a long claim of a name", "x")]
    assert text_table(("a", "b", "c"), rows, 35).split("\n")[2] == "provider  a long claim of a name  x"
    assert text_table(("a", "b", "c"), rows, 30).split("\n")[2] == "provider  a long claim of …  x"


def test_a_wide_character_takes_two_columns_and_a_combining_one_none() -> None:
    lines = text_table(("a", "b"), [("\u6f22\u5b57", "x"), ("e\u0301", "y")]).split("\n")
    assert lines == ["a     b", "----  -", "\u6f22\u5b57  x", "e\u0301     y"]


def test_a_cell_that_is_cut_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    real = texttable._width
    monkeypatch.setattr(texttable, "_width", lambda text: measured.append(len(text)) or real(text))
    long = "\u6f22" * 5000
    assert text_table(("a",), [(long,)], 20).endswith("\u6f22\u2026 ".rstrip())
    assert sum(measured) < 5 * len(long)


def test_a_table_is_as_wide_as_the_terminal_or_as_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.setattr("delivrd.cli.output.sys.stdout.isatty", lambda: True, raising=False)
    assert columns() == 72
    monkeypatch.setattr("delivrd.cli.output.sys.stdout.isatty", lambda: False, raising=False)
    assert columns() is None


# pages


def test_a_page_says_everything_that_is_declared() -> None:
    page = provider_page(ACME)
    for said in (
        "# Acme SMS\n\n`acme`, by Acme. Documented in: [Acme's page](https://acme.example/dlr).",
        "- Be kind.",
        "An HTTP request (POST) with its fields in a JSON body, a list of reports.",
        "A mail, read by the provider's own function.",
        "Only an input with `state` is a delivery report",
        "Nobody says in which zone its times are",
        "comes out with its `+`",
        "| `to` | `recipient` |",
        "| `state`, `sub`, `done` | `codes`, from which status, cause and evidence come |",
        "| `secret` | (dropped on purpose) |",
        "### `state+sub`",
        "consulted only where no field above has decided",
        "| `BAD` | failed | yes |  | barred | permanent | later |  | 13 | no \\| way | Lost |  |",
        "| `FOG` | unknown | yes |  |  |  | unsafe | yes |  | who knows |  | Acme's forum |",
        "`done` says whether a status is final.",
        "An input without any code is unreadable.",
        "Nothing.",
        "- `UrlSecret` (parameter `secret`), for a `Request`: A secret in the URL",
        "Status 200, body `ACK`, `Content-Type: text/plain`.",
    ):
        assert said in page
    assert "Settings" not in page


def test_a_page_says_what_is_declared_otherwise() -> None:
    page = provider_page(ODD)
    for said in (
        "Documented in: A letter.",
        "read by the provider's own function",
        "or in lines that the account's setting `second` describes.",
        "Times that name no zone are in UTC, unless the account names another.",
        "Its fields are those of a Request.",
        "Where no code is sent: accepted, not final (it is queued).",
        "One id can stand for many recipients",
        "| `ask` | All of it. | nothing | `https://a.example`, `https://b.example` | 2 minutes | 30 days |",
        "The first is asked by default.",
        "The first host is asked by default, the others are backups.",
        "By nothing: `receive` takes inputs only for an account that says `open`.",
        "Status 200, empty body.",
        "| `token` | `str` | required | what Acme's desk gave the account. |",
        "| `first` | `int` | `1` | of a pair. |",
        '| `second` | `tuple[str, ...]` | `["a\\|b"]` | of a pair. |',
    ):
        assert said in page
    assert "What to know" not in page


class Handshake:
    """A word at the door.

    And more.
    """

    takes: ClassVar[type[Input]] = Request
    covers: ClassVar[frozenset[Covers]] = frozenset((Covers.SECRET,))
    sufficient: ClassVar[bool] = False

    def configured(self, account: Account) -> bool:
        return True

    def authentic(self, input: Input, account: Account, at: datetime | None) -> bool:
        return True

    def sign(self, input: Input, account: Account, at: datetime | None = None) -> Input:
        return input


def test_a_page_is_made_of_the_barest_declaration() -> None:
    bare = Provider(
        name="bare",
        vendor="Bare",
        title="Bare",
        docs=PAGE,
        tables=(CodeTable("state", (), PAGE, compare=Compare.HEX_NUMBER, consulted=Consulted.NEVER),),
        ways=(
            Pdu(reading=Reading(shape=Item, fields=Fields(message_id="id")), decode=never),
            MailText(reading=Reading(shape=Item, fields=Fields(message_id="id"))),
            Answer(reading=Reading(shape=Item, fields=Fields(message_id="id")), items="list"),
            Push(reading=Reading(shape=Item, fields=Fields(message_id="id")), query=True, bodies=tuple(BodyKind)),
        ),
        auth=(Handshake(),),
    )
    page = provider_page(bare)
    for said in (
        "An SMPP receipt, read by the provider's own function.",
        "or an urlencoded line.",
        "The answer to a question, in JSON, a list of reports in `list`.",
        "in the query or a JSON body or an urlencoded body or a multipart body.",
        "### `state`\n\nCompared as numbers, decimal or hexadecimal with `0x` (`0x0000000b` is `11`); kept and not judged, unless the account",
        "- `Handshake`, for a `Request`: A word at the door. It proves nothing without another beside it.",
    ):
        assert said in page


def test_every_row_of_every_real_provider_is_on_its_page() -> None:
    assert "a list of reports in `statuses`; each takes `to`" in provider_page(OMNICHANNEL)
    for provider in (LEGACY, OMNICHANNEL, TELI):
        page = provider_page(provider)
        rows = [(row.label, row.meaning) for table in provider.tables for row in table.rows]
        absences = [(row.code, row.meaning) for table in provider.absences for row in table.rows]
        for code, meaning in (*rows, *absences):
            assert f"| `{code}` |" in page
            assert f"| {meaning} |" in page


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=90), "90 seconds"),
        (timedelta(minutes=2), "2 minutes"),
        (timedelta(hours=48), "48 hours"),
        (timedelta(days=3), "3 days"),
    ],
)
def test_a_span_of_time_is_said_in_the_largest_unit_that_holds_it_whole(span: timedelta, said: str) -> None:
    assert duration(span) == said


# the package


def test_importing_the_library_brings_no_command_line() -> None:
    code = "import sys, delivrd; print(sorted({'click', 'pluggy', 'delivrd.files'} & set(sys.modules)))"
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, env=found)
    assert done.stdout.strip() == "[]"


def test_it_can_be_called_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["__main__.py", "schema"])
    runpy.run_module("delivrd.__main__", run_name="imported")
    assert capsys.readouterr().out == ""
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("delivrd", run_name="__main__")
    assert json.loads(capsys.readouterr().out)["title"] == report_schema()["title"]


def test_help_is_given_for_every_command(run: Callable[..., Result]) -> None:
    assert "Print the canonical reports of files." in run().output
    for command in main.commands:
        result = run(command, "--help")
        assert result.exit_code == 0
        assert result.stdout.startswith(f"Usage: delivrd {command}")
    assert run("--version").stdout.startswith("delivrd, version ")

"""Codes in no table: what is gathered, shown and written of them, whoever chose them."""

from __future__ import annotations

import ast
import itertools
import json
import os
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from delivrd import (
    Account,
    DeliverSm,
    InputError,
    Registry,
    Request,
    Response,
    Sample,
    read_each,
    read_samples,
    write_sample,
)
from delivrd.cli import main
from delivrd.files import SUFFIXES, read_lines
from delivrd.ledger import Arrival, Ledger
from delivrd.phones import number_of
from delivrd.unlisted import gathering
from delivrd.unlisted.codes import unlisted_codes
from delivrd.unlisted.fields import numbers_of, without_credentials
from delivrd.unlisted.gathering import Gatherer
from delivrd.unlisted.numbers import Fiction, Numbers, masked
from delivrd.unlisted.raw import NoFixture, fixture

ROOT = Path(__file__).parent.parent
PROVIDERS = Registry.installed()
LEGACY = PROVIDERS["messente-legacy"]
OMNI = PROVIDERS["messente-omnichannel"]
SMPP = PROVIDERS["smpp"]
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
PHONE = "15555550123"
SECRET = "s3cr3t-of-the-gateway"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words: str, code: int = 0, stdin: bytes = b"") -> Result:
        done = CliRunner().invoke(main, ["unlisted", *words], input=stdin, prog_name="delivrd")
        assert done.exit_code == code, (done.output, done.stderr, done.exception)
        return done

    return call


def line(query: str, **more: str) -> str:
    return json.dumps({"kind": "request", "method": "GET", "target": f"/dlr?{query}", **more}) + "\n"


def put(text: str, name: str = "in.jsonl") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def found(result: Result) -> dict[str, dict]:
    return {each["code"]: each for each in map(json.loads, result.stdout.splitlines())}


def gather(seen: list[tuple[str, int]], *, most: int = 1000) -> Gatherer:
    gatherer = Gatherer([], most=most)
    for number, (stat, minutes) in enumerate(seen):
        sample = Sample(
            Request("GET", f"/dlr?sms_unique_id=m&stat={quote(stat)}"), received_at=AT + timedelta(minutes=minutes)
        )
        reports = LEGACY.read(sample.input, received_at=sample.received_at).reports
        gatherer.add(LEGACY, reports, f"in:{number}", sample=sample)
    return gatherer


CODES = st.sampled_from(["DELIVRD", "SKIPPED", "NEW", "NEW WORD", "\x1b[2J", "ü", "FAILED"])


@given(
    st.lists(st.tuples(CODES, st.integers(0, 99)), max_size=25).flatmap(
        lambda seen: st.tuples(st.just(seen), st.permutations(seen))
    )
)
def test_the_same_inputs_in_any_order_give_the_same_codes_counts_and_times(both):
    first, second = (
        {
            (each.field, each.code): (each.times, each.received, each.row, each.elsewhere)
            for each in gather(seen).found()
        }
        for seen in both
    )
    assert first == second
    counted = Counter(stat for stat, _ in both[0] if stat not in ("DELIVRD", "FAILED"))
    assert {code: said[0] for (_, code), said in first.items()} == counted
    for (_, code), (_, received, _, _) in first.items():
        minutes = [minute for stat, minute in both[0] if stat == code]
        assert (received.first, received.last) == tuple(AT + timedelta(minutes=f(minutes)) for f in (min, max))


@given(st.lists(st.sampled_from([f"W{number}" for number in range(9)]), max_size=40), st.integers(1, 9))
def test_what_is_held_is_bounded_and_what_is_left_out_is_counted(codes, most):
    gatherer = gather([(code, 0) for code in codes], most=most)
    assert len(gatherer.found()) == min(most, len(set(codes)))
    assert sum(each.times for each in gatherer.found()) + gatherer.left_out == len(codes)
    assert gatherer.reports == len(codes)


@given(st.text(min_size=1, max_size=300))
@settings(max_examples=200)
def test_a_row_is_python_for_the_code_itself_whatever_a_stranger_wrote(code):
    assume(not code.isspace())
    for each in gather([(code, 0)]).found():
        if each.row is None:
            assert len(code) > 200 or "•" in each.code
            continue
        (call,) = (node for node in ast.walk(ast.parse(f"[{each.row}]")) if isinstance(node, ast.Call))
        assert ast.literal_eval(call.args[0]) == each.code
        assert each.row.isascii()
        assert "Status.UNKNOWN" in each.row


@given(code=st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "L", "So"]), min_size=1, max_size=30))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_control_character_reaches_a_terminal_or_a_fixture(run, code):
    assume(not code.isspace())
    name = put(line(f"sms_unique_id=m&stat={quote(code)}") + line("sms_unique_id=m&stat=\x1b]0;own\x07"))
    shown = run("messente-legacy", name, "--fixtures", "out")
    assert all(each.isprintable() or each == "\n" for each in shown.stdout + shown.stderr)
    for path in Path("out/messente-legacy").iterdir():
        assert re.fullmatch(r"[a-z0-9-]+\.(http|jsonl)", path.name)
        text = path.read_bytes().decode("utf-8")
        assert all(each.isprintable() or each in "\r\n" for each in text)


def test_what_other_tables_mean_by_the_word_is_told_with_its_source(run):
    shown = found(run("messente-legacy", put(line("sms_unique_id=m&stat=skipped")), "--format", "json"))
    told = shown["skipped"]["elsewhere"]
    smpp = next(each for each in told if (each["provider"], each["field"]) == ("smpp", "stat"))
    row = next(row for table in SMPP.tables if table.name == "stat" for row in table.rows if row.code == "SKIPPED")
    assert (smpp["status"], smpp["final"], smpp["source"]) == (
        row.status,
        row.final,
        str((row.source or table_source()).title),
    )
    assert f"# smpp, stat: SKIPPED: {row.status}, final" in run("messente-legacy", "in.jsonl").stdout


def table_source():
    return next(table.source for table in SMPP.tables if table.name == "stat")


def test_a_number_is_looked_up_in_fields_of_its_own_name_alone(run):
    name = put(line("sms_unique_id=m&stat=FAILED&err=99") + line("sms_unique_id=m&stat=404"))
    shown = found(run("messente-legacy", name, "--format", "json"))
    assert set(shown) == {"99", "404"}
    for each in shown.values():
        assert {told["field"] for told in each.get("elsewhere", [])} <= {each["field"]}


def test_it_says_by_which_clock_a_code_was_seen(run):
    sent = [DeliverSm(4, PHONE, "1", f"id:1 done date:240131120{m} stat:ODD".encode()) for m in (1, 5)]
    text = "".join(write_sample_line(each) for each in sent)
    shown = found(run("smpp", put(text), "--format", "json"))["ODD"]
    assert shown["occurred_at"] == {"first": "2024-01-31T12:01:00Z", "last": "2024-01-31T12:05:00Z"}
    assert "received_at" not in shown
    assert re.search(
        r"ODD +2 +2024-01-31 12:01:00Z +2024-01-31 12:05:00Z +occurred_at$", run("smpp", "in.jsonl").stdout, re.M
    )
    put(line("sms_unique_id=m&stat=ODD", received_at=AT.isoformat()))
    assert re.search(r"ODD +1 .*received_at$", run("messente-legacy", "in.jsonl").stdout, re.M)


def write_sample_line(input) -> str:
    from delivrd.files import sample_line
    from delivrd.samplelines import write_line

    return write_line(sample_line(Sample(input))).decode()


def test_a_fixture_is_never_written_over_and_not_made_twice(run):
    name = put(line(f"sms_unique_id=m&stat=SKIPPED&recipient={PHONE}"))
    run("messente-legacy", name, "--fixtures", "out")
    (made,) = Path("out/messente-legacy").iterdir()
    assert made.name == "unknown-skipped.http"
    (back,) = read_samples(made.name, made.read_bytes())
    assert list(unlisted_codes(LEGACY.read(back.input).reports[0])) == [("stat", ["SKIPPED"])]
    run("messente-legacy", name, "--fixtures", "out")
    assert list(Path("out/messente-legacy").iterdir()) == [made]
    made.write_bytes(b"mine")
    shown = run("messente-legacy", name, "--fixtures", "out", "--format", "json")
    assert made.read_bytes() == b"mine"
    assert found(shown)["SKIPPED"]["fixture"] == os.path.join("out", "messente-legacy", "unknown-skipped-2.http")
    put("a file", "taken")
    assert "--fixtures: " in run("messente-legacy", name, "--fixtures", "taken", code=1).stderr


def test_a_receipt_over_smpp_becomes_a_fixture_without_its_numbers():
    sent = DeliverSm(4, PHONE, "447700900999", f"id:7 stat:ODD text:{PHONE}".encode(), {0x1E: b"7\0", 0x427: b"\x2a"})
    reports = SMPP.read(sent).reports
    suffix, content = fixture(Sample(sent), Numbers([reports[0].recipient, reports[0].sender], [], ["7"]))
    assert suffix == ".hex"
    (back,) = read_samples("x.hex", content)
    assert (back.input.source, back.input.destination) == ("12025550100", "447700900001")
    assert PHONE.encode() not in back.input.short_message
    assert back.input.tlvs == sent.tlvs
    for hiding in (
        DeliverSm(4, "1", "2", b"x", {0x1401: b"\x51\x55\x55\x05\x32"}),
        DeliverSm(4, "1", "2", PHONE.encode("utf-16-be"), data_coding=8),
    ):
        with pytest.raises(NoFixture):
            fixture(Sample(hiding), Numbers())


def test_no_number_of_any_fixture_is_shown_or_written(run, tmp_path):
    seen = written = 0
    for provider in PROVIDERS.values():
        folder = ROOT / "fixtures" / provider.name
        files = sorted(str(path) for path in folder.iterdir() if path.suffix in SUFFIXES)
        done = CliRunner().invoke(main, ["unlisted", provider.name, *files, "--fixtures", "out", "--format", "json"])
        made = sorted((tmp_path / "out").glob(f"{provider.name}/*"))
        written += len(made)
        shown = {code: json.dumps(each) for code, each in found(done).items()}
        texts = ["\n".join(shown.values()), *(path.read_bytes().decode("latin-1") for path in made)]
        hex_texts = [
            bytes.fromhex(text.rpartition("\n# ")[2].splitlines()[-1]).decode("latin-1")
            for path, text in zip(made, texts[1:], strict=True)
            if path.suffix == ".hex"
        ]
        for number in set(numbers(provider, files)):
            seen += 1
            assert not [text for text in texts + hex_texts if number in text], provider.name
    assert seen > 5
    assert written > 5


def numbers(provider, files):
    for name in files:
        for _, sample in read_each(name, Path(name).read_bytes()):
            try:
                reports = provider.read(sample.input, sample.account, asked=sample.asked).reports
            except (InputError, AttributeError):
                continue
            for report in reports:
                for each in (report.recipient, report.sender):
                    digits = number_of(each or "")
                    if len(digits) >= 7 and not digits.startswith(("1202555", "44770090")):
                        yield digits


@pytest.mark.parametrize("stat", [PHONE, f"%2B{PHONE}", f"BAD{PHONE}", "00 1 555 555 0123", "447700900123"])
def test_a_code_that_is_a_number_is_masked_wherever_it_is_shown(run, stat):
    shown = run("messente-legacy", put(line(f"sms_unique_id=m&stat={stat}")), "--fixtures", "out", "--format", "json")
    (each,) = map(json.loads, shown.stdout.splitlines())
    assert "row" not in each
    for text in (shown.stdout, *(path.read_text() for path in Path("out").glob("*/*"))):
        assert "5550123" not in re.sub(r"[ +]", "", text)
        assert PHONE not in text
        assert "900123" not in text
    assert "no row" in run("messente-legacy", "in.jsonl").stdout


@pytest.mark.parametrize("account", [None, {"secrets": [SECRET]}])
@pytest.mark.parametrize(
    "target",
    [
        f"/dlr/{SECRET}?sms_unique_id=m&stat=ODD",
        f"/{SECRET}/?stat=ODD&sms_unique_id=m",
        f"/dlr?secret={SECRET}&sms_unique_id=m&stat=ODD&secret={SECRET}",
    ],
)
def test_no_secret_is_shown_or_written_also_where_no_account_names_it(run, account, target):
    more = {} if account is None else {"account": account}
    name = put(json.dumps({"kind": "request", "method": "GET", "target": target, **more}))
    shown = run("messente-legacy", name, "--fixtures", "out")
    assert "ODD" in shown.stdout
    (made,) = Path("out/messente-legacy").iterdir()
    assert SECRET not in shown.stdout + shown.stderr + made.read_text()
    assert "***" in made.read_text()


def test_only_the_place_of_a_secret_is_blotted():
    request = Request("GET", "/?secret=1&sms_unique_id=11&stat=1")
    assert without_credentials(LEGACY, request, None).target == "/?secret=***&sms_unique_id=11&stat=1"
    assert without_credentials(SMPP, request, None).target == request.target


def test_a_store_is_looked_through_as_files_are(run, tmp_path):
    url = str(tmp_path / "ledger.db")
    with Ledger.open(url, migrate=True) as ledger:
        for minute, stat in enumerate(["ODD", "DELIVRD", "ODD", "ODDER"]):
            at = AT + timedelta(minutes=minute)
            request = Request("GET", f"/dlr?sms_unique_id=m-{minute}&stat={stat}&recipient={PHONE}")
            account = Account(name="main")
            ledger.record(Arrival(LEGACY, request, LEGACY.read(request, account, received_at=at), at, account))
    shown = found(run("messente-legacy", "--store", url, "--format", "json", "--fixtures", "out"))
    assert {code: each["times"] for code, each in shown.items()} == {"ODD": 2, "ODDER": 1}
    assert shown["ODD"]["received_at"] == {"first": "2026-05-01T12:00:00Z", "last": "2026-05-01T12:02:00Z"}
    assert {path.name for path in Path("out/messente-legacy").iterdir()} == {"unknown-odd.http", "unknown-odder.http"}
    assert run("teli", "--store", url, "--format", "json").stdout == ""
    assert "only the newest 1 reports" in run("messente-legacy", "--store", url, "--limit", "1").stderr


def test_how_it_ends_says_whether_everything_was_read(run):
    assert run("messente-legacy", put(line("sms_unique_id=m&stat=DELIVRD"))).stdout == ""
    done = run("messente-legacy", put(line("sms_unique_id=m&stat=ODD") + "no line\n", "b.jsonl"), code=1)
    assert "1 inputs could not be read" in done.stderr
    assert "stat=ODD" in done.stdout
    run("messente-legacy", put("GET / HTTP/1.1\n\n", "x.http"), code=1)
    run("messente-legacy", "nowhere.jsonl", code=1)
    run("nobody", "in.jsonl", code=2)
    run("messente-legacy", "in.jsonl", "--store", "x.db", code=2)
    assert (
        "stat=ODD" in run("messente-legacy", "--kind", "jsonl", stdin=line("sms_unique_id=m&stat=ODD").encode()).stdout
    )


def test_a_long_file_is_never_held():
    endless = itertools.chain([b"# source: captured\n"], itertools.repeat(line("sms_unique_id=m&stat=ODD").encode()))
    (number, sample), (after, _) = itertools.islice(read_lines("endless.jsonl", endless), 2)
    assert (number, after, sample.source) == (2, 3, "captured")


def test_a_fictional_number_is_nobodys():
    put_in = Fiction()
    assert [put_in("+" + PHONE), put_in(PHONE), put_in("5555550199")] == ["+12025550100", "12025550100", "2025550101"]


def test_a_sample_written_for_a_fixture_reads_back():
    suffix, content = write_sample(Sample(Request("GET", "/dlr?stat=\x1b"), source="x"))
    assert read_samples("x" + suffix, content)[0].input.target == "/dlr?stat=\x1b"


BATCH = 3000


def batch(made: Callable[[int], dict[str, str]], most: int = 1000) -> tuple[Gatherer, list[str]]:
    """One answer with many reports, gathered; and the fixtures that were made."""
    body = json.dumps({"statuses": [made(number) for number in range(BATCH)]}).encode()
    sample, kept = Sample(Response(200, (), body)), list[str]()

    def keep(name: str, suffix: str, content: bytes) -> str:
        kept.append(content.decode())
        return name

    gatherer = Gatherer([], most=most, put=keep)
    gatherer.add(OMNI, OMNI.read(sample.input).reports, "in", sample=sample)
    return gatherer, kept


def test_an_input_is_looked_through_once_however_many_codes_it_holds(monkeypatch):
    looked, real = [], gathering.raw_text
    monkeypatch.setattr(gathering, "raw_text", lambda seen, bare: looked.append(seen) or real(seen, bare=bare))
    gatherer, kept = batch(lambda number: {"message_id": f"m{number}", "status": f"NEW{number}"})
    found = gatherer.found()
    assert (len(found), gatherer.left_out, len(looked), kept) == (1000, BATCH - 1000, 1, [])
    assert {each.no_fixture for each in found} == {
        "the input is too long, or holds too many reports; make a fixture of one of them by hand"
    }


@given(st.integers(0, 10**6), st.integers(1, 999), st.sampled_from(["", "+1", "%2B1", "00"]), st.booleans())
@settings(max_examples=10, deadline=None)
def test_of_many_numbers_none_is_shown(start, step, before, short):
    numbers = [f"555{(start + number * step) % 10**6:06}"[short * 4 :] for number in range(BATCH)]
    gatherer, _ = batch(lambda at: {"message_id": "m", "status": "NEW", "to": before + "20" + numbers[at]}, most=1)
    (found,) = gatherer.found()
    assert len(found.sample.text) > 50
    assert not re.findall(r"[0-9]{5,}", found.sample.text.partition("{")[2])


@given(
    st.lists(st.text("0123456789", min_size=5, max_size=12), min_size=1, max_size=300),
    st.lists(
        st.sampled_from([*"0123456789", "%3", "%20", "%2B", "+", " ", "-", "\\u003", "\\u002b", "%"]), max_size=60
    ),
)
def test_what_is_looked_for_in_a_text_is_all_that_can_be_found_in_it(known, pieces):
    numbers, text = Numbers(known), "".join(pieces) + known[0]
    here, looked_at = numbers.within(text)
    assert not here.too_many
    assert text.startswith(looked_at)
    assert here.known(looked_at, masked) == numbers.known(looked_at, masked)


def test_a_code_of_a_megabyte_costs_no_more_than_one_that_can_be_shown():
    monster = "00 " * 150_000
    report = LEGACY.read(Request("GET", f"/?sms_unique_id={quote('1 ' * 5000)}&stat={quote(monster)}")).reports[0]
    numbers = numbers_of([report], LEGACY, Sample(Request("GET", "/")))
    assert not numbers.too_many
    assert len(numbers._any.pattern) < 20_000

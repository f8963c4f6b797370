"""Backfill: any form in and out, whole or not at all, and never twice."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from bench_arrow import callback
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from soak_backfill import PROVIDER, digests, kill, run, run_killed, start, write_source

from delivrd import Account
from delivrd.arrow import INPUTS, normalize
from delivrd.backfill import job as job_module
from delivrd.backfill import units as units_module
from delivrd.backfill.job import Backfill, Progress, Totals
from delivrd.backfill.reading import batches_of
from delivrd.backfill.units import SourceError, find_sources, units_of
from delivrd.backfill.work import Plan
from delivrd.cli import main

AT = datetime(2024, 1, 31, 12, tzinfo=UTC)
BODIES = [callback(number) for number in range(40)]


def fill(source: Path, target: Path, form: str = "parquet", block: int = 4096, **plan):
    plan = {"provider": PROVIDER, **plan}
    return Backfill(source, Plan(str(target), form, **plan), "1", (), block).run(1)


def parts(target: Path) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in sorted((target / "reports").iterdir()))


def write_lines(path: Path, bodies: list[bytes]) -> Path:
    lines = [
        {"kind": "request", "method": "POST", "target": "/", "body": each.decode(), "received_at": AT.isoformat()}
        for each in bodies
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


def write_csv(path: Path, bodies: list[bytes]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["body", "received_at", "beside"])
        writer.writerows([each.decode(), AT.isoformat(), "x\n,y"] for each in bodies)
    return path


def write_parquet(path: Path, bodies: list[bytes]) -> Path:
    table = pa.table({"body": bodies, "received_at": pa.array([AT] * len(bodies)), "beside": bodies})
    pq.write_table(table, path, row_group_size=7)
    return path


def test_every_form_of_a_source_comes_to_the_same_reports_with_their_places(tmp_path):
    expected = normalize(
        pa.record_batch({"body": BODIES, "received_at": pa.array([AT] * len(BODIES))}), provider=PROVIDER
    )
    for name, write, first, step in [
        ("a.jsonl", write_lines, 1, 1),
        ("b.csv", write_csv, 2, 2),
        ("c.parquet", write_parquet, 1, 1),
    ]:
        target = tmp_path / f"out-{name}"
        totals = fill(write(tmp_path / name, BODIES), target)
        assert (totals.rows, totals.reports, totals.bad) == (40, 40, 0)
        found = parts(target)
        assert len(list((target / "reports").iterdir())) > 2
        assert set(found.column("source").to_pylist()) == {name}
        assert found.column("place").to_pylist() == list(range(first, first + 40 * step, step))
        kept = [name for name in expected.schema.names if name in found.column_names]
        assert (
            found.select(kept).combine_chunks().equals(pa.Table.from_batches([expected.select(kept)]).combine_chunks())
        )
        assert (target / "bad.jsonl").read_bytes() == b""


def test_a_folder_is_read_file_by_file_in_the_order_of_names(tmp_path):
    source = tmp_path / "in"
    (source / "b").mkdir(parents=True)
    write_csv(source / "b" / "two.csv", BODIES[:2])
    write_lines(source / "a.ndjson", BODIES[:1])
    (source / "notes.txt").write_text("nothing")
    fill(source, tmp_path / "out")
    assert parts(tmp_path / "out").column("source").to_pylist() == ["a.ndjson", "b/two.csv", "b/two.csv"]


def test_parts_of_lines_are_json_and_parts_of_cells_hide_formulas(tmp_path):
    body = json.dumps(
        {
            "message_id": "=1+1",
            "status": "SEEN",
            "to": "+12025550100",
            "sender": "@x",
            "timestamp": "2020-02-04T08:09:42.389630",
            "price_info": {"total_price": "-0.1"},
        }
    ).encode()
    source = write_lines(tmp_path / "in.jsonl", [body])
    fill(source, tmp_path / "lines", "ndjson")
    (line,) = (tmp_path / "lines/reports/part-00000000.ndjson").read_text().splitlines()
    told = json.loads(line)
    assert told["codes"] == {"status": "SEEN"}
    assert (told["place"], told["status"], told["occurred_at"]) == (1, "read", "2020-02-04T08:09:42.389630+00:00")
    fill(source, tmp_path / "cells", "csv")
    text = (tmp_path / "cells/reports/part-00000000.csv").read_text()
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["message_id"] == "'=1+1"
    assert (row["recipient"], row["sender"]) == ("'+12025550100", "'@x")
    assert row["occurred_at"] == "2020-02-04T08:09:42.389630+00:00"
    assert row["codes"] == '[["status", "SEEN"]]'
    assert pacsv.read_csv(tmp_path / "cells/reports/part-00000000.csv").num_rows == 1


def test_what_cannot_be_read_is_told_with_its_place_and_reason(tmp_path):
    good = BODIES[0].decode().replace('"', '""')
    (tmp_path / "in.csv").write_bytes(
        b"provider,account,body,received_at,tlvs,esm_class,kind\n"
        + f',,"{good}",,,,\n'.encode()
        + b",,{broken,,,,\n"
        + b"too,few\n"
        + f',,"{good}",yesterday,,,\n'.encode()
        + b"nobody,,x,,,,\n"
        + b",missing,x,,,,\n"
        + b',,"unclosed"x,,,,\n'
        + b'smpp,,,,"{""0x1e"": ""xyz""}",4,deliver_sm\n'
        + b"\n"
        + b"\xff,,x,,,,\n"
        + b",,x,,,1.5,\n"
    )
    totals = fill(tmp_path / "in.csv", tmp_path / "out")
    assert (totals.rows, totals.reports, totals.bad) == (10, 1, 9)
    bad = [json.loads(line) for line in (tmp_path / "out/bad.jsonl").read_text().splitlines()]
    assert [(each["place"], each["error"], each.get("field")) for each in bad] == [
        (3, "unreadable", None),
        (4, "no_input", None),
        (5, "no_input", "received_at"),
        (6, "unknown_provider", None),
        (7, "account", None),
        (8, "no_input", None),
        (9, "no_input", "tlvs"),
        (11, "no_input", "provider"),
        (12, "no_input", "esm_class"),
    ]
    assert all(each["source"] == "in.csv" and each["reason"] for each in bad)


def test_items_that_cannot_be_read_are_told_beside_the_reports_of_their_input(tmp_path):
    answer = {"statuses": [{"message_id": "1", "status": "SEEN"}, {"status": "SEEN"}]}
    line = {"kind": "response", "status": 200, "body": json.dumps(answer)}
    (tmp_path / "in.jsonl").write_text(json.dumps(line) + "\n")
    totals = fill(tmp_path / "in.jsonl", tmp_path / "out")
    assert (totals.rows, totals.reports, totals.bad) == (1, 1, 1)
    (bad,) = map(json.loads, (tmp_path / "out/bad.jsonl").read_text().splitlines())
    assert (bad["place"], bad["item"], bad["error"]) == (1, 1, "item")


CELLS = st.text("ab\"\n\r,'é", max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=12),
    st.integers(1, 40),
    st.booleans(),
    st.booleans(),
)
def test_units_of_cells_hold_every_row_once_and_whole_wherever_a_block_ends(tmp_path_factory, rows, block, bom, ended):
    path = tmp_path_factory.mktemp("units") / "in.csv"
    text = io.StringIO()
    # Quoted all, so that no cell can be taken for the end of a row.
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["body", "target"], *rows])
    data = text.getvalue().encode()
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + (data if ended else data[:-1]))
    units = list(units_of(find_sources(path), block))
    assert [unit.start for unit in units[1:]] == [unit.start + unit.length for unit in units[:-1]]
    found, places, bad = [], [], []
    for unit in units:
        for batch in batches_of(unit):
            found += [[row["body"] or b"", row["target"] or ""] for row in batch.columns.to_pylist()]
            places += batch.places
            bad += batch.bad
    assert bad == []
    assert found == [[body.encode(), target] for body, target in rows]
    lines = data.decode().split("\n")
    ends = [sum(cell.count("\n") for cell in row) + 1 for row in rows]
    assert places == [2 + sum(ends[:index]) for index in range(len(rows))]
    assert len(lines) >= len(rows)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from([b"{}", b"", b" ", b"x" * 30, b"not json"]), max_size=12), st.integers(1, 40))
def test_units_of_lines_hold_every_line_once_with_its_number(tmp_path_factory, lines, block):
    path = tmp_path_factory.mktemp("units") / "in.jsonl"
    path.write_bytes(b"\n".join(lines))
    found = [
        (place, line.strip())
        for unit in units_of(find_sources(path), block)
        for batch in batches_of(unit)
        for place, line in zip(batch.places, batch.columns.column("line").to_pylist(), strict=True)
    ]
    assert found == [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def test_a_row_too_long_is_passed_over_unread_and_told(tmp_path, monkeypatch):
    for module in (units_module, sys.modules["delivrd.backfill.reading"]):
        monkeypatch.setattr(module, "LONGEST", 2000)
    source = write_lines(tmp_path / "in.jsonl", BODIES[:3])
    good = source.read_bytes().splitlines(keepends=True)
    source.write_bytes(good[0] + b"x" * 5000 + b"\n" + good[1] + good[2])
    totals = fill(source, tmp_path / "out", block=1000)
    assert (totals.rows, totals.reports, totals.bad) == (4, 3, 1)
    (bad,) = map(json.loads, (tmp_path / "out/bad.jsonl").read_text().splitlines())
    assert bad["place"] == 2
    assert parts(tmp_path / "out").column("place").to_pylist() == [1, 3, 4]


def test_killed_twenty_times_at_random_it_comes_to_what_it_comes_to_unkilled(tmp_path):
    source = tmp_path / "source.jsonl"
    write_source(source, 3000)
    options = ("--workers", "1", "--block", "32768")
    run(source, tmp_path / "whole", *options)
    assert len(digests(tmp_path / "whole")) > 35
    assert run_killed(source, tmp_path / "broken", 20, 7, *options) >= 15
    assert digests(tmp_path / "broken") == digests(tmp_path / "whole")


def test_workers_end_with_the_process_that_gives_them_work(tmp_path):
    source, target = tmp_path / "source.jsonl", tmp_path / "broken"
    write_source(source, 3000)
    options = ("--workers", "2", "--block", "16384")
    process = start(source, target, *options)
    while not any(target.glob("done/*.json")):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
    kill(process)
    assert (target / "done").exists()
    run(source, target, *options)
    run(source, tmp_path / "whole", "--workers", "1", "--block", "16384")
    assert digests(target) == digests(tmp_path / "whole")


class Dies(Exception):
    pass


@pytest.mark.parametrize(
    "at", ["delivrd.backfill.work._good", "delivrd.backfill.job.Progress", "shutil.copyfileobj", "shutil.rmtree"]
)
def test_wherever_it_stops_the_next_call_goes_on(tmp_path, monkeypatch, at):
    source = write_lines(tmp_path / "in.jsonl", BODIES)
    fill(source, tmp_path / "whole")

    def die(*_: object, **__: object) -> None:
        raise Dies

    with monkeypatch.context() as patch:
        patch.setattr(at, die)
        with pytest.raises(Dies):
            fill(source, tmp_path / "broken")
    (tmp_path / "broken" / "reports" / "part-00000001.parquet.99.tmp").write_bytes(b"left over")
    fill(source, tmp_path / "broken")
    assert digests(tmp_path / "broken") == digests(tmp_path / "whole")
    before = digests(tmp_path / "whole")
    assert fill(source, tmp_path / "whole").reports == 40
    assert digests(tmp_path / "whole") == before


def test_a_target_of_something_else_is_left_alone(tmp_path):
    source = write_lines(tmp_path / "in.jsonl", BODIES[:2])
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine.tmp").write_text("dear")
    with pytest.raises(SourceError, match="expected an empty folder, or one of a backfill"):
        fill(source, target)
    assert [path.name for path in target.iterdir()] == ["mine.tmp"]
    (target / "mine.tmp").unlink()
    fill(source, target)
    with pytest.raises(SourceError, match="it was begun with other form"):
        fill(source, target, "csv")
    os.utime(source, ns=(1, 1))
    with pytest.raises(SourceError, match="it was begun with other sources"):
        fill(source, target)
    with pytest.raises(SourceError, match="another process works in it"), job_module._held(target):
        fill(source, target)
    with pytest.raises(SourceError, match="holds no source"):
        fill(source, tmp_path)


def test_sources_that_are_not_what_they_seem_are_told_by_name(tmp_path):
    for name, data, words in [
        ("a.txt", b"", r"a\.txt: expected a name that ends with"),
        ("b.parquet", b"PAR1", "b.parquet: expected a Parquet file"),
        ("c.csv", b"body", "c.csv: expected a first line"),
        ("d.csv", b"x,y\n1,2\n", "d.csv: no column of it is one of: provider"),
        ("e.csv", b'"x\n1,2\n', "e.csv: its first line does not name the columns"),
    ]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(SourceError, match=words):
            fill(tmp_path / name, tmp_path / "out" / name)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "f.parquet")
    with pytest.raises(SourceError, match="f.parquet: no column of it"):
        fill(tmp_path / "f.parquet", tmp_path / "out" / "f")
    pq.write_table(pa.table({"body": [1]}), tmp_path / "g.parquet")
    with pytest.raises(SourceError, match="g.parquet: body: expected binary"):
        fill(tmp_path / "g.parquet", tmp_path / "out" / "g")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="expected files whose names end with"):
        fill(tmp_path / "empty", tmp_path / "out" / "h")


def test_accounts_come_from_their_column_and_else_from_the_plan(tmp_path):
    body = b'{"message_id": "1", "status": "SEEN", "timestamp": "2020-02-04T08:09:42.389630"}'
    table = pa.table({"body": [body] * 2, "account": ["east", None]})
    pq.write_table(table, tmp_path / "in.parquet")
    fill(
        tmp_path / "in.parquet",
        tmp_path / "out",
        account=Account("plain"),
        accounts={"east": Account("e", zone="+02:00")},
    )
    found = parts(tmp_path / "out")
    assert [(row["account"], row["occurred_at"].hour) for row in found.to_pylist()] == [("e", 6), ("plain", 8)]


def test_no_column_of_an_input_is_missing_from_what_cells_can_hold(tmp_path):
    cells = {
        "headers": '{"A": "b"}',
        "tlvs": '{"0x001e": "31"}',
        "received_at": AT.isoformat(),
        **dict.fromkeys(("status", "esm_class", "data_coding"), "4"),
    }
    row = {name: cells.get(name, "é") for name in INPUTS.names}
    with (tmp_path / "in.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, INPUTS.names)
        writer.writeheader()
        writer.writerow(row)
    (unit,) = units_of(find_sources(tmp_path / "in.csv"))
    ((columns, _, bad),) = batches_of(unit)
    (read,) = columns.to_pylist()
    assert bad == []
    assert read["headers"] == [("A", "b")]
    assert read["tlvs"] == [(0x1E, b"1")]
    assert read["received_at"] == AT
    assert all(value is not None for value in read.values())


def test_the_command_tells_what_came_of_it(tmp_path):
    source = tmp_path / "in.jsonl"
    write_source(source, 20)
    (tmp_path / "accounts.toml").write_text('[accounts.main]\nprovider = "messente-omnichannel"\nopen = true\n')
    (tmp_path / "account.json").write_text('{"name": "plain"}')
    words = [
        "backfill",
        str(source),
        str(tmp_path / "out"),
        "--provider",
        PROVIDER,
        "--workers",
        "1",
        "--format",
        "ndjson",
    ]
    words += ["--accounts", str(tmp_path / "accounts.toml"), "--account", str(tmp_path / "account.json")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"20 rows, 19 reports in {tmp_path}/out",
        f"1 could not be read; told in {tmp_path}/out/bad.jsonl",
    ]
    again = CliRunner().invoke(main, [*words, "--block", "2048"])
    assert again.exit_code == 2
    assert "begun with other block" in again.stderr
    assert len(again.stderr.splitlines()) == 1
    assert CliRunner().invoke(main, [*words[:4], "nobody"]).exit_code == 2


def test_where_somebody_looks_the_progress_is_shown_with_rate_and_time_left(monkeypatch):
    from delivrd.cli import backfill as command_module

    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    clock = iter([100.0, 110.0, 120.0])
    monkeypatch.setattr(command_module, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sys, "stderr", screen)
    tell = command_module._teller()
    tell(Progress(50, 100, 25, Totals(1000, 900, 1)))
    tell(Progress(100, 100, 75, Totals(2000, 1900, 1)))
    first, second = screen.getvalue().split("\r")[1:]
    assert first.split() == ["50%", "1000", "rows", "50", "rows/s", "0:00:20", "left"]
    assert second.endswith("\n")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    command_module._teller()(Progress(1, 1, 1, Totals()))
    assert sys.stderr.getvalue() == ""


FAR = ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999999-00:01", "0000-01-01T00:00:00+00:00", "1", "x" * 5000]
HOSTILE_CELLS = {
    "received_at": [*FAR, "2024-01-31T12:00:00", "9" * 5000],
    "headers": ['{"a":' * 20_000, "[" * 100_000, '{"a": 1}', '{"a": ' + "9" * 5000 + "}", "[]", "{"],
    "tlvs": ['{"4294967296": "00"}', '{"' + "9" * 5000 + '": "00"}', '{"0x1e": "0"}', '{"1": {}}', '{"a":' * 20_000],
    "status": ["2147483648", "-" + "9" * 5000, "1e3", "٣x"],
    "data_coding": ["99999999999999999999"],
    "kind": ["fax"],
    "target": ["\udcff"],
}
"""Cells of a CSV of which each makes its row a bad one, whatever stands beside it."""
HOSTILE_VALUES = {
    "received_at": [1 << 60, -(1 << 61), (1 << 63) - 1, -62135596800_000_001, 253402300800_000_000],
    "status": [1 << 31, 1 << 62, -(1 << 40)],
}
HOSTILE_LINES = [
    b"{",
    b'{"kind":' * 20_000,
    b"null",
    b"\xff",
    *(
        json.dumps({"kind": "request", "method": "POST", "target": "/", "body": "{}", "received_at": each}).encode()
        for each in FAR
    ),
]


def read_back(source: Path, target: Path) -> tuple[list, list]:
    """The reports without their places, and the bad rows, of a backfill that is called twice."""
    totals = fill(source, target, "ndjson", block=1000)
    assert fill(source, target, "ndjson", block=1000) == totals
    lines = [line for path in sorted((target / "reports").iterdir()) for line in path.read_text().splitlines()]
    bad = [json.loads(line) for line in (target / "bad.jsonl").read_text().splitlines()]
    assert (totals.reports, totals.bad) == (len(lines), len(bad))
    return [{**json.loads(line), "place": None} for line in lines], bad


def make_csv(path: Path, rows: list) -> list[int]:
    """Write rows as cells; the places of those that hold a hostile one."""
    bad, place = [], 2
    with path.open("w", newline="", errors="surrogateescape") as file:
        names = ["body", *HOSTILE_CELLS]
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for body, hostile in rows:
            cells = {"body": body.decode(), "received_at": AT.isoformat(), "headers": "{}"}
            if hostile is not None:
                name = list(HOSTILE_CELLS)[hostile % len(HOSTILE_CELLS)]
                cells[name] = HOSTILE_CELLS[name][hostile % len(HOSTILE_CELLS[name])]
                bad.append(place)
            writer.writerow([cells.get(each, "") for each in names])
            place += 1
    return bad


def make_parquet(path: Path, rows: list) -> list[int]:
    """Write rows as values; the places of those that hold a hostile one."""
    times, statuses, bad = [], [], []
    for place, (_, hostile) in enumerate(rows, 1):
        held = {"received_at": int(AT.timestamp()) * 1_000_000, "status": None}
        if hostile is not None:
            name = list(HOSTILE_VALUES)[hostile % 2]
            held[name] = HOSTILE_VALUES[name][hostile % len(HOSTILE_VALUES[name])]
            bad.append(place)
        times.append(held["received_at"])
        statuses.append(held["status"])
    columns = {
        "body": pa.array([body for body, _ in rows], pa.binary()),
        "received_at": pa.array(times, pa.timestamp("us", "UTC")),
        "status": pa.array(statuses, pa.int64()),
        # Of a request, the status is never looked at.
        "kind": ["response" if hostile is not None and hostile % 2 else "request" for _, hostile in rows],
    }
    pq.write_table(pa.table(columns), path, row_group_size=3)
    return bad


def make_lines(path: Path, rows: list) -> list[int]:
    """Write rows as lines; the places of the hostile ones."""
    good = {"kind": "request", "method": "POST", "target": "/", "received_at": AT.isoformat()}
    lines = [
        json.dumps({**good, "body": body.decode()}).encode()
        if hostile is None
        else HOSTILE_LINES[hostile % len(HOSTILE_LINES)]
        for body, hostile in rows
    ]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return [place for place, (_, hostile) in enumerate(rows, 1) if hostile is not None]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([("in.csv", make_csv), ("in.parquet", make_parquet), ("in.jsonl", make_lines)]),
    st.lists(st.tuples(st.sampled_from(BODIES), st.none() | st.integers(0, 500)), min_size=1, max_size=12),
)
def test_whatever_one_cell_holds_costs_its_own_row_and_no_other(tmp_path_factory, form, rows):
    name, make = form
    folder = tmp_path_factory.mktemp("hostile")
    expected_bad = make(folder / name, rows)
    found, bad = read_back(folder / name, folder / "out")
    assert [each["place"] for each in bad] == expected_bad
    assert all(each["source"] == name and each["reason"] for each in bad)
    (folder / "good").mkdir()
    good = [row for row in rows if row[1] is None]
    assert make(folder / "good" / name, good) == []
    expected, none = read_back(folder / "good" / name, folder / "out-good")
    assert (found, none) == (expected, [])


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_a_time_beyond_the_calendar_is_no_other_time_whatever_its_unit(unit):
    times = pa.array([1, 1 << 62, -(1 << 62), None], pa.int64()).cast(pa.timestamp(unit, "UTC"))
    batch = pa.record_batch({"body": BODIES[:4], "received_at": times})
    rows = normalize(batch, provider=PROVIDER).to_pylist()
    assert [row["error"] for row in rows] == [None, "no_input", "no_input", None]
    assert rows[0]["received_at"].year == 1970


def test_a_damaged_row_group_is_told_with_its_file_and_remedy_and_costs_no_other(tmp_path):
    path = tmp_path / "in.parquet"
    table = pa.table({"body": BODIES})
    pq.write_table(table, path, row_group_size=10, use_dictionary=False)
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    end = chunk.data_page_offset + chunk.total_compressed_size
    data[end - 100 : end] = b"\xff" * 100
    path.write_bytes(data)
    assert fill(path, tmp_path / "out") == Totals(31, 30, 1)
    (bad,) = map(json.loads, (tmp_path / "out/bad.jsonl").read_text().splitlines())
    assert (bad["source"], bad["place"]) == ("in.parquet", 11)
    assert "row group 1" in bad["reason"]
    assert "restore the file" in bad["reason"]


def test_a_file_that_is_not_what_its_name_says_costs_no_other_file_of_its_folder(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.parquet").write_bytes(b"PAR1")
    (source / "b.csv").write_bytes(b"x,y\n1,2\n")
    pq.write_table(pa.table({"body": [1]}), source / "c.parquet")
    write_lines(source / "d.jsonl", BODIES[:3])
    totals = fill(source, tmp_path / "out")
    assert totals == Totals(6, 3, 3)
    bad = [json.loads(line) for line in (tmp_path / "out/bad.jsonl").read_text().splitlines()]
    assert [(each["source"], each["reason"].partition(": ")[0]) for each in bad] == [
        (name, name) for name in ("a.parquet", "b.csv", "c.parquet")
    ]

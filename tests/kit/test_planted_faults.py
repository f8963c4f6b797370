"""Plugins with one fault each: the kit finds it, with no test code in the plugin."""

from __future__ import annotations

import pytest


def test_a_sound_plugin_passes_every_check(bench, failures) -> None:
    bench.plugin()
    bench.fixtures()
    result = bench.accepted()
    assert failures(result) == set()
    # The check of providers, ten of the contract, and two for each of three fixtures.
    result.assert_outcomes(passed=1 + 10 + 3 * 2)
    result.stdout.fnmatch_lines(["450 hostile inputs tried (seed 0)"])


def test_a_sound_decode_function_passes_every_check(bench, failures) -> None:
    bench.plugin(
        """
        def decode(request, context):
            document = load(request)
            return Decoded(records=[{"id": text(document.get("id")), "status": text(document.get("status"))}])
        """
    )
    bench.fixtures()
    assert failures(bench.accepted()) == set()


@pytest.mark.parametrize(
    ("questions", "said"),
    [
        ("", "*its follow_up names 'mark'; the provider's questions: none*"),
        (
            'Question(operation="mark", meaning="m", make=None, hosts=("h",), about="record"),',
            "*names no id of the record*",
        ),
    ],
)
def test_a_follow_up_that_cannot_be_asked_is_found(bench, failures, questions, said) -> None:
    bench.plugin(
        """
        def decode(request, context):
            document = load(request)
            record = {"id": text(document.get("id")), "status": text(document.get("status"))}
            return Decoded(records=[record], follow_up=[FollowUp("mark", "")])
        """,
        auth=f"UrlSecret(),), questions=({questions}",
    )
    bench.fixtures()
    result = bench.accepted()
    assert failures(result) == {"follow_up"}
    result.stdout.fnmatch_lines([said])


def test_a_key_error_on_a_missing_field_is_found(bench, failures, sound) -> None:
    bench.plugin(
        """
        def decode(request, context):
            document = load(request)
            return Decoded(records=[{"id": text(document["id"]), "status": text(document.get("status"))}])
        """
    )
    bench.fixtures({name: data for name, data in sound.items() if "without" not in name})
    result = bench.accepted()
    assert failures(result) == {"hostile"}
    result.stdout.fnmatch_lines(
        ["*raised PluginError*KeyError('id')*", "the input that did it: .delivrd/failures/acme-*"]
    )


def test_a_code_compared_with_a_number_is_found(bench, failures, make_http) -> None:
    bench.plugin(
        """
        def decode(request, context):
            document = load(request)
            return Decoded(records=[{"id": text(document.get("id")), "status": "OK" if document.get("status") == 1 else "BAD"}])
        """
    )
    bench.fixtures({"delivered.http": make_http('{"id":"m1","status":"1"}')})
    result = bench.accepted()
    assert failures(result) == {"names", "rows", "unlisted"}
    result.stdout.fnmatch_lines(
        ["*its name says delivered, it came out failed*", "*code 'OK' (delivered): no fixture reaches it*"]
    )


def test_a_default_branch_that_reads_a_key_nobody_sends_is_found(bench, failures) -> None:
    bench.plugin(
        """
        def decode(request, context):
            document = load(request)
            status = text(document.get("status"))
            if status not in ("OK", "BAD", None, ""):
                status = document["reason"]["name"]
            return Decoded(records=[{"id": text(document.get("id")), "status": status}])
        """
    )
    bench.fixtures()
    result = bench.accepted()
    assert failures(result) == {"hostile", "unlisted"}
    result.stdout.fnmatch_lines(
        ["*status = 'KITCODE': an unlisted code is no error, and it raised PluginError*KeyError('reason')"]
    )


def test_a_clock_read_while_decoding_is_found(bench, failures) -> None:
    bench.plugin(
        """
        import time

        def decode(request, context):
            started = time.time()
            document = load(request)
            return Decoded(records=[{"id": text(document.get("id")), "status": text(document.get("status"))}])
        """
    )
    bench.fixtures()
    result = bench.accepted()
    assert failures(result) == {"purity"}
    result.stdout.fnmatch_lines(
        ["acme/delivered.http: reading it touches the clock (time.time) at *acme_dlr.py, line *"]
    )


BATCH = """
    def decode(request, context):
        try:
            items = json.loads(request.body.decode("utf-8"), parse_constant=str)
        except (ValueError, RecursionError) as error:
            raise Unreadable("body: expected JSON") from error
        if not isinstance(items, list):
            raise Unreadable("body: expected a list")
        records, problems = [], []
        for index, item in enumerate(items):
            if isinstance(item, dict):
                records.append({"id": text(item.get("id")), "status": text(item.get("status"))})
            else:
                BAD_ITEM
        return Decoded(records=records, problems=problems)
"""
TWO = '[{"id":"m1","status":"OK"},{"id":"m2","status":"BAD"}]'


def test_a_batch_lost_to_one_bad_item_is_found(bench, failures, make_http) -> None:
    bench.plugin(BATCH.replace("BAD_ITEM", 'raise Unreadable("expected objects")'))
    bench.fixtures({"delivered-two.http": make_http(TWO)})
    result = bench.accepted()
    assert failures(result) == {"batches"}
    result.stdout.fnmatch_lines(
        ["*the body: with None put in at place 0 it raised Unreadable*its 2 report(s) as they were*"]
    )


def test_a_batch_whose_bad_items_are_problems_passes(bench, failures, make_http) -> None:
    bench.plugin(BATCH.replace("BAD_ITEM", 'problems.append(Problem(index, "expected an object"))'))
    bench.fixtures({"delivered-two.http": make_http(TWO)})
    assert failures(bench.accepted()) == set()


def test_an_item_that_depends_on_its_neighbours_is_found(bench, failures, make_http) -> None:
    bench.plugin(
        BATCH.replace("BAD_ITEM", 'problems.append(Problem(index, "expected an object"))').replace(
            '{"id": text(item.get("id"))', '{"id": (text(item.get("id")) or "") + f"-{len(records)}"'
        )
    )
    bench.fixtures({"delivered-two.http": make_http(TWO)})
    result = bench.accepted()
    assert failures(result) == {"batches"}
    result.stdout.fnmatch_lines(["*its items, each alone, give 2 report(s); together they give 2, or others*"])


def test_an_unsigned_input_that_is_accepted_is_found(bench, failures) -> None:
    bench.plugin(
        """
        class Lenient(HmacBody, frozen=True):
            def authentic(self, input, account, at):
                return input.header(self.header) is None or super().authentic(input, account, at)
        """,
        auth='Lenient("X-Signature"),',
    )
    bench.fixtures()
    result = bench.accepted()
    assert failures(result) == {"authentic"}
    result.stdout.fnmatch_lines(
        ["Lenient: acme/delivered.http: with no proof it gave 1 report(s); expected NotAuthentic (missing)"]
    )


def test_a_code_retyped_so_that_its_row_is_never_reached_is_found(bench, failures, make_http) -> None:
    bench.plugin(
        """
        STATUS = CodeTable("status", (
            Row("OK", Status.DELIVERED, True, meaning="delivered"),
            Row("007", Status.FAILED, True, meaning="failed"),
        ), PAGE)

        def decode(request, context):
            document = load(request)
            status = text(document.get("status")) or ""
            if status.isascii() and status.isdigit() and len(status) < 9:
                status = str(int(status))
            return Decoded(records=[{"id": text(document.get("id")), "status": status}])
        """
    )
    bench.fixtures(
        {"delivered.http": make_http('{"id":"1","status":"OK"}'), "seven.http": make_http('{"id":"1","status":"007"}')}
    )
    result = bench.accepted()
    assert failures(result) == {"rows"}
    result.stdout.fnmatch_lines(["table status, code '007' (failed): no fixture reaches it where it is consulted"])


def test_a_name_that_lies_is_found(bench, failures, sound, make_http) -> None:
    bench.plugin()
    bench.fixtures(sound | {"not_yet-known.http": make_http('{"id":"m3","status":"OK"}')})
    result = bench.accepted()
    assert failures(result) == {"names"}
    result.stdout.fnmatch_lines(
        [
            "acme/not_yet-known.http: its name says not_yet, it came out delivered or success; mend the declaration, or the name where that is wrong"
        ]
    )


def test_an_outcome_without_its_input_is_found(bench, failures) -> None:
    bench.plugin()
    bench.fixtures()
    bench.run("--snapshot-update", hostile=0)
    bench.fixtures({"gone.json": b"{}\n"})
    result = bench.run()
    assert failures(result) == {"files"}
    result.stdout.fnmatch_lines(["acme/gone.json: an outcome without its input*"])


def test_an_outcome_that_differs_from_what_is_on_file_is_found(bench, failures) -> None:
    bench.plugin()
    folder = bench.fixtures()
    bench.run("--snapshot-update", hostile=0)
    kept = (folder / "delivered.json").read_text()
    (folder / "delivered.json").write_text(kept.replace('"m1"', '"m9"'))
    result = bench.run(hostile=0)
    assert failures(result) == {"snapshot"}
    result.stdout.fnmatch_lines(["acme/delivered.http: the outcome is not what delivered.json holds*--snapshot-update"])


def test_reading_that_remembers_what_it_read_before_is_found(bench, failures) -> None:
    bench.plugin(
        """
        READ = []

        def decode(request, context):
            document = load(request)
            READ.append(document)
            return Decoded(records=[{"id": str(len(READ)), "status": text(document.get("status"))}])
        """
    )
    bench.fixtures()
    assert "determinism" in failures(bench.accepted(hostile=0))


@pytest.mark.parametrize(
    ("touch", "named"),
    [
        ("open(__file__).close()", "a file (open)"),
        ("import os; os.getenv('HOME')", "the environment (os.environ)"),
        ("import os; list(os.environ)", "the environment (os.environ)"),
        ("import os; os.stat('.')", "the operating system"),
        ("import socket; socket.gethostname()", "a socket"),
        ("import random; random.random()", "chance (random.random)"),
        ("import random; random.randint(1, 2)", "chance (randint)"),
        ("import subprocess; subprocess.list2cmdline(['a'])", "a process (list2cmdline)"),
        ("from datetime import datetime; datetime.now()", "the clock (datetime.now)"),
        ("from datetime import date; date.today()", "the clock (date.today)"),
        ("import time; time.monotonic()", "the clock (time.monotonic)"),
    ],
)
def test_whatever_decoding_touches_is_named(bench, failures, touch, named) -> None:
    bench.plugin(
        f"""
        def decode(request, context):
            {touch}
            document = load(request)
            return Decoded(records=[{{"id": text(document.get("id")), "status": text(document.get("status"))}}])
        """
    )
    bench.fixtures()
    result = bench.accepted(hostile=0)
    assert failures(result) == {"purity"}
    assert named in result.stdout.str()


OUTER = """
    def decode(request, context):
        try:
            outer = json.loads(request.body.decode("utf-8"), parse_constant=str)
        except (ValueError, RecursionError) as error:
            raise Unreadable("body: expected JSON") from error
        if not isinstance(outer, dict) or not isinstance(outer.get("items"), list):
            raise Unreadable("items: expected a list")
        RULE
        records, problems = [], []
        for index, item in enumerate(outer["items"]):
            if isinstance(item, dict):
                item = {**outer, **item}
                records.append({"id": text(item.get("id")), "status": text(item.get("status"))})
            else:
                problems.append(Problem(index, "expected an object"))
        return Decoded(records=records, problems=problems)
"""
INHERITED = '{"id": "m0", "status": "OK", "items": [{"id": "m1"}, {"id": "m2", "status": "BAD"}]}'


def test_an_empty_item_may_inherit_a_whole_report(bench, failures, make_http) -> None:
    bench.plugin(OUTER.replace("RULE", "pass"))
    bench.fixtures({"delivered-two.http": make_http(INHERITED)})
    assert failures(bench.accepted()) == set()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            'if b": " not in request.body: raise Unreadable("expected spaces")',
            "written anew with the same values, it raised Unreadable*",
        ),
        (
            'if len(outer["items"]) == 1: raise KeyError("second")',
            "item 0 alone: it raised PluginError*KeyError('second')",
        ),
        (
            'if None in outer["items"]: return Decoded(problems=[Problem(0, "bad")])',
            "with None put in * gave no report (unreadable_items)*",
        ),
        (
            'if 17 in outer["items"]: outer["items"].reverse()',
            "with 17 put in at place 0 it gave 2 report(s); expected its 2 report(s) as*",
        ),
    ],
)
def test_a_batch_that_is_more_or_less_than_its_items_is_found(bench, failures, make_http, rule, said) -> None:
    bench.plugin(OUTER.replace("RULE", rule))
    bench.fixtures({"delivered-two.http": make_http(INHERITED)})
    result = bench.accepted(hostile=0)
    assert "batches" in failures(result)
    result.stdout.fnmatch_lines([f"acme/delivered-two.http, items*{said}"])

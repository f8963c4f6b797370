"""One line of configuration switches the kit on; nothing else does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest_delivrd

WATCH = """
    import sys

    def pytest_unconfigure(config):
        print("loaded:", sorted({"delivrd", "hypothesis", "syrupy", "pytest_delivrd.collect"} & set(sys.modules)))
"""


def test_nothing_is_imported_before_it_is_switched_on(bench, monkeypatch) -> None:
    bench.configure("")
    bench.pytester.makeconftest(WATCH)
    bench.pytester.makepyfile("def test_nothing(): pass")
    source = Path(pytest_delivrd.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", str(source))
    # Both are also plugins of pytest, which loads them whether the kit is there or not.
    others = ("-p", "no:syrupy", "-p", "no:hypothesispytest")
    result = bench.pytester.run(sys.executable, "-m", "pytest", "-q", "-s", *others, *bench.kit)
    result.stdout.fnmatch_lines(["loaded: []"])
    assert result.ret == 0


def test_without_the_option_fixtures_are_no_tests(bench) -> None:
    bench.configure("")
    bench.plugin()
    bench.fixtures()
    bench.run().assert_outcomes()


def test_the_folder_is_added_to_testpaths(bench, failures) -> None:
    bench.configure("delivrd_fixtures = fixtures", "testpaths = tests")
    bench.plugin()
    bench.fixtures()
    bench.pytester.mkdir("tests").joinpath("test_own.py").write_text("def test_own(): pass\n")
    result = bench.accepted(hostile=0)
    result.assert_outcomes(passed=18)
    assert failures(result) == set()


def test_the_folder_is_added_where_pytest_is_run_in_another(bench, monkeypatch) -> None:
    bench.plugin()
    bench.fixtures()
    bench.run("--snapshot-update", hostile=0)
    monkeypatch.chdir(bench.pytester.mkdir("elsewhere"))
    bench.run(hostile=0).assert_outcomes(passed=17)


def test_a_folder_that_is_collected_anyway_is_not_collected_twice(bench) -> None:
    bench.configure("delivrd_fixtures = fixtures", "testpaths = .")
    bench.plugin()
    bench.fixtures()
    bench.accepted(hostile=0).assert_outcomes(passed=17)


def test_a_command_line_that_names_other_tests_runs_those_alone(bench) -> None:
    bench.plugin()
    bench.fixtures()
    bench.pytester.mkdir("tests").joinpath("test_own.py").write_text("def test_own(): pass\n")
    bench.run("tests").assert_outcomes(passed=1)


def test_one_fixture_can_be_run_alone(bench) -> None:
    bench.plugin()
    bench.fixtures()
    bench.run("--snapshot-update", hostile=0)
    bench.run("fixtures/acme/delivered.http", hostile=1).assert_outcomes(passed=2)
    bench.run("fixtures/acme/delivered.http::snapshot").assert_outcomes(passed=1)


def test_a_folder_that_is_not_there_is_a_usage_error(bench) -> None:
    bench.configure("delivrd_fixtures = nowhere")
    result = bench.run()
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*delivrd_fixtures: no folder *nowhere; make it*"])


def test_a_negative_count_is_a_usage_error(bench) -> None:
    result = bench.run(hostile=-1)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--delivrd-hostile*"])


def test_a_plugin_that_does_not_load_is_told_with_its_own_line(bench, failures) -> None:
    bench.install("import delivrd\n\nnumber = 1\nnumber.none\n")
    bench.fixtures()
    bench.fixtures(provider="other")
    result = bench.run(hostile=0)
    assert failures(result) == {"installed"}
    # The folder's name is the plugin's; and a plugin whose providers nobody knows could have brought the other.
    for name in ("acme", "other"):
        result.stdout.fnmatch_lines([f"{name}: plugin acme (*): AttributeError: *'none' (*acme_dlr.py, line 4)"])
    result.stdout.fnmatch_lines(["other: no provider 'other'*"])


def test_a_declaration_that_contradicts_itself_is_told_with_the_line_that_makes_it(bench, failures) -> None:
    bench.plugin()
    module = bench.site / "acme_dlr.py"
    module.write_text(module.read_text().replace('Row("OK", ', "Row(7, "))
    bench.fixtures()
    result = bench.run(hostile=0)
    assert failures(result) == {"installed"}
    result.stdout.fnmatch_lines(["acme: plugin acme (*): ValueError: table status, code 7: *(*acme_dlr.py, line *)"])


def test_a_folder_without_an_installed_provider_fails(bench, failures) -> None:
    bench.plugin()
    bench.fixtures()
    bench.fixtures(provider="other")
    result = bench.accepted(hostile=0)
    assert failures(result) == {"installed"}
    result.stdout.fnmatch_lines(["other: no provider 'other'; installed: *acme*"])


def test_a_broken_plugin_says_why_it_is_broken(bench, failures) -> None:
    bench.install("import nowhere_at_all\n")
    bench.fixtures()
    result = bench.run(hostile=0)
    assert failures(result) == {"installed"}
    result.stdout.fnmatch_lines(["acme: plugin acme (delivrd-acme 1.0): ModuleNotFoundError: *nowhere_at_all*"])


SECOND = """
    from msgspec.structs import replace

    BETA = Provider(
        name="beta", vendor="Acme", title="Acme's other", docs=PAGE, tables=(STATUS,),
        ways=(Push(reading=READING, bodies=(BodyKind.JSON,)),), auth=(UrlSecret(),),
    )
"""


def two_providers(bench) -> None:
    bench.plugin(SECOND)
    module = bench.site / "acme_dlr.py"
    module.write_text(module.read_text().replace("return [ACME]", "return [ACME, BETA]"))
    bench.fixtures()


def test_a_provider_of_the_same_plugin_without_a_folder_fails(bench, failures) -> None:
    two_providers(bench)
    result = bench.accepted(hostile=0)
    assert failures(result) == {"providers"}
    result.stdout.fnmatch_lines(
        ["beta: plugin acme brings it, and there is no folder fixtures/beta; add its fixtures*"]
    )


def test_a_provider_that_is_not_asked_for_needs_no_folder(bench, failures) -> None:
    two_providers(bench)
    bench.configure("delivrd_fixtures = fixtures", "delivrd_providers = acme")
    bench.fixtures(provider="other")
    result = bench.accepted(hostile=0)
    assert failures(result) == set()
    result.assert_outcomes(passed=17)


def test_a_provider_that_is_asked_for_needs_a_folder(bench, failures) -> None:
    bench.plugin()
    bench.fixtures()
    bench.configure("delivrd_fixtures = fixtures", "delivrd_providers = acme gamma")
    result = bench.accepted(hostile=0)
    assert failures(result) == {"providers"}
    result.stdout.fnmatch_lines(["gamma: in delivrd_providers, and no folder fixtures/gamma; add its fixtures"])


def test_an_empty_folder_of_fixtures_fails(bench, failures) -> None:
    result = bench.run()
    assert failures(result) == {"providers"}
    result.stdout.fnmatch_lines(["fixtures: no folder in it; add one, named after the provider, for its fixtures"])


def test_a_fixture_outside_the_folders_fails(bench, failures, make_http) -> None:
    bench.plugin()
    bench.fixtures()
    (bench.pytester.path / "fixtures" / "lost.http").write_bytes(make_http("{}"))
    result = bench.accepted(hostile=0)
    assert failures(result) == {"providers"}
    result.stdout.fnmatch_lines(["fixtures/lost.http: a fixture outside its provider's folder; move it there"])

"""The program over sockets: what is kept, who sees the page, and what it tells them."""

from __future__ import annotations

import ast
import json
import re
import sqlite3
from contextlib import closing
from itertools import islice

import pytest
from servers import exchange
from serving import JSON, PASSWORD, SECRET, Events, legacy, serving, upside

from delivrd import basic_authorization, read_samples
from delivrd.ledger import Ledger
from delivrd.serve import Gate, Looks

PHONE = "15555550123"
NASTY = "<script>document.title='gotcha'</script>"


@pytest.fixture
def served(store):
    with serving(store) as running:
        yield running


def states(store: str) -> list[str]:
    with Ledger.open(store) as ledger:
        return [change.state.status.value for change in ledger.changes()]


def first(served) -> str:
    """The address of the newest report."""
    with closing(Events(served.port)) as events:
        return next(events.rows())["id"]


def test_a_report_is_on_disk_when_it_is_answered(served):
    assert legacy(served.port, sms_unique_id="m-1", stat="DELIVRD") == 200
    assert states(served.store) == ["delivered"]


def test_what_proves_nothing_is_refused_and_not_kept(served):
    assert exchange(served.port, "GET", "/dlr/old?sms_unique_id=m-1&stat=DELIVRD").status == 401
    assert states(served.store) == []


def test_a_store_that_fails_acknowledges_nothing_and_is_no_longer_healthy(served):
    assert served.get("/healthz")[0] == 200
    with closing(sqlite3.connect(served.store)) as store:
        store.execute("DROP TABLE reports")
    assert legacy(served.port, sms_unique_id="m-1", stat="DELIVRD") == 503
    status, _, body = served.get("/healthz")
    assert (status, body) == (503, b"no store\n")


def test_without_a_page_reports_are_kept_and_nothing_else_is_there(store):
    with serving(store, page=False) as served:
        assert legacy(served.port, sms_unique_id="m-1", stat="DELIVRD") == 200
        for path in ("/", "/events", "/openapi.json", "/page.js", "/strays/1"):
            assert served.get(path)[0] == 404, path
        assert served.get("/healthz")[0] == 200


def test_the_page_and_its_files_load_nothing_from_elsewhere(served):
    for path, kind in (("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")):
        status, headers, body = served.get(path)
        assert status == 200
        assert headers["content-type"].startswith(kind)
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert set(re.findall(rb"https?://[^\"' ]+", body)) <= {b"http://www.w3.org/2000/svg"}


def test_a_page_of_another_origin_that_points_its_name_here_is_refused(served):
    for path in ("/", "/events", "/openapi.json"):
        status, _, body = served.get(path, Host="rebound.example:80")
        assert status == 403, path
        assert b"localhost" in body


def test_what_came_through_a_proxy_is_refused_without_a_password(served):
    assert served.get("/", **{"X-Forwarded-For": "192.0.2.1"})[0] == 403
    assert served.get("/", Forwarded="for=192.0.2.1")[0] == 403


def test_a_page_of_another_origin_cannot_watch(served, store):
    asked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert served.get("/events", **asked)[0] == 403
    assert served.get("/", **asked | {"Sec-Fetch-Mode": "navigate"})[0] == 200
    with serving(store, gate=Gate(PASSWORD)) as other:
        proof = {"Authorization": basic_authorization("delivrd", PASSWORD)}
        assert other.get("/page.js", **proof, **asked)[0] == 401
        assert other.get("/page.js", **proof)[0] == 200


def test_those_who_watch_are_told_when_the_store_fails(served):
    with closing(Events(served.port)) as events:
        with closing(sqlite3.connect(served.store)) as store:
            store.execute("ALTER TABLE reports RENAME TO hidden")
        assert next(value for name, value in events if name == "trouble") == "The store does not answer."
        assert served.get(f"/reports/{'0' * 32}/{'0' * 32}")[0] in (404, 503)
        with closing(sqlite3.connect(served.store)) as store:
            store.execute("ALTER TABLE hidden RENAME TO reports")
        assert next(value for name, value in events if name == "reports") == []


def test_a_password_opens_the_page_and_reports_need_none(store):
    with serving(store, gate=Gate(PASSWORD)) as served:
        for path in ("/", "/events", "/openapi.json", "/page.css"):
            status, headers, _ = served.get(path)
            assert status == 401, path
            assert headers["www-authenticate"].startswith("Basic ")
        assert served.get("/", Authorization=basic_authorization("delivrd", PASSWORD + "x"))[0] == 401
        assert served.get("/", Authorization=basic_authorization("delivrd", PASSWORD))[0] == 200
        # Whoever knows the password may come through a name.
        assert served.get("/", Authorization=basic_authorization("delivrd", PASSWORD), Host="sms.example")[0] == 200
        assert legacy(served.port, sms_unique_id="m-1", stat="DELIVRD") == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080", "[::1]"])
def test_the_names_of_this_machine_are_let_in(host):
    assert Gate().admits([(b"host", host.encode())], "127.0.0.1")
    assert Gate().admits([(b"host", host.encode())], "::ffff:127.0.0.1")
    assert not Gate().admits([(b"host", host.encode())], "192.0.2.1")
    assert not Gate().admits([(b"host", host.encode())], None)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1:80:80", "[::1]x", "[::1"],
)
def test_other_names_are_not_let_in(host):
    assert not Gate().admits([(b"host", host.encode())], "127.0.0.1")
    assert not Gate().admits([(b"host", b"localhost"), (b"host", host.encode())], "127.0.0.1")


def test_no_name_at_all_is_not_let_in():
    assert not Gate().admits([], "127.0.0.1")


def test_a_short_password_is_refused():
    with pytest.raises(ValueError, match="at least 12 characters"):
        Gate("short")


def test_a_report_reaches_everybody_who_watches(served):
    with closing(Events(served.port)) as one, closing(Events(served.port)) as other:
        assert legacy(served.port, sms_unique_id="m-1", stat="DELIVRD") == 200
        assert upside(served.port, trackingid="m-2", status="UNDELIV", recipient=PHONE) == 200
        seen = [sorted(row["message_id"] for row in islice(events.rows(), 2)) for events in (one, other)]
        assert seen == [["m-1", "m-2"], ["m-1", "m-2"]]


def test_what_another_process_took_is_shown_too(url):
    with serving(url) as served, closing(Events(served.port)) as events:
        with serving(url) as other:
            assert legacy(other.port, sms_unique_id="from-the-other", stat="LOST") == 200
        row = next(events.rows())
        assert row["message_id"] == "from-the-other"
        assert events.summary(lambda value: value["unlisted"])["counts"]["status"] == [["unknown", 1]]
        assert served.json(f"/reports/{row['id']}")["raw"].startswith("GET /dlr/old?")


def test_a_report_that_comes_again_is_counted_in_its_row(served):
    with closing(Events(served.port)) as events:
        for _ in range(2):
            assert legacy(served.port, sms_unique_id="m-1", stat="DELIVRD") == 200
        assert any(row["times"] == 2 for row in events.rows())


def test_who_comes_later_gets_everything_in_the_order_in_which_it_came(served):
    for name in ("m-1", "m-2", "m-3"):
        assert legacy(served.port, sms_unique_id=name, stat="DELIVRD") == 200
    for _ in range(2):
        with closing(Events(served.port)) as events:
            assert [row["message_id"] for row in islice(events.rows(), 3)] == ["m-1", "m-2", "m-3"]


def test_an_opened_report_shows_itself_its_steps_and_its_input_without_secrets(served):
    assert legacy(served.port, sms_unique_id="m-1", stat="FAILED", err="004") == 200
    opened = served.json(f"/reports/{first(served)}")
    assert opened["report"]["cause"] == "no_credit"
    (steps,) = opened["steps"]
    assert [(step["field"], step["code"]) for step in steps["codes"]] == [("stat", "FAILED"), ("err", "004")]
    assert all(step["because"] and step["source"] for step in steps["codes"])
    assert opened["raw"].startswith("GET /dlr/old?sms_unique_id=m-1&stat=FAILED&err=004&secret=*** HTTP/1.1\n")
    assert SECRET not in json.dumps(opened)


def test_nothing_shows_a_number_unless_asked(served, store):
    assert upside(served.port, trackingid="m-1", status="UNDELIV", recipient=PHONE, note=f"+{PHONE}") == 200
    with closing(Events(served.port)) as events:
        row = next(events.rows())
    opened = json.dumps(served.json(f"/reports/{row['id']}"), ensure_ascii=False)
    assert row["recipient"] == "+•••••••••23"
    for shown in (json.dumps(row), opened):
        assert PHONE not in shown
        assert PHONE[-7:] not in shown
    assert "recipient=•••••••••23" in opened
    with serving(store, show_numbers=True) as bare:
        with closing(Events(bare.port)) as events:
            row = next(events.rows())
        assert row["recipient"] == "+" + PHONE
        assert f"recipient={PHONE}" in bare.json(f"/reports/{row['id']}")["raw"]


def test_a_report_that_another_final_one_contradicts_says_so_when_it_is_opened(served):
    for status in ("DELIVRD", "FAILED"):
        assert upside(served.port, trackingid="m-1", status=status, recipient=PHONE) == 200
    with closing(Events(served.port)) as events:
        coming = events.rows()
        rows = [next(coming), next(coming)]
    for row in rows:
        told = served.json(f"/reports/{row['id']}")["contradicted"]
        assert told[0].startswith("delivered, final")
        assert told[1].startswith("contradicted by failed, final")
        assert PHONE not in json.dumps(told)


def test_codes_in_no_table_stand_on_a_list_with_a_row_and_a_fixture(served):
    assert upside(served.port, trackingid="m-1", status="NEWWORD", recipient=PHONE) == 200
    assert upside(served.port, trackingid="m-2", status="NEWWORD", recipient=PHONE) == 200
    with closing(Events(served.port)) as events:
        (line,) = events.summary(lambda value: value["unlisted"] and value["unlisted"][0]["times"] == 2)["unlisted"]
    assert (line["provider"], line["field"], line["code"]) == ("upside-wireless", "status", "NEWWORD")
    assert line["row"].startswith('Row("NEWWORD", Status.UNKNOWN, ')
    status, headers, content = served.get(f"/reports/{line['id']}/fixture")
    assert status == 200
    assert headers["content-disposition"] == 'attachment; filename="unknown-newword.http"'
    assert PHONE.encode() not in content
    (sample,) = read_samples("unknown-newword.http", content)
    assert b"status=NEWWORD&recipient=12025550100" in sample.input.body
    assert sample.received_at is not None


def test_the_row_of_a_hostile_code_is_one_harmless_literal(served):
    code = "'\"\\\n{0}" + NASTY
    assert upside(served.port, trackingid="m-1", status=code, recipient=PHONE) == 200
    with closing(Events(served.port)) as events:
        (line,) = events.summary(lambda value: value["unlisted"])["unlisted"]
    call = ast.parse(line["row"].rstrip(","), mode="eval").body
    assert isinstance(call, ast.Call)
    assert ast.literal_eval(call.args[0]) == code
    assert "\n" not in line["row"]


def test_an_input_that_is_no_report_is_listed_and_opened_with_its_numbers_masked(served):
    assert upside(served.port, sender=PHONE, data="STOP, call 555-555-0123", inboundnumber="15555550199") == 200
    with closing(Events(served.port)) as events:
        (line,) = events.summary(lambda value: value["strays"])["strays"]
    opened = served.json(f"/strays/{line['id']}")
    assert "no report: not_a_report" in opened["said"]
    assert "data=STOP" in opened["raw"]
    shown = json.dumps(opened)
    for number in (PHONE, "15555550199", "555-555-0123"):
        assert number not in shown, number


def test_the_plots_count_messages_by_provider_status_and_cause(served):
    assert legacy(served.port, sms_unique_id="m-1", stat="FAILED", err="004") == 200
    assert upside(served.port, trackingid="m-2", status="DELIVRD", recipient=PHONE) == 200
    with closing(Events(served.port)) as events:
        counts = events.summary(lambda value: len(value["counts"]["provider"]) == 2)["counts"]
    assert sorted(counts["provider"]) == [["messente-legacy", 1], ["upside-wireless", 1]]
    assert sorted(counts["status"]) == [["delivered", 1], ["rejected", 1]]
    assert counts["cause"] == [["no_credit", 1]]
    assert sum(sum(hour.values()) for hour in counts["hours"].values()) == 2


def test_what_is_not_kept_is_not_found(served):
    for path in (
        f"/reports/{'0' * 32}/{'0' * 32}",
        "/reports/x/y",
        "/reports/x/y/fixture",
        "/strays/99",
        "/strays/x",
        "/strays/0",
        "/strays/-1",
        "/strays/" + "9" * 23,
        "/strays/9223372036854775808",
        "/strays/9223372036854775807",
        "/strays/" + "9" * 5000,
        "/strays/%D9%A3",
        "/x",
    ):
        assert served.get(path)[0] == 404, path


def test_what_fails_on_our_side_is_logged_by_its_type_alone(served, monkeypatch, caplog):
    assert legacy(served.port, sms_unique_id="m-1", stat="DELIVRD") == 200
    name = first(served)

    def fail(*_):
        raise RuntimeError(f"about {PHONE}")

    monkeypatch.setattr(Looks, "opened", fail)
    status, headers, body = served.get(f"/reports/{name}")
    assert (status, body) == (500, b"Internal Server Error")
    assert "content-security-policy" in headers
    # The server answers before it logs: ask it something else until it has.
    for _ in range(1000):
        if "page: RuntimeError" in caplog.messages:
            break
        served.get("/healthz")
    assert "page: RuntimeError" in caplog.messages
    assert PHONE not in caplog.text


def test_the_receiver_is_described(served):
    assert list(served.json("/openapi.json")["paths"]) == ["/dlr/old", "/dlr/up", "/dlr/us"]


def test_those_who_watch_are_let_go_when_the_server_ends(store):
    with serving(store) as served:
        events = Events(served.port)
        assert next(iter(events))[0] == "summary"
    # The stream ends whole, and a browser comes again.
    assert all(name in ("summary", "reports") for name, _ in events)
    events.close()


def test_too_many_who_watch_are_sent_away(served):
    open_events = []
    try:
        for _ in range(100):
            open_events.append(Events(served.port))
        assert served.get("/events")[0] == 503
    finally:
        for each in open_events:
            each.close()


def test_a_json_report_of_teli_is_kept(served):
    body = json.dumps({"id": "m-9", "status": NASTY, "error": NASTY}).encode()
    assert exchange(served.port, "POST", f"/dlr/us?secret={SECRET}", body, JSON).status == 200
    status, headers, body = served.get(f"/reports/{first(served)}")
    assert status == 200
    # A browser that opens it takes it for no page.
    assert headers["content-type"] == "application/json"

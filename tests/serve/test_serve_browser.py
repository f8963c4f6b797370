"""The page in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from chromium import chromium, require
from playwright.sync_api import expect
from servers import exchange
from serving import SECRET, legacy, serving, upside

PHONE = "15555550123"
NASTY = "<script>document.title='gotcha'</script><img src=x onerror=document.title='gotcha'>\"'&"


@pytest.fixture(scope="module")
def browser():
    require()
    with chromium() as opened:
        yield opened


@pytest.fixture
def served(store):
    with serving(store) as running:
        yield running


@pytest.fixture
def page(browser, served):
    """The open page; whatever its console says, a refusal by its policy among it, fails the test."""
    opened = browser.new_page()
    said = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(f"http://127.0.0.1:{served.port}/")
    expect(opened.locator("#state")).to_have_text("Live")
    yield opened
    title = opened.title()
    opened.close()
    assert said == []
    assert title == "delivrd: reports"


def test_a_report_shows_up_on_the_open_page_and_is_opened(page, served):
    expect(page.locator("#reports .nothing")).to_be_visible()
    assert upside(served.port, trackingid="m-17", status="UNDELIV", recipient=PHONE) == 200
    line = page.locator("#reports details")
    expect(line).to_have_count(1)
    expect(line.locator("summary")).to_contain_text("deferred")
    expect(line.locator("summary")).to_contain_text("+•••••••••23")
    line.locator("summary").click()
    expect(line.locator("ol li")).to_contain_text("status=UNDELIV: decided → deferred, not final")
    expect(line.locator("ol li")).to_contain_text("source: ")
    expect(line.get_by_label("The input")).to_contain_text("POST /dlr/up HTTP/1.1")
    expect(line.get_by_label("The input")).to_contain_text("recipient=•••••••••23")
    expect(line.get_by_label("The report")).to_contain_text('"message_id": "m-17"')
    assert PHONE not in page.content()
    assert PHONE[-7:] not in page.content()


def test_no_secret_stands_on_the_page(page, served):
    assert legacy(served.port, sms_unique_id="m-1", stat="DELIVRD") == 200
    page.locator("#reports summary").click()
    expect(page.get_by_label("The input")).to_contain_text("secret=***")
    assert SECRET not in page.content()


def test_a_code_in_no_table_is_listed_with_its_row_and_its_fixture(page, served):
    assert upside(served.port, trackingid="m-1", status="NEWWORD", recipient=PHONE) == 200
    expect(page.locator("#unlisted-count")).to_have_text("1")
    page.get_by_role("tab", name="Unlisted codes").click()
    page.locator("#unlisted summary").click()
    expect(page.locator("#unlisted pre")).to_contain_text('Row("NEWWORD", Status.UNKNOWN')
    with page.expect_download() as download:
        page.locator("#unlisted a").click()
    assert download.value.suggested_filename == "unknown-newword.http"
    content = Path(download.value.path()).read_bytes()
    assert b"recipient=12025550100" in content
    assert PHONE.encode() not in content


def test_whatever_a_stranger_sends_is_text(page, served):
    fields = {"trackingid": NASTY, "status": NASTY, "recipient": NASTY, "sender": NASTY, "data": NASTY, NASTY: NASTY}
    assert upside(served.port, **fields) == 200
    assert upside(served.port, sender=NASTY, data=NASTY) == 200
    target = f"/dlr/old?sms_unique_id=m-2&stat=BOGUS&secret={SECRET}"
    assert exchange(served.port, "GET", target, headers={"User-Agent": NASTY}).status == 200
    expect(page.locator("#reports details")).to_have_count(2)
    expect(page.locator("#strays-count")).to_have_text("1")
    expect(page.locator("#unlisted-count")).to_have_text("2")
    for panel in ("reports", "unlisted", "strays"):
        page.locator(f"#tab-{panel}").click()
        for line in page.locator(f"#{panel} summary").all():
            line.click()
        expect(page.locator(f"#{panel} pre").first).to_be_visible()
    expect(page.locator("#reports details").filter(has_text="m-2").get_by_label("The input")).to_contain_text(NASTY)
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1


def test_an_input_that_is_no_report_is_listed_and_opened(page, served):
    assert upside(served.port, sender=PHONE, data="STOP") == 200
    page.get_by_role("tab", name="Other inputs").click()
    page.locator("#strays summary").click()
    expect(page.get_by_label("Why")).to_contain_text("no report: not_a_report")
    expect(page.get_by_label("The input")).to_contain_text("data=STOP")
    assert PHONE not in page.content()


def test_the_plots_say_their_numbers(page, served):
    assert legacy(served.port, sms_unique_id="m-1", stat="FAILED", err="004") == 200
    expect(page.locator("#cause svg")).to_have_attribute("aria-label", "no_credit: 1")
    expect(page.locator("#status svg")).to_have_attribute("aria-label", "rejected: 1")
    expect(page.locator("#provider svg")).to_have_attribute("aria-label", "messente-legacy: 1")
    expect(page.locator("#hours svg")).to_have_attribute("aria-label", re.compile("^1 messages in the last 24 hours"))
    assert page.locator("#hours rect.fill-failure").count() == 1


def test_everything_is_reached_by_keyboard(page, served):
    assert legacy(served.port, sms_unique_id="m-1", stat="BOGUS") == 200
    expect(page.locator("#unlisted-count")).to_have_text("1")
    expect(page.locator("#reports details")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.locator("#hold")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#tab-reports")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#unlisted")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#unlisted pre")).to_be_visible()


def test_a_held_list_stands_still_and_goes_on(page, served):
    page.locator("#hold").click()
    assert legacy(served.port, sms_unique_id="m-1", stat="DELIVRD") == 200
    expect(page.locator("#state")).to_have_text("Held: 1 waiting")
    expect(page.locator("#reports details")).to_have_count(0)
    page.locator("#hold").click()
    expect(page.locator("#reports details")).to_have_count(1)


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_screen(browser, served, width):
    assert upside(served.port, trackingid="m" * 300, status="N" * 300, recipient=PHONE) == 200
    opened = browser.new_page()
    opened.set_viewport_size({"width": width, "height": 800})
    opened.goto(f"http://127.0.0.1:{served.port}/")
    opened.locator("#reports summary").click()
    expect(opened.get_by_label("The input")).to_be_visible()
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()


def test_the_page_goes_on_when_the_server_comes_back(browser, store):
    with serving(store) as served:
        port = served.port
        opened = browser.new_page()
        opened.goto(f"http://127.0.0.1:{port}/")
        expect(opened.locator("#state")).to_have_text("Live")
    expect(opened.locator("#state")).to_have_text("The connection is lost; trying again.")
    with serving(store, port=port) as served:
        assert legacy(served.port, sms_unique_id="m-after", stat="DELIVRD") == 200
        expect(opened.locator("#reports details")).to_have_count(1)
        opened.close()

"""The picture of the live page in the documentation: a made-up day, at a clock that stands still.

The rule of this module: the page is the real one, in a real browser; only the messages and the clock are made up.
Run: `make screenshots`. With more files, also the dark page and the narrow ones: `… a.png dark.png narrow.png both.png`.
"""

from __future__ import annotations

import random
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from chromium import chromium
from playwright.sync_api import expect
from serving import ACCOUNTS, SECRET, serving

from delivrd import Request
from delivrd.ledger import Arrival, Ledger

NOW = datetime(2026, 5, 1, 16, 20, tzinfo=UTC)
LEGACY = (
    ["DELIVRD"] * 16,
    ["ACCEPTD"] * 3,
    ["UNDELIV&err=001", "FAILED&err=004", "EXPIRED", "UNDELIV&err=003", "LOST"],
)
UPSIDE = ("DELIVRD", "DELIVRD", "DELIVRD", "UNDELIV", "EXPIRED", "REJECTD")


def main(files: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="delivrd-screenshots-") as folder:
        store = str(Path(folder) / "delivrd.db")
        with Ledger.open(store, migrate=True) as ledger:
            ledger.record_many(_day())
        with serving(store, clock=lambda: NOW) as served:
            for at, file in enumerate(files):
                _take(served.port, file, dark=at % 2 == 1, width=1120 if at < 2 else 390)


def _day() -> list[Arrival]:
    chance = random.Random(7)
    stats = [stat for some in LEGACY for stat in some]
    made = []
    for number in range(420):
        # The evening and the night are quiet.
        back = min(chance.expovariate(1 / 6.0), 23.9) if number % 4 else chance.uniform(0, 16)
        at = NOW - timedelta(hours=back)
        phone = f"4477009{chance.randrange(1000):05}"
        if chance.random() < 0.7:
            query = f"sms_unique_id={chance.randbytes(8).hex()}&stat={chance.choice(stats)}"
            made.append(_arrival("old", Request("GET", f"/dlr/old?{query}&secret={SECRET}"), at))
        else:
            body = urlencode(
                {"trackingid": f"MTID{number:06}", "status": chance.choice(UPSIDE), "recipient": phone}
            ).encode()
            made.append(_arrival("up", _form(body), at))
    stop = {"name": "us", "sender": "15555550101", "data": "STOP"}
    last = {"trackingid": "MTID000421", "status": "UNDELIV", "recipient": "447700900123"}
    made.append(_arrival("up", _form(urlencode(stop).encode()), NOW - timedelta(minutes=9)))
    return [*made, _arrival("up", _form(urlencode(last).encode()), NOW - timedelta(seconds=4))]


def _form(body: bytes) -> Request:
    return Request("POST", "/dlr/up", {"Content-Type": "application/x-www-form-urlencoded"}, body, "192.0.2.7")


def _arrival(name: str, request: Request, at: datetime) -> Arrival:
    provider, account = ACCOUNTS[name]
    return Arrival(provider, request, provider.receive(request, account, received_at=at), at, account)


def _take(port: int, file: str, *, dark: bool, width: int) -> None:
    with chromium(width=width, height=860, dark=dark) as browser:
        page = browser.new_page()
        page.clock.set_fixed_time(NOW)
        page.goto(f"http://127.0.0.1:{port}/")
        page.locator("#reports summary").first.click()
        expect(page.get_by_label("The input")).to_be_visible()
        page.mouse.move(0, 0)
        # The colour in which reports arrive fades.
        page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))")
        page.screenshot(path=file)


if __name__ == "__main__":
    main(sys.argv[1:])

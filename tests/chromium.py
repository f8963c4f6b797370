"""Debian's Chromium, without a screen."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import BrowserContext, expect, sync_playwright

BINARY = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 30_000
"""Milliseconds after which something that never shows is given up."""

# Playwright's own five seconds are less than a busy machine takes: the page counts seldom where counting is slow.
expect.set_options(timeout=PATIENCE)


def require() -> None:
    """Skip loudly where there is no browser; fail where `CI` is set."""
    if BINARY is None:
        missing = "CHROMIUM IS MISSING: apt-get install chromium; nothing was tested in a browser"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)


@contextmanager
def chromium(*, width: int = 1280, height: int = 900, dark: bool = False) -> Iterator[BrowserContext]:
    """A browser with a profile of its own."""
    with tempfile.TemporaryDirectory(prefix="delivrd-chromium-") as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            folder,
            executable_path=BINARY,
            args=list(FLAGS),
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            timezone_id="UTC",
            accept_downloads=True,
        )
        browser.set_default_timeout(PATIENCE)
        try:
            yield browser
        finally:
            browser.close()

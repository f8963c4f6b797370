"""What several folders of tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import postgres
import pytest


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """PostgreSQL, running; loudly missing where it is not installed."""
    if postgres.binaries() is None and not os.environ.get("CI"):
        pytest.skip(postgres.MISSING)
    # What is synced to disk is shown elsewhere (the soak): here it would only cost time.
    with postgres.running(fsync="off") as running:
        yield running

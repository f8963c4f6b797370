"""Both stores, for every test of the ledger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from delivrd.ledger import Ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    return request.getfixturevalue("server").new_database()


@pytest.fixture
def ledger(url) -> Iterator[Ledger]:
    """A ledger with its tables."""
    with Ledger.open(url, migrate=True) as opened:
        yield opened

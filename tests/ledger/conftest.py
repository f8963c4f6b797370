"""What the tests of the ledger are given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from delivrd.ledger import Ledger


@pytest.fixture
def ledger(url) -> Iterator[Ledger]:
    """A ledger with its tables, on both databases."""
    with Ledger.open(url, migrate=True) as opened:
        yield opened

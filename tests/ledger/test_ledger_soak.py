"""The short form of the soak; `make soak-ledger` runs the long one."""

from __future__ import annotations

from soak import run


def test_processes_that_are_killed_while_they_write_lose_and_double_nothing(url):
    told = run(url, receipts=2000, processes=4, kills=6)
    assert "times killed" in told
    assert " 0 times killed" not in told

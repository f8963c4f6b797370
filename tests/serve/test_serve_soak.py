"""The short form of the soak of a receiver with few open files; `make soak-connections` runs the long one."""

from __future__ import annotations

import resource

from soak_connections import Numbers, run

from delivrd.serve import most_connections, raise_file_limit
from delivrd.serve.limits import FEWEST, RESERVE, WANTED


def test_reports_are_stored_and_the_log_stays_small_while_others_take_every_open_file(tmp_path):
    shown = run(Numbers(slow=50, idle=100, files=80, callbacks=30), tmp_path)
    assert shown.refused == []
    # Far more than it takes: other tests run on the same machine.
    assert max(shown.seconds) < 10
    assert shown.log < 100_000


def test_bodies_of_strangers_take_no_memory(tmp_path):
    shown = run(Numbers(slow=0, idle=0, files=1024, callbacks=20, bodies=50), tmp_path)
    assert set(shown.statuses) == {401}
    assert shown.grown < 16


def test_the_limit_on_open_files_is_raised_and_leaves_room_for_the_store():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
        files = raise_file_limit()
        assert files == resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(WANTED, before[1])
        # A second call finds it raised.
        assert raise_file_limit() == files
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert most_connections(80) == 80 - RESERVE
    assert most_connections(10) == FEWEST
    assert most_connections(None) == most_connections(10**9) == WANTED - RESERVE

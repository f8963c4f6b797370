"""A real PostgreSQL server for tests: Debian's, in a folder of its own, on a socket in that folder.

The rule of this module: the server belongs to one run of the tests, and ends with it. Where it is
not installed, tests that need it are skipped loudly; where `CI` is set, they fail.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

MISSING = "PostgreSQL is not installed: apt-get install postgresql (Debian). Everything it would show is not shown."
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
}
_numbers = count(1)


def binaries() -> Path | None:
    """The folder of the server's programs, the newest; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


class Server:
    """A running server.

    Args:
        folder: that holds its data and its socket.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, database: str) -> str:
        """The URL of a database."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        import psycopg

        name = f"test_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


@contextlib.contextmanager
def running(**settings: str) -> Iterator[Server]:
    """A server, as long as the block lasts."""
    programs = binaries()
    assert programs is not None, MISSING
    folder = Path(tempfile.mkdtemp(prefix="delivrd-pg-"))
    # The server refuses to run as root.
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)

    def run(*words: str) -> None:
        rights = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        done = subprocess.run(words, capture_output=True, text=True, cwd=folder, check=False, **rights)
        assert done.returncode == 0, done.stdout + done.stderr

    data = folder / "data"
    run(str(programs / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
    options = " ".join(f"-c {name}={value or repr('')}" for name, value in {**_SETTINGS, **settings}.items())
    control = [str(programs / "pg_ctl"), "-D", str(data), "-l", str(folder / "log"), "-w"]
    try:
        run(*control, "-o", f"{options} -k {folder}", "start")
        yield Server(folder)
    finally:
        with contextlib.suppress(AssertionError):
            run(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)

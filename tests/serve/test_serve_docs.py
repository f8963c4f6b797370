"""The commands of the pages about serving, run as they stand: a server, and curl.

Only the port is another: that of the pages can be taken.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest
from servers import PATIENCE, ROOT, listening
from serving import Events
from test_docs import blocks, put_files

PAGES = [ROOT / "README.md", ROOT / "docs/serving.md"]


def commands(page: Path) -> list[list[str]]:
    """The shell's blocks in which something is served, each with the pushes that follow it."""
    lines = [line for block in blocks(page) if block.language == "sh" for line in block.text.splitlines()]
    groups: list[list[str]] = []
    before: list[str] = []
    for line in lines:
        if line.startswith("delivrd serve"):
            groups.append([*before, line])
            before = []
        elif line.startswith("curl"):
            groups[-1].append(line)
        elif line.startswith("export"):
            before.append(line)
    return groups


CASES = [(page, at) for page in PAGES for at in range(len(commands(page)))]


def test_the_pages_show_servers_and_pushes():
    assert [len(commands(page)) for page in PAGES] == [1, 3]
    assert [line for page in PAGES for group in commands(page) for line in group if line.startswith("curl")]


@pytest.mark.parametrize(("page", "at"), CASES, ids=[f"{page.name}-{at}" for page, at in CASES])
def test_what_a_page_shows_works_as_it_stands(page, at, tmp_path):
    if shutil.which("curl") is None:
        missing = "CURL IS MISSING: apt-get install curl; the commands of the pages were not run"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    put_files(page, tmp_path)
    *exports, serve = [line for line in commands(page)[at] if not line.startswith("curl")]
    pushes = [line for line in commands(page)[at] if line.startswith("curl")]
    with listening() as taken:
        port = taken.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DELIVRD", "COVERAGE"))}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"

    def shell(*lines: str, **options: int) -> subprocess.Popen[str]:
        script = "\n".join([*exports, *lines])
        return subprocess.Popen(["bash", "-ec", script], cwd=tmp_path, env=environ, text=True, **options)

    server = shell(f"exec {serve} --port {port}", stderr=subprocess.PIPE)
    try:
        said = ""
        while f":{port}/" not in said:
            line = server.stderr.readline()
            assert line, f"it never listened: {said}"
            said += line
        for push in pushes:
            answered = re.sub(r":8080/", f":{port}/", push).replace("curl ", "curl -sS -f -o answer ", 1)
            assert shell(answered).wait(PATIENCE) == 0, push
        expected = re.findall(r"(?:sms_unique_id|trackingid)=([\w-]+)", "\n".join(pushes))
        if expected:
            with closing(Events(port)) as events:
                assert [row["message_id"] for row in islice(events.rows(), len(expected))] == expected
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=PATIENCE)
    assert server.returncode == 0

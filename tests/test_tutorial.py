"""The tutorial, run as it stands: its files, its server, its commands, in its order.

Only the port is another: that of the page can be taken.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from servers import PATIENCE, listening
from test_docs import SERVED, blocks, matches, put_files

PAGE, PORT = next(iter(SERVED)), "8000"


def commands() -> list[tuple[str, list[str], int]]:
    """Each command of the page, what it shows there, and the line of its block."""
    found = []
    for block in blocks(PAGE):
        if block.language == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                command, *shown = part.rstrip("\n").splitlines()
                found.append((command, shown, block.line))
    return found


def served() -> str:
    """The command that starts the gateway."""
    lines = [line for block in blocks(PAGE) if block.language == "sh" for line in block.text.splitlines()]
    (line,) = [line for line in lines if line.startswith("uvicorn ")]
    return line


def test_the_tutorial_works_as_it_stands(tmp_path):
    if shutil.which("curl") is None:
        missing = "CURL IS MISSING: apt-get install curl; the commands of the tutorial were not run"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    put_files(PAGE, tmp_path)
    with listening() as taken:
        port = str(taken.getsockname()[1])
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DELIVRD", "COVERAGE"))}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    server = subprocess.Popen(
        ["bash", "-ec", f"exec {served()} --port {port}"], cwd=tmp_path, env=environ, text=True, stderr=subprocess.PIPE
    )
    said = ""
    try:
        while f":{port}" not in said:
            line = server.stderr.readline()
            assert line, f"it never listened: {said}"
            said += line
        for command, shown, line in commands():
            # A terminal shows curl's progress and a pipe does not need it.
            run = command.replace("curl ", "curl -sS ", 1).replace(f":{PORT}/", f":{port}/")
            done = subprocess.run(
                ["bash", "-ec", run], cwd=tmp_path, env=environ, text=True, capture_output=True, timeout=PATIENCE
            )
            given = done.stdout.splitlines()
            assert done.returncode == 0, f"line {line}: {command}: {done.stderr}"
            assert matches(shown, given), f"line {line}: {command} shows\n{done.stdout}"
    finally:
        server.send_signal(signal.SIGTERM)
        said += server.communicate(timeout=PATIENCE)[1]
    assert "a-long-random-word" not in said
    assert server.returncode in (0, -signal.SIGTERM)

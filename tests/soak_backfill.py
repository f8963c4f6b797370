"""A backfill that is killed again and again comes to what one comes to that nobody killed.

Run: `make soak-backfill`. It also measures that memory does not grow with the source.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from bench_arrow import callback

from delivrd.backfill.units import BLOCK, find_sources, units_of

PROVIDER = "messente-omnichannel"


def write_source(path: Path, rows: int) -> None:
    """Lines of callbacks, some of which cannot be read."""
    with path.open("w") as file:
        for number in range(rows):
            body = "{broken" if number % 1000 == 7 else callback(number).decode()
            line = {"kind": "request", "method": "POST", "target": "/", "body": body}
            file.write("not a line\n" if number % 1000 == 500 else json.dumps(line) + "\n")


def command(source: Path, target: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "delivrd", "backfill", str(source), str(target), "--provider", PROVIDER, *options]


def run(source: Path, target: Path, *options: str) -> None:
    """To the end; 1 is the exit status where some rows could not be read."""
    done = subprocess.run(command(source, target, *options), capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr


def start(source: Path, target: Path, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(source, target, *options), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a backfill, and wait until none of its workers is left: they hold its output open."""
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def run_killed(source: Path, target: Path, kills: int, seed: int, *options: str) -> int:
    """To the end, but for being killed at random moments; how often it was killed before it had ended."""
    chance = random.Random(seed)
    units = sum(1 for _ in units_of(find_sources(source), block_of(options)))
    killed = 0
    for _ in range(kills):
        process = start(source, target, *options)
        # By what is done, not by the clock alone: so it is killed at work, however fast the machine is.
        wanted = done_in(target) + chance.randrange(max(2 * units // kills, 1))
        while done_in(target) < wanted and ends_within(process, 0.001) is None:
            pass
        if ends_within(process, chance.choice((0.001, 0.02, 0.5)) * chance.random()) is None:
            kill(process)
            killed += 1
        else:
            process.communicate()
    run(source, target, *options)
    return killed


def block_of(options: Sequence[str]) -> int:
    return int(options[options.index("--block") + 1]) if "--block" in options else BLOCK


def done_in(target: Path) -> int:
    """The units that a target says are done."""
    return len(list(target.glob("done/*.json")))


def ends_within(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """The exit status of a process; None where it goes on for longer."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def digests(target: Path) -> dict[str, str]:
    """Each file of a target, by its name."""
    files = sorted(path for path in target.rglob("*") if path.is_file())
    return {str(path.relative_to(target)): blake2b(path.read_bytes()).hexdigest() for path in files}


def peak(rows: int, folder: Path) -> int:
    """Bytes that the largest process of a backfill needed."""
    source = folder / f"{rows}.jsonl"
    write_source(source, rows)
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stderr=-3);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    words = command(source, folder / f"out-{rows}")
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    source.unlink()
    return int(done.stdout) * 1024


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    given = parser.parse_args()
    print(f"seed {given.seed}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, whole, broken = folder / "source.jsonl", folder / "whole", folder / "broken"
        write_source(source, given.rows)
        begun = time.monotonic()
        run(source, whole)
        seconds = time.monotonic() - begun
        print(f"{given.rows} rows in {seconds:.1f} s: {given.rows / seconds:.0f} rows/s")
        killed = run_killed(source, broken, given.kills, given.seed)
        same = digests(whole) == digests(broken)
        print(f"killed {killed} of {given.kills} times: {'the same' if same else 'NOT THE SAME'} as without")
        small, large = peak(100_000, folder), peak(1_000_000, folder)
        print(f"largest process: {small >> 20} MiB for 100,000 rows, {large >> 20} MiB for 1,000,000")
    bounded = large < 1.5 * small
    return 0 if same and killed and bounded else 1


if __name__ == "__main__":
    sys.exit(main())

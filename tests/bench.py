"""What reading a report costs, as ratios within one run: these hold where absolute times do not.

Run: `make bench`; everything is kept as JSON in build/bench.json. `--reports` says for how many reports a process is
watched (one million; ten for the whole proof), `--alone` leaves the peers out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench_growth import accounts, batches, hostile, starting, staying
from bench_measure import keep
from bench_reading import reading

KEPT = Path(__file__).parent.parent / "build" / "bench.json"
MOST_GROWN = 1024
"""KiB: pages that the allocator keeps come and go."""


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--reports", type=int, default=1_000_000)
    options.add_argument("--alone", action="store_true")
    given = options.parse_args()
    figures = [*reading(), *batches(), *hostile(), *accounts()]
    missed_by: dict[str, dict[str, list[str]]] = {}
    if not given.alone:
        from bench_peers import peers

        beside, missed_by = peers()
        figures += beside
    started, stayed = starting(), staying(given.reports)
    keep(KEPT, figures, not_read_rightly=missed_by, starting=started, staying=stayed)
    missed = [each.name for each in figures if not each.kept]
    missed += ["import"] * (started["import_ms"] > 60) + ["plugins"] * (started["plugins_ms"] > 100)
    missed += ["memory"] * (stayed["grown_kib"] > MOST_GROWN)
    print(f"\nNot reached: {', '.join(missed) or 'nothing'}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())

"""How the benchmarks time, and how they say it.

The rule of this module: a ratio of two times from one run. On a shared machine absolute times do not hold, and the
best of many rounds is what the code costs; the rest is what others cost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from timeit import Timer
from typing import Any

ROUNDS = 40
CALLS = 4000
LONGEST_ROUND = 0.05
"""Seconds."""


@dataclass(frozen=True)
class Pair:
    """One figure: what something costs beside something else.

    Attributes:
        name: what / beside what.
        limit: the ratio that is aimed at: at most this, or with `at_least` at least this; None where none is.
        base, cost: the calls.
    """

    name: str
    limit: float | None
    base: Callable[[], object]
    cost: Callable[[], object]
    at_least: bool = False


@dataclass(frozen=True)
class Figure:
    """What came of a pair: the best times and the medians in microseconds, and the ratio of the best."""

    name: str
    base_us: float
    cost_us: float
    base_median_us: float
    cost_median_us: float
    ratio: float
    limit: float | None
    kept: bool

    def __str__(self) -> str:
        verdict = "" if self.limit is None else f"  (limit {self.limit:g}: {'yes' if self.kept else 'NO'})"
        return f"{self.name:58} {self.base_us:9.3f} us {self.cost_us:9.3f} us {self.ratio:7.2f}{verdict}"


def timed(*calls: Callable[[], object], rounds: int = ROUNDS, longest: float = LONGEST_ROUND) -> list[list[float]]:
    """Microseconds a call, of each call in each round; timed in turns, slow ones in fewer calls a round.

    Args:
        longest: seconds of a round. In short ones nobody else takes the processor, if there are enough of them.
    """
    timers = [Timer(call) for call in calls]
    slowest = max(timer.timeit(3) / 3 for timer in timers)
    count = max(1, min(CALLS, int(longest / slowest)))
    found: list[list[float]] = [[] for _ in timers]
    for _ in range(rounds):
        for times, timer in zip(found, timers, strict=True):
            times.append(timer.timeit(count) / count * 1e6)
    return found


def measure(pair: Pair) -> Figure:
    """Time a pair. With `at_least`, the ratio says how many times as long the base takes."""
    base, cost = timed(pair.base, pair.cost)
    ratio = min(base) / min(cost) if pair.at_least else min(cost) / min(base)
    return figure(pair, base, cost, ratio)


def figure(pair: Pair, base: Sequence[float], cost: Sequence[float], ratio: float) -> Figure:
    """A figure from times that were taken already."""
    kept = pair.limit is None or (ratio >= pair.limit if pair.at_least else ratio <= pair.limit)
    return Figure(pair.name, min(base), min(cost), median(base), median(cost), ratio, pair.limit, kept)


def show(title: str, pairs: Sequence[Pair]) -> list[Figure]:
    """Time pairs, and print each."""
    print(f"\n{title}")
    figures = []
    for pair in pairs:
        figures.append(measure(pair))
        print(figures[-1], flush=True)
    return figures


def keep(file: Path, figures: Sequence[Figure], **more: Any) -> None:
    """Write everything as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"figures": [asdict(each) for each in figures], **more}, indent=1) + "\n")

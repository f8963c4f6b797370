"""Log lines that repeat: the first is shown at once, the others are counted.

Whatever strangers do, the log grows no faster than the number of different lines. No clock is
read here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

INTERVAL: Final = 10.0
"""Seconds between two lines of the same kind."""

_MOST_KINDS: Final = 256


class Repeats:
    """Decides which lines of a log are shown.

    Args:
        clock: gives seconds; only their differences count.
        interval: seconds between two lines of the same kind.
    """

    def __init__(self, clock: Callable[[], float], interval: float = INTERVAL) -> None:
        self._clock = clock
        self._interval = interval
        # By kind, the longest known first: when its last line was shown, how many were not, and their last text.
        self._kinds: OrderedDict[Hashable, tuple[float, int, str]] = OrderedDict()

    def shown(self, kind: Hashable, text: str) -> list[str]:
        """What to show, now that this line has come: often nothing.

        Args:
            kind: lines of one kind are counted together.
            text: the line.
        """
        now = self._clock()
        told = self._told_before(now - self._interval)
        known = self._kinds.get(kind)
        if known is not None:
            self._kinds[kind] = (known[0], known[1] + 1, text)
            return told
        self._kinds[kind] = (now, 0, text)
        if len(self._kinds) > _MOST_KINDS:
            _, (_, count, last) = self._kinds.popitem(last=False)
            told += _counted(count, last)
        return [*told, text]

    def rest(self) -> list[str]:
        """What was counted and not yet shown, at the end."""
        told = [line for _, count, text in self._kinds.values() for line in _counted(count, text)]
        self._kinds.clear()
        return told

    def _told_before(self, time: float) -> list[str]:
        told: list[str] = []
        while self._kinds:
            kind, (began, count, text) = next(iter(self._kinds.items()))
            if began > time:
                break
            del self._kinds[kind]
            told += _counted(count, text)
        return told


def _counted(count: int, text: str) -> list[str]:
    return [f"{text} ({count} more like this)"] if count else []

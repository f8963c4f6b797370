"""How many bytes of unanswered requests are held in memory, over all connections.

When there are too many, the largest request that is not whole gives up. An authentic
report is small, so a sender that fills the memory loses it first.
"""

from __future__ import annotations

from typing import Final, Protocol

MOST_HELD: Final = 64 * 2**20
"""Bytes of all unanswered requests together, unless the gateway says otherwise."""


class Holder(Protocol):
    """What holds bytes."""

    def give_up(self) -> None:
        """Release them: there is no more room."""


class ByteBudget:
    """The bytes that unanswered requests may hold together. It belongs to one event loop.

    Args:
        most: how many.

    Raises:
        ValueError: that is no number of bytes.
    """

    def __init__(self, most: int = MOST_HELD) -> None:
        if most < 1:
            raise ValueError(f"most: expected a positive number of bytes, got {most}")
        self._left = most
        self._growing: dict[Holder, int] = {}
        self._whole: dict[Holder, int] = {}

    @property
    def left(self) -> int:
        """How many bytes there is still room for."""
        return self._left

    def add(self, holder: Holder, count: int) -> None:
        """A holder has so many more bytes. Where that is too much, the largest that is not whole gives up."""
        self._growing[holder] = self._growing.get(holder, 0) + count
        self._left -= count
        while self._left < 0 and self._growing:
            largest = max(self._growing, key=self._growing.__getitem__)
            self.release(largest)
            largest.give_up()

    def complete(self, holder: Holder) -> None:
        """A holder has all its bytes: they count until they are released, and it is not asked to give up."""
        if holder in self._growing:
            self._whole[holder] = self._growing.pop(holder)

    def release(self, holder: Holder) -> None:
        """A holder has released its bytes."""
        self._left += self._growing.pop(holder, 0) + self._whole.pop(holder, 0)

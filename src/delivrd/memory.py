"""What is remembered, so that it is worked out once: the newest of it, and verdicts by what holds the codes.

The rule of this module: what is remembered is what was worked out, and no stranger can fill the memory.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any, Final, TypeVar

from delivrd.classify import Classifier
from delivrd.verdicts import CodeValue, Remembered
from delivrd.vocabulary import Outcome

Key = TypeVar("Key")
Value = TypeVar("Value")

_MOST: Final = 4096
"""Combinations of codes that are remembered; real traffic has a few dozen."""

_LONGEST: Final = 64
"""Characters of a key: spelt with white space enough, a listed code can be of any length."""


class Recent(OrderedDict[Key, Value]):
    """The newest of what was kept. When it is full, the oldest makes room.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: Key, value: Value) -> None:
        """Keep a value; where the key is known, in the place of its value."""
        self[key] = value
        if len(self) > self._most:
            self.popitem(last=False)


class Memory:
    """The verdicts of one classifier for one reader, which gives both: no memory holds its classifier."""

    def __init__(self) -> None:
        self._keys: deque[tuple[CodeValue, ...]] = deque()
        self.verdicts: dict[CodeValue, Any] = {}
        """By what each is remembered by: a dictionary for the first key, of dictionaries for the next, …"""

    def classify(
        self, classifier: Classifier, values: tuple[CodeValue, ...], keys: tuple[CodeValue, ...] = ()
    ) -> Remembered | None:
        """What the codes mean, remembered. The caller copies the codes.

        Args:
            classifier: works it out; always the same.
            values: one for each of the classifier's fields, in their order.
            keys: what the verdict is remembered by; equal ones stand for equal values, and a reader always gives as
                many. Without any, the values.

        Returns:
            The verdict; None where no code was sent and the provider does not say what that means.
        """
        sent = {
            field: text
            for field, value in zip(classifier.fields, values, strict=True)
            if value is not None and not (text := as_sent(value)).isspace() and text
        }
        verdict = classifier.judge(sent)
        if verdict is None:
            return None
        ready: Remembered = (*verdict[:8], sent, verdict.status.outcome is Outcome.FAILURE)
        # A stranger chooses unlisted codes: remembering them would let him fill the memory.
        # White space alone is no code, and yet a part of what it would be remembered by.
        keys = keys or values
        if verdict.listed and all(key is None or len(as_sent(key)) <= _LONGEST for key in keys):
            self._keep(keys, ready)
        return ready

    def _keep(self, keys: tuple[CodeValue, ...], ready: Remembered) -> None:
        if len(self._keys) >= _MOST:
            self._forget(self._keys.popleft())
        self._keys.append(keys)
        level = self.verdicts
        for key in keys[:-1]:
            level = level.setdefault(key, {})
        level[keys[-1]] = ready

    def _forget(self, keys: tuple[CodeValue, ...]) -> None:
        """Take a verdict out, and each dictionary that is empty without it. Another thread may have done so."""
        levels = [self.verdicts]
        for key in keys[:-1]:
            levels.append(levels[-1].get(key, {}))
        for level, key in zip(reversed(levels), reversed(keys), strict=True):
            level.pop(key, None)
            if level:
                return


def as_sent(value: str | int) -> str:
    """A code as text; true and false as JSON writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)

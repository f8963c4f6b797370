"""What a reader remembers: verdicts by what holds the codes, so that each combination is classified once.

The rule of this module: what is remembered is what was worked out, and no stranger can fill the memory.
"""

from __future__ import annotations

from typing import Any, Final

from delivrd.classify import Classifier
from delivrd.verdicts import CodeValue, Remembered
from delivrd.vocabulary import Outcome

_MOST: Final = 4096
"""Combinations of codes that are remembered; real traffic has a few dozen."""

_LONGEST: Final = 64
"""Characters of a key: spelt with white space enough, a listed code can be of any length."""


class Memory:
    """The verdicts of one classifier for one reader.

    Args:
        classifier: works them out.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._held = 0
        self.verdicts: dict[CodeValue, Any] = {}
        """By what each is remembered by: a dictionary for the first key, of dictionaries for the next, …"""

    def classify(self, values: tuple[CodeValue, ...], keys: tuple[CodeValue, ...] = ()) -> Remembered | None:
        """What the codes mean, remembered. The caller copies the codes.

        Args:
            values: one for each of the classifier's fields, in their order.
            keys: what the verdict is remembered by; equal ones stand for equal values, and a reader always gives as
                many. Without any, the values.

        Returns:
            The verdict; None where no code was sent and the provider does not say what that means.
        """
        sent = {
            field: text
            for field, value in zip(self._classifier.fields, values, strict=True)
            if value is not None and not (text := as_sent(value)).isspace() and text
        }
        verdict = self._classifier.judge(sent)
        if verdict is None:
            return None
        ready: Remembered = (*verdict[:8], sent, verdict.status.outcome is Outcome.FAILURE)
        # A stranger chooses unlisted codes: remembering them would let him fill the memory.
        # White space alone is no code, and yet a part of what it would be remembered by.
        keys = keys or values
        if verdict.listed and all(key is None or len(as_sent(key)) <= _LONGEST for key in keys):
            self._hold(keys, ready)
        return ready

    def _hold(self, keys: tuple[CodeValue, ...], ready: Remembered) -> None:
        if self._held >= _MOST:
            self.verdicts.clear()
            self._held = 0
        self._held += 1
        level = self.verdicts
        for key in keys[:-1]:
            level = level.setdefault(key, {})
        level[keys[-1]] = ready


def as_sent(value: str | int) -> str:
    """A code as text; true and false as JSON writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)

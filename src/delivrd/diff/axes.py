"""The axes of a report on which a change is a change of meaning, and how one is told.

The rule of this module: what a gateway acts on is compared, and nothing is compared in two ways. It takes a report or
a message's state in plain values, as `to_dict` gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

AXES: Final = ("status", "final", "evidence", "cause", "resend")
"""Where the message has got to, whether that is the last word, whose word it is, why, and may it be sent again."""


def axes_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a report, or a state, says on each axis; None where it says nothing."""
    return {axis: document.get(axis) for axis in AXES}


def told(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What differs between two sets of named values, in one line: `final: no -> yes; resend: wait -> no`."""
    names = [*before, *(name for name in after if name not in before)]
    return "; ".join(
        f"{name}: {word(before.get(name))} -> {word(after.get(name))}"
        for name in names
        if before.get(name) != after.get(name)
    )


def word(value: Any) -> str:
    """A plain value as people read it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)

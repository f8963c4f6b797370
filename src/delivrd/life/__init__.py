"""The life of a message: from reports in any order, however often repeated, to where it is now.

    state = None
    for report in reports:
        state = fold(state, report)

Everything here is pure: no clock, no store. `delivrd.life.state` is one message, `claims` is what
was said of it and what stands above what, `together` is several messages as one.
"""

from __future__ import annotations

from delivrd.life.claims import STANDING, Claim, Rank
from delivrd.life.state import Price, Silence, State, fold, merge, overdue, state_of
from delivrd.life.together import Group, Parts, RollUp, group, roll_up

__all__ = [
    "STANDING",
    "Claim",
    "Group",
    "Parts",
    "Price",
    "Rank",
    "RollUp",
    "Silence",
    "State",
    "fold",
    "group",
    "merge",
    "overdue",
    "roll_up",
    "state_of",
]

"""What a provider can be asked, and what a question is made from.

The rule of this module: a question is a request that somebody else makes; nothing is sent here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

import msgspec

from delivrd.accounts import Account
from delivrd.inputs import Request


class Asking(msgspec.Struct, frozen=True):
    """What a question is made from.

    Attributes:
        id: what is asked about; empty where the question needs none.
        account: with the credentials.
        settings: the account's, checked against the provider's settings.
        host: where to ask.
    """

    id: str
    account: Account
    settings: Any
    host: str

    def __repr__(self) -> str:
        return f"Asking({self.account!r}, {self.host})"


MakeQuestion: TypeAlias = Callable[[Asking], Request]
"""Makes the request of a question. Pure; raises `AccountError` where the account lacks credentials."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a provider can be asked.

    Attributes:
        operation: the provider's name for it.
        meaning: one sentence.
        make: makes the request.
        hosts: where to ask, the first by default; the others are backups.
        about: what the id that is asked for identifies; None where none is needed.
        shortest_interval: ask no more often than this.
        kept: how long the provider keeps what is asked for.
    """

    operation: str
    meaning: str
    make: MakeQuestion
    hosts: tuple[str, ...]
    about: str | None = None
    shortest_interval: timedelta | None = None
    kept: timedelta | None = None

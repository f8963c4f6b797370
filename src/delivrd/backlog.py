"""Many inputs, one after the other: each comes out as its receipt, or as the error in its place.

The rule of this module: it reads as `Provider.read` does, and one bad input never stops the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from delivrd.builder import Read
from delivrd.errors import InputError
from delivrd.inputs import Input
from delivrd.receipt import Receipt, Reply


def read_each_input(
    inputs: Iterable[Input],
    readers: Mapping[type[Input], Read],
    received_at: datetime | None,
    refusal: Callable[[Input, InputError], Reply | None],
    reader: Callable[[Input], Read],
) -> Iterator[Receipt | InputError]:
    """What comes of each input, in order.

    Args:
        inputs: of any kind.
        readers: for each kind, as far as they are made.
        received_at: when they arrived; aware, in UTC.
        refusal: the reply to the sender of an input that could not be taken.
        reader: makes the one for the kind of an input; refuses what is none.
    """
    for each in inputs:
        found: Receipt | InputError
        try:
            read = readers[each.__class__]
        except KeyError:
            read = reader(each)
        try:
            found = read(each, None, received_at)
        except InputError as error:
            error.reply = refusal(each, error)
            # Nobody raises it: what hangs on it would keep the reader's frames, and the input, alive.
            error.__traceback__ = error.__context__ = error.__cause__ = None
            found = error
        yield found

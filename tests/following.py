"""Whoever follows a ledger's changes while they are made, for the soaks.

The rule of this module: what was followed is kept as it came, and compared with the store only in the end.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import NamedTuple

from delivrd.ledger import Ledger
from delivrd.ledger.messages import decode_state, shown
from delivrd.ledger.schema import messages
from delivrd.life import State


class Followed(NamedTuple):
    """One change, as it was followed."""

    position: int
    id: str
    version: int
    state: State


class Follower(threading.Thread):
    """Follows the changes while they are made.

    Args:
        url: of the store.

    Attributes:
        changes: in the order in which they came.
        last: to be set when nothing more is written; the thread then ends.
        error: that ended it.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self.changes: list[Followed] = []
        self.last = threading.Event()
        self.error: BaseException | None = None
        self._url = url

    def run(self) -> None:
        try:
            with Ledger.open(self._url) as ledger:
                cursor = 0
                while True:
                    last = self.last.is_set()
                    some = ledger.changes(cursor, limit=500)
                    self.changes += [Followed(each.position, each.id, each.version, each.state) for each in some]
                    if some:
                        cursor = some[-1].position
                    elif last:
                        return
                    else:
                        self.last.wait(0.01)
        except BaseException as error:
            self.error = error

    def finish(self) -> list[Followed]:
        """Follow what is left, and give all of it.

        Raises: what went wrong while it followed.
        """
        self.last.set()
        self.join()
        if self.error is not None:
            raise self.error
        return self.changes


def faults_of_changes(ledger: Ledger, followed: list[Followed]) -> list[str]:
    """What is wrong with the changes: a gap, a repetition, or one that does not lead to its message's state."""
    faults = []
    if [each.position for each in followed] != list(range(1, len(followed) + 1)):
        faults.append("the positions of the changes have a gap or a repetition")
    versions, last = defaultdict(list), {}
    for each in followed:
        versions[each.id].append(each.version)
        last[each.id] = each.state
    rows = ledger.store.read(lambda connection: connection.execute(messages.select()).all())
    for row in rows:
        id, name = row.id.hex(), row.message_id
        if versions.pop(id, []) != list(range(1, row.version + 1)):
            faults.append(f"message {name}: its changes have a gap or a repetition")
        elif id not in last or shown(last[id]) != shown(decode_state(row.state)):
            faults.append(f"message {name}: its last change is not its state")
    return [*faults, *(f"changes of a message that is not there: {id}" for id in versions)]

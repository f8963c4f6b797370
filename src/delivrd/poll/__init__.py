"""Asking providers, at their pace, until the last word is said. Needs the extra `delivrd[poll]`.

    agenda = MemoryAgenda()
    async with httpx.AsyncClient() as client:
        poller = Poller([Target(provider, account)], agenda, handler, client=client, now=..., random=...)
        await poller.add(provider.name, account.name, "the message's id")
        await poller.run()

The rule of this package: a question leaves the agenda only after its receipt was handed over. The core
never imports it.
"""

from __future__ import annotations

try:
    import httpx  # noqa: F401
except ImportError as error:
    raise ImportError("delivrd.poll needs httpx: install delivrd[poll]", name="httpx") from error

from delivrd.poll.agenda import Agenda, Entry, MemoryAgenda
from delivrd.poll.asker import Answered, Handler, Target, settle
from delivrd.poll.plan import Event, Next, Pauses
from delivrd.poll.poller import Poller, Watcher, log_failures
from delivrd.poll.sending import guard_logs

__all__ = [
    "Agenda",
    "Answered",
    "Entry",
    "Event",
    "Handler",
    "MemoryAgenda",
    "Next",
    "Pauses",
    "Poller",
    "Target",
    "Watcher",
    "guard_logs",
    "log_failures",
    "settle",
]

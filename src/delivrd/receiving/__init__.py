"""Receiving pushed requests: from accounts and a handler to replies, in any server or framework.

    receiver = Receiver(load_accounts("accounts.toml", Registry.installed()))
    app = delivrd.asgi.Application(receiver, handler)   # or delivrd.wsgi, .aiohttp, .django

`delivrd.receiving.receiver` is the heart, without any I/O; `conduct` reads bodies and calls the
handler; `budget` bounds the memory; `clients` finds a client behind proxies; `openapi` describes the whole.
"""

from __future__ import annotations

from delivrd.receiving.budget import ByteBudget
from delivrd.receiving.clients import TrustedProxies
from delivrd.receiving.openapi import openapi
from delivrd.receiving.receiver import (
    AsyncHandler,
    Door,
    Handler,
    Head,
    NotTaken,
    Received,
    Receiver,
    RefusalWatcher,
    acknowledge,
)

__all__ = [
    "AsyncHandler",
    "ByteBudget",
    "Door",
    "Handler",
    "Head",
    "NotTaken",
    "Received",
    "Receiver",
    "RefusalWatcher",
    "TrustedProxies",
    "acknowledge",
    "openapi",
]

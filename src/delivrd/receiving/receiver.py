"""From a pushed request to its reply, whatever server or framework it came through.

The rule of this module: nothing is acknowledged that was not handed over. A reply of success is
given out only beside what the handler has to take first, and whatever fails on our side is
answered so that the provider sends the request again. No socket, no clock, and no word in a log
that came with a request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from traceback import walk_tb
from typing import Final, TypeAlias

import msgspec

from delivrd.accountfile import Accounts, provable
from delivrd.accounts import Account
from delivrd.errors import AccountError, InputError, TooLarge, UnsupportedMediaType
from delivrd.inputs import Headers, Input, Request, all_headers
from delivrd.logs import logger
from delivrd.provider import Provider
from delivrd.receipt import Receipt, Reply
from delivrd.receiving.clients import Clients, TrustedProxies
from delivrd.ways import Push

LOG: Final = logger("receiving")

MOST_TARGET: Final = 16 * 1024
"""Characters of a target; a report's fields in a query take a few hundred."""

_NOT_FOUND: Final = Reply(404)
_TARGET_TOO_LONG: Final = Reply(414)
_BAD_LENGTH: Final = Reply(400)
_NOT_ENCODED: Final = Reply(415, headers=(("Accept-Encoding", "identity"),))
"""Names what would be taken (RFC 9110, section 15.5.16)."""

_MOST_FRAMES: Final = 6
"""Frames of a failure that are logged, the innermost ones."""


class Door(msgspec.Struct, frozen=True):
    """One account that requests can come to.

    Attributes:
        name: the account's, as in the URL.
        provider: whose requests it takes.
        account: what was agreed with it.
        push: how the provider pushes.
    """

    name: str
    provider: Provider
    account: Account
    push: Push


class Head(msgspec.Struct, frozen=True):
    """A request of which only the head has come.

    Attributes:
        door: where it came to.
        method, target, headers, client: as in `Request`.
        length: bytes of the body, where the head says it.
    """

    door: Door
    method: str
    target: str
    headers: Headers
    client: str | None
    length: int | None

    @property
    def most(self) -> int:
        """Bytes of the largest body that is taken: stop reading beyond."""
        return self.door.account.max_body

    def __repr__(self) -> str:
        return f"Head({self.door.name}, {self.method})"


class Received(msgspec.Struct, frozen=True):
    """What a handler gets: a receipt, and what belongs to it.

    Attributes:
        name: the account's.
        provider, account: those that it was read with.
        input: as it arrived. Its target and headers can hold secrets: store `blotted_input()`.
        receipt: what came of it; its reply is given once the handler has returned.
        received_at: when it arrived; aware.
    """

    name: str
    provider: Provider
    account: Account
    input: Request
    receipt: Receipt
    received_at: datetime

    def blotted_input(self) -> Input:
        """The input without the account's secrets, for whatever is stored, shown or logged."""
        return self.provider.blotted(self.input, self.account)

    def __repr__(self) -> str:
        return f"Received({self.name}, {len(self.receipt.reports)} reports)"


Handler: TypeAlias = Callable[[Received], object]
"""Takes over a receipt, for good, before it returns: what it raises makes the provider send again."""

AsyncHandler: TypeAlias = Callable[[Received], Awaitable[object]]
"""As `Handler`; it is awaited."""


class NotTaken(msgspec.Struct, frozen=True, eq=False):
    """What a watcher is told: a request for an account was answered, and nothing was handed over.

    Attributes:
        name: the account's.
        provider: whose requests the account takes.
        refused: it was the sender's fault; otherwise the provider is asked to send again.
        error: the reason. Where we failed, its message can hold what the request held.
    """

    name: str
    provider: Provider
    refused: bool
    error: Exception

    def __repr__(self) -> str:
        return f"NotTaken({self.name}, {type(self.error).__name__})"


RefusalWatcher: TypeAlias = Callable[[NotTaken], object]
"""Is told of each request that was not taken. It must not raise, nor block.

Not of one that never came whole: its body broke off or took too long, or nobody could say how long it is.
"""


class Receiver:
    """The accounts that requests can come to, at `<prefix>/<account name>`.

    What follows the name in the path is the provider's affair: it can be a secret. Accounts whose
    provider pushes nothing, or that no request could prove itself to, have no path.

    Args:
        accounts: all of them.
        prefix: what stands before the names.
        proxies: the gateway's own; None where senders connect directly.
        watch: is told of each request that was not taken, beside the log.

    Raises:
        AccountError: no account can take a request.
        TypeError, ValueError: the arguments cannot be meant.
    """

    def __init__(
        self,
        accounts: Accounts,
        *,
        prefix: str = "/dlr",
        proxies: TrustedProxies | None = None,
        watch: RefusalWatcher | None = None,
    ) -> None:
        if not isinstance(accounts, Accounts):
            raise TypeError("accounts: expected delivrd.Accounts; make them of pairs of a provider and an account")
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise ValueError("prefix: expected '', or a path such as '/dlr'")
        self.prefix = prefix
        self.doors: dict[str, Door] = {}
        for name, (provider, account) in accounts.items():
            push = provider.ways.get(Request)
            if isinstance(push, Push) and (account.open or provable(provider, Request, account)):
                self.doors[name] = Door(name, provider, account, push)
            else:
                LOG.warning("account %s takes no requests: nothing in it could prove one", name)
        if not self.doors:
            raise AccountError("no account can take a request; give one secrets or addresses, or say open = true")
        self._start = prefix + "/"
        self._watch = watch
        self._client = None if proxies is None else Clients(proxies).client

    def arrive(
        self, method: str, path: str, target: str, headers: Headers, peer: str | None, length: str | None = None
    ) -> Head | Reply:
        """Take the head of a request: what to read next, or the reply that makes reading needless.

        Args:
            method: in capitals.
            path: unescaped, without what the receiver is mounted under.
            target: as on the wire.
            headers: names in any case.
            peer: the address at the other end of the connection, if it has one.
            length: the value of `Content-Length`, if there is one.
        """
        if len(target) > MOST_TARGET:
            return _TARGET_TOO_LONG
        if not path.startswith(self._start):
            return _NOT_FOUND
        door = self.doors.get(path[len(self._start) :].partition("/")[0])
        if door is None:
            return _NOT_FOUND
        size = None
        if length:
            # `int` takes signs, underscores, digits of any script, and quadratic time.
            if not (length.isascii() and length.isdigit() and len(length) < 20):
                return _BAD_LENGTH
            size = int(length)
        client = peer or None if self._client is None else self._client(peer, headers)
        head = Head(door, method, target, headers, client, size)
        if size is not None and size > head.most:
            return self.too_large(head)
        # Where no body comes, `take` follows at once and checks the same.
        if size != 0:
            try:
                door.provider.check_head(Request(method, target, headers, b"", client), door.account)
            except InputError as error:
                return self._refused(door, error)
            except Exception as error:
                return self.failed(door, error)
        # No provider packs a body, its proof is about the raw bytes, and some servers unpack it before anybody sees it.
        if any(value.strip().lower() not in ("", "identity") for value in all_headers(headers, "content-encoding")):
            said = "Content-Encoding: expected none; the body has to come as it is"
            return self._refused(door, UnsupportedMediaType(said, reply=_NOT_ENCODED))
        return head

    def too_large(self, head: Head) -> Reply:
        """The reply to a body that is larger than the account allows, however much larger."""
        return self._refused(head.door, TooLarge(f"body: expected at most {head.most} bytes"))

    def busy(self, head: Head) -> Reply:
        """The reply where there is no room for a body: the provider is to send it again."""
        again = head.door.push.again
        LOG.warning(
            "account %s: unanswered requests hold too many bytes; the largest is to be sent again", head.door.name
        )
        return msgspec.structs.replace(again, headers=(*again.headers, ("Retry-After", "1")))

    def take(self, head: Head, body: bytes, received_at: datetime) -> Received | Reply:
        """Authenticate and read a request: what to hand over before it is answered, or the refusal.

        Args:
            head: as `arrive` gave it.
            body: the raw bytes, all of them.
            received_at: the caller's time; aware.
        """
        door = head.door
        request = Request(head.method, head.target, head.headers, body, head.client)
        try:
            receipt = door.provider.receive(request, door.account, received_at=received_at)
        except InputError as error:
            return self._refused(door, error)
        # The account's, the plugin's or our own fault: the provider must not lose a report by it.
        except Exception as error:
            return self.failed(door, error)
        return Received(door.name, door.provider, door.account, request, receipt, received_at)

    def failed(self, door: Door, error: Exception) -> Reply:
        """Log a failure on our side; the reply makes the provider send the request again.

        Only the error's type and the places in the code are logged: its message can hold what the request held.
        """
        if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
            # What no coroutine can raise; Python puts the other in its place (PEP 479).
            error = error.__cause__
        places = [
            f"{frame.f_code.co_filename.rpartition('/')[2]}:{line}" for frame, line in walk_tb(error.__traceback__)
        ]
        LOG.error(
            "account %s: %s at %s; the provider is asked to send again",
            door.name,
            type(error).__name__,
            " > ".join(places[-_MOST_FRAMES:]),
        )
        self._tell(door, error, refused=False)
        return door.push.again

    def _refused(self, door: Door, error: InputError) -> Reply:
        # A plugin's words can hold what the request held.
        said = door.provider.blot(str(error), door.account)
        LOG.info("account %s: %s: %s", door.name, type(error).__name__, said)
        self._tell(door, error, refused=True)
        return Reply(error.status) if error.reply is None else error.reply

    def _tell(self, door: Door, error: Exception, *, refused: bool) -> None:
        if self._watch is not None:
            self._watch(NotTaken(door.name, door.provider, refused, error))


def acknowledge(received: Received) -> Reply:
    """The reply that the provider counts as received. Give it only once the receipt was handed over."""
    reply = received.receipt.reply
    return Reply(200) if reply is None else reply

"""The standard library's mail clients, that take no more of an answer than there is room for.

The rule of this module: a client that has taken too much, or lost its place in an answer, says so and is of no
use any more; whoever holds it makes a new one.
"""

from __future__ import annotations

import imaplib
import poplib
from contextlib import suppress
from typing import Any, Final

_ROOM: Final = 1 << 16
"""Bytes of an answer beside its mail."""


class Overlong(Exception):
    """An answer is longer than there is room for. The connection is in the middle of it."""


class Meter:
    """Counts what is read of an answer. Without a limit it takes anything."""

    def __init__(self) -> None:
        self._left: int | None = None

    def limit(self, most: int | None) -> None:
        """From now on take so many bytes of mail, and what stands around them; None for any."""
        self._left = None if most is None else most + _ROOM

    def take(self, count: int) -> None:
        """Count bytes that are read, or about to be.

        Raises:
            Overlong: there is no room for them.
        """
        if self._left is None:
            return
        self._left -= count
        if self._left < 0:
            raise Overlong


class _Lines:
    """A file that is read by lines, each counted."""

    def __init__(self, file: Any, meter: Meter) -> None:
        self._file = file
        self._meter = meter

    def readline(self, size: int = -1) -> bytes:
        line: bytes = self._file.readline(size)
        self._meter.take(len(line))
        return line

    def close(self) -> None:
        self._file.close()


class Pop3Client(poplib.POP3):
    """Leaves no connection open where its making or its encryption fails."""

    sock: Any = None
    _lines: _Lines | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.meter = Meter()
        try:
            super().__init__(*arguments, **named)
        except BaseException:
            self.close()
            raise

    # The client makes its file, and another one when it begins to encrypt.
    @property
    def file(self) -> Any:
        return self._lines

    @file.setter
    def file(self, made: Any) -> None:
        self._lines = None if made is None else _Lines(made, self.meter)

    def close(self) -> None:
        # The connection may be closed already, or half.
        with suppress(OSError):
            super().close()


class Pop3TlsClient(Pop3Client, poplib.POP3_SSL):
    """Likewise, encrypted from its beginning."""


class ImapClient(imaplib.IMAP4):
    """Counts what it reads."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.meter = Meter()
        super().__init__(*arguments, **named)

    def read(self, size: int) -> bytes:
        # Before it is read: the length of a mail is what the server says it is.
        self.meter.take(size)
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self.meter.take(len(line))
        return line


class ImapTlsClient(ImapClient, imaplib.IMAP4_SSL):
    """Likewise, encrypted from its beginning."""

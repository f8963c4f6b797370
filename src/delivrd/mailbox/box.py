"""What every mailbox can do, and a maildir.

The rule of this module: reading changes nothing. A mail is gone, or marked, only when `forget` was called
for it.

A maildir is read by its file names alone. The standard library's would parse a whole mail to tell its
flags, and write it anew to change them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

from delivrd.errors import DelivrdError

_MOST_NAMES: Final = 1000
"""Names that are tried for a mail that is marked, where other mails have them."""


class MailboxError(DelivrdError):
    """A mailbox could not be opened or read. The message shows no password."""


class Letter(msgspec.Struct, frozen=True):
    """One mail of a mailbox.

    Attributes:
        id: what the mailbox knows it by.
        raw: its bytes; None where they could not be had.
        problem: why not.
    """

    id: str
    raw: bytes | None
    problem: str = ""

    def __repr__(self) -> str:
        return f"Letter({self.id!r}, {'no' if self.raw is None else len(self.raw)} bytes)"


class Box(Protocol):
    """A mailbox, open while it is entered."""

    def letters(self, most: int) -> Iterator[Letter]:
        """The mails that are not forgotten, each as it was sent; those of more than `most` bytes without them.

        Raises:
            MailboxError: the mailbox cannot be read any further.
        """

    def forget(self, letter: Letter) -> None:
        """Delete the mail, or mark it as read.

        Raises:
            MailboxError: it could not be done; the mail comes again.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Maildir:
    """A maildir: a folder with `new` and `cur`.

    Args:
        path: of the folder.
        delete: delete mails; otherwise they are marked as seen, and seen mails are left alone.
    """

    def __init__(self, path: str, *, delete: bool = False) -> None:
        self._path = path
        self._delete = delete
        self._places: dict[str, tuple[str, str]] = {}

    def letters(self, most: int) -> Iterator[Letter]:
        """As `Box.letters`, in the order of their names, which begin with the time of their delivery."""
        self._places.clear()
        try:
            found = [(name, folder) for folder in ("new", "cur") for name in os.listdir(self._at(folder))]
        except OSError as error:
            raise _failed(error, "expected a maildir, a folder with new and cur") from error
        for name, folder in sorted(found):
            unique, flags = _parts(name)
            if name.startswith(".") or "T" in flags or ("S" in flags and not self._delete):
                continue
            # Two files can have the name of one mail: who copied one by hand has not made another.
            known = f"{folder}/{name}" if unique in self._places else unique
            self._places[known] = (folder, name)
            yield self._letter(known, most)

    def _letter(self, id: str, most: int) -> Letter:
        try:
            # A link or a pipe is no mail, and a pipe would be waited for.
            held = os.open(self._at(*self._places[id]), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if not stat.S_ISREG(os.fstat(held).st_mode):
                    return Letter(id, None, "it is no file")
                with open(held, "rb", closefd=False) as file:
                    raw = file.read(most + 1)
            finally:
                # A folder is opened too, and `open` would refuse it without closing it.
                os.close(held)
        except OSError as error:
            return Letter(id, None, error.strerror or type(error).__name__)
        return letter_of(id, raw, most)

    def forget(self, letter: Letter) -> None:
        """As `Box.forget`. A mail that is gone already is forgotten."""
        folder, name = self._places[letter.id]
        try:
            if self._delete:
                os.unlink(self._at(folder, name))
            else:
                os.rename(self._at(folder, name), self._marked(name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise _failed(error, "the mail could not be deleted or marked") from error

    def _marked(self, name: str) -> str:
        """Where a mail stands once it is seen: at a name that no other mail has, for renaming overwrites."""
        unique, flags = _parts(name)
        seen = "".join(sorted({*flags, "S"}))
        free = (f"{unique}{mark}:2,{seen}" for mark in ("", *(f".{number}" for number in range(1, _MOST_NAMES))))
        return next((path for each in free if not os.path.lexists(path := self._at("cur", each))), self._at("cur"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def _at(self, *names: str) -> str:
        return os.path.join(self._path, *names)


def _parts(name: str) -> tuple[str, str]:
    """What makes a maildir's file name unique, and the flags behind it: S is seen, T is trashed."""
    unique, _, info = name.partition(":2,")
    return unique, info


def letter_of(id: str, raw: bytes, most: int) -> Letter:
    """A mail with its bytes, if they are not too many."""
    return Letter(id, None, too_large(most)) if len(raw) > most else Letter(id, raw)


def too_large(most: int) -> str:
    """Why a mail's bytes were not taken."""
    return f"larger than {most} bytes, the account's max_body"


def _failed(error: OSError, expected: str) -> MailboxError:
    return MailboxError(f"{expected}: {error.strerror or type(error).__name__}")

"""A file to which a command adds what must not be lost.

The rule of this module: what was kept is on the disk before anybody acts on it. A new file is for its owner
alone.
"""

from __future__ import annotations

import os

import click

from delivrd.cli.session import Refusal


class Keeper:
    """Adds lines to a file.

    Args:
        name: of the file; None where nothing is kept.
        option: what names it in the call, for the errors.

    Raises:
        Refusal: the file cannot be opened.
    """

    def __init__(self, name: str | None, option: str) -> None:
        self.name = name
        self._file = -1
        if name is None:
            return
        try:
            self._file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            label = click.format_filename(name)
            raise Refusal(f"{option}: {label}: {error.strerror or type(error).__name__}") from error

    def keep(self, line: bytes) -> None:
        """Add a line, and wait until the disk has it; nothing where nothing is kept.

        Raises:
            OSError: it could not be written.
        """
        if self._file < 0:
            return
        left = line
        while left:
            left = left[os.write(self._file, left) :]
        try:
            os.fsync(self._file)
        except OSError:
            # A pipe and a terminal have no disk.
            if os.path.isfile(self.name or ""):
                raise

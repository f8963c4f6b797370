"""What one call of the command line works with: the installed providers.

The rule of this module: plugins are loaded when a command first needs them, and what is wrong with
them is said in one line with the remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import IO, Any

import click

from delivrd.cli.output import one_line, put_note
from delivrd.errors import PluginError, UnknownProvider
from delivrd.provider import Provider
from delivrd.registry import Registry


class Refusal(click.ClickException):
    """The call was wrong: exit status 2. Said on one line."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """The line, on standard error."""
        put_note(f"delivrd: {self.message}")


class Failure(Refusal):
    """The call was right and came to nothing: exit status 1."""

    exit_code = 1


class OneLineGroup(click.Group):
    """A group whose wrong calls are told on one line, as all else is."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """As click's."""
        with _told_on_one_line():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's."""
        with _told_on_one_line():
            return super().invoke(ctx)


@contextmanager
def _told_on_one_line() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        # A call without any arguments shows the help, by an error of click's own since 8.2.
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        path = error.ctx.command_path if error.ctx is not None else "delivrd"
        raise Refusal(f"{one_line(error.format_message())} (see {path} --help)") from error


class Session:
    """The installed providers, loaded when first asked for.

    Args:
        allow: load only these plugins; none means all.
        block: do not load these.
        given: providers to use in place of the installed ones.
    """

    def __init__(self, allow: Sequence[str] = (), block: Sequence[str] = (), given: Registry | None = None) -> None:
        self.allow = allow
        self.block = block
        self._given = given

    @cached_property
    def registry(self) -> Registry:
        """The providers."""
        if self._given is not None:
            return self._given
        return Registry.installed(allow=self.allow or None, block=self.block)

    def provider(self, name: str) -> Provider:
        """One provider.

        Raises:
            Refusal: it is unknown.
            Failure: its plugin is broken.
        """
        try:
            return self.registry[name]
        except UnknownProvider as error:
            raise Refusal(one_line(str(error))) from error
        except PluginError as error:
            raise Failure(f"{one_line(str(error))} (see delivrd doctor)") from error


def split_names(_context: click.Context, _parameter: click.Parameter, value: Sequence[str]) -> tuple[str, ...]:
    """Names that were given one by one, or several with commas or spaces between them."""
    return tuple(name for given in value for name in re.split(r"[,\s]+", given) if name)


pass_session = click.make_pass_decorator(Session)

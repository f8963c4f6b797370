"""Reading files for the command line, one input after the other.

The rule of this module: one bad file, line or input never stops the rest, whatever is wrong with
it. What could not be read comes out as a `Bad` with its reason and the line that keeps it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
import msgspec

from delivrd.accounts import Account
from delivrd.cli.output import one_line
from delivrd.cli.session import Refusal
from delivrd.errors import AccountError, DelivrdError
from delivrd.files import SUFFIXES, Sample, SampleError, read_account, read_each, read_lines, sample_line
from delivrd.provider import Provider
from delivrd.samplelines import AnyLine, file_line

STDIN = "-"

_Made = TypeVar("_Made")


class Options(NamedTuple):
    """How the command line says inputs are to be read; what a file says of itself comes after that.

    Attributes:
        kind: the suffix of what has no name.
        asked: the id that the inputs answer.
        zone: of times that name none.
        account: for inputs that bring none.
        replaces: the account takes the place of one that an input brings.
    """

    kind: str | None = None
    asked: str | None = None
    zone: str | None = None
    account: Account | None = None
    replaces: bool = False


class Good(NamedTuple):
    """An input, ready to be read by a provider."""

    label: str
    sample: Sample
    account: Account | None


class Bad(NamedTuple):
    """What could not be read, or not wholly.

    `line` keeps it, so that it can be read again; None where there is nothing to keep.
    """

    label: str
    reason: str
    line: AnyLine | None


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which inputs are read; the command gets them as `options`."""
    kinds = [suffix.lstrip(".") for suffix in SUFFIXES]

    @functools.wraps(command)
    def with_options(
        *args: Any, kind: str | None, asked: str | None, zone: str | None, account: str | None, **others: Any
    ) -> Any:
        given = None if account is None else account_file(account)
        return command(*args, options=Options(kind, asked, zone, given, given is not None), **others)

    for option in (
        click.option(
            "--account",
            "account",
            metavar="FILE",
            help="A JSON file with the account to read with: its zone, meanings and settings. Its fields are those "
            "of delivrd.Account.",
        ),
        click.option("--zone", metavar="ZONE", help="The zone of times that name none: Europe/Tallinn, +02:00."),
        click.option("--asked", metavar="ID", help="The id that the inputs answer, where they are answers."),
        click.option("--kind", type=click.Choice(kinds), help="How the input is written, where no name says it."),
    ):
        with_options = option(with_options)
    return with_options


def inputs_of(names: Sequence[str], options: Options) -> Iterator[Good | Bad]:
    """The inputs of files, in order; `-` is standard input.

    Raises:
        Refusal: the options do not fit, or do not say what standard input holds.
    """
    if STDIN in names and options.kind is None:
        raise Refusal("standard input has no name that says what it holds: give --kind http, eml, hex or jsonl")
    if options.zone is not None:
        # One account for all: a provider keeps itself ready for each account that it meets.
        options = options._replace(account=_zoned(options.account, options.zone))
    return (found for name in names for found in _file(name, options))


def attempt(provider: Provider, good: Good, make: Callable[[], _Made]) -> _Made | Bad:
    """Make something of an input; whatever goes wrong is its `Bad`."""
    try:
        return make()
    except DelivrdError as error:
        return bad(provider, good, f"{type(error).__name__}: {error}")
    # A plugin is a stranger's code, and one input must not stop the rest.
    except Exception as error:
        fault = f"{type(error).__name__} while reading it: a fault of delivrd or of the plugin; please report it"
        return bad(provider, good, fault)


def bad(provider: Provider, good: Good, reason: str) -> Bad:
    """An input that could not be read, or not wholly."""
    said = one_line(provider.blot(reason, good.account) if good.account is not None else reason)
    return Bad(good.label, f"{good.label}: {said}", sample_line(without_secrets(provider, good), reason=said))


def without_secrets(provider: Provider, good: Good) -> Sample:
    """The sample without the credentials that its headers name and the secrets that its account knows."""
    known = good.account or Account()
    sent = provider.blotted(good.sample.input, known)
    asked = None if good.sample.asked is None else provider.blot(good.sample.asked, known)
    kept = good.sample.account
    if kept is not None:
        settings = kept.settings if isinstance(kept.settings, Mapping) else {}
        shown = {name: value for name, value in settings.items() if name not in provider.secret_settings}
        kept = msgspec.structs.replace(kept, secrets=(), password=None, settings=shown or None)
    return msgspec.structs.replace(good.sample, input=sent, asked=asked, account=kept)


def _file(name: str, options: Options) -> Iterator[Good | Bad]:
    label = f"stdin.{options.kind}" if name == STDIN else _label(name, options.kind)
    lines = label.lower().endswith(".jsonl")
    try:
        with nullcontext(sys.stdin.buffer) if name == STDIN else Path(name).open("rb") as file:
            # Only one line of a long file is held at a time.
            for number, found in read_lines(label, file) if lines else read_each(label, file.read()):
                where = f"{label}:{number}" if lines else label
                if isinstance(found, SampleError):
                    reason = one_line(str(found))
                    yield Bad(where, reason, file_line(found.name, found.content, reason))
                else:
                    asked = found.asked if options.asked is None else options.asked
                    yield Good(where, msgspec.structs.replace(found, asked=asked), _account(found.account, options))
    except OSError as error:
        yield Bad(label, f"{label}: {error.strerror or type(error).__name__}", None)


def _account(own: Account | None, options: Options) -> Account | None:
    if own is None or options.replaces:
        return options.account
    return own if options.zone is None else _zoned(own, options.zone)


def _label(name: str, kind: str | None) -> str:
    """The name as it can be shown, with the suffix that says what the file holds."""
    label = click.format_filename(name)
    return label if kind is None or label.lower().endswith("." + kind) else f"{label}.{kind}"


def account_file(name: str, where: str = "--account: ") -> Account:
    """The account of a JSON file.

    Args:
        name: of the file.
        where: what names it in the call, for the errors.

    Raises:
        Refusal: it cannot be read, or holds none.
    """
    label = click.format_filename(name)
    try:
        return read_account(label, Path(name).read_bytes())
    except OSError as error:
        raise Refusal(f"{where}{label}: {error.strerror or type(error).__name__}") from error
    except SampleError as error:
        raise Refusal(f"{where}{error}") from error


def _zoned(account: Account | None, zone: str) -> Account:
    try:
        return msgspec.structs.replace(account or Account(), zone=zone)
    except AccountError as error:
        raise Refusal(f"--{error}") from error

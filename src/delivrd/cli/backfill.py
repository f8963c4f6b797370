"""`delivrd backfill`: files of inputs, of any size, to a folder of reports.

The rule of this module: it says what the job is and shows how far it has got; the job itself is
`delivrd.backfill`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from delivrd.accountfile import load_accounts
from delivrd.accounts import Account
from delivrd.cli.output import one_line, put_note
from delivrd.cli.plugins import version_of
from delivrd.cli.reading import account_file
from delivrd.cli.session import Failure, Refusal, Session, pass_session
from delivrd.errors import DelivrdError

if TYPE_CHECKING:
    from delivrd.backfill.job import Progress


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@click.option("--provider", metavar="NAME", help="The provider of rows that name none.")
@click.option(
    "--account",
    metavar="FILE",
    help="A JSON file with the account of rows that name none: its zone, meanings, settings.",
)
@click.option("--accounts", metavar="FILE", help="A TOML file of the accounts that the column `account` names.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "ndjson", "csv"]),
    default="parquet",
    show_default=True,
    help="How the parts of TARGET are written.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="How many processes read; as many as there are cores by default.",
)
@click.option(
    "--block",
    type=click.IntRange(1 << 10, 64 << 20),
    default=16 << 20,
    show_default=True,
    metavar="BYTES",
    help="Lines that are read at a time, and become one part. Of a Parquet file each row group becomes one.",
)
@pass_session
def backfill(
    session: Session,
    source: Path,
    target: Path,
    provider: str | None,
    account: str | None,
    accounts: str | None,
    form: str,
    workers: int | None,
    block: int,
) -> None:
    """Read backlogs: all inputs of SOURCE to reports in the folder TARGET.

    SOURCE is a file, or a folder of files: `.parquet` and `.csv` with the columns of an input,
    `.jsonl` or `.ndjson` with one input a line. Inputs are read as trusted: nobody's signature is
    checked. What cannot be read is told in TARGET/bad.jsonl, with its place and the reason.

    Whatever stops it, the same call goes on where it stood: no row is lost or doubled. Needs the
    extra `delivrd[arrow]`.

    Exits with 0 if everything was read, 1 if something was not, 2 if the call was wrong.
    """
    try:
        from delivrd.backfill.job import Backfill
        from delivrd.backfill.units import SourceError
        from delivrd.backfill.work import Plan
    except ImportError as error:
        raise Refusal(str(error)) from error
    if provider is not None:
        session.provider(provider)
    plan = Plan(
        str(target),
        form,
        provider,
        None if account is None else account_file(account),
        {} if accounts is None else _accounts(session, accounts),
        tuple(session.allow),
        tuple(session.block),
    )
    stamps = [stamp for name in (account, accounts) if name is not None for stamp in _stamps(name)]
    count = workers or os.cpu_count() or 1
    try:
        totals = Backfill(source, plan, version_of("delivrd") or "", stamps, block).run(count, _teller())
    except SourceError as error:
        raise Refusal(one_line(str(error))) from error
    except OSError as error:
        raise Failure(f"{one_line(str(error))}; call again to go on") from error
    except KeyboardInterrupt:
        put_note("stopped; call again to go on")
        raise
    put_note(f"{totals.rows} rows, {totals.reports} reports in {click.format_filename(target)}")
    if totals.bad:
        put_note(f"{totals.bad} could not be read; told in {click.format_filename(target / 'bad.jsonl')}")
        raise click.exceptions.Exit(1)


def _accounts(session: Session, name: str) -> dict[str, Account]:
    try:
        found = load_accounts(name, session.registry)
    except (DelivrdError, OSError) as error:
        raise Refusal(f"--accounts: {one_line(str(error))}") from error
    return {each: account for each, (_, account) in found.items()}


def _stamps(name: str) -> tuple[int, int]:
    """What tells one state of a file from another."""
    stat = Path(name).stat()
    return stat.st_size, stat.st_mtime_ns


def _teller() -> Callable[[Progress], None]:
    """What shows the progress, where somebody looks."""
    if not sys.stderr.isatty():
        return _silent
    begun = monotonic()

    def tell(progress: Any) -> None:
        seconds = max(monotonic() - begun, 1e-9)
        share = progress.done / max(progress.whole, 1)
        left = (progress.whole - progress.done) * seconds / max(progress.new, 1)
        rate = progress.totals.rows * (progress.new / max(progress.done, 1)) / seconds
        text = f"{share:4.0%}  {progress.totals.rows} rows  {rate:.0f} rows/s  {_clock(left)} left"
        end = "\n" if progress.done >= progress.whole else ""
        click.echo(f"\r{text:70}{end}", err=True, nl=False)

    return tell


def _silent(_: Progress) -> None:
    """Nobody looks."""


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(min(seconds, 359_999)), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"

"""The command line `delivrd`.

The rule of this package: a command only asks the library and shows what it says. What is asked for
goes to standard output; all else goes to standard error, each thing on one line, without a phone
number, a secret or a traceback.
"""

from __future__ import annotations

import click

from delivrd.cli import (
    backfill,
    codes,
    demo,
    diff,
    explain,
    ledger,
    mail,
    new_provider,
    normalize,
    plugins,
    poll,
    serve,
    unlisted,
)
from delivrd.cli.output import put_json
from delivrd.cli.session import OneLineGroup, Session, split_names
from delivrd.registry import Registry
from delivrd.schema import report_schema


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--allow",
    multiple=True,
    envvar="DELIVRD_ALLOW",
    callback=split_names,
    metavar="PLUGIN",
    help="Load only this plugin. Can be given several times; also the environment's DELIVRD_ALLOW (names, separated "
    "by commas or spaces).",
)
@click.option(
    "--block",
    multiple=True,
    envvar="DELIVRD_BLOCK",
    callback=split_names,
    metavar="PLUGIN",
    help="Do not load this plugin. Likewise, DELIVRD_BLOCK.",
)
@click.version_option(plugins.version_of("delivrd") or "(not installed)", prog_name="delivrd")
@click.pass_context
def main(context: click.Context, allow: tuple[str, ...], block: tuple[str, ...]) -> None:
    """Read what SMS providers say about the delivery of messages.

    An input is kept in a file: `.http` holds one HTTP request or response as on the wire, `.eml` a
    mail, `.hex` an SMPP PDU in hexadecimal, `.jsonl` one input a line as JSON.
    """
    given = context.obj if isinstance(context.obj, Registry) else None
    context.obj = Session(allow, block, given)


@main.command()
def schema() -> None:
    """Print the JSON Schema of a report."""
    put_json(report_schema(), indent=True)


for command in (
    normalize.normalize,
    backfill.backfill,
    explain.explain,
    poll.poll,
    mail.mail,
    codes.codes,
    unlisted.unlisted,
    plugins.providers,
    plugins.doctor,
    demo.demo,
    diff.diff,
    ledger.ledger,
    serve.serve,
    new_provider.new_provider,
):
    main.add_command(command)

__all__ = ["main"]

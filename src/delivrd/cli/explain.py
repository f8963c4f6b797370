"""`delivrd explain`: the same reading, told step by step.

The rule of this module: it shows what `delivrd.explain` says, and finds out nothing itself.
"""

from __future__ import annotations

from typing import Any

import click
import msgspec

from delivrd.cli.output import put, put_json, put_note
from delivrd.cli.reading import Bad, Good, Options, attempt, inputs_of, reading_options
from delivrd.cli.session import Session, pass_session
from delivrd.explain import Explanation
from delivrd.explain import explain as explain_input
from delivrd.provider import Provider


@click.command()
@click.argument("provider")
@click.argument("file")
@reading_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Text for people, or JSON.")
@pass_session
def explain(session: Session, provider: str, file: str, form: str, options: Options) -> None:
    """Tell step by step how a file is read.

    What fed which field of the report, which row of which table decided, by which rule, and where
    that row is documented. FILE can be `-`, for standard input. It shows what the input holds,
    phone numbers included.
    """
    read_by = session.provider(provider)
    failed = False
    for number, found in enumerate(inputs_of([file], options)):
        made = explained(read_by, found) if isinstance(found, Good) else found
        if isinstance(made, Bad):
            put_note(made.reason)
            failed = True
        elif form == "json":
            put_json(_document(made))
        else:
            between = "\n" if number else ""
            put(f"{between}{found.label}: {made}")
    if failed:
        raise click.exceptions.Exit(1)


def explained(provider: Provider, good: Good) -> Explanation | Bad:
    """The explanation of one input."""
    sample = good.sample

    def make() -> Explanation:
        explanation = explain_input(
            provider, sample.input, good.account, asked=sample.asked, received_at=sample.received_at
        )
        # What cannot be shown is a fault of this input, and to be told as one.
        _document(explanation)
        return explanation

    return attempt(provider, good, make)


def _document(explanation: Explanation) -> dict[str, Any]:
    steps = [
        {"fields": msgspec.to_builtins(each.fields), "codes": msgspec.to_builtins(each.codes)}
        for each in explanation.steps
    ]
    return {"provider": explanation.provider, "receipt": explanation.receipt.to_dict(), "steps": steps}

"""The generated pages of docs/: written by `make docs`, compared by `test_docs.py`.

The rule of this module: a page says only what the code says; whatever is typed by hand stands in the other pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import write_api
from write_codes import code_map, comparison, pictures, shown
from write_tables import code, fenced, summary, table

import delivrd
from delivrd import (
    AbsenceKind,
    Cause,
    DeliverSm,
    Evidence,
    InputError,
    Mail,
    Outcome,
    Party,
    Permanence,
    Provider,
    Registry,
    Request,
    Resend,
    Response,
    Status,
    WarningKind,
)
from delivrd.arrow import COLUMNS, INPUT_COLUMNS, Column, ErrorKind
from delivrd.cli import main
from delivrd.life import STANDING, Rank
from delivrd.pages import provider_page
from delivrd.vocabulary import Word

DOCS = Path(__file__).parent.parent / "docs"
WRITTEN = "<!-- Written by `make docs`: change what it is made from. -->"
WIDTH = 88
GUIDES = {
    Request: "[requests over HTTP](../receiving.md)",
    Response: "[answers, by asking](../asking.md)",
    Mail: "[mails, from a mailbox](../asking.md#mailboxes)",
    DeliverSm: "[PDUs over SMPP](../smpp.md)",
}
"""The page on each kind of input."""


def pages() -> dict[str, str]:
    """Every generated page, by its path under docs/."""
    providers = Registry.installed()
    written = {
        "vocabulary.md": vocabulary(),
        "codes.md": comparison(providers),
        "map.md": code_map(providers),
        "cli.md": command_line(),
        "columns.md": columns(),
    }
    written |= {f"api/{name}.md": text for name, text in write_api.pages()}
    written |= {
        f"providers/{name}.md": provider_page(
            provider, shown(name, f"The codes of {provider.title}, and where they lead"), guides(provider)
        )
        for name, provider in providers.items()
    }
    marked = {path: f"{WRITTEN}\n\n{text}" for path, text in written.items()}
    schema = json.dumps(delivrd.report_schema(), indent=2) + "\n"
    return {**marked, **pictures(providers), "report.schema.json": schema}


def guides(provider: Provider) -> str:
    """Where it is told how the provider's kinds of input are taken."""
    ways = "; ".join(led for kind, led in GUIDES.items() if kind in provider.ways)
    return f"How to take what it sends: {ways}. What stands in the columns: [the words of a report](../vocabulary.md)."


def vocabulary() -> str:
    """Every word of a canonical report."""
    parts = [
        "# The words of a report",
        "Each axis is one enumeration of `delivrd`. How codes become these words is told in [the rules](rules.md).",
        "## Status",
        summary(Status),
        table(["status", "outcome", "meaning"], [(code(each), each.outcome, each.meaning) for each in Status]),
        "## Outcome",
        words(Outcome),
        "## Evidence",
        words(Evidence),
        "## Cause",
        f"{summary(Cause)} The first specific cause that is named takes the place of a general one.",
        table(
            ["cause", "permanence", "party", "resend", "general", "meaning"],
            [
                (code(each), each.permanence, each.party, each.resend, "general" if each.general else "", each.meaning)
                for each in Cause
            ],
        ),
        "## Permanence",
        words(Permanence),
        "## Party",
        words(Party),
        "## Resend",
        words(Resend),
        "## What stands above what",
        "Of all that was said of a message, what stands (`delivrd.life.STANDING`), the highest first.",
        table(["row", "statuses", "final", "evidence", "reason"], map(ranked, STANDING)),
        "## Warnings",
        "What to do about each stands on [its own page](warnings.md).",
        words(WarningKind),
        "## Absences",
        "What to do about each: [errors, replies and absences](errors.md#absences).",
        words(AbsenceKind),
        "## Errors",
        "An `InputError` holds the reply to its sender; `SampleError` concerns files. Over SMPP each is answered as "
        "received. Whose fault each is, and what to do: [errors, replies and absences](errors.md).",
        table(["error", "HTTP status", "meaning"], errors()),
    ]
    return "\n\n".join(parts) + "\n"


def ranked(rank: Rank) -> tuple[str, ...]:
    """A row of the table of precedence."""
    final = {None: "either", True: "yes", False: "no"}[rank.final]
    statuses = ", ".join(status for status in Status if status in rank.statuses)
    evidence = ", ".join(each for each in Evidence if each in rank.evidence) or "any"
    return (rank.name, statuses, final, evidence, rank.reason)


def command_line() -> str:
    """The help of every command."""
    assert isinstance(main, click.Group)
    parts = ["# The command line", "Also as `python -m delivrd`.", "## delivrd", fenced(help_of(main, "delivrd"))]
    for name in sorted(main.commands):
        parts += [f"## delivrd {name}", fenced(help_of(main.commands[name], f"delivrd {name}"))]
    return "\n\n".join(parts) + "\n"


def help_of(command: click.Command, name: str) -> str:
    """A command's help, as a terminal of a fixed width shows it."""
    # The group's settings name the options that show the help.
    context = click.Context(command, info_name=name, terminal_width=WIDTH, **main.context_settings)
    return command.get_help(context)


def columns() -> str:
    """The columns that the Arrow kernel reads, and those that it gives."""

    def listed(found: Sequence[Column]) -> str:
        return table(
            ["column", "type", "meaning"], [(code(each.name), code(str(each.type)), each.meaning) for each in found]
        )

    parts = [
        "# Columns",
        "What `delivrd.arrow.normalize` reads and gives ([how](many.md)); a change of a column's meaning or type is "
        "told in the changelog.",
        "## Inputs",
        "`INPUTS`. All may be left out but what says the input; columns of other names are let be.",
        listed(INPUT_COLUMNS),
        "## Reports",
        "`REPORTS`. Each row is a report (`status`), an absence (`absence`) or an error (`error`): one of the three is "
        "not null. An input has one row or more. Absent is null, never empty.",
        listed(COLUMNS),
        "## Errors",
        words(ErrorKind),
    ]
    return "\n\n".join(parts) + "\n"


def words(kind: type[Word]) -> str:
    """An enumeration, with the meaning of each of its words."""
    head = [kind.__name__.removesuffix("Kind").lower(), "meaning"]
    return f"{summary(kind)}\n\n" + table(head, [(code(each), each.meaning) for each in kind])


def errors() -> Iterator[tuple[str, str, str]]:
    """Every error that delivrd raises on purpose."""
    for kind in (getattr(delivrd, name) for name in delivrd.__all__):
        if isinstance(kind, type) and issubclass(kind, delivrd.DelivrdError):
            refuses = issubclass(kind, InputError) and kind is not InputError
            yield code(kind.__name__), str(kind.status) if refuses else "", summary(kind)


def write() -> None:
    """Write every page, and remove those of what is gone."""
    written = pages()
    kept = [*(DOCS / "providers").glob("*.md"), *(DOCS / "providers").glob("*.svg"), *(DOCS / "api").glob("*.md")]
    for old in kept:
        if f"{old.parent.name}/{old.name}" not in written:
            old.unlink()
    for path, text in written.items():
        (DOCS / path).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / path).write_text(text, encoding="utf-8")
        print(f"docs/{path}")


if __name__ == "__main__":
    write()

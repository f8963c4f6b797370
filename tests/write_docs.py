"""The generated pages of docs/: written by `make docs`, compared by `test_docs.py`.

The rule of this module: a page says only what the code says; whatever is typed by hand stands in the other pages.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import write_api
from write_tables import code, fenced, summary, table

import delivrd
from delivrd import (
    AbsenceKind,
    Cause,
    Evidence,
    InputError,
    Outcome,
    Party,
    Permanence,
    Registry,
    Resend,
    Status,
    WarningKind,
)
from delivrd.cli import main
from delivrd.life import STANDING, Rank
from delivrd.listing import CodeLine, code_lines
from delivrd.pages import code_table, provider_page
from delivrd.vocabulary import Word

DOCS = Path(__file__).parent.parent / "docs"
WRITTEN = "<!-- Written by `make docs`: change what it is made from. -->"
WIDTH = 88


def pages() -> dict[str, str]:
    """Every generated page, by its path under docs/."""
    providers = Registry.installed()
    written = {
        "vocabulary.md": vocabulary(),
        "codes.md": codes(providers),
        "cli.md": command_line(),
    }
    written |= {f"api/{name}.md": text for name, text in write_api.pages()}
    written |= {f"providers/{name}.md": provider_page(provider) for name, provider in providers.items()}
    marked = {path: f"{WRITTEN}\n\n{text}" for path, text in written.items()}
    return {**marked, "report.schema.json": json.dumps(delivrd.report_schema(), indent=2) + "\n"}


def vocabulary() -> str:
    """Every word of a canonical report."""
    parts = [
        "# The words of a report",
        "Each axis is one enumeration of `delivrd`. How codes become these words is told in [rules](rules.md).",
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


def codes(providers: Registry) -> str:
    """The codes of all providers, by what they mean."""
    lines = [line for provider in providers.values() for line in code_lines(provider)]
    parts = [
        "# The codes of all providers, compared",
        "By what each means to us; who wins where several codes come together is told in [rules](rules.md).",
        "## One word, several meanings",
        "Codes of the same spelling that providers mean differently.",
        code_table(list(disputed(lines))),
    ]
    for status in Status:
        meant = [line for line in lines if line.status is status]
        parts.append(f"## {status}")
        parts.append(code_table(meant) if meant else "No code of an installed provider.")
        parts += [
            f"`{provider.name}`, where no code is sent: {'' if said.final else 'not '}final ({said.meaning})."
            for provider in providers.values()
            if (said := provider.no_code) is not None and said.status is status
        ]
    parts += ["## Silent codes", "Listed, and deciding nothing."]
    parts.append(code_table([line for line in lines if line.status is None and line.absence is None]))
    parts += ["## No report", "Codes of answers by which a provider gives no report."]
    parts.append(code_table([line for line in lines if line.absence is not None]))
    return "\n\n".join(parts) + "\n"


def disputed(lines: Iterable[CodeLine]) -> Iterator[CodeLine]:
    """The lines of words whose status or finality depends on the provider."""
    by_word = defaultdict(list)
    for line in lines:
        # Numbers have nothing in common but their digits.
        if line.absence is None and not line.code.isdecimal():
            by_word[line.code.upper()].append(line)
    for word in sorted(by_word):
        meant = by_word[word]
        providers = {line.provider for line in meant}
        if len(providers) > 1 and len({(line.status, line.final) for line in meant}) > 1:
            yield from meant


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
    for old in [*(DOCS / "providers").glob("*.md"), *(DOCS / "api").glob("*.md")]:
        if f"{old.parent.name}/{old.name}" not in written:
            old.unlink()
    for path, text in written.items():
        (DOCS / path).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / path).write_text(text, encoding="utf-8")
        print(f"docs/{path}")


if __name__ == "__main__":
    write()

"""The pages of docs/ that tell of all providers' codes together, and the pictures of codes.

The rule of this module: every line of them is one of `delivrd.listing`; here they are only put in order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from write_tables import code, table

from delivrd import Cause, Registry, Status
from delivrd.listing import CodeLine, code_lines
from delivrd.pictures import NARROW, WIDE, draw_codes, draw_coverage
from delivrd.pictures.coverage import coverage
from delivrd.tables import Consulted

OPEN = "\N{NO-BREAK SPACE}…"
"""Behind a word that is not final; no line ends before it."""


def pictures(providers: Registry) -> dict[str, str]:
    """Every picture, by its path under docs/: for a page, and for a phone."""
    everyone = list(providers.values())
    drawn = {}
    for suffix, width in (("", WIDE), ("-narrow", NARROW)):
        drawn[f"coverage{suffix}.svg"] = draw_coverage(everyone, width)
        drawn |= {f"providers/{each.name}{suffix}.svg": draw_codes(each, width) for each in everyone}
    return drawn


def shown(name: str, told: str) -> str:
    """What shows a picture, whichever fits."""
    return (
        "<picture>\n"
        f'<source media="(max-width: 600px)" srcset="{name}-narrow.svg">\n'
        f'<img src="{name}.svg" alt="{told}">\n'
        "</picture>"
    )


def comparison(providers: Registry) -> str:
    """The codes of all providers, by what they mean."""
    lines = every_line(providers)
    parts = [
        "# The codes of all providers, compared",
        "By what each means to us; which counts where several codes come together is told in [the rules](rules.md). A "
        "field leads to its provider's page, with the source of its table. The same from our words to theirs: [the "
        "map](map.md). For programs: [export the tables](export-codes.md).",
        "## One word in several tables",
        "Words that more than one provider uses, and what each field means by them. `…` stands for: not final.",
        words_table(lines),
        "## One word, several meanings",
        "Codes of the same spelling that providers mean differently: in status, finality, evidence or cause.",
        lines_table(list(disputed(lines))),
    ]
    for status in Status:
        meant = [line for line in lines if line.status is status]
        parts += [f"## {status}", f"{sentence(status.outcome)}: {status.meaning}."]
        parts.append(lines_table(meant) if meant else "No code of an installed provider.")
        parts += unsaid(providers, status)
    parts += ["## Silent codes", "Listed, and deciding nothing."]
    parts.append(lines_table([line for line in lines if line.status is None and line.absence is None]))
    parts += ["## No report", "Codes of answers by which a provider gives no report."]
    parts.append(lines_table([line for line in lines if line.absence is not None]))
    return "\n\n".join(parts) + "\n"


def code_map(providers: Registry) -> str:
    """From each of our words to the codes of every provider that lead to it."""
    lines = every_line(providers)
    parts = [
        "# The map: from our words to their codes",
        "For each status, then for each cause, the codes of every provider that lead there. The other way round: "
        "[the codes compared](codes.md). A code decides alone only where no field of higher authority does: "
        "[the rules](rules.md).",
        "## What is covered",
        shown("coverage", "How many codes of each provider lead to each status and each cause; as a table below"),
        "The same in figures. What only a setting of an account brings is counted too.",
        coverage_table(lines, list(providers)),
    ]
    parts.append("## Statuses")
    for status in Status:
        meant = [line for line in lines if line.status is status]
        parts += [f"### status {code(status)}", f"{sentence(status.outcome)}: {status.meaning}."]
        parts.append(map_table(meant, status=False) if meant else "No code of an installed provider.")
        parts += unsaid(providers, status)
    parts.append("## Causes")
    for cause in Cause:
        meant = [line for line in lines if line.cause is cause]
        general = " General: a specific cause takes its place." if cause.general else ""
        advice = f"Permanence {cause.permanence}, party {cause.party}, resend {cause.resend}."
        parts += [f"### cause {code(cause)}", f"{sentence(cause.meaning)}. {advice}{general}"]
        parts.append(map_table(meant, status=True) if meant else "No code of an installed provider.")
    return "\n\n".join(parts) + "\n"


def every_line(providers: Registry) -> list[CodeLine]:
    """Every line of every provider."""
    return [line for provider in providers.values() for line in code_lines(provider)]


def lines_table(lines: Sequence[CodeLine]) -> str:
    """Lines as a table that fits a page; columns that nothing uses are left out."""
    columns = {
        "provider, field": [where(line) for line in lines],
        "code": [code(line.code) for line in lines],
        "status": ["" if line.absence else line.status or "(silent)" for line in lines],
        "no report": [line.absence or "" for line in lines],
        "final": ["" if line.final is None else "yes" if line.final else "no" for line in lines],
        "evidence": [line.evidence or "" for line in lines],
        "cause": [line.cause or "" for line in lines],
        "resend": [line.resend or "" for line in lines],
        "meaning": [line.meaning for line in lines],
    }
    used = {name: cells for name, cells in columns.items() if any(cells)}
    return table(list(used), zip(*used.values(), strict=True))


def where(line: CodeLine) -> str:
    """A line's field, and under which setting it has this line."""
    said = f"[{line.provider} {code(line.field)}](providers/{line.provider}.md)"
    return said if line.setting is None else f"{said}, where {code(line.setting)} is true"


def map_table(lines: Sequence[CodeLine], *, status: bool) -> str:
    """Lines as a table, those together that differ in their codes alone; either their statuses or their causes are shown."""
    head = ["provider", "field", "codes", "status" if status else "cause", "final", "evidence", "resend", "condition"]

    def alike(line: CodeLine) -> tuple[str, ...]:
        shown = line.status if status else line.cause
        return (
            f"[{line.provider}](providers/{line.provider}.md)",
            code(line.field),
            shown or "",
            "yes" if line.final else "no",
            line.evidence or "",
            line.resend or "",
            condition(line),
        )

    groups: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for line in lines:
        groups[alike(line)].append(code(line.code))
    rows = [(*same[:2], ", ".join(codes), *same[2:]) for same, codes in groups.items()]
    used = [at for at, name in enumerate(head) if any(row[at] for row in rows)]
    return table([head[at] for at in used], [[row[at] for at in used] for row in rows])


def condition(line: CodeLine) -> str:
    """When a line counts, if it does not always."""
    said = []
    if line.setting is not None:
        said.append(f"the account's setting {code(line.setting)} is true")
    if line.consulted not in (None, Consulted.ALWAYS):
        said.append(line.consulted.meaning)
    if line.overrules:
        said.append("it overrules what fields above say")
    return "; ".join(said)


def words_table(lines: Iterable[CodeLine]) -> str:
    """The words that several providers use, and what each means by them."""
    used = [line for line in lines if line.status is not None and not line.code[:1].isdecimal() and not line.setting]
    fields = list(dict.fromkeys((line.provider, line.field) for line in used))
    meant = {(line.code.upper(), (line.provider, line.field)): line for line in used}
    words = sorted({word for word, _ in meant})
    shared = [word for word in words if len({field[0] for field in fields if (word, field) in meant}) > 1]
    fields = [field for field in fields if any((word, field) in meant for word in shared)]

    def cell(line: CodeLine | None) -> str:
        return "" if line is None else f"{line.status}{'' if line.final else OPEN}"

    head = ["word", *(f"{provider} {code(field)}" for provider, field in fields)]
    return table(head, [(code(word), *(cell(meant.get((word, field))) for field in fields)) for word in shared])


def coverage_table(lines: Sequence[CodeLine], providers: Sequence[str]) -> str:
    """How many codes lead to each word."""
    rows = []
    for kind, counted in groupby(coverage(lines, providers), lambda row: type(row.word).__name__.lower()):
        for row in counted:
            word = f"{kind} [{code(row.word)}](#{kind}-{row.word})"
            rows.append((word, *(str(count or "") for count in row.counts)))
    return table(["", *(f"[{name}](providers/{name}.md)" for name in providers)], rows)


def unsaid(providers: Registry, status: Status) -> Iterator[str]:
    """The providers that mean a status by sending no code."""
    for provider in providers.values():
        said = provider.no_code
        if said is not None and said.status is status:
            yield f"`{provider.name}`, where no code is sent: {'' if said.final else 'not '}final ({said.meaning})."


def disputed(lines: Iterable[CodeLine]) -> Iterator[CodeLine]:
    """The lines of words whose meaning depends on the provider."""
    by_word = defaultdict(list)
    for line in lines:
        # Numbers have nothing in common but their digits.
        if line.absence is None and not line.code[:1].isdecimal():
            by_word[line.code.upper()].append(line)
    axes: Callable[[CodeLine], object] = lambda line: (line.status, line.final, line.evidence, line.cause)  # noqa: E731
    for word in sorted(by_word):
        meant = by_word[word]
        providers = {line.provider for line in meant}
        if len(providers) > 1 and len({axes(line) for line in meant}) > 1:
            yield from meant


def sentence(words: str) -> str:
    """Words as a sentence begins."""
    return words[:1].upper() + words[1:]

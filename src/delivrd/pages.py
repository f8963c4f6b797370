"""A provider's page of documentation, in Markdown.

The rule of this module: the page is made from the declaration alone, so that it cannot drift from
what the code does.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from delivrd.auth import Scheme
from delivrd.inputs import DeliverSm, Request
from delivrd.listing import CodeLine, absence_line, code_line
from delivrd.provider import Provider
from delivrd.questions import Question
from delivrd.receipt import SMPP_TAKEN
from delivrd.tables import CodeTable, Consulted, Source
from delivrd.ways import Answer, BodyKind, MailText, Push, Way

_BODIES: Final[Mapping[BodyKind, str]] = {
    BodyKind.JSON: "a JSON body",
    BodyKind.FORM: "an urlencoded body",
    BodyKind.MULTIPART: "a multipart body",
}

_UNITS: Final = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def provider_page(provider: Provider, picture: str = "", guides: str = "") -> str:
    """The whole page of one provider.

    Args:
        provider: any.
        picture: what shows the picture of its codes, in Markdown.
        guides: a paragraph that leads to pages about its kinds of input, in Markdown.
    """
    about = f"`{provider.name}`, by {provider.vendor}. Documented in: {_source(provider.docs)}."
    parts = [
        [f"# {provider.title}", about, *([guides] if guides else [])],
        _notes(provider),
        ["## What it sends", *_ways(provider)],
        ["## Codes", *([picture] if picture else []), *_codes(provider)],
        _absences(provider),
        _questions(provider.questions),
        _authentication(provider.auth),
        _reply(provider),
        _settings(provider.settings),
    ]
    return "\n\n".join(paragraph for part in parts for paragraph in part) + "\n"


def code_table(lines: Sequence[CodeLine], *, fields: bool = True, besides: Source | None = None) -> str:
    """Rows of tables as one table in Markdown; columns that nothing uses are left out.

    Args:
        lines: the rows.
        fields: show the provider and the field of each.
        besides: the source that need not be shown.
    """
    columns = {
        "provider": [line.provider if fields else "" for line in lines],
        "field": [_code(line.field) if fields else "" for line in lines],
        "code": [_code(line.code) for line in lines],
        "where the account says": [_code(line.setting or "") if fields else "" for line in lines],
        "status": ["" if line.absence else line.status or "(silent)" for line in lines],
        "no report": [line.absence or "" for line in lines],
        "final": ["" if line.final is None else _yes(line.final) for line in lines],
        "evidence": [line.evidence or "" for line in lines],
        "cause": [line.cause or "" for line in lines],
        "permanence": [_own_permanence(line) for line in lines],
        "resend": [line.resend or "" for line in lines],
        "overrules": ["yes" if line.overrules else "" for line in lines],
        "MAP error": ["" if line.map_error is None else str(line.map_error) for line in lines],
        "meaning": [line.meaning for line in lines],
        "dashboard": [line.dashboard or "" for line in lines],
        "source": ["" if source == besides else _source(source) for source in map(_source_of, lines)],
    }
    used = {name: cells for name, cells in columns.items() if any(cells)}
    return _table(list(used), zip(*used.values(), strict=True))


def _own_permanence(line: CodeLine) -> str:
    """The provider's own word; what follows from the cause stands in the table of causes."""
    said = line.permanence
    return "" if said is None or (line.cause is not None and said is line.cause.permanence) else said


def _source_of(line: CodeLine) -> Source:
    return Source(line.source, line.source_url)


def _notes(provider: Provider) -> list[str]:
    if not provider.notes:
        return []
    return ["## What to know", "\n".join(f"- {note}" for note in provider.notes)]


def _ways(provider: Provider) -> Iterator[str]:
    shown: dict[str, str] = {}
    for way in provider.ways.values():
        kind = way.takes.__name__
        yield f"### {kind}"
        yield _way(way)
        rows = _table(["sent as", "in the report"], _fields(provider, way))
        yield rows if rows not in shown else f"Its fields are those of a {shown[rows]}."
        shown.setdefault(rows, kind)


def _way(way: Way) -> str:
    form = {Push: _push, Answer: _answer, MailText: _mail}.get(type(way))
    reading = way.reading
    timed = bool(reading.fields.names("occurred_at") or reading.fields.names("submitted_at"))
    marks = [form(way) if form is not None else "An SMPP receipt, read by the provider's own function."]
    if reading.other_if:
        marks.append(f"A body with `{reading.other_if}` and without an id is no delivery report, and is kept whole.")
    if reading.report_if:
        marks.append(f"Only an input with `{reading.report_if}` is a delivery report; others are kept whole.")
    if timed and reading.zone:
        marks.append(f"Times that name no zone are in {reading.zone}, unless the account names another.")
    elif timed:
        marks.append("Nobody says in which zone its times are: an account can; else UTC is assumed, with a warning.")
    if reading.international:
        marks.append("The recipient's number is international and comes out with its `+`.")
    if reading.fallback is not None:
        marks.append(
            f"A failure on another channel than `{reading.fallback.last}` may be followed by the next channel: its "
            f"`resend` is `wait`, unless the account's setting `{reading.fallback.setting}` is false."
        )
    return " ".join(marks)


def _fields(provider: Provider, way: Way) -> Iterator[tuple[str, str]]:
    fields = way.reading.fields
    for field in fields.__struct_fields__:
        names = [_code(name) for name in fields.names(field)]
        # Each of these fields is kept; of the others, the first that was sent.
        for sent in names if field in ("other_ids", "extras") else [" or ".join(names)]:
            if sent:
                yield sent, _code(field)
    yield _names(provider.code_fields), "`codes`, from which status, cause and evidence come"
    for name in sorted(provider.compiled()[way.takes].dropped):
        yield _code(name), "(dropped on purpose)"


def _push(way: Any) -> str:
    places = [*(["the query"] if way.query else []), *(_BODIES[body] for body in way.bodies)]
    said = f"An HTTP request ({' or '.join(way.methods)})"
    if way.decode is not None:
        return said + ", read by the provider's own function."
    said += f" with its fields in {' or '.join(places)}"
    return said + _items(way) + "."


def _answer(way: Any) -> str:
    if way.decode is not None:
        return "The answer to a question, read by the provider's own function."
    return "The answer to a question, in JSON" + _items(way) + "."


def _items(way: Push | Answer) -> str:
    if way.items is None:
        return ""
    listed = f", a list of reports in `{way.items}`" if way.items else ", a list of reports"
    return listed + (f"; each takes {_names(way.inherit)} from around it" if way.inherit else "")


def _mail(way: Any) -> str:
    if way.decode is not None:
        return "A mail, read by the provider's own function."
    said = "A mail whose text names the fields, as `name=value` or `name: value` lines or an urlencoded line"
    if way.patterns_setting is not None:
        said += f", or in lines that the account's setting `{way.patterns_setting}` describes"
    return said + "."


def _codes(provider: Provider) -> Iterator[str]:
    yield "In order of authority: the first field with a definite outcome decides, later ones refine it."
    for table in provider.tables:
        yield f"### `{table.name}`"
        yield _about(table)
        lines = [code_line(provider, table, row) for row in table.rows]
        if lines:
            yield code_table(lines, fields=False, besides=table.source)
    for offer in provider.offers:
        table = next(table for table in provider.tables if table.name == offer.meanings.field)
        yield f"### `{table.name}`, where the account's setting `{offer.setting}` is true"
        yield f"Laid over as the account's own meanings are. Source: {_source(offer.source)}."
        lines = [code_line(provider, table, row, offer) for row in offer.meanings.rows]
        yield code_table(lines, fields=False, besides=offer.source)
    if provider.finality is not None:
        yield f"`{provider.finality}` says whether a status is final."
    said = provider.no_code
    if said is None:
        yield "An input without any code is unreadable."
    else:
        final = "final" if said.final else "not final"
        whose = f", evidence {said.evidence}" if said.evidence else ""
        yield f"Where no code is sent: {said.status}, {final}{whose} ({said.meaning})."
    if provider.many_recipients:
        yield "One id can stand for many recipients: a message is known by its id and its recipient."


def _about(table: CodeTable) -> str:
    said = [
        table.compare.meaning,
        "" if table.consulted is Consulted.ALWAYS else table.consulted.meaning,
        "a reason for a failure, while the outcome is pending, makes the message `deferred`" if table.reasons else "",
    ]
    told = "; ".join(part for part in said if part)
    return f"{told[0].upper()}{told[1:]}. Table version {table.version}. Source: {_source(table.source)}."


def _absences(provider: Provider) -> Iterator[str]:
    if provider.absences:
        yield "## Where there is no report"
    for table in provider.absences:
        yield f"### `{table.field}`"
        yield f"A code that is not listed is `unavailable`. Source: {_source(table.source)}."
        yield code_table([absence_line(provider, table, row) for row in table.rows], fields=False, besides=table.source)


def _questions(questions: Sequence[Question]) -> Iterator[str]:
    yield "## What it can be asked"
    if not questions:
        yield "Nothing."
        return
    rows = [
        (
            _code(question.operation),
            question.meaning,
            question.about or "nothing",
            _names(question.hosts),
            "" if question.shortest_interval is None else duration(question.shortest_interval),
            "" if question.kept is None else duration(question.kept),
        )
        for question in questions
    ]
    yield _table(["operation", "meaning", "id of", "hosts", "not more often than every", "kept for"], rows)
    if len(questions) > 1:
        yield "The first is asked by default."
    if any(len(question.hosts) > 1 for question in questions):
        yield "The first host is asked by default, the others are backups."


def _authentication(schemes: Sequence[Scheme]) -> Iterator[str]:
    yield "## How an input proves where it comes from"
    if not schemes:
        yield "By nothing: `receive` takes inputs only for an account that says `open`."
        return
    yield "Those that an account is configured for must all agree; with none configured, `receive` refuses."
    lines = []
    for scheme in schemes:
        kind = type(scheme)
        said = (inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")
        values = ", ".join(f"{name} `{value}`" for name, value in _set_fields(scheme))
        beside = "" if scheme.sufficient else " It proves nothing without another beside it."
        lines.append(
            f"- `{kind.__name__}`{f' ({values})' if values else ''}, for a `{scheme.takes.__name__}`: {said}{beside}"
        )
    yield "\n".join(lines)


def _set_fields(scheme: Scheme) -> Iterator[tuple[str, object]]:
    if isinstance(scheme, msgspec.Struct):
        for name in scheme.__struct_fields__:
            value = getattr(scheme, name)
            if value != "":
                yield name, value


def _reply(provider: Provider) -> list[str]:
    reply = provider.reply
    body = f", body `{reply.body.decode('utf-8', 'backslashreplace')}`" if reply.body else ", empty body"
    headers = "".join(f", `{name}: {value}`" for name, value in reply.headers)
    said = {
        Request: f"Status {reply.status}{body}{headers}.",
        DeliverSm: f"Over SMPP: `command_status` {SMPP_TAKEN.status}, whether it could be read or not.",
    }
    owed = [said[kind] for kind in said if kind in provider.ways]
    return ["## What counts as received", *(owed or ["Nobody waits."])]


def _settings(settings: type[msgspec.Struct]) -> Iterator[str]:
    rows = list(_setting_rows(settings))
    if rows:
        yield "## Settings of an account"
        yield "Said in the account's `settings`."
        yield _table(["setting", "type", "default", "meaning"], rows)


def _setting_rows(settings: type[msgspec.Struct], within: str = "") -> Iterator[tuple[str, str, str, str]]:
    said: dict[str, str] = {}
    for kind in reversed(settings.__mro__):
        said |= _attributes(inspect.cleandoc(vars(kind).get("__doc__") or ""))
    for field in msgspec.structs.fields(settings):
        # As it is written in a file of accounts, where other names need quotes.
        name = field.encode_name if field.encode_name.isidentifier() else f'"{field.encode_name}"'
        name, meaning = f"{within}{name}", said.get(field.name, "")
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield _code(name), "a table", "required" if field.required else "", meaning
            yield from _setting_rows(field.type, f"{name}.")
        else:
            yield _code(name), _code(_type_name(field.type)), "required" if field.required else _default(field), meaning


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return "" if value is None else _code(msgspec.json.encode(value).decode())


def _type_name(hint: object) -> str:
    return hint.__name__ if type(hint) is type else str(hint).replace("typing.", "")


def _attributes(text: str) -> dict[str, str]:
    """What a docstring says of each attribute."""
    said: dict[str, str] = {}
    name = ""
    for line in text.partition("Attributes:\n")[2].splitlines():
        stripped = line.strip()
        if line.startswith("    ") and not line.startswith("     ") and ": " in stripped:
            names, _, rest = stripped.partition(": ")
            name = names
            said.update(dict.fromkeys(names.split(", "), rest))
        elif stripped and name:
            said.update({each: f"{said[each]} {stripped}" for each in name.split(", ")})
        else:
            name = ""
    return said


def duration(span: timedelta) -> str:
    """A span of time in the largest unit that holds it whole: `2 minutes`, `48 hours`."""
    seconds = int(span.total_seconds())
    unit, size = next(
        (unit, size)
        for unit, size in _UNITS
        # Two days are said as 48 hours, as vendors do; longer spans as days.
        if seconds % size == 0 and (unit != "day" or seconds > 2 * size)
    )
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _source(source: Source) -> str:
    return source.title if source.url is None else f"[{source.title}]({source.url})"


def _names(names: Iterable[str]) -> str:
    return ", ".join(_code(name) for name in names)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        # A bar would end its cell, a line end its row.
        cells = [" ".join(str(cell).replace("|", "\\|").split()) for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)

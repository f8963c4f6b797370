"""The tables of two versions, compared row by row.

The rule of this module: whatever a row or a table holds is compared, also what only one of the versions knows of. The
provider's words, their source and the table's version are words; all else is meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from delivrd.tables import Compare, join_code, normalise

_WORDS: Final = frozenset({"meaning", "source", "dashboard", "version", "title", "url"})

Document = Mapping[str, Any]


class TableChange(msgspec.Struct, frozen=True):
    """One difference.

    Attributes:
        kind: what happened.
        provider: whose.
        field: the table's; empty where it is the provider as a whole.
        code: the row's; empty where it is the table as a whole.
        before, after: what differs; of a row that was added or removed, all that it says.
        words: only words differ, and nothing that a report is made of.
    """

    kind: Literal["added", "removed", "changed"]
    provider: str
    field: str
    code: str
    before: dict[str, Any]
    after: dict[str, Any]
    words: bool = False


def table_changes(before: Mapping[str, Document], after: Mapping[str, Document]) -> Iterator[TableChange]:
    """What differs between the tables of two versions.

    Args:
        before, after: what each side told of its providers, by name (`Side.providers`).
    """
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in after:
            yield TableChange("removed", name, "", "", {}, {})
        elif name not in before:
            yield TableChange("added", name, "", "", {}, {})
        else:
            yield from _provider(name, before[name], after[name])


def unversioned(
    changes: Iterable[TableChange], before: Mapping[str, Document], after: Mapping[str, Document]
) -> list[str]:
    """The tables whose rows change their meaning while their version says that nothing has changed.

    Args:
        changes: of `table_changes`.
        before, after: as for it.
    """
    found = {(each.provider, each.field) for each in changes if each.code and not each.words}
    return sorted(
        f"{provider}, {field}"
        for provider, field in found
        if (versions := [_tables(side[provider]).get(field, {}).get("version") for side in (before, after)])[0]
        == versions[1]
        and versions[0] is not None
    )


def _provider(name: str, before: Document, after: Document) -> Iterator[TableChange]:
    old, new = _tables(before), _tables(after)
    own = [{key: value for key, value in each.items() if key not in ("tables", "absences")} for each in (before, after)]
    shared = [[field for field in tables if field in old and field in new] for tables in (old, new)]
    for side, fields in zip(own, shared, strict=True):
        side["authority"] = fields
    yield from _differing(name, "", "", *own)
    for field in [*old, *(field for field in new if field not in old)]:
        if field not in new:
            yield from _whole_table("removed", name, field, old[field])
        elif field not in old:
            yield from _whole_table("added", name, field, new[field])
        else:
            yield from _table(name, field, old[field], new[field])


def _tables(provider: Document) -> dict[str, Document]:
    """The tables by the names of their fields, in order of authority; then those of absences."""
    found: dict[str, Document] = {}
    for table in (*provider["tables"], *provider["absences"]):
        field = join_code(table["field"])
        # A field can have a table of codes and one of absences, or several tables.
        while field in found:
            field += "'"
        found[field] = table
    return found


def _whole_table(
    kind: Literal["added", "removed"], provider: str, field: str, table: Document
) -> Iterator[TableChange]:
    yield TableChange(kind, provider, field, "", {}, {})
    for row in table["rows"]:
        yield _whole(kind, provider, field, row)


def _table(provider: str, field: str, before: Document, after: Document) -> Iterator[TableChange]:
    whole = [{key: value for key, value in table.items() if key != "rows"} for table in (before, after)]
    yield from _differing(provider, field, "", *whole)
    compare = after.get("compare")
    old, new = (_rows(table["rows"], compare) for table in (before, after))
    for key, row in old.items():
        if key not in new:
            yield _whole("removed", provider, field, row)
        else:
            # How a code is written differs, and not which code it is.
            yield from _differing(provider, field, join_code(row["code"]), row, {**new[key], "code": row["code"]})
    for key, row in new.items():
        if key not in old:
            yield _whole("added", provider, field, row)


def _rows(rows: Sequence[Document], compare: str | None) -> dict[Any, Document]:
    # A way that only the other version knows is none that this one could compare by.
    known = next((each for each in Compare if each == compare), Compare.EXACTLY)
    return {
        normalise(code if isinstance(code, str) else tuple(code), known): row for row in rows for code in [row["code"]]
    }


def _differing(provider: str, field: str, code: str, before: Document, after: Document) -> Iterator[TableChange]:
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    for words in (False, True):
        chosen = [name for name in names if (name in _WORDS) is words]
        if chosen:
            old, new = ({name: side.get(name) for name in chosen} for side in (before, after))
            yield TableChange("changed", provider, field, code, old, new, words)


def _whole(kind: Literal["added", "removed"], provider: str, field: str, row: Document) -> TableChange:
    said = {name: value for name, value in row.items() if name != "code" and value not in (None, False, "")}
    said.setdefault("final", row.get("final", False))
    sides = ({}, said) if kind == "added" else (said, {})
    return TableChange(kind, provider, field, join_code(row["code"]), *sides)

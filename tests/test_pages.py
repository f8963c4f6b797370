"""A provider's page says what follows from its declaration, and leaves out what stands elsewhere."""

from __future__ import annotations

import msgspec

from delivrd import (
    BodyKind,
    Cause,
    Code,
    CodeTable,
    Fields,
    NoSettings,
    Permanence,
    Provider,
    Push,
    Reading,
    Row,
    Shape,
    Source,
    Status,
)
from delivrd.pages import provider_page

LETTER = Source("A letter")


class Event(Shape):
    id: Code = None
    err: Code = None


def page_of(*, permanence=None, settings=NoSettings):
    row = Row("1", Status.FAILED, True, cause=Cause.BARRED, permanence=permanence, meaning="barred")
    reading = Reading(shape=Event, fields=Fields(message_id="id"))
    return provider_page(
        Provider(
            name="acme",
            vendor="Acme",
            title="Acme SMS",
            docs=LETTER,
            tables=(CodeTable("err", (row,), LETTER),),
            ways=(Push(reading=reading, bodies=(BodyKind.JSON,)),),
            settings=settings,
        ),
        guides="How to take it: somewhere.",
    )


def test_a_page_tells_how_long_a_cause_lasts_only_where_the_provider_says_it():
    # Otherwise it follows from the cause, and the words of a report tell of it.
    own = "| code | status | final | cause | permanence | resend | meaning |"
    assert own in page_of(permanence=Permanence.PERMANENT)
    for said in (None, Cause.BARRED.permanence):
        assert own.replace(" permanence |", "") in page_of(permanence=said)


def test_what_leads_to_other_pages_stands_below_what_it_is():
    assert page_of().splitlines()[2:5] == [
        "`acme`, by Acme. Documented in: A letter.",
        "",
        "How to take it: somewhere.",
    ]


class CommonSettings(msgspec.Struct, frozen=True):
    """Of every desk.

    Attributes:
        desk: which one.
    """

    desk: str = "front"


class DeskNames(msgspec.Struct, frozen=True, rename={"kind": "%d"}):
    """Names.

    Attributes:
        late: absent unless it is late.
    """

    kind: str = "type"
    late: str | None = None


class DeskSettings(CommonSettings, frozen=True):
    """What the desk gave.

    Attributes:
        names: of the parameters.
    """

    names: DeskNames = DeskNames()


def test_a_page_tells_of_settings_inherited_and_within_others_as_a_file_writes_them():
    rows = page_of(settings=DeskSettings).partition("## Settings of an account\n\n")[2].splitlines()
    assert [row for row in rows if row.startswith("| `")] == [
        '| `desk` | `str` | `"front"` | which one. |',
        "| `names` | a table |  | of the parameters. |",
        '| `names."%d"` | `str` | `"type"` |  |',
        "| `names.late` | `str \\| None` |  | absent unless it is late. |",
    ]

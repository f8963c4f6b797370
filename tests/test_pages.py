"""A provider's page says what follows from its declaration, and leaves out what stands elsewhere."""

from __future__ import annotations

import msgspec

from delivrd import Cause, CodeTable, Permanence, Registry, Row, Source, Status
from delivrd.pages import provider_page

LEGACY = Registry.installed()["messente-legacy"]


def test_a_page_tells_how_long_a_cause_lasts_only_where_the_provider_says_it():
    # Otherwise it follows from the cause, and the words of a report tell of it.
    def page(permanence):
        row = Row("1", Status.FAILED, True, cause=Cause.BARRED, permanence=permanence, meaning="barred")
        table = CodeTable("err", (row,), Source("A letter"))
        return provider_page(msgspec.structs.replace(LEGACY, tables=(table,)))

    own = "| code | status | final | cause | permanence | resend | meaning |"
    derived = own.replace(" permanence |", "")
    assert own in page(Permanence.PERMANENT)
    for said in (None, Cause.BARRED.permanence):
        assert derived in page(said)


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
    page = provider_page(msgspec.structs.replace(LEGACY, settings=DeskSettings))
    assert page.partition("## Settings of an account\n\n")[2].splitlines()[4:] == [
        '| `desk` | `str` | `"front"` | which one. |',
        "| `names` | a table |  | of the parameters. |",
        '| `names."%d"` | `str` | `"type"` |  |',
        "| `names.late` | `str \\| None` |  | absent unless it is late. |",
    ]

"""The columns that go in and those that come out: `INPUTS` and `REPORTS`.

The rule of this module: the lists below are the published schema. The kernel builds its columns by
them, `docs/columns.md` is written from them, and no column is named twice.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import pyarrow as pa

from delivrd.vocabulary import Word

Columns: TypeAlias = dict[str, pa.Array]
"""Columns of a report by name; those that are all null are left out."""


class Column(NamedTuple):
    """One column: its name, its type, and what it holds."""

    name: str
    type: pa.DataType
    meaning: str


class ErrorKind(Word):
    """Why an input, or an item of one, gave no report: the values of the column `error`."""

    UNREADABLE = "unreadable", "it is no report that its provider could have sent"
    WRONG_METHOD = "wrong_method", "the provider reports by another HTTP method"
    TOO_LARGE = "too_large", "it is larger than the account allows; it was not decoded"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", "the body's content type is none that the provider sends"
    ITEM = "item", "one item of it could not be read, while the others were; `item` is its place"
    NO_INPUT = "no_input", "the row's columns, or its line, hold no input"
    UNKNOWN_PROVIDER = "unknown_provider", "no installed plugin brings a provider of that name"
    ACCOUNT = "account", "no account of that name was given, or it does not fit the provider"
    PLUGIN = "plugin", "the plugin broke its contract: report it to whoever wrote it"


TIME: Final = pa.timestamp("us", "UTC")
AMOUNT: Final = pa.decimal128(38, 18)
"""Holds every amount that `delivrd` takes for one, exactly."""
TEXTS: Final = pa.map_(pa.string(), pa.string())

_INPUTS: Final = (
    Column("provider", pa.string(), "the provider's name; or the argument `provider` for all rows"),
    Column("account", pa.string(), "the name of one of the `accounts`; null for none"),
    Column("asked", pa.string(), "the id that the input answers"),
    Column("received_at", TIME, "when it arrived"),
    Column("line", pa.binary(), "the whole input as a line of `.jsonl`; where it is given, the columns below are not"),
    Column("kind", pa.string(), "`request`, `response`, `mail` or `deliver_sm`; null for `request`"),
    Column("method", pa.string(), "of a request; null for the provider's own"),
    Column("target", pa.string(), "of a request: the path with its query; null for `/`"),
    Column("headers", TEXTS, "of a request or a response; null for none"),
    Column("body", pa.binary(), "of a request or a response, raw"),
    Column("client", pa.string(), "of a request: the sender's network address"),
    Column("status", pa.int32(), "of a response; null for 200"),
    Column("raw", pa.binary(), "of a mail: all of it"),
    Column("esm_class", pa.int32(), "of a `deliver_sm`"),
    Column("source_addr", pa.string(), "of a `deliver_sm`: in a receipt the handset"),
    Column("destination_addr", pa.string(), "of a `deliver_sm`: in a receipt the original sender"),
    Column("short_message", pa.binary(), "of a `deliver_sm`, raw"),
    Column("tlvs", pa.map_(pa.int32(), pa.binary()), "of a `deliver_sm`: optional parameters by tag, raw"),
    Column("data_coding", pa.int32(), "of a `deliver_sm`; null for 0"),
    Column("trailing", pa.binary(), "of a `deliver_sm`: bytes behind its last whole parameter"),
)

NETWORK: Final = pa.struct([(name, pa.string()) for name in ("mcc", "mnc", "carrier", "country")])
TABLES: Final = pa.list_(
    pa.struct(
        [
            ("field", pa.string()),
            ("version", pa.string()),
            ("changed", pa.list_(pa.string())),
            ("replaced", pa.bool_()),
        ]
    )
)
WARNINGS: Final = pa.list_(pa.struct([(name, pa.string()) for name in ("kind", "field", "value")]))

_BEFORE: Final = (
    Column("input", pa.int64(), "the row of the input that this comes of, from 0"),
    Column("item", pa.int32(), "the report's place among those of its input, or the bad item's in it, from 0"),
)
_REPORT: Final = (
    Column("provider", pa.string(), "name of the provider that said it"),
    Column("message_id", pa.string(), "the provider's id of the message, exactly as sent"),
    Column("status", pa.string(), "where the message has got to; null where the row is no report"),
    Column("final", pa.bool_(), "the provider will not change it"),
    Column("evidence", pa.string(), "the furthest party whose word the status is"),
    Column("cause", pa.string(), "why it was not delivered"),
    Column("permanence", pa.string(), "how long the cause lasts"),
    Column("map_error", pa.int32(), "GSM MAP error"),
    Column("codes", TEXTS, "each code as sent, by the provider's own field name"),
    Column("text", pa.string(), "the provider's own words"),
    Column("occurred_at", TIME, "the provider's time of the event"),
    Column("submitted_at", TIME, "when the message was handed to the provider"),
    Column("received_at", TIME, "when the input arrived, where that was given"),
    Column("account", pa.string(), "name of the account it was read for"),
    Column("other_ids", pa.list_(pa.string()), "further ids as sent"),
    Column("group_id", pa.string(), "the fallback or multi-part group"),
    Column("reference", pa.string(), "the gateway's own id, echoed back"),
    Column("recipient", pa.string(), "the phone"),
    Column("sender", pa.string(), "number or name"),
    Column("channel", pa.string(), "as sent"),
    Column("network", NETWORK, "the recipient's network"),
    Column("parts", pa.int32(), "how many parts the message was sent in"),
    Column("part_price", AMOUNT, "price of one part"),
    Column("total_price", AMOUNT, "price of the message"),
    Column("currency", pa.string(), "ISO 4217, or `credits`"),
    Column("continues", pa.bool_(), "the provider itself goes on to another channel of the group"),
    Column("extras", pa.string(), "what nothing above holds, as a JSON object"),
    Column("tables", TABLES, "the tables that classified it"),
    Column("warnings", WARNINGS, "what a reader should know"),
    Column("outcome", pa.string(), "what the status comes to"),
    Column("resend", pa.string(), "may the gateway send the message again?"),
    Column("key", pa.string(), "equal for a re-delivered report, different for a new event; null with `keys=False`"),
)
_AFTER: Final = (
    Column("absence", pa.string(), "why the input holds no report; null where the row is something else"),
    Column("absence_code", pa.string(), "the provider's own code for that"),
    Column("absence_text", pa.string(), "its words"),
    Column("other", pa.string(), "of an input that is no report: what it held, whole, as a JSON object"),
    Column("error", pa.string(), "why the input, or the item, could not be read; null where it could"),
    Column("error_field", pa.string(), "the provider's name of the field that was wrong, where it was one"),
    Column("error_message", pa.string(), "what was expected, and the remedy"),
)

INPUT_COLUMNS: Final = _INPUTS
"""What `normalize` reads. All may be left out but what says the input."""
COLUMNS: Final = (*_BEFORE, *_REPORT, *_AFTER)
"""What `normalize` gives. Each row is a report (`status`), an absence (`absence`) or an error (`error`)."""

INPUTS: Final = pa.schema([(column.name, column.type) for column in INPUT_COLUMNS])
"""The schema of what `normalize` reads."""
REPORTS: Final = pa.schema([(column.name, column.type) for column in COLUMNS])
"""The schema of what `normalize` gives."""

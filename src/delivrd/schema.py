"""The JSON Schema of a published report.

The rule of this module: the schema is made from the types, derived fields included; nothing of it
is typed by hand.
"""

from __future__ import annotations

from typing import Any

import msgspec

from delivrd.report import DERIVED_FIELDS, SCHEMA_VERSION, Report


def report_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of what `Report.to_dict` gives."""
    types = [Report, *DERIVED_FIELDS.values()]
    (_, *derived), definitions = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    body = definitions.pop("Report")
    body["properties"] = {
        "schema": {"const": SCHEMA_VERSION},
        **body["properties"],
        **dict(zip(DERIVED_FIELDS, derived, strict=True)),
    }
    body["required"] = ["schema", *body["required"], *DERIVED_FIELDS]
    body["title"] = "delivrd report"
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **body,
        "$defs": definitions,
    }
    # As JSON has it: lists, where Python has tuples.
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(schema))
    return plain

"""A gateway that uses the public names, as its own type checker sees them. It is checked and never run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import assert_type

import delivrd
from delivrd import Accounts, Registry, Report, load_accounts
from delivrd.life import State, fold

ROW = delivrd.Row("SENT", delivrd.Status.SENT, meaning="sent")
PAGE = delivrd.Source("https://provider.example/dlr")


class Callback(delivrd.Shape):
    id: delivrd.Code = None
    stat: delivrd.Code = None


ACME = delivrd.Provider(
    name="acme",
    vendor="Acme",
    title="Acme",
    docs=PAGE,
    tables=(delivrd.CodeTable("stat", (ROW,), PAGE),),
    ways=(
        delivrd.Push(
            reading=delivrd.Reading(shape=Callback, fields=delivrd.Fields(message_id="id")),
            bodies=(delivrd.BodyKind.JSON,),
        ),
    ),
)


@delivrd.hookimpl
def delivrd_providers() -> Iterable[delivrd.Provider]:
    return [ACME]


def receive(headers: Mapping[str, str], body: bytes) -> list[Report]:
    registry = Registry.installed(block=["acme"])
    assert_type(registry["teli"], delivrd.Provider)
    accounts = load_accounts("accounts.toml", registry)
    assert_type(accounts, Accounts)
    provider, account = accounts["main"]
    try:
        result = provider.receive(
            delivrd.Request("POST", "/dlr/main", headers, body), account, received_at=datetime(2026, 5, 1, tzinfo=UTC)
        )
    except delivrd.InputError as error:
        assert_type(error.reply, delivrd.Reply | None)
        return []
    return list(result.reports)


def states(reports: Iterable[Report]) -> list[State]:
    return [fold(None, report) for report in reports]

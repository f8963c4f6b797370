"""What a user would pick instead, beside delivrd, on the same inputs: how fast, and how much of it read rightly.

The rule of this module: a peer is called as its own documentation says, and does no more than it must. Read rightly
means: it took the input, and gives the message's id and its state as they were sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from types import SimpleNamespace

import django.conf
from bench_inputs import FIXTURES, pdu, request
from bench_measure import Figure, Pair, show
from pydantic import BaseModel

from delivrd import Account, DeliverSm, InputError, Provider, Registry, Request, Sample, read_samples
from delivrd.pdu import write_pdu

django.conf.settings.configure(ANYMAIL={"WEBHOOK_SECRET": "a:b"}, SECRET_KEY="-")

from aiosmpplib.protocol import DeliverSm as AioDeliverSm  # noqa: E402
from aiosmpplib.state import PduHeader, SmppCommand, SmppCommandStatus  # noqa: E402
from anymail.webhooks.postmark import PostmarkTrackingWebhookView  # noqa: E402
from jasmin.protocols.smpp.operations import SMPPOperationFactory  # noqa: E402
from messente_api.models.delivery_result import DeliveryResult  # noqa: E402
from smpp.pdu.operations import DeliverSM as JasminDeliverSm  # noqa: E402
from smpp.pdu.pdu_encoding import PDUEncoder  # noqa: E402


class PydanticPrice(BaseModel):
    part_price: Decimal | None = None
    parts_count: int | None = None
    total_price: Decimal | None = None


class PydanticEvent(BaseModel):
    """An Omnichannel callback, as a gateway would declare it."""

    status: str | None = None
    sender: str | None = None
    err: int | str | None = None
    message_id: str
    to: str | None = None
    channel: str | None = None
    error: str | None = None
    omnimessage_id: str | None = None
    timestamp: datetime | None = None
    price_info: PydanticPrice | None = None


Said = tuple[str | None, str | None]
"""A message's id and its state, as sent."""

DELIVERY = {
    "RecordType": "Delivery",
    "ServerID": 23,
    "MessageStream": "outbound",
    "MessageID": "3e28ec48-d620-4191-a96e-d91ba8ecc949",
    "Recipient": "someone@example.com",
    "Tag": "welcome",
    "DeliveredAt": "2020-02-04T08:09:42Z",
    "Details": "accepted",
    "Metadata": {"group": "d7248cda-6c1a-4436-acf5-aaf249bb67d3"},
}
"""A mail provider's event (Postmark's delivery webhook) that says what an Omnichannel callback says of a message."""


def ours(provider: Provider, sample: Sample) -> Said:
    report = provider.read(sample.input, sample.account).reports[0]
    state = report.codes.get("status") or report.codes.get("stat") or report.codes.get("message_state")
    return report.message_id, state


def by_messente(sample: Sample) -> Said:
    assert isinstance(sample.input, Request)
    found = DeliveryResult.from_json(sample.input.body.decode())
    assert found is not None
    return found.message_id, None if found.status is None else found.status.value


def by_pydantic(sample: Sample) -> Said:
    assert isinstance(sample.input, Request)
    found = PydanticEvent.model_validate_json(sample.input.body)
    return found.message_id, found.status


def by_aiosmpplib(sample: Sample) -> Said:
    assert isinstance(sample.input, DeliverSm)
    data = write_pdu(sample.input)
    header = PduHeader(len(data), SmppCommand.DELIVER_SM, SmppCommandStatus.ESME_ROK, 1)
    found = AioDeliverSm.from_pdu(data, header, "gsm0338").parse_receipt()
    return found.get("id"), found.get("stat")


def by_jasmin(sample: Sample) -> Said:
    assert isinstance(sample.input, DeliverSm)
    read = PDUEncoder().decode(BytesIO(write_pdu(sample.input)))
    found = SMPPOperationFactory.isDeliveryReceipt(None, read) or {}
    named = found.get("id")
    return named.decode() if isinstance(named, bytes) else named, found.get("stat")


def reports(provider: Provider, kind: type) -> Iterator[tuple[str, Sample, Said]]:
    """The fixtures of one kind that are one report: the place of each, and what it says by the outcome on file."""
    for path in sorted((FIXTURES / provider.name).iterdir()):
        if path.suffix == ".json":
            continue
        for number, sample in enumerate(read_samples(path.name, path.read_bytes()), start=1):
            with suppress(InputError):
                if isinstance(sample.input, kind) and len(provider.read(sample.input, sample.account).reports) == 1:
                    yield f"{path.name}:{number}", sample, ours(provider, sample)


def misread(provider: Provider, kind: type, readers: Mapping[str, Callable[[Sample], Said]]) -> dict[str, list[str]]:
    """Which of the reports among the fixtures each peer does not read rightly; it may spell a state in any case."""
    missed: dict[str, list[str]] = {"of": []} | {name: [] for name in readers}
    for place, sample, said in reports(provider, kind):
        missed["of"].append(place)
        for name, read in readers.items():
            found: Said = (None, None)
            # Whatever a peer raises, it has not read the input.
            with suppress(Exception):
                found = read(sample)
            if found[0] != said[0] or (found[1] or "").upper() != (said[1] or "").upper():
                missed[name].append(place)
    return missed


def peers() -> tuple[list[Figure], dict[str, dict[str, list[str]]]]:
    """How many times as long each peer takes, and what each reads rightly."""
    providers = Registry.installed()
    omni, smpp, zoned = providers["messente-omnichannel"], providers["smpp"], Account(zone="UTC")
    event = request("messente-omnichannel", "delivered-documented-sample.http")
    receipt = pdu("smpp", "delivered-specification-example.hex")
    text = receipt.short_message.decode()
    view, sent = PostmarkTrackingWebhookView(), SimpleNamespace(body=json.dumps(DELIVERY).encode())
    parsed = JasminDeliverSm(short_message=receipt.short_message)

    def read() -> object:
        return omni.read(event)

    def received() -> object:
        return smpp.read(receipt, zoned)

    figures = show(
        "Peers: how many times as long they take",
        [
            Pair("messente-api", 8.0, lambda: DeliveryResult.from_json(event.body.decode()), read, at_least=True),
            Pair("django-anymail, its comparable event", 5.0, lambda: view.parse_events(sent), read, at_least=True),
            Pair("pydantic", None, lambda: PydanticEvent.model_validate_json(event.body), read, at_least=True),
            Pair(
                "aiosmpplib, the receipt's text alone",
                None,
                lambda: AioDeliverSm(short_message=text, esm_class=4).parse_receipt(),
                received,
                at_least=True,
            ),
            Pair(
                "Jasmin, the receipt's text alone",
                None,
                lambda: SMPPOperationFactory.isDeliveryReceipt(None, parsed),
                received,
                at_least=True,
            ),
        ],
    )
    missed = {
        "Omnichannel callbacks": misread(omni, Request, {"messente-api": by_messente, "pydantic": by_pydantic}),
        "SMPP receipts": misread(smpp, DeliverSm, {"aiosmpplib": by_aiosmpplib, "Jasmin": by_jasmin}),
    }
    print("\nOf the reports among the fixtures, read rightly (id and state as sent); which are not, stands in the JSON")
    for what, (every, *peer) in ((name, list(found.items())) for name, found in missed.items()):
        counted = ", ".join(f"{name} {len(every[1]) - len(places)}" for name, places in peer)
        print(f"{what:24} delivrd {len(every[1])}, {counted}")
    return figures, missed

"""What the benchmarks read: fixtures, by name."""

from __future__ import annotations

from pathlib import Path

from delivrd import DeliverSm, Mail, Request, Response, Sample, read_samples

FIXTURES = Path(__file__).parent.parent / "fixtures"


def sample(provider: str, case: str) -> Sample:
    path = FIXTURES / provider / case
    (found,) = read_samples(path.name, path.read_bytes())
    return found


def request(provider: str, case: str) -> Request:
    found = sample(provider, case).input
    assert isinstance(found, Request)
    return found


def response(provider: str, case: str) -> Response:
    found = sample(provider, case).input
    assert isinstance(found, Response)
    return found


def mail(provider: str, case: str) -> Mail:
    found = sample(provider, case).input
    assert isinstance(found, Mail)
    return found


def pdu(provider: str, case: str) -> DeliverSm:
    found = sample(provider, case).input
    assert isinstance(found, DeliverSm)
    return found

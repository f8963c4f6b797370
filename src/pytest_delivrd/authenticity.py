"""The check of authentication: what is proven passes, and any change of what a proof covers fails.

The rule of this module: a scheme says what it covers and how an authentic sender signs; the kit
does both, and then plays the stranger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from delivrd import (
    BLOT,
    Account,
    Covers,
    DeliverSm,
    Input,
    Mail,
    NotAuthentic,
    Provider,
    Push,
    Receipt,
    Request,
    Response,
    Sample,
    Scheme,
    header_pairs,
)
from pytest_delivrd.accounts import (
    SECRETS,
    account_for,
    open_account,
    prefers_second,
    signed,
    strangers,
    unconfigured_account,
)
from pytest_delivrd.cases import Reading, Suite, describe, read, require

EVERY_BYTE: Final = 512
"""Bodies up to this many bytes are changed at each of them; of longer ones, as many places evenly spread."""

_GARBAGE: Final = ("", " ", "\x00", "zz", "=", "Basic", "Basic ====", "0" * 64, "\u2603", "\ud800", "x" * 5000)
"""What stands in place of a proof, malformed."""

_OTHER_NAME: Final = "kit-stranger"


class _Proof(NamedTuple):
    """One fixture as an authentic sender would send it."""

    provider: Provider
    scheme: Scheme
    where: str
    sample: Sample
    account: Account
    signed: Input

    def receive(self, input: Input, account: Account | None = None) -> Receipt | Exception:
        try:
            return self.provider.receive(input, account or self.account, received_at=self.sample.received_at)
        # A plugin is a stranger's code: whatever it raises is what is judged.
        except Exception as error:
            return error


def check_authentic(suite: Suite) -> None:
    """Signed fixtures are received as they are read; unsigned, changed or strangers' ones are refused.

    Raises:
        Broken: one is not, or a scheme has no fixture to be tried on.
    """
    provider = suite.provider
    readings = [reading for reading in suite.readings() if not isinstance(reading.sample.input, Response)]
    problems = []
    for reading in readings:
        problems += _check_unconfigured(provider, reading)
        problems += _check_as_it_stands(provider, reading)
    for scheme in provider.auth:
        name = type(scheme).__name__
        fitting = [reading for reading in readings if isinstance(reading.sample.input, scheme.takes)]
        if not fitting:
            found = [f"no fixture is a {scheme.takes.__name__} that can be read; add one"]
        elif scheme.sufficient:
            found = _check_scheme(provider, scheme, fitting)
        else:
            found = _check_name(scheme, fitting)
        problems += [f"{name}: {problem}" for problem in found]
    require(problems)


def _check_as_it_stands(provider: Provider, reading: Reading) -> list[str]:
    """A fixture whose account can prove it holds a real proof: the vendor's own example, say.

    Signing with the provider's own scheme shows only that the scheme agrees with itself.
    """
    sample = reading.sample
    if sample.account is None or not any(s.sufficient for s in provider.proofs(type(sample.input), sample.account)):
        return []
    try:
        received = provider.receive(sample.input, sample.account, received_at=sample.received_at)
    except Exception as error:
        return [
            f"{reading.where}: as it stands, with the account that it names, it {describe(error)}; "
            "is the proof declared as the provider makes it?"
        ]
    return [] if received == reading.receipt else [f"{reading.where}: received as it stands it is not what read gives"]


def _check_unconfigured(provider: Provider, reading: Reading) -> list[str]:
    try:
        provider.receive(reading.sample.input, unconfigured_account(reading.sample))
    except NotAuthentic:
        return []
    except Exception as error:
        return [f"{reading.where}: for an account without credentials it {describe(error)}; expected NotAuthentic"]
    return [f"{reading.where}: an account without credentials, which does not say open, received it"]


def _check_scheme(provider: Provider, scheme: Scheme, readings: list[Reading]) -> list[str]:
    problems: list[str] = []
    for reading in readings:
        account = account_for(scheme, reading.sample)
        if account is None:
            return ["configured() is true for no account with secrets, name and password, or addresses"]
        proof = _Proof(
            provider, scheme, reading.where, reading.sample, account, signed(provider, reading.sample.input, account)
        )
        problems += _check_pass(proof)
        problems += _check_refused(proof)
    return problems


def _check_pass(proof: _Proof) -> Iterator[str]:
    """What an authentic sender sends is received as it is read."""
    expected = read(proof.provider, _changed(proof, proof.signed))
    outcome = proof.receive(proof.signed)
    if outcome != expected:
        yield f"{proof.where}: signed, it {describe(outcome)}; expected what read gives"
        return
    if isinstance(outcome, Receipt) and isinstance(proof.signed, Request):
        try:
            proof.provider.check_head(msgspec.structs.replace(proof.signed, body=b""), proof.account)
        except Exception as error:
            yield f"{proof.where}: signed, its head alone {describe(error)}; does at_head look into the body?"
    if isinstance(outcome, Receipt) and _shows(outcome):
        yield f"{proof.where}: the receipt holds the account's secret; declare the field that echoes it, to drop it"
    second = prefers_second(proof.account)
    if second is not None:
        other = signed(proof.provider, proof.sample.input, second)
        if proof.receive(other) != read(proof.provider, _changed(proof, other)):
            yield f"{proof.where}: signed with the second of two secrets, it is refused; secrets could not be rotated"


def _check_refused(proof: _Proof) -> Iterator[str]:
    """Whatever is not proven is refused; of each sort of change the first that is not."""
    for sort, changes in _forgeries(proof).items():
        for what, forged in changes:
            outcome = proof.receive(forged)
            if not isinstance(outcome, NotAuthentic):
                yield f"{proof.where}: with {what} it {describe(outcome)}; expected NotAuthentic ({sort})"
                break


def _forgeries(proof: _Proof) -> Mapping[str, Iterator[tuple[str, Input]]]:
    forged: dict[str, Iterator[tuple[str, Input]]] = {
        "missing": iter([("no proof", proof.sample.input)]),
        "malformed": _malformed(proof.sample.input, proof.signed),
        "another's": _from_strangers(proof),
    }
    if Covers.BODY in proof.scheme.covers:
        forged["changed body"] = _bent_bodies(proof.signed)
    if Covers.TARGET in proof.scheme.covers and isinstance(proof.signed, Request):
        forged["changed target"] = _bent_targets(proof.signed)
    if Covers.METHOD in proof.scheme.covers and isinstance(proof.signed, Request):
        forged["changed method"] = _other_methods(proof.provider, proof.signed)
    return forged


def _other_methods(provider: Provider, request: Request) -> Iterator[tuple[str, Input]]:
    """The signed request by each other method that the provider uses; any further one is refused before."""
    way = provider.ways.get(Request)
    for method in way.methods if isinstance(way, Push) else ():
        if method != request.method:
            yield f"the method {method}", msgspec.structs.replace(request, method=method)


def _bent_targets(request: Request) -> Iterator[tuple[str, Input]]:
    """The signed request with each character of its target changed, and with one more."""
    target = request.target
    for index, character in enumerate(target):
        bent = target[:index] + ("x" if character != "x" else "y") + target[index + 1 :]
        yield f"character {index} of the target changed", msgspec.structs.replace(request, target=bent)
    yield "a character added to the target", msgspec.structs.replace(request, target=target + "x")


def _from_strangers(proof: _Proof) -> Iterator[tuple[str, Input]]:
    for what, stranger in strangers(proof.account):
        yield f"{what} changed", signed(proof.provider, proof.sample.input, stranger)


def _bent_bodies(input: Input) -> Iterator[tuple[str, Input]]:
    """The signed input with each byte of its body changed, and with a byte more and less."""
    field = {Mail: "raw", DeliverSm: "short_message"}.get(type(input), "body")
    body: bytes = getattr(input, field)
    step = max(1, len(body) // EVERY_BYTE)
    for index in range(0, len(body), step):
        bent = body[:index] + bytes([body[index] ^ 0x01]) + body[index + 1 :]
        yield f"byte {index} of the body changed", msgspec.structs.replace(input, **{field: bent})
    yield "a byte added to the body", msgspec.structs.replace(input, **{field: body + b" "})
    if body:
        yield "the body's last byte cut off", msgspec.structs.replace(input, **{field: body[:-1]})
        yield "the body gone", msgspec.structs.replace(input, **{field: b""})


def _malformed(unsigned: Input, proven: Input) -> Iterator[tuple[str, Input]]:
    """The signed input with garbage wherever signing put something."""
    if isinstance(unsigned, Request) and isinstance(proven, Request):
        yield from _malformed_request(unsigned, proven)
    elif isinstance(unsigned, Mail) and isinstance(proven, Mail):
        lines, known = proven.raw.split(b"\n"), set(unsigned.raw.split(b"\n"))
        for index, line in enumerate(lines):
            name = line.partition(b":")[0]
            for garbage in _GARBAGE if line not in known else ():
                bent = name + b": " + garbage.encode("utf-8", "surrogatepass")
                mail = Mail(b"\n".join([*lines[:index], bent, *lines[index + 1 :]]))
                yield f"header {name.decode()} = {_shown(garbage)}", mail


def _malformed_request(unsigned: Request, proven: Request) -> Iterator[tuple[str, Input]]:
    before, after = header_pairs(unsigned.headers), header_pairs(proven.headers)
    for index, (name, value) in enumerate(after):
        for garbage in (*_GARBAGE, value[:-1], value + "x") if (name, value) not in before else ():
            headers = (*after[:index], (name, garbage), *after[index + 1 :])
            yield f"header {name} = {_shown(garbage)}", msgspec.structs.replace(proven, headers=headers)
    if proven.target != unsigned.target:
        kept = proven.target.rpartition("=")[0]
        for garbage in (*_GARBAGE, "%", "%ff"):
            target = f"{kept}={garbage}"
            yield f"the secret in the target = {_shown(garbage)}", msgspec.structs.replace(proven, target=target)
    if proven.client != unsigned.client:
        for client in (None, *_GARBAGE, "999.1.1.1", "192.0.2", "::"):
            yield f"the client's address = {_shown(client)}", msgspec.structs.replace(proven, client=client)


def _shown(garbage: str | None) -> str:
    return repr(garbage if garbage is None else garbage[:20])


def _check_name(scheme: Scheme, readings: list[Reading]) -> list[str]:
    """A scheme that proves nothing alone: with its own name an input passes, with another it is refused."""
    refused = None
    for reading in readings:
        own = reading.sample.account
        if own is None or not scheme.configured(own):
            continue
        right = msgspec.structs.replace(open_account(reading.sample), username=own.username)
        wrong = msgspec.structs.replace(right, username=_OTHER_NAME)
        if not scheme.authentic(reading.sample.input, right, reading.sample.received_at):
            return [f"{reading.where}: refused for the account that it names"]
        refused = refused or not scheme.authentic(reading.sample.input, wrong, reading.sample.received_at)
    if refused is None:
        return ["no fixture's account is configured for it; begin one with '# account: {\"username\": …}'"]
    return [] if refused else ["it refuses no fixture for an account of another name"]


def _changed(proof: _Proof, input: Input) -> Sample:
    changed: Sample = msgspec.structs.replace(proof.sample, input=input, account=proof.account, asked=None)
    return changed


def _shows(receipt: Receipt) -> bool:
    """Whether a report holds the secret, or the mark in its place: in `extras` it is nobody's fault."""
    declared = tuple(msgspec.structs.replace(report, extras={}) for report in receipt.reports)
    shown = msgspec.json.encode(msgspec.structs.replace(receipt, reports=declared)).decode()
    return BLOT in msgspec.json.encode(declared).decode() or any(secret in shown for secret in SECRETS)

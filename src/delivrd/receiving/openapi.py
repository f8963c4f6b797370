"""An OpenAPI description of what a receiver takes and answers, made from its accounts.

The rule of this module: nothing is typed twice. Paths come from the accounts; methods, media types,
fields and replies from the providers' declarations; and no secret stands in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from delivrd.auth import HmacBody, HttpBasic, Scheme, UrlSecret
from delivrd.errors import NotAuthentic, TooLarge, Unreadable, UnsupportedMediaType, WrongMethod
from delivrd.inputs import Request
from delivrd.receipt import Reply
from delivrd.receiving.receiver import Door, Receiver
from delivrd.ways import BodyKind, Push

_MEDIA: Final[Mapping[BodyKind, str]] = {
    BodyKind.JSON: "application/json",
    BodyKind.FORM: "application/x-www-form-urlencoded",
    BodyKind.MULTIPART: "multipart/form-data",
}

_REFUSALS: Final = (Unreadable, NotAuthentic, WrongMethod, TooLarge, UnsupportedMediaType)

_EARLY: Final[Mapping[int, str]] = {
    408: "The body took too long.",
    414: "The target is longer than 16 KiB.",
    411: "The server cannot tell where the body ends: send its length.",
}
"""What is answered before any provider has a say."""


def openapi(receiver: Receiver, *, title: str = "Delivery reports", version: str = "1") -> dict[str, Any]:
    """The description, as OpenAPI 3.1, in plain values.

    Args:
        receiver: whose accounts are described.
        title, version: of the description.
    """
    schemas: dict[str, Any] = {}
    proofs: dict[str, Any] = {}
    paths = {}
    for name, door in receiver.doors.items():
        paths[f"{receiver.prefix}/{name}"] = {
            method.lower(): _operation(door, method, schemas, proofs) for method in door.push.methods
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": proofs},
    }


def _operation(door: Door, method: str, schemas: dict[str, Any], proofs: dict[str, Any]) -> dict[str, Any]:
    provider, push = door.provider, door.push
    required: dict[str, list[str]] = {}
    for scheme in provider.proofs(Request, door.account):
        described = _proof(scheme)
        if described is not None:
            key = f"{provider.name}.{type(scheme).__name__}"
            proofs[key], required[key] = described, []
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()}-{door.name}",
        "summary": f"A report by {provider.title}, for the account {door.name}.",
        "responses": dict(_responses(door)),
    }
    if provider.docs.url:
        operation["externalDocs"] = {"description": provider.docs.title, "url": provider.docs.url}
    if required:
        operation["security"] = [required]
    if push.query:
        kinds = provider.compiled()[Request].kinds
        operation["parameters"] = [
            {"name": name, "in": "query", "required": False, "schema": {"type": "string"}} for name in kinds
        ]
    if push.bodies and method not in ("GET", "HEAD"):
        operation["requestBody"] = {
            # Where fields can stand in the query, a body may be missing.
            "required": not push.query,
            "content": {_MEDIA[kind]: {"schema": _body(push, kind, provider.name, schemas)} for kind in push.bodies},
        }
    return operation


def _body(push: Push, kind: BodyKind, provider: str, schemas: dict[str, Any]) -> dict[str, Any]:
    if push.decode is not None:
        return {}
    template = f"#/components/schemas/{provider}.{{name}}"
    (one,), inner = msgspec.json.schema_components([push.reading.shape], ref_template=template)
    schemas |= {f"{provider}.{name}": schema for name, schema in inner.items()}
    if kind is not BodyKind.JSON or push.items is None:
        return one
    many = {"type": "array", "items": one}
    return {"type": "object", "properties": {push.items: many}, "required": [push.items]} if push.items else many


def _responses(door: Door) -> Iterator[tuple[str, Any]]:
    yield _response(door.provider.reply, "Received, and handed over.")
    for error in _REFUSALS:
        yield _response(Reply(error.status), (error.__doc__ or "").partition("\n")[0])
    for status, meaning in _EARLY.items():
        yield _response(Reply(status), meaning)
    yield _response(door.push.again, "Not handed over, by a fault on our side: send it again.")


def _response(reply: Reply, meaning: str) -> tuple[str, Any]:
    described: dict[str, Any] = {"description": meaning or HTTPStatus(reply.status).phrase}
    media = next((value for name, value in reply.headers if name.lower() == "content-type"), None)
    if reply.body and media is not None:
        described["content"] = {media: {"schema": {"type": "string"}}}
    return str(reply.status), described


def _proof(scheme: Scheme) -> dict[str, Any] | None:
    """How OpenAPI describes a proof; None for what it has no words for, such as the sender's address."""
    match scheme:
        case HmacBody():
            return {"type": "apiKey", "in": "header", "name": scheme.header, "description": _first(scheme)}
        case UrlSecret():
            return {"type": "apiKey", "in": "query", "name": scheme.parameter, "description": _first(scheme)}
        case HttpBasic():
            return {"type": "http", "scheme": "basic", "description": _first(scheme)}
        case _:
            return None


def _first(scheme: Scheme) -> str:
    return (type(scheme).__doc__ or "").partition("\n")[0]

"""A report by the other of GET and POST, or with another content type, is the same report."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from delivrd import (
    Account,
    AllowedAddresses,
    BodyKind,
    Covers,
    DeliverSm,
    NotAuthentic,
    Provider,
    Push,
    Registry,
    Request,
    Sample,
    Unreadable,
    UrlSecret,
    Warning,
    WarningKind,
    read_samples,
)

PROVIDERS = Registry.installed()
FORM = "application/x-www-form-urlencoded"
FIELDS = {
    name: way
    for name in PROVIDERS
    if isinstance(way := PROVIDERS[name].ways.get(Request), Push)
    and (way.query or "GET" in way.methods or BodyKind.FORM in way.bodies)
}


def sample(path: Path) -> Sample:
    (found,) = read_samples(path.name, path.read_bytes())
    return found


def is_form(path: Path) -> bool:
    """Whether a fixture is a request whose fields stand in a query or in a form of UTF-8."""
    request = sample(path).input
    if not isinstance(request, Request) or "-by-" in path.name or "declared" in path.name:
        return False
    media, body = request.header("content-type") or "", request.body.lstrip()
    return not body or (media.startswith(FORM) and "charset" not in media and body[:1] not in (b"{", b"-"))


REFUSED = ("unreadable", "wrong", "too", "unsupported", "not")
PATHS = [
    path
    for name in FIELDS
    for path in sorted(Path("fixtures", name).glob("*.http"))
    if path.name.split("-")[0] not in REFUSED and is_form(path)
]
BODIES = [path for path in PATHS if sample(path).input.body]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_report_by_the_other_method_is_the_same_report(path):
    request, account = sample(path).input, sample(path).account
    sent = PROVIDERS[path.parent.name].read(request, account)
    path_, _, query = request.target.partition("?")
    if FIELDS[path.parent.name].methods == ("GET",):
        # The URL that the gateway gave, without the provider's fields, which stand in a form.
        changed = Request("POST", path_, {"Content-Type": FORM}, query.partition("#")[0].encode(), request.client)
    else:
        body = request.body.decode("latin-1").strip()
        changed = Request("GET", f"{path_}?{'&'.join(filter(None, (body, query)))}", (), b"", request.client)
    other = PROVIDERS[path.parent.name].read(changed, account)
    told = Warning(WarningKind.OTHER_FORM, "method", changed.method)
    assert [report.key for report in other.reports] == [report.key for report in sent.reports]
    for there, here in zip(other.reports, sent.reports, strict=True):
        assert told in there.warnings
        fields = ("status", "final", "cause", "codes", "message_id", "recipient", "text", "occurred_at")
        assert [getattr(there, name) for name in fields] == [getattr(here, name) for name in fields]


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "multipart/form-data"])
@pytest.mark.parametrize("path", BODIES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_form_that_is_declared_as_something_else_is_the_same_report(path, content_type):
    request, account = sample(path).input, sample(path).account
    sent = PROVIDERS[path.parent.name].read(request, account)
    changed = msgspec.structs.replace(request, headers={"Content-Type": content_type})
    other = PROVIDERS[path.parent.name].read(changed, account)
    told = Warning(WarningKind.OTHER_FORM, "content-type", content_type)
    assert [msgspec.structs.replace(each, warnings=()) for each in other.reports] == [
        msgspec.structs.replace(each, warnings=()) for each in sent.reports
    ]
    for there, here in zip(other.reports, sent.reports, strict=True):
        assert set(there.warnings) == {*here.warnings, told}


@pytest.mark.parametrize("body", [b"", b" \r\n"])
@pytest.mark.parametrize("path", BODIES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_form_that_is_in_the_query_of_a_post_without_a_body_is_the_same_report(path, body):
    request, account = sample(path).input, sample(path).account
    sent = PROVIDERS[path.parent.name].read(request, account)
    path_, _, query = request.target.partition("?")
    form = request.body.decode("latin-1").strip()
    changed = msgspec.structs.replace(request, target=f"{path_}?{'&'.join(filter(None, (form, query)))}", body=body)
    other = PROVIDERS[path.parent.name].read(changed, account)
    told = () if FIELDS[path.parent.name].query else (Warning(WarningKind.OTHER_FORM, "target", "query"),)
    assert [report.key for report in other.reports] == [report.key for report in sent.reports]
    assert other.reports
    for report in other.reports:
        assert tuple(each for each in report.warnings if each.kind is WarningKind.OTHER_FORM) == told


class Signed(AllowedAddresses, frozen=True):
    covers: ClassVar[frozenset[Covers]] = frozenset((Covers.BODY,))


@pytest.mark.parametrize("methods", [("POST",), ("GET", "POST")])
@pytest.mark.parametrize(("scheme", "read"), [(AllowedAddresses, True), (Signed, False)])
def test_the_query_of_a_post_is_not_read_where_a_signature_covers_the_body(scheme, read, methods):
    teli = PROVIDERS["teli"]
    push = msgspec.structs.replace(FIELDS["teli"], methods=methods)
    provider = Provider(
        name="signed",
        vendor=teli.vendor,
        title="Signed",
        docs=teli.docs,
        tables=teli.tables,
        ways=(push, teli.ways[DeliverSm]),
        settings=teli.settings,
        auth=(scheme(),),
    )
    request = Request("POST", "/?id=1&send_status=delivered&status=DELIVRD&error=000", {"Content-Type": FORM})
    with nullcontext() if read else pytest.raises(Unreadable):
        assert provider.read(request).reports[0].message_id == "1"


@pytest.mark.parametrize("content_type", [FORM, None, "text/plain", "application/json"])
@pytest.mark.parametrize(
    "first", ["--a=2", "--=2", "--a", "[a]=2", "{a}=2", "{a", '[a]="x"', "{a=[1]", "--a=Content-Disposition: x"]
)
def test_a_form_may_begin_as_json_or_a_multipart_form_does(first, content_type):
    headers = {} if content_type is None else {"Content-Type": content_type}
    body = f"{first}&id=1&send_status=delivered\r\n".encode()
    (report,) = PROVIDERS["teli"].read(Request("POST", "/", headers, body)).reports
    assert (report.message_id, report.status) == ("1", "delivered")
    told = {each.field for each in report.warnings if each.kind is WarningKind.OTHER_FORM}
    assert told == ({"content-type"} if content_type == "application/json" else set())


@pytest.mark.parametrize(
    "body",
    [
        b'{"url": "http://gateway.example/?a=1&b=2", "id": "1", "send_status": "delivered"}',
        b'{\r\n"a=1&b": "=", "id": "1", "send_status": "delivered"}',
        b'--=_ab\r\nContent-Disposition: form-data; name="id"\r\n\r\n1\r\n'
        b'--=_ab\r\nContent-Disposition: form-data; name="send_status"\r\n\r\ndelivered\r\n--=_ab--\r\n',
    ],
)
def test_what_is_plainly_no_form_is_read_as_what_it_is(body):
    (report,) = PROVIDERS["teli"].read(Request("POST", "/", {"Content-Type": FORM}, body)).reports
    assert (report.message_id, report.status) == ("1", "delivered")


def test_a_number_sign_in_a_form_cuts_nothing_off():
    request = Request("POST", "/dlr", {"Content-Type": FORM}, b"sms_unique_id=a#1&stat=DELIVRD")
    (report,) = PROVIDERS["messente-legacy"].read(request).reports
    assert (report.message_id, report.status) == ("a#1", "delivered")


@pytest.mark.parametrize(
    "name", [name for name in FIELDS if any(isinstance(s, UrlSecret) for s in PROVIDERS[name].auth)]
)
def test_the_secret_of_a_url_is_asked_for_whichever_method_is_used(name):
    account = Account(secrets=["a-long-secret"])
    fields = "id=1&sms_unique_id=1&trackingid=1&status=DELIVRD&stat=DELIVRD&type=1"
    form = {"Content-Type": FORM}
    assert PROVIDERS[name].receive(Request("GET", f"/?{fields}&secret=a-long-secret"), account).reports
    assert PROVIDERS[name].receive(Request("POST", "/?secret=a-long-secret", form, fields.encode()), account).reports
    for target, body in (("/", f"{fields}&secret=a-long-secret"), ("/?secret=wrong", fields)):
        with pytest.raises(NotAuthentic):
            PROVIDERS[name].receive(Request("POST", target, form, body.encode()), account)

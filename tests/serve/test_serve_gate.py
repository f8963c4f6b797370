"""The page without a password stays closed where a proxy on the same machine leads to it."""

from __future__ import annotations

import logging
from contextlib import closing

import pytest
from servers import exchange
from serving import PASSWORD, SECRET, Events, serving

from delivrd import basic_authorization
from delivrd.serve import Gate

HOST = (b"host", b"127.0.0.1:8080")

BROWSER = [
    HOST,
    (b"connection", b"keep-alive"),
    (b"sec-ch-ua", b'"Chromium";v="140"'),
    (b"sec-ch-ua-mobile", b"?0"),
    (b"sec-ch-ua-platform", b'"Linux"'),
    (b"upgrade-insecure-requests", b"1"),
    (b"user-agent", b"Mozilla/5.0"),
    (b"accept", b"text/html"),
    (b"sec-fetch-site", b"none"),
    (b"sec-fetch-mode", b"navigate"),
    (b"sec-fetch-user", b"?1"),
    (b"sec-fetch-dest", b"document"),
    (b"sec-gpc", b"1"),
    (b"dnt", b"1"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"accept-language", b"en"),
    (b"cache-control", b"no-cache"),
    (b"pragma", b"no-cache"),
    (b"priority", b"u=0, i"),
    (b"cookie", b"a=b"),
    (b"te", b"trailers"),
    (b"if-none-match", b"x"),
    (b"if-modified-since", b"x"),
    (b"last-event-id", b"1"),
    (b"origin", b"http://127.0.0.1:8080"),
    (b"referer", b"http://127.0.0.1:8080/"),
]

FORWARDING = [
    "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server",
    "X-Forwarded-Client-Cert", "X-Forwarded", "X-Forwarder-For", "Forwarded", "Forwarded-For", "Via", "X-Via",
    "X-Real-IP", "Real-IP", "True-Client-IP", "CF-Connecting-IP", "CF-Connecting-IPv6", "CF-Ray", "CF-Visitor",
    "X-Client-IP", "Client-IP", "X-ClientIP", "X-Cluster-Client-IP", "Fastly-Client-IP", "Fly-Client-IP",
    "X-Azure-ClientIP", "X-Azure-SocketIP", "X-Azure-Ref", "X-Original-For", "X-Original-Forwarded-For",
    "X-Original-URL", "X-Original-Host", "X-ProxyUser-IP", "X-Proxy-User", "X-Remote-IP", "X-Remote-Addr", "Remote-Addr",
    "X-Originating-IP", "X-Envoy-External-Address", "X-Envoy-Expected-Rq-Timeout-Ms", "X-Amzn-Trace-Id",
    "X-Cloud-Trace-Context", "X-Appengine-User-IP", "X-ARR-LOG-ID", "X-ARR-SSL", "CDN-Loop", "CDN-Src-IP",
    "WL-Proxy-Client-IP", "Proxy-Client-IP", "X-Host-Via", "Z-Forwarded-For", "X-Vercel-Forwarded-For",
    "Tailscale-User-Login", "X-Custom-Gateway-IP", "Ngrok-Skip-Browser-Warning",
]  # fmt: skip


def test_a_browser_on_this_machine_is_let_in_with_whatever_it_sends():
    gate = Gate()
    assert gate.admits(BROWSER, "127.0.0.1")
    assert gate.admits([HOST, (b"user-agent", b"curl/8"), (b"accept", b"*/*")], "::1")
    assert gate.proxy is None


@pytest.mark.parametrize("name", FORWARDING)
def test_a_forwarding_header_closes_the_page_for_good_and_says_so(name, caplog):
    gate = Gate()
    assert not gate.admits([HOST, (name.lower().encode(), b"127.0.0.1")], "127.0.0.1")
    assert gate.proxy == f"a request had the header {name.lower()}"
    # Its next request can lack it.
    assert not gate.admits(BROWSER, "127.0.0.1")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert name.lower() in caplog.text


NGINX = {
    "its defaults": ("1.0", [HOST, (b"connection", b"close")]),
    "its defaults, without a body": ("1.0", [HOST]),
    "the other version": ("1.1", [HOST, (b"connection", b"close")]),
    "the name it was asked for": ("1.1", [(b"host", b"sms.example")]),
    "the name it was asked for, and its port": ("1.1", [(b"host", b"sms.example:443")]),
    "another name of its own": ("1.1", [(b"host", b"backend")]),
    "the address of this machine in the network": ("1.1", [(b"host", b"192.0.2.1")]),
    "what its manual shows": ("1.0", [(b"host", b"sms.example"), (b"x-real-ip", b"203.0.113.9")]),
    "what most pages show": ("1.1", [HOST, (b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-proto", b"https")]),
}


@pytest.mark.parametrize(("version", "headers"), NGINX.values(), ids=NGINX)
def test_what_nginx_passes_on_is_not_let_in(version, headers):
    assert not Gate().admits(headers, "127.0.0.1", version)


def test_a_callback_through_a_proxy_closes_the_page_and_those_who_watch_are_sent_away(store, caplog):
    with serving(store) as served:
        assert served.get("/")[0] == 200
        with closing(Events(served.port)) as events:
            target = f"/dlr/old?sms_unique_id=1&stat=DELIVRD&secret={SECRET}"
            assert exchange(served.port, "GET", target, headers={"X-Real-IP": "203.0.113.9"}).status == 200
            assert all(name in ("summary", "reports") for name, _ in events)
        for path in ("/", "/events", "/openapi.json"):
            status, _, body = served.get(path)
            assert status == 403
            assert b"A proxy or tunnel leads here: a request had the header x-real-ip." in body
            assert b"password" in body
        # Reports go on as before.
        assert exchange(served.port, "GET", target).status == 200
    assert caplog.text.count("the page is closed until it has a password") == 1


def test_with_a_password_a_proxy_closes_nothing():
    gate = Gate(PASSWORD)
    proof = (b"authorization", basic_authorization("delivrd", PASSWORD).encode())
    passed_on = [(b"host", b"sms.example"), (b"x-forwarded-for", b"203.0.113.9"), proof]
    assert gate.admits(passed_on, "127.0.0.1", "1.0")
    assert gate.proxy is None

"""The values that hostile inputs are made of.

The rule of this module: each value is there because something has been seen to fall over it: a
parser, a comparison, a conversion, an encoding. Nothing here is drawn at random.
"""

from __future__ import annotations

from typing import Any, Final

DEEP: Final = 10_000
"""Levels of the deepest nesting that is tried."""

MIB: Final = 1 << 20

TEXTS: Final[tuple[str, ...]] = (
    # Nothing, white space, what ends a line or a text.
    *("", " ", "\t", "\x00", "a\x00b", "\n", "\r\n", " 5 ", "DELIVRD "),
    # What is no character, or changes how others look.
    *("\ud800", "\udfff\ud800", "\ufeff", "\ufffd", "\u202e", "\x1b[31m", "\u00e9\u2603\U0001d11e"),
    # Letters and digits whose case or value surprises: long s, dotted I, sharp s, digits of other scripts.
    *("\u017fent", "\u0130", "\u00df", "\uff10", "\u0661\u0662", "\U0001d7d9"),
    # Numbers, and what almost is one.
    *("0", "00", "-1", "-0", "+1", "1_000", "1.5", "1e5", "1e999999999", "0x0000000b", "0x", "987"),
    *("9" * 25, "9" * 5000, "NaN", "Infinity", "-Infinity", "null", "None", "true"),
    # What other languages give a meaning to.
    *("[]", "{}", "[[", "{", '"', "'", "\\", "<", "&", "&amp;", "<a>", "]]>", "%", "%00", "%s%n", "{0}", "${a}"),
    *("../..", "=1+1", "+", "-", ";", ",", "A" * 3000),
    # Times at the edges of what a time can be.
    *("2024-13-45T99:99:99", "2024-02-30T00:00:00", "2024-03-31", "13/13/2024 13:00:00 PM", "999999999999999999999"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    # Codes that nobody lists.
    *("unknown-code", "UNHEARD"),
)

VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 1.5, 1e300, 10**18, 10**30, -(10**400)),
    *([], {}, [None], [[]], [{}], {"": ""}, {"a": {"a": None}}, ["x", 1, None], {"\ud800": "\ud800"}),
)
"""Values of JSON for a place where another type was expected."""

JSON_TOKENS: Final[tuple[bytes, ...]] = (
    *(b"1e999999", b"1E400", b"-0", b"-", b"00", b"+1", b".5", b"NaN", b"-Infinity", b"9" * 5000, b"tru", b"'x'", b""),
    *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\\x"', b'"\\', b'"\xff\xfe"', b'"\xc3"'),
    *(b'"a\nb"', b'"\x00"', b"[" * DEEP, b"[" * DEEP + b"]" * DEEP, b"[" * 65 + b"]" * 65),
    *(b'{"a":' * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP),
)
"""What stands where JSON wants a value, be it one or not."""

BODIES: Final[tuple[bytes, ...]] = (
    *(b"", b"null", b"{}", b"[]", b"0", b'""', b"x", b"\x00"),
    *(b"[" * DEEP, b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP, b'[{"a":' * (DEEP // 2)),
    *(b"<a>" * DEEP, b"<a>" * DEEP + b"</a>" * DEEP),
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;&c;&c;</a>',
)

FLOODS: Final[tuple[bytes, ...]] = (
    *(b"a" * (MIB + 1), b"a=1&" * 300, b"=" * 5000, b"\n" * 5000, b'{"a":[' * 30),
)  # fmt: skip

BYTES: Final[tuple[bytes, ...]] = (
    *(b"", b"\x00", b"\xff", b"\xc3", b"\xf0\x9f", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"%", b"%FF", b"%00"),
)
"""Bytes that are no text, or announce another encoding."""

TARGETS: Final[tuple[str, ...]] = (
    *("", "/", "?", "/?", "/?&&==&", "/#?a=b", "http://[::1", "*", "?" + "a=b&" * 300),
)  # fmt: skip

METHODS: Final[tuple[str, ...]] = (
    *("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "get", "", "\u2603", "GET POST", "A" * 200),
)

CLIENTS: Final[tuple[str | None, ...]] = (
    *(None, "", "192.0.2.1", "::ffff:192.0.2.1", "fe80::1%eth0", "\ud800", "x" * 99),
)  # fmt: skip

STATUSES: Final[tuple[int, ...]] = (
    *(0, -1, 100, 199, 201, 202, 204, 206, 301, 304, 400, 401, 403, 404, 405, 429, 500, 502, 503, 599, 999, 10**9),
)

CONTENT_TYPES: Final[tuple[str, ...]] = (
    *("", "application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "text/html"),
    *("text/xml", "application/soap+xml", "application/octet-stream", "image/png", ";", "/", "json"),
    *("multipart/form-data; boundary=", 'multipart/form-data; boundary="', "multipart/form-data; boundary=\u2603"),
    *("multipart/form-data; boundary=\ud800", "\u2603", "A" * 5000),
    *(
        f"application/json; charset={name}"
        for name in ("utf-8", "utf-16", "utf-7", "idna", "hex", "bogus", "\x00", '"')
    ),
    *(f"application/x-www-form-urlencoded; charset={name}" for name in ("latin-1", "utf-16", "base64", "zip", "rot13")),
)

MAIL_HEADERS: Final[tuple[bytes, ...]] = (
    *(b"Content-Type: text/plain; charset=bogus", b"Content-Type: text/plain; charset=\xff"),
    *(b"Content-Type: multipart/mixed", b"Content-Type: multipart/mixed; boundary=x", b"Content-Type: ;;;"),
    *(b"Content-Type: text/html", b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: base64"),
    *(b"Content-Transfer-Encoding: quoted-printable", b"Content-Transfer-Encoding: x-uuencode"),
    *(b"Subject: =?utf-8?b?////?=", b"Subject: =?bogus?q?=FF?=", b"To: " + b"a@b," * 500),
    *(b"From: \xff", b"From: " + b"(" * 2000, b"From: " + b"<" * 2000, b'From: "' + b"\\" * 2001, b"From: =?\xff?="),
)

MAILS: Final[tuple[bytes, ...]] = (
    b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) for level in range(2000)),
    b"".join(b"Content-Type: multipart/mixed; boundary =b%d\n\n--b%d\n" % (level, level) for level in range(2000)),
    b"".join(b"Content-Type: multipart/mixed;\n boundary*0=b%d\n\n--b%d\n" % (level, level) for level in range(2000)),
    b"Content-Type: multipart/mixed; boundary=b\r\r" + b"--b\r\rx\r" * 2000,
    b"Content-Type: text/plain" + b";a=b" * DEEP + b"\n\nx",
    b"Subject: " + b"=?utf-8?q?a?= " * 2000 + b"\n\nx",
    b"Content-Type: message/rfc822\n\n" * 2000,
    b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 2000,
    b"Content-Type: text/html\n\n" + b"<div>" * DEEP,
    b"Content-Type: text/html\n\n" + b"<!" * 500 + b"<a " * 500,
)
"""Mails that are deep, or wide, or make a parser look far ahead."""

TLVS: Final[tuple[bytes, ...]] = (
    *(b"", b"\x00", b"\xff" * 300, b"\x01\x02\x03", b"9" * 30, b"\x03\x00\x01\x02", b"\xff\xff\x00"),
)
TAGS: Final = (0x001E, 0x0427, 0x0423, 0x0424, 0x0204, 0, 0xFFFF)
"""Of a message's id, state, network error, payload and reference, and two of nobody's."""

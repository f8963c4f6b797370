"""A secret is taken out of whatever holds it, however it is spelt there; nothing else is.

The judge is another than the redactor: the standard library decodes what came out, again and again and in every order,
and the secret is in none of it.
"""

from __future__ import annotations

import json
import re
import time
from base64 import b64decode, encodebytes
from collections.abc import Callable
from functools import cache
from html import escape, unescape
from html.entities import codepoint2name
from quopri import decodestring, encodestring
from random import Random
from urllib.parse import unquote, unquote_plus, urlencode

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import delivrd
from delivrd import Account, DeliverSm, Mail, Request, Response, explain
from delivrd.blots import ROUNDS, Blotter
from delivrd.files import Sample, sample_line
from delivrd.provider import Provider
from delivrd.redaction import without_secrets
from delivrd.samplelines import write_line

PROVIDERS = delivrd.Registry.installed()
LEGACY, TELI, UPSIDE, SMPP = (PROVIDERS[name] for name in ("messente-legacy", "teli", "upside-wireless", "smpp"))

# An asterisk is left out: it is what the mark is made of.
SECRETS = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=2, max_size=12).filter(
    lambda secret: "*" not in secret and secret.isprintable()
) | st.text("ab/+%\\&;#u0042 =\"'<", min_size=2, max_size=12)


def percent(text: str, random: Random) -> str:
    """Percent-encoded: what has to be, and anything else as it happens."""
    made = []
    plus = random.random() < 0.5
    for each in text:
        if each == " " and plus:
            made.append("+")
        elif each in "%+" or random.random() < 0.5:
            made += [f"%{byte:02x}" if random.random() < 0.5 else f"%{byte:02X}" for byte in each.encode()]
        else:
            made.append(each)
    return "".join(made)


def in_json(text: str, random: Random) -> str:
    """In a JSON text, by its short escapes, its long ones, or none."""
    made = []
    for each in text:
        if random.random() < 0.3:
            units = each.encode("utf-16-be").hex()
            units = units.upper() if random.random() < 0.5 else units
            made += [f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)]
        elif each == "/" and random.random() < 0.5:
            made.append("\\/")
        else:
            made.append(json.dumps(each, ensure_ascii=False)[1:-1])
    return "".join(made)


def in_markup(text: str, random: Random) -> str:
    """In XML or HTML: names, decimal and hexadecimal numbers, or none."""
    made = []
    for each in text:
        name, zeros = codepoint2name.get(ord(each)), "0" * random.randrange(3)
        ways = [f"&#{zeros}{ord(each)};", f"&#x{zeros}{ord(each):x};", f"&#X{zeros}{ord(each):X};"]
        if name:
            ways.append(f"&{name};")
        made.append(random.choice(ways) if each in "&<>\"'" or random.random() < 0.4 else each)
    return "".join(made)


WAYS: list[Callable[[str, Random], str]] = [percent, in_json, in_markup]
LAYERS = st.lists(st.sampled_from(WAYS), max_size=ROUNDS)


def spelt(secret: str, layers: list[Callable[[str, Random], str]], random: Random) -> str:
    for layer in layers:
        secret = layer(secret, random)
    return secret


_SIGNS = re.compile(r"[%+\\&]")
_ESCAPES = re.compile(r"(?:\\(?:[\"\\/bfnrt]|u[0-9a-fA-F]{4}))+")
DECODERS: list[Callable[[str], str]] = [
    unquote,
    unquote_plus,
    lambda text: _ESCAPES.sub(lambda found: json.loads(f'"{found[0]}"'), text),
    unescape,
]


def reveals(text: str, secret: str) -> bool:
    """Whether a text, decoded up to `ROUNDS` times in any order, holds the secret."""
    return any(secret in each for each in decoded(text))


def decoded(text: str) -> set[str]:
    """A text, and what it decodes to."""
    texts, seen = {text}, {text}
    for _ in range(ROUNDS):
        texts = {decoder(each) for each in texts if _SIGNS.search(each) for decoder in DECODERS} - seen
        seen |= texts
    return seen


# The redactor.


@given(SECRETS, LAYERS, st.randoms(use_true_random=False))
def test_a_secret_in_any_spelling_is_replaced_and_nothing_beside_it(secret, layers, random):
    assume(not reveals("x:\t|y", secret))
    redactor = Blotter([secret])
    before, after = "x:\t", "\t|y"
    shown = redactor.text(before + spelt(secret, layers, random) + after)
    assert shown.startswith(before)
    assert shown.endswith(after)
    assert not reveals(shown, secret)
    if set(secret).isdisjoint("\t:|xy") and len(set(secret)) > 1:
        assert shown == before + "***" + after


@given(
    SECRETS,
    st.lists(
        st.sampled_from(
            ["%", "%2", "25", "41", "\\", "\\\\", "\\u00", "&", "&amp", ";", "#x26", "#", "=", "a", "/", "é"]
        ),
        max_size=20,
    ).map("".join),
)
def test_a_text_without_the_secret_comes_back_as_it_is(secret, text):
    assume(not reveals(text.replace("+", " "), secret.replace("+", " ")))
    assert Blotter([secret]).text(text) is text
    data = text.encode()
    assert Blotter([secret]).data(data) is data


@given(st.binary(max_size=40), st.binary(max_size=40), LAYERS, st.randoms(use_true_random=False))
def test_what_stands_beside_a_secret_comes_back_byte_for_byte(before, after, layers, random):
    before, after = before + b"\xff\r\n", b"\r\n\xff" + after
    held = spelt("s3cret/w+rd", layers, random).encode()
    assert Blotter(["s3cret/w+rd"]).data(before + held + after) == before + b"***" + after
    assert Blotter(["s3cret/w+rd"]).data(before + after) == before + after


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        (["a/b+c"], "secret=a/b%2bc&x=1", "secret=***&x=1"),
        (["a/b+c"], "/dlr/a%2fb%2Bc?x=1", "/dlr/***?x=1"),
        (["a/b+c"], "/dlr/a%252fb%252Bc", "/dlr/***"),
        (["a/b+c"], '{"url":"http:\\/\\/gw?s=a\\/b%2Bc"}', '{"url":"http:\\/\\/gw?s=***"}'),
        (["a b"], "a+b a%20b a b", "*** *** ***"),
        (["a&\"b'c"], "<u>a&amp;&quot;b&#x27;c</u>", "<u>***</u>"),
        (["a&\"b'c"], "<u>a&#0038;&#x00022;b&apos;c</u>", "<u>***</u>"),
        # HTML takes these names without a semicolon.
        (["a<b&c"], "?x=a&ltb&ampc&x=1", "?x=***&x=1"),
        # One secret begins another; the longer one goes whole.
        (["word", "word-of-mouth"], "word-of-mouth word word%2Dof-mouth", "*** *** ***"),
        (["abcd", "cdef"], "xabcdefx", "x***x"),
        (["\U0001f511key"], "\\ud83d\\udd11key %F0%9F%94%91key &#128273;key", "*** *** ***"),
        # What looks like an escape is a part of the secret.
        (["a%41b\\u0042&amp;c"], "=a%41b\\u0042&amp;c=a%2541b\\\\u0042&amp;amp;c=", "=***=***="),
        (["gr\u00fcn"], "gr%FCn gr%C3%BCn gr\u00c3\u00bcn gr&uuml;n", "*** *** *** ***"),
        (["s3cret"], "s3cre s3cr%65 %73%33%63%72%65%74s", "s3cre s3cr%65 ***s"),
        (["s3cret"], "&#115" + "0" * 5000 + ";3cret &#" + "0" * 5000 + "115;3cret", None),
    ],
)
def test_each_spelling_is_found_where_it_is(secrets, text, shown):
    redacted = Blotter(secrets).text(text)
    assert redacted == shown if shown is not None else redacted.endswith(" ***")


def test_a_secret_is_found_in_each_width_of_character():
    redactor = Blotter(["s3cret/word", "\u5bc6\u94a5"])
    for codec in ("utf-16-le", "utf-16-be", "utf-16"):
        for text in ("?secret=s3cret%2fword&x", "\u5bc6\u94a5", "a\u5bc6\u94a5b"):
            data = b"" if codec == "utf-16" else b"\x01"
            data += text.encode(codec)
            shown = redactor.data(data)
            assert shown != data
            assert "s3cret".encode(codec)[-12:] not in shown
            assert "\u5bc6\u94a5".encode(codec)[-4:] not in shown
    assert redactor.data("a \u00fc %41".encode("utf-16-le")) == "a \u00fc %41".encode("utf-16-le")


@given(st.binary(max_size=60))
def test_any_bytes_come_back(data):
    for some in (data, b"\0a\0" + data, data + b"\0\xd8\0"):
        assert Blotter(["\u00e9\U0001f511-secret"]).data(some) == some


FILLS = [
    *("%2525 ", "%25", "%", "%41", "%2", "\\\\\\", "\\", "\\u005c", "\\u005c ", "\\u", "\\n", '\\"', "&amp;amp;", "&"),
    *("&amp", "&#38;", "&#x26;#38;", "&#", "&#0", "&lt;", "%26amp;", "%26\\u0025amp;%5cn", "a", "\0a", "+"),
]


@pytest.mark.parametrize("fill", FILLS)
def test_eight_times_the_text_costs_about_eight_times(fill):
    redactor = Blotter(["AbCdEf0123456789xyZ/+", "a%41\\u"])

    def cost(size: int) -> float:
        data = (fill * (size // len(fill) + 1))[:size].encode()
        taken = []
        for _ in range(3):
            started = time.process_time()
            redactor.data(data)
            taken.append(time.process_time() - started)
        return min(taken)

    # A cost that grows with the square is 64 times as high.
    assert cost(256 << 10) < 24 * max(cost(32 << 10), 0.0005)


def test_of_several_reports_only_those_that_show_a_secret_are_made_anew():
    body = (
        b'{"statuses": [{"message_id": "1", "status": "SEEN"}, {"message_id": "2", "status": "SEEN", "url": "hush"}]}'
    )
    read = PROVIDERS["messente-omnichannel"].read(Response(200, (), body))
    redacted = without_secrets(lambda *_: read, Blotter(["hush"]).text)(None, None, None)
    assert redacted.reports[0] is read.reports[0]
    assert (read.reports[1].extras, redacted.reports[1].extras) == ({"url": "hush"}, {"url": "***"})


# Whatever is stored, shown or logged.

URL = "https://gw.example/dlr/us?secret={}&x=1"


PLACES: dict[str, tuple[Provider, Callable[[str], object]]] = {
    "query": (LEGACY, lambda s: Request("GET", f"/dlr/us?sms_unique_id=m-1&stat=DELIVRD&secret={s}")),
    "name": (LEGACY, lambda s: Request("GET", f"/dlr/us?sms_unique_id=m-1&stat=DELIVRD&{s}=1&x")),
    "path": (LEGACY, lambda s: Request("GET", f"/dlr/us/{s}?sms_unique_id=m-1&stat=DELIVRD")),
    "value of a field": (LEGACY, lambda s: Request("GET", f"/dlr/us?sms_unique_id=m-1&stat=DELIVRD&recipient={s}")),
    "header": (LEGACY, lambda s: Request("GET", "/dlr/us?sms_unique_id=m-1&stat=DELIVRD", {"X-Url": s, s: "x"})),
    "JSON": (TELI, lambda s: Request("POST", "/", (), f'{{"id":"1","status":"DELIVRD","url":"{s}"}}'.encode())),
    "JSON, dumped": (
        TELI,
        lambda s: Request("POST", "/", (), json.dumps({"id": "1", "status": "DELIVRD", "url": s, s: [s]}).encode()),
    ),
    "form": (TELI, lambda s: Request("POST", "/", (), f"id=1&status=DELIVRD&url={s}".encode())),
    "form, encoded": (
        TELI,
        lambda s: Request("POST", "/", (), urlencode({"id": "1", "status": "DELIVRD", "url": URL.format(s)}).encode()),
    ),
    "multipart": (
        TELI,
        lambda s: Request(
            "POST",
            "/",
            {"Content-Type": "multipart/form-data; boundary=b"},
            "".join(
                f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                for name, value in (("id", "1"), ("status", "DELIVRD"), ("url", s))
            ).encode()
            + b"--b--\r\n",
        ),
    ),
    "XML": (UPSIDE, lambda s: Response(200, {"Content-Type": "text/xml"}, f"<r><u>{escape(s)}</u></r>".encode())),
    "mail": (UPSIDE, lambda s: Mail(f"Subject: {s}\n\nfailed: {s}\n".encode())),
    "mail, base64": (
        UPSIDE,
        lambda s: Mail(b"Content-Transfer-Encoding: base64\n\n" + encodebytes(f"failed: {URL.format(s)}\n".encode())),
    ),
    "mail, quoted": (
        UPSIDE,
        lambda s: Mail(b"Content-Transfer-Encoding: quoted-printable\n\n" + encodestring(f"failed: {s}\n".encode())),
    ),
    "receipt": (
        SMPP,
        lambda s: DeliverSm(
            4, "15555550123", "447700900123", f"id:1 stat:DELIVRD text:{s}".encode(), {0x1400: s.encode()}
        ),
    ),
    "receipt in UCS-2": (
        SMPP,
        lambda s: DeliverSm(4, s, s, f"id:1 stat:DELIVRD text:{s}".encode("utf-16-be"), {}, 8),
    ),
}
"""Where a secret can stand, and whose input it is. Those that spell it once more leave one layer less."""


def shown_of(provider: Provider, input: object, account: Account) -> list[str]:
    """Whatever is stored, shown or logged of an input, as the texts that a reader of it sees."""
    kept = provider.blotted(input, account)
    fields = [getattr(kept, name) for name in kept.__struct_fields__]
    shown: list[object] = [[each.decode("utf-8", "replace") if isinstance(each, bytes) else each for each in fields]]
    if isinstance(kept, DeliverSm):
        # Its line holds the same as hexadecimal digits, and a short secret is among any digits.
        shown.append([each.decode("utf-8", "replace") for each in kept.tlvs.values()])
        shown.append(kept.short_message.decode("utf-16-be", "replace"))
    else:
        shown.append(msgspec.json.decode(write_line(sample_line(Sample(kept)))))
    if isinstance(kept, Mail):
        head, _, body = kept.raw.partition(b"\n\n")
        if b"base64" in head:
            shown.append(b64decode(body).decode("utf-8", "replace"))
        if b"quoted" in head:
            shown.append(decodestring(body).decode("utf-8", "replace"))
    try:
        receipt = provider.read(input, account)
    except delivrd.InputError as error:
        return [*_texts(shown), str(error)]
    told = receipt.to_dict()
    for report in told.get("reports", ()):
        # A digest, in which any two digits can stand.
        del report["key"]
    return _texts([*shown, told, str(explain(provider, input, account))])


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in _texts(each)]
    return [text for each in value for text in _texts(each)] if isinstance(value, list | tuple) else []


@cache
def shown_without(place: str) -> frozenset[str]:
    """What is shown of an input that holds no secret."""
    provider, make = PLACES[place]
    shown = shown_of(provider, make("\u2603"), Account(name="us"))
    return frozenset(each for text in shown for each in decoded(text))


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=max(20, settings.default.max_examples // len(PLACES)))
@given(SECRETS, st.lists(st.sampled_from(WAYS), max_size=ROUNDS - 1), st.randoms(use_true_random=False))
def test_nothing_stored_shown_or_logged_holds_a_secret_in_any_spelling(place, secret, layers, random):
    provider, make = PLACES[place]
    # Readers leave blanks at the ends of a value away, and those who describe a value put some there.
    assume(secret == secret.strip())
    account = Account(name="us", secrets=[secret])
    # Where it is shown without having been sent, it is a word of ours, or of the rest of the input.
    assume(not any(secret in text for text in shown_without(place)))
    shown = shown_of(provider, make(spelt(secret, layers, random)), account)
    assert not [text for text in shown if reveals(text, secret)]

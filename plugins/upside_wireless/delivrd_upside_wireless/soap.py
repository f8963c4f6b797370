"""SOAP, as far as questions and answers need it: envelopes out, a tree of plain texts in.

The rule of this module: an answer is hostile. No DTD is taken, the tree is bounded while it is
built, and what XML forbids inside a text costs that character, never the answer: it may be the
only copy of an inbox that was marked as read.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

import msgspec
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from delivrd import TooLarge, Unreadable, decode_text

DEEPEST: Final = 64
"""Levels of elements."""

MOST_ELEMENTS: Final = 10_000
"""Elements of an answer; an inbox gives 300 messages of nine fields at most."""

ENVELOPES: Final = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
"""The namespace of an envelope, by the version of SOAP."""

# Some writers put characters that XML 1.0 forbids into a text, raw or as references.
_FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
    r"|&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|d[89a-f][0-9a-f]{2}|fff[ef])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));",
    re.IGNORECASE,
)


class Node(msgspec.Struct):
    """One element.

    Attributes:
        name: without its namespace.
        content: its text and the elements inside, in the order of the document.
    """

    name: str
    content: list[str | Node] = []

    @property
    def children(self) -> list[Node]:
        """The elements directly inside, in order."""
        return [each for each in self.content if isinstance(each, Node)]

    def nodes(self) -> list[Node]:
        """This element and all inside it, in the order of the document."""
        found, waiting = [], [self]
        while waiting:
            node = waiting.pop()
            found.append(node)
            waiting.extend(reversed(node.children))
        return found

    def text(self) -> str:
        """All the text inside, as sent."""
        found: list[str] = []
        waiting: list[str | Node] = [self]
        while waiting:
            each = waiting.pop()
            if isinstance(each, Node):
                waiting.extend(reversed(each.content))
            else:
                found.append(each)
        return "".join(found)

    def leaves(self) -> list[Node]:
        """The elements inside that hold no others, and some text."""
        return [node for node in self.nodes() if not node.children and node.text().strip()]

    def first(self, *names: str) -> str | None:
        """The text of the first element inside with one of these names, if it says something."""
        return next((node.text().strip() for node in self.nodes() if node.name in names), None) or None


class _Target:
    """Takes the parser's events, and refuses a tree that grows too deep or too large."""

    def __init__(self) -> None:
        self.path: list[Node] = [Node("")]
        self.elements = 0

    def start(self, tag: str, _attributes: object) -> None:
        self.elements += 1
        if len(self.path) > DEEPEST or self.elements > MOST_ELEMENTS:
            raise TooLarge(f"body: expected at most {DEEPEST} levels and {MOST_ELEMENTS} elements of XML")
        node = Node(tag.rpartition("}")[2])
        self.path[-1].content.append(node)
        self.path.append(node)

    def end(self, _tag: str) -> None:
        self.path.pop()

    def data(self, text: str) -> None:
        self.path[-1].content.append(text)

    def close(self) -> Node:
        return self.path[0].children[0]


def read_xml(body: bytes, charset: str | None = None) -> Node:
    """An answer as a tree.

    Args:
        body: as received.
        charset: that its content type declares.

    Raises:
        Unreadable: it is no XML, or has a DTD.
        TooLarge: it is nested too deep, or has too many elements.
    """
    try:
        return _parse(body, None)
    except ParseError:
        text = _FORBIDDEN.sub("\ufffd", decode_text(body, charset)[0])
    try:
        return _parse(text.encode(), "utf-8")
    except ParseError as error:
        raise Unreadable("body: expected XML") from error


def _parse(body: bytes, encoding: str | None) -> Node:
    target = _Target()
    parser = DefusedXMLParser(target=target, encoding=encoding, forbid_dtd=True)
    try:
        parser.feed(body)
        parser.close()
    except TooLarge:
        raise
    except DefusedXmlException as error:
        raise Unreadable("body: expected XML without a DTD") from error
    except (LookupError, ValueError) as error:
        # The encoding that it declares is unknown, or none of XML's.
        raise ParseError(str(error)) from error
    return target.close()


def read_fault(root: Node) -> tuple[str | None, str | None] | None:
    """The code and the words of a SOAP fault, 1.1 or 1.2; None where the answer is none."""
    fault = next((node for node in root.nodes() if node.name == "Fault"), None)
    if fault is None:
        return None
    return fault.first("faultcode", "Value"), fault.first("faultstring", "Text")


def write_envelope(
    version: str, namespace: str, operation: str, parameters: dict[str, str]
) -> tuple[dict[str, str], bytes]:
    """The headers and the body that call an operation, in SOAP 1.1 or 1.2."""
    action = f'"{namespace}/{operation}"'
    if version == "1.1":
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": action}
    else:
        headers = {"Content-Type": f"application/soap+xml; charset=utf-8; action={action}"}
    inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in parameters.items())
    return headers, (
        f'<?xml version="1.0" encoding="utf-8"?>\n<soap:Envelope xmlns:soap="{ENVELOPES[version]}"><soap:Body>'
        f'<{operation} xmlns="{namespace}">{inside}</{operation}></soap:Body></soap:Envelope>'
    ).encode()

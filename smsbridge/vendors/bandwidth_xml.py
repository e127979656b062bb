"""XML of Bandwidth's Numbers API, read without trusting it and written without string building.

An entity bomb needs a document type declaration, and no answer of the Numbers API has one: it is refused unread.
"""

from collections.abc import Iterator
from xml.etree import ElementTree


class NotXmlError(ValueError):
    """The bytes are not XML that is read here. The text repeats nothing of them."""


def parse(body: bytes) -> ElementTree.Element:
    """The root of a document in UTF-8. Raises NotXmlError."""
    try:
        text = body.decode()
        if "<!DOCTYPE" in text:
            raise NotXmlError("the answer has a document type declaration")
        return ElementTree.fromstring(text)  # noqa: S314  nothing can be declared without what was just refused
    except NotXmlError:
        raise
    except (ValueError, ElementTree.ParseError):
        pass
    raise NotXmlError("the answer is not XML in UTF-8")  # out here: no chained content


def elements(root: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Every element of that name, at any depth and in any namespace."""
    return (element for element in root.iter() if element.tag.rpartition("}")[2] == name)


def holds(root: ElementTree.Element, name: str) -> bool:
    """Whether there is an element of that name, be it empty."""
    return next(elements(root, name), None) is not None


def texts(root: ElementTree.Element, *names: str) -> list[str]:
    """The text of every element of these names, at any depth, without blanks around it; empty ones are left out."""
    found = [(element.text or "").strip() for name in names for element in elements(root, name)]
    return [text for text in found if text]


def text(root: ElementTree.Element, name: str) -> str:
    """The first such text, "" for none."""
    return next(iter(texts(root, name)), "")


def document(name: str, *parts: ElementTree.Element | None) -> bytes:
    """A document with these parts in it; those that are None are left out."""
    return bytes(ElementTree.tostring(tree(name, *parts), encoding="utf-8", xml_declaration=True))


def tree(name: str, *parts: ElementTree.Element | None) -> ElementTree.Element:
    """An element with these parts in it."""
    element = ElementTree.Element(name)
    element.extend([part for part in parts if part is not None])
    return element


def leaf(name: str, value: str) -> ElementTree.Element | None:
    """An element that holds a text, None for an empty one."""
    element = ElementTree.Element(name)
    element.text = value
    return element if value else None

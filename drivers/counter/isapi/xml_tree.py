"""A small XML document as a tree of local names, with nothing of XML that can hurt.

No document type, so no entities but the five; no more than so many elements, so deep. Three namespaces occur
on one device (psialliance, isapi.org, hikvision.com) and firmware changes the case of names, so an element is
known by its local name in small letters.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.parsers import expat

ELEMENTS_MAX = 2000
DEPTH_MAX = 32
TEXT_MAX = 1000  # characters of one element


class Refused(ValueError):
    """No XML, or more than we want of it."""


class Element:
    """One element: its name, the text directly in it, and what it holds."""

    __slots__ = ("children", "name", "text")

    def __init__(self, name: str) -> None:
        self.name, self.text = name, ""
        self.children: list[Element] = []

    def first(self, *names: str) -> str:
        """The text of the first child called one of `names` that has any; empty when none has."""
        texts = (child.text.strip() for child in self.children if child.name in names)
        return next((text for text in texts if text), "")

    def every(self, *names: str) -> Iterator[Element]:
        """All elements so called, at any depth, in their order."""
        for child in self.children:
            if child.name in names:
                yield child
            else:
                yield from child.every(*names)


def read_xml(document: bytes) -> Element:
    """The root element. UTF-8, or what Chinese firmware writes instead. Raises Refused."""
    try:
        text = document.decode("utf-8")
    except UnicodeDecodeError:
        text = document.decode("gb18030", "replace")
    parser = expat.ParserCreate("utf-8")
    top = Element("")
    open_elements = [top]
    count = 0

    def start(name: str, _attributes: object) -> None:
        nonlocal count
        count += 1
        if count > ELEMENTS_MAX or len(open_elements) > DEPTH_MAX:
            raise Refused("too many elements")
        element = Element(name.rpartition(":")[2].lower())
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_name: str) -> None:
        open_elements.pop()

    def characters(said: str) -> None:
        element = open_elements[-1]
        element.text = (element.text + said)[:TEXT_MAX]

    def doctype(*_: object) -> None:
        raise Refused("it has a document type")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = characters, doctype
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise Refused(str(error)) from None
    return top.children[0]

"""OFX text read into a tree: version 1 is SGML without most closing tags, version 2 is XML.

Banks send either under the other's name, so both are read alike. An element with text of its own
ends by itself; one without ends with its own closing tag, or with that of the element around it.
Document types are refused, and of entities only XML's own and characters by number are known.
"""

import html
import re
from bisect import bisect_right
from typing import Final

from trueup.connectors.bank.tree import DEPTH_MAX, ELEMENTS_MAX, TEXT_CHARS_MAX, Element
from trueup.contract.fault import file_fault
from trueup.errors import ConfigError

_TOKEN: Final = re.compile(
    r"<!\[CDATA\[(?P<cdata>.*?)\]\]>|<!--.*?-->|<\?[^>]*\?>|"
    r"<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9_.-]*)\s*(?P<empty>/?)>|(?P<text>[^<]+|<(?![A-Za-z/!?]))|(?P<bad><)",
    re.DOTALL,
)
_ENTITY: Final = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});")


def read_sgml(text: str) -> Element:
    """Return the root element `OFX` with everything in it.

    Raises:
        ConfigError: it is not well formed, has a document type, or goes beyond a bound.
    """
    start = re.search(r"<OFX\s*>", text, re.IGNORECASE)
    if start is None:
        raise file_fault(1, "OFX", "the element OFX", "none")
    return _Builder(text, start.start()).build()


class _Builder:
    def __init__(self, text: str, start: int) -> None:
        self._text, self._start = text, start
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._open: list[Element] = []
        self._root: Element | None = None
        self._count = 0
        self._leaf: Element | None = None

    def build(self) -> Element:
        doctype = re.search(r"<!(DOCTYPE|ENTITY)", self._text, re.IGNORECASE)
        if doctype is not None:
            raise self._fault(doctype.start(), "DOCTYPE", "no document type", "one")
        for token in _TOKEN.finditer(self._text, self._start):
            if self._root is not None and not self._open:
                self._after(token)
            elif token["name"]:
                self._tag(token)
            elif token["cdata"] is not None:
                self._add(token["cdata"], token.start())
            elif token["text"] and not token["text"].isspace():
                self._add(_unescaped(token["text"]), token.start())
            elif token["bad"]:
                raise self._fault(token.start(), self._path(), "a tag such as <NAME>", "another <")
        if self._open or self._root is None:
            path = self._path()
            raise self._fault(len(self._text), path, f"</{self._open[0].name}>", "the end")
        return self._root

    def _after(self, token: re.Match[str]) -> None:
        if token["name"] or (token["text"] or "").strip():
            raise self._fault(token.start(), "", "nothing after </OFX>", "something")

    def _tag(self, token: re.Match[str]) -> None:
        name = token["name"].upper()
        if token["close"]:
            self._close(name, token.start())
            return
        self._end_leaf()
        above = self._open[-1] if self._open else None
        path = f"{above.path}/{name}" if above else name
        element = Element(name, path, bisect_right(self._ends, token.start()) + 1)
        self._count += 1
        if len(self._open) >= DEPTH_MAX or self._count > ELEMENTS_MAX:
            raise element.fault(f"at most {DEPTH_MAX} levels and {ELEMENTS_MAX} elements", "more")
        if above is None:
            self._root = element
        else:
            above.children.append(element)
        if not token["empty"]:
            self._open.append(element)

    def _close(self, name: str, at: int) -> None:
        if self._leaf is not None and self._leaf.name == name:
            self._end_leaf()
            return
        self._end_leaf()
        if all(element.name != name for element in self._open):
            raise self._fault(at, self._path(), "the end of an element that is open", f"</{name}>")
        while self._open[-1].name != name:
            # An empty element that nobody closed: what follows it stands beside it, not in it.
            empty = self._open.pop()
            self._open[-1].children += empty.children
            empty.children = []
        self._open.pop()

    def _add(self, text: str, at: int) -> None:
        if not self._open or self._open[-1].children:
            raise self._fault(at, self._path(), "elements only", "text between them")
        self._leaf = self._open[-1]
        self._leaf.text += text
        if len(self._leaf.text) > TEXT_CHARS_MAX:
            raise self._leaf.fault(f"at most {TEXT_CHARS_MAX} characters", "more")

    def _end_leaf(self) -> None:
        if self._leaf is not None:
            self._open.pop()
            self._leaf.text = self._leaf.text.strip()
            self._leaf = None

    def _path(self) -> str:
        return self._open[-1].path if self._open else ""

    def _fault(self, at: int, path: str, expected: str, found: str) -> ConfigError:
        return file_fault(bisect_right(self._ends, at - 1) + 1, path, expected, found)


def _unescaped(text: str) -> str:
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text)

"""XML read into a small tree that knows the place of each element, within bounds.

The parser is expat, from Python itself. Document types are refused, so there are no entities that
could grow or fetch anything.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from xml.parsers import expat

from trueup.contract.fault import file_fault
from trueup.errors import ConfigError

DEPTH_MAX: Final = 40
ELEMENTS_MAX: Final = 1_000_000
"""Elements that are held at once; those of an entry are let go when it ends."""

TOKEN_BYTES_MAX: Final = 1_000_000
"""One tag with its attributes, or one comment."""

TEXT_CHARS_MAX: Final = 20_000
ATTRIBUTES_CHARS_MAX: Final = 4_000
_CHUNK_BYTES: Final = 256 * 1024
_SEPARATOR: Final = " "


class Element:
    """One element: its local name, what stands in it, and where."""

    __slots__ = (
        *("attributes", "children", "column", "folded", "line", "name", "namespace", "path"),
        "text",
    )

    def __init__(self, name: str, path: str, line: int, column: int = 0) -> None:
        self.name, self.path, self.line, self.column = name, path, line, column
        self.namespace = ""
        self.text = ""
        self.attributes: Mapping[str, str] = {}
        self.children: list[Element] = []
        self.folded: Any = None

    def all(self, *names: str) -> Iterator["Element"]:
        """Yield the elements at a path below this one, in order."""
        for child in self.children:
            if child.name == names[0]:
                if len(names) == 1:
                    yield child
                else:
                    yield from child.all(*names[1:])

    def first(self, *names: str) -> "Element | None":
        """Return the first element at a path; None where there is none."""
        for child in self.children:
            if child.name == names[0]:
                found = child if len(names) == 1 else child.first(*names[1:])
                if found is not None:
                    return found
        return None

    def word(self, *names: str) -> str | None:
        """Return the text of the first element at a path; None where nothing stands there."""
        found = self.first(*names)
        return found.text.strip() or None if found is not None else None

    def need(self, *names: str) -> "Element":
        """Return the first element at a path.

        Raises:
            ConfigError: there is none.
        """
        found = self.first(*names)
        if found is None:
            raise file_fault(self.line, f"{self.path}/{'/'.join(names)}", "this element", "none")
        return found

    def fault(self, expected: str, found: str) -> ConfigError:
        """Return the error for this element."""
        return file_fault(self.line, self.path, expected, found)


Fold = Callable[[Element], Any]


def read_xml(content: bytes, folds: Mapping[str, Fold]) -> Element:
    """Return the root of the tree.

    Args:
        content: the file.
        folds: by local name, what an element becomes when it ends: its `folded`. Its children are
            let go then, so that a long file needs little memory.

    Raises:
        ConfigError: it is no XML, has a document type, or goes beyond a bound.
    """
    builder = _Builder(folds)
    try:
        builder.read(content)
    except expat.ExpatError as fault:
        raise file_fault(
            fault.lineno, f"character {fault.offset + 1}", "well-formed XML", _said(fault)
        ) from fault
    except (ValueError, LookupError) as fault:  # an encoding that Python does not know
        raise file_fault(1, "encoding", "an encoding that is known", "another one") from fault
    root = builder.root
    if root is None:  # pragma: no cover - expat refuses a file without a root
        raise file_fault(1, "", "an XML document", "nothing")
    return root


def _below(element: Element) -> int:
    return len(element.children) + sum(map(_below, element.children))


def _said(fault: expat.ExpatError) -> str:
    return expat.ErrorString(fault.code) or "other bytes"


class _Builder:
    def __init__(self, folds: Mapping[str, Fold]) -> None:
        self.parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.root: Element | None = None
        self._folds = folds
        self._open: list[Element] = []
        self._count = self._at = 0

    def read(self, content: bytes) -> None:
        """Parse in pieces, so that one endless tag is noticed before it is whole."""
        for start in range(0, len(content), _CHUNK_BYTES):
            self.parser.Parse(content[start : start + _CHUNK_BYTES])
            if start - self._at > TOKEN_BYTES_MAX:
                line = self.parser.CurrentLineNumber
                raise file_fault(line, "", f"tags of at most {TOKEN_BYTES_MAX} bytes", "more")
        self.parser.Parse(b"", True)  # noqa: FBT003 - the end of the file

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(_SEPARATOR)
        line, column = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1
        above = self._open[-1] if self._open else None
        element = Element(local, f"{above.path}/{local}" if above else local, line, column)
        element.namespace = namespace
        self._count += 1
        self._at = self.parser.CurrentByteIndex
        if len(self._open) >= DEPTH_MAX:
            raise element.fault(f"elements nested at most {DEPTH_MAX} deep", "deeper nesting")
        if self._count > ELEMENTS_MAX:
            raise element.fault(f"at most {ELEMENTS_MAX} elements beside the entries", "more")
        if attributes:
            if sum(map(len, attributes.values())) > ATTRIBUTES_CHARS_MAX:
                raise element.fault("short attributes", f"more than {ATTRIBUTES_CHARS_MAX}")
            element.attributes = attributes
        if above is None:
            self.root = element
        else:
            above.children.append(element)
        self._open.append(element)

    def _end(self, _name: str) -> None:
        element = self._open.pop()
        self._at = self.parser.CurrentByteIndex
        fold = self._folds.get(element.name)
        if fold is not None:
            element.folded = fold(element)
            self._count -= _below(element)
            element.children = []

    def _text(self, text: str) -> None:
        element = self._open[-1]
        self._at = self.parser.CurrentByteIndex
        if element.text or not text.isspace():
            element.text += text
            if len(element.text) > TEXT_CHARS_MAX:
                raise element.fault(f"at most {TEXT_CHARS_MAX} characters", "more")

    def _doctype(self, *_: object) -> None:
        line = self.parser.CurrentLineNumber
        raise file_fault(line, "DOCTYPE", "XML without a document type", "one")

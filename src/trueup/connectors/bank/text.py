"""The text of a file that is no XML: its encoding, its lines, and what may not stand in it."""

import codecs
from collections.abc import Iterator
from typing import Final

from trueup.contract.fault import file_fault

LINE_CHARS_MAX: Final = 100_000
_ASKED: Final = {"": "cp1252", "1252": "cp1252", "8859-1": "latin-1", "NONE": "cp1252"}


def text_of(content: bytes, charset: str = "") -> str:
    """Return a file's text; line ends become U+000A.

    Args:
        content: the file.
        charset: as the file itself says; what is no UTF-8 is read by it, else by cp1252.

    Raises:
        ConfigError: it is no text in that encoding.
    """
    text = _decoded(content, charset)
    if "\x00" in text:
        raise file_fault(_line_at(text, text.index("\x00")), "", "text", "U+0000")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def lines_of(text: str) -> Iterator[str]:
    """Yield a text's lines, one at a time: a long file has millions.

    Raises:
        ConfigError: one of them is too long.
    """
    start, number = 0, 1
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if end - start > LINE_CHARS_MAX:
            raise file_fault(number, "", f"at most {LINE_CHARS_MAX} characters in a line", "more")
        yield text[start:end]
        start, number = end + 1, number + 1


def _decoded(content: bytes, charset: str) -> str:
    for mark, name in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")):
        if content.startswith(mark):
            return _strictly(content.removeprefix(mark), name)
    if content.startswith(codecs.BOM_UTF16_BE):
        return _strictly(content.removeprefix(codecs.BOM_UTF16_BE), "utf-16-be")
    asked = charset.strip().upper()
    try:
        return content.decode()
    except UnicodeDecodeError:
        if asked in {"UTF-8", "UTF8", "UNICODE"}:
            return _strictly(content, "utf-8")
    name = _ASKED.get(asked, asked)
    try:
        codecs.lookup(name)
    except LookupError as error:
        raise file_fault(0, "", "an encoding that is known", asked[:40]) from error
    return _strictly(content, name)


def _strictly(content: bytes, name: str) -> str:
    try:
        return content.decode(name)
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        found = f"the byte {content[fault.start]:#04x}"
        raise file_fault(line, "", f"text in {name}", found) from fault


def _line_at(text: str, index: int) -> int:
    return text.count("\n", 0, index) + 1

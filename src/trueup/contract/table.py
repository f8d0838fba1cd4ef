"""Rows of a table whose columns are declared: each cell with its place, read strictly."""

import csv
import io
import re
from collections.abc import Collection, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from trueup.contract.columns import Columns
from trueup.contract.fault import file_fault
from trueup.errors import ConfigError

ROWS_MAX: Final = 500_000
CELL_CHARS_MAX: Final = 20_000
_BLANKS: Final = str.maketrans("", "", " \u00a0\u202f'\u2019")
_SIGNED: Final = re.compile(r"(?P<open>\()?(?P<sign>[+-])?(?P<digits>[0-9.,]+)(?P<after>-|\))?")
_MONEY_SIGNS: Final = re.compile(r"^[A-Z]{3}|[A-Z]{3}$|[€$£₹¥]|^Rs\.?")


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row: its last line in the file, its cells by the names in the head."""

    line: int
    cells: dict[str, str]
    columns: Columns

    def text(self, word: str) -> str:
        """Return what stands under a word of the format; empty where nothing does."""
        name = self.columns.columns.get(word)
        if name is None:
            return self.columns.constants.get(word, "")
        return self.cells.get(name, "").strip()

    def maybe(self, word: str) -> str | None:
        """Return what stands under a word; None where nothing does."""
        return self.text(word) or None

    def need(self, word: str, what: str) -> str:
        """Return what stands under a word.

        Raises:
            ConfigError: nothing does.
        """
        text = self.text(word)
        if not text:
            raise self.fault(word, what, "nothing")
        return text

    def amount(self, word: str) -> Decimal | None:
        """Return an amount with the declared decimal mark; None where nothing stands there.

        Raises:
            ConfigError: it is no amount, or has the other mark where cents would be.
        """
        text = self.text(word).translate(_BLANKS).replace("\u2212", "-")
        text = _MONEY_SIGNS.sub("", text)
        if not text:
            return None
        mark = self.columns.decimal
        group = "," if mark == "." else "."
        match = _SIGNED.fullmatch(text)
        expected = f"an amount such as 1{group}234{mark}50"
        if match is None or bool(match["open"]) != (match["after"] == ")"):
            raise self.fault(word, expected, "other text")
        whole, point, part = match["digits"].partition(mark)
        grouped = re.fullmatch(rf"[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{2,3}})*|[0-9]*", whole)
        if grouped is None or not re.fullmatch(r"[0-9]{0,12}", part) or not (whole or part):
            raise self.fault(word, expected, "other text")
        digits = whole.replace(group, "") or "0"
        if len(digits) > 15:
            raise self.fault(word, "an amount below 10^15", "a longer one")
        value = Decimal(f"{digits}.{part}" if point and part else digits)
        taken = match["sign"] == "-" or match["after"] in {"-", ")"}
        return -value if taken else value

    def day(self, word: str) -> date | None:
        """Return a day in the declared form; None where nothing stands there.

        Raises:
            ConfigError: it is no such day.
        """
        text = self.text(word)
        if not text:
            return None
        form = self.columns.day
        try:
            if form:
                return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
            return date.fromisoformat(text[:10])
        except ValueError as error:
            expected = f"a day as {form}" if form else "a day such as 2026-01-31"
            raise self.fault(word, expected, "other text") from error

    def fault(self, word: str, expected: str, found: str) -> ConfigError:
        """Return the error for one cell; the column is named as it is in the file."""
        return file_fault(self.line, self.columns.columns.get(word, word), expected, found)


def rows_of(content: bytes, columns: Columns, needed: Collection[str]) -> Iterator[Row]:
    """Yield the rows of a table, without those that are empty.

    Args:
        content: the file.
        columns: what it looks like.
        needed: words of the format that must have a column or a constant.

    Raises:
        ConfigError: it is no such table, or lacks a column: line, column, expected, found.
    """
    for word in needed:
        if not columns.has(word):
            raise file_fault(0, word, "a column or a constant declared for it", "none")
    text = _text(content, columns.encoding)
    lines = text.split("\n")
    body = "\n".join(lines[columns.skip_lines :])
    mark = "\t" if columns.delimiter == "tab" else columns.delimiter
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=mark, strict=True)
    try:
        head = [name.strip() for name in next(reader, [])]
        _check_head(head, columns)
        for cells in reader:
            number = reader.line_num + columns.skip_lines
            if not any(cell.strip() for cell in cells):
                continue
            if cells[0].strip().startswith(columns.skip_foot) and columns.skip_foot:
                return
            yield _row(number, head, cells, columns)
    except csv.Error as error:
        number = reader.line_num + columns.skip_lines
        raise file_fault(number, "", "cells between the delimiters", str(error)) from error


def _row(number: int, head: list[str], cells: list[str], columns: Columns) -> Row:
    if number > ROWS_MAX:
        raise file_fault(number, "", f"at most {ROWS_MAX} rows", "more")
    if len(cells) != len(head) and any(cell.strip() for cell in cells[len(head) :]):
        raise file_fault(number, "", f"{len(head)} cells as in the head", f"{len(cells)}")
    if any(len(cell) > CELL_CHARS_MAX for cell in cells):
        raise file_fault(number, "", f"at most {CELL_CHARS_MAX} characters in a cell", "more")
    return Row(number, dict(zip(head, cells, strict=False)), columns)


def _check_head(head: list[str], columns: Columns) -> None:
    line = columns.skip_lines + 1
    for name in columns.columns.values():
        if name not in head:
            raise file_fault(line, name, "a column of this name in the head", "none")
        if head.count(name) > 1:
            raise file_fault(line, name, "one column of this name", "several")


def _text(content: bytes, encoding: str) -> str:
    try:
        text = content.decode(encoding or "utf-8-sig")
    except UnicodeDecodeError as fault:
        if encoding:
            line = content.count(b"\n", 0, fault.start) + 1
            found = f"the byte {content[fault.start]:#04x}"
            raise file_fault(line, "", f"text in {encoding}", found) from fault
        text = content.decode("cp1252", errors="replace")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise file_fault(line, "", "text", "U+0000")
    return text

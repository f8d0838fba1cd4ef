"""What stands in which column of a table that a person hands in: declared once, as TOML.

Banks and carriers let their customers choose columns, languages and marks, so nobody can know them.
Whoever imports such a table says what its columns mean:

    delimiter = ";"
    decimal = ","
    day = "%d.%m.%Y"

    [columns]
    booked_on = "Buchungstag"
    amount = "Betrag"

    [constants]
    currency = "EUR"
"""

import codecs
import re
import tomllib
from collections.abc import Collection
from typing import Annotated

import msgspec

from trueup.errors import ConfigError

COLUMNS_CHARS_MAX = 20_000
_DIRECTIVES = re.compile(r"%[dmyYbBHMSfzpI%-]")


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a table looks like.

    Attributes:
        columns: by the word of the format, the name in the table's head.
        constants: what stands in every row alike, by the word of the format.
        delimiter: between cells; "tab" may be written as a word.
        decimal: the decimal mark of amounts; the other one of `.` and `,` groups digits.
        day: how days are written, as `strptime` has it; empty: as ISO 8601 does.
        encoding: of the text; empty: UTF-8, else cp1252.
        skip_lines: before the head.
        skip_foot: rows that begin with one of these end the table: "Total", "Summe".
        debit_marks: words in the column `mark` that mean that money went out.
    """

    columns: dict[str, Annotated[str, msgspec.Meta(min_length=1, max_length=200)]]
    constants: dict[str, Annotated[str, msgspec.Meta(max_length=200)]] = {}
    delimiter: Annotated[str, msgspec.Meta(min_length=1, max_length=3)] = ","
    decimal: Annotated[str, msgspec.Meta(pattern="^[.,]$")] = "."
    day: Annotated[str, msgspec.Meta(max_length=40)] = ""
    encoding: Annotated[str, msgspec.Meta(max_length=40)] = ""
    skip_lines: Annotated[int, msgspec.Meta(ge=0, le=200)] = 0
    skip_foot: tuple[str, ...] = ()
    debit_marks: tuple[str, ...] = ("D", "DBIT", "DR", "Debit", "S", "Soll")

    def has(self, word: str) -> bool:
        """Tell whether a word of the format has a column or a constant."""
        return word in self.columns or word in self.constants


def read_columns(text: str, known: Collection[str]) -> Columns:
    """Return the columns that a TOML text declares.

    Args:
        text: as a person wrote it.
        known: the words that the format knows.

    Raises:
        ConfigError: names the field, what was expected and what was found.
    """
    if len(text) > COLUMNS_CHARS_MAX:
        raise _fault("", f"at most {COLUMNS_CHARS_MAX} characters", f"{len(text)}")
    try:
        columns = msgspec.convert(tomllib.loads(text), Columns)
    except tomllib.TOMLDecodeError as error:
        raise _fault("", "TOML", str(error)) from error
    except msgspec.ValidationError as error:
        told, _, place = str(error).partition(" - at `$.")
        raise _fault(place.rstrip("`"), told.replace("`", ""), "another value") from error
    for table, words in (("columns", columns.columns), ("constants", columns.constants)):
        unknown = sorted(set(words) - set(known))
        if unknown:
            expected = f"one of {', '.join(sorted(known))}"
            raise _fault(f"{table}.{unknown[0]}"[:80], expected, "another word")
    _check_marks(columns)
    return columns


def _check_marks(columns: Columns) -> None:
    mark = columns.delimiter
    if mark != "tab" and (len(mark) != 1 or mark in '"\r\n'):
        raise _fault("delimiter", 'one character, or "tab"', "another text")
    if _DIRECTIVES.sub("", columns.day).count("%"):
        raise _fault("day", "a form such as %d.%m.%Y", "another directive")
    if columns.encoding:
        try:
            codecs.lookup(columns.encoding)
        except LookupError as error:
            raise _fault("encoding", "an encoding such as utf-8", "another word") from error


def _fault(field: str, expected: str, found: str) -> ConfigError:
    where = f"columns, {field}: " if field else "columns: "
    return ConfigError(
        f"{where}expected {expected}, found {found}", field=field, expected=expected, found=found
    )

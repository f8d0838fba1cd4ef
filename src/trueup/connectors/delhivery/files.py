"""Imported files: Delhivery's tables of cash that it collected and remitted."""

from collections.abc import Sequence
from typing import Final

from trueup.contract.connector import Piece
from trueup.contract.fault import file_fault
from trueup.contract.remittance import remittance_pieces

FORMAT: Final = "delhivery-remittance"
ZONE: Final = "Asia/Kolkata"

USUAL: Final = """
[columns]
utr = "UTR"
remitted_on = "Remittance Date"
awb = "Waybill"
order = "Order No"
delivered_on = "Delivery Date"
cod_amount = "COD Amount"

[constants]
currency = "INR"
"""
"""The columns where nobody has declared others; from memory, see the README."""


def read_file(format_name: str, content: bytes) -> Sequence[Piece]:
    """Return one piece per remittance and one per parcel of it, by the usual columns.

    Raises:
        ConfigError: the table is not of this format: line, column, expected, found.
    """
    return read_table(format_name, content, "")


def read_table(format_name: str, content: bytes, columns: str) -> Sequence[Piece]:
    """Return the same by declared columns; by the usual ones where none are.

    Raises:
        ConfigError: the declaration or the table is at fault.
    """
    if format_name != FORMAT:
        raise file_fault(0, "", FORMAT, format_name[:60])
    return remittance_pieces(content, columns or USUAL, ZONE)

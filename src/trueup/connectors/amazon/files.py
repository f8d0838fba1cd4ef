"""Imported files: settlement reports as a person downloads them from Seller Central."""

from collections.abc import Sequence

from trueup.connectors.amazon.settlement import settlement_pieces
from trueup.contract.connector import Piece
from trueup.contract.fault import file_fault

FORMAT = "amazon-settlement"


def read_file(format_name: str, content: bytes) -> Sequence[Piece]:
    """Return one piece per record, for `mapping`; a file is taken whole or not at all.

    Raises:
        ConfigError: the file is not of this format: line, column, expected, found.
    """
    if format_name != FORMAT:
        raise file_fault(0, "", FORMAT, format_name[:60])
    return settlement_pieces(content)

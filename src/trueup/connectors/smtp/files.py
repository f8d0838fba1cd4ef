"""A report that was saved as a file: one mail, taken as it is."""

from collections.abc import Sequence

from trueup.connectors.smtp.mapping import TOPIC
from trueup.connectors.smtp.report import Unreadable, read
from trueup.contract.connector import Piece
from trueup.errors import ConfigError

FORMAT = "smtp-report-eml"
FILE_BYTES_MAX = 30_000_000


def read_file(format_name: str, content: bytes) -> Sequence[Piece]:
    """Return one piece: the mail, byte for byte.

    Raises:
        ConfigError: the file is not of this format: what was expected and what was found.
    """
    if format_name != FORMAT:
        raise ConfigError(f"expected {FORMAT}, found another format")
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError(f"expected one mail of at most {FILE_BYTES_MAX} bytes, found more")
    try:
        read(content)
    except Unreadable as fault:
        raise ConfigError(f"expected {fault}, found another file") from fault
    return (Piece(topic=TOPIC, body=content),)

"""What records name beside units, which moves nothing: lots, and serials."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from trueup.ledger.lots import note_lots
from trueup.ledger.serials import note_serials
from trueup.records.model import Stored


async def note_named(
    conn: psycopg.AsyncConnection[Any], changed: Sequence[Stored], numbers: Mapping[str, int]
) -> None:
    """Keep what the records of a batch name, after it has posted; where none does, at no cost.

    Args:
        conn: in the transaction of the batch.
        changed: records as they stand after it.
        numbers: of all their SKUs.
    """
    await note_lots(conn, changed, numbers)
    await note_serials(conn, changed, numbers)

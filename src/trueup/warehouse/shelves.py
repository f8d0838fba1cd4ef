"""What is looked at again and again of the shelves: lots that expire, and serials."""

from typing import Any

import psycopg

from trueup.warehouse.book import Desk
from trueup.warehouse.expiry import look_at_lots
from trueup.warehouse.serials import look_at_serials


async def look_at_shelves(conn: psycopg.AsyncConnection[Any], desk: Desk) -> None:
    """Set expired lots aside, hold lots and serials beside units, and say what is wrong.

    Args:
        conn: in autocommit.
        desk: where it is booked; its clock decides which day it is.
    """
    await look_at_lots(conn, desk)
    await look_at_serials(conn, desk.clock.now())

"""How a person stands to being written to: what they last said to us on a connection."""

from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.canon.link import LinkSpace, normal_email, normal_phone
from trueup.canon.message import Direction, Message
from trueup.canon.record import decode
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.govern.vault import Vault

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]

_LOOKED_AT = 50


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody last said.

    Attributes:
        wrote_at: when they last wrote to us on this connection; None where they never did.
        opted_out: their last word on it is that they want no more.
    """

    wrote_at: datetime | None = None
    opted_out: bool = False


async def read_standing(conn: Conn, vault: Vault, connection_id: int, address: str) -> Standing:
    """Return how whoever has an e-mail or a phone stands to being written to.

    Args:
        conn: any session.
        vault: makes the digest by which the address is found.
        connection_id: where they wrote.
        address: an e-mail, or a phone in E.164.
    """
    if "@" in address:
        space, value = LinkSpace.EMAIL, normal_email(address)
    else:
        space, value = LinkSpace.PHONE, normal_phone(address)
    if not value:
        return Standing()
    rows = await fetch_rows(
        conn,
        _queries.messages_from,
        connection_id=connection_id,
        namespace=space.value,
        digest=vault.index(space.value, value),
        count=_LOOKED_AT,
    )
    said = [msgspec.convert(decode(Message.kind, row["body"]), Message) for row in rows]
    heard = [each for each in said if each.direction is Direction.IN]
    if not heard:
        return Standing()
    last = max(heard, key=_at)
    return Standing(wrote_at=_at(last), opted_out=last.opt_out)


def _at(message: Message) -> datetime:
    return message.sent_at or message.created_at or message.updated_at

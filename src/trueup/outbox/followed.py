"""Followed: what was done about a thing, and the messages that were sent on account of it.

A message to a customer names no order of its own, on most media. That it is about one is known by
the command that sent it, whose key names the thing.
"""

from collections.abc import Sequence
from typing import Any

import psycopg

from trueup.canon.command import SendMessage
from trueup.canon.message import Message
from trueup.db.rows import Row
from trueup.outbox.command import list_commands
from trueup.records.reads import find_records


async def commands_about(conn: psycopg.AsyncConnection[Any], rows: Sequence[Row]) -> list[Row]:
    """Return the commands whose key names one of some records, without what they say."""
    keys = sorted({f"{row['kind']}/{row['ref']}" for row in rows})
    return [command for key in keys for command in await list_commands(conn, key=key)]


async def messages_sent(
    conn: psycopg.AsyncConnection[Any], commands: Sequence[Row], known: Sequence[Row]
) -> list[Row]:
    """Return the records of messages that some commands sent, as far as vendors told of them.

    Args:
        conn: any session.
        commands: of `commands_about`.
        known: records that are not returned again.
    """
    seen = {row["record_id"] for row in known}
    found: list[Row] = []
    for command in commands:
        if command["kind"] != SendMessage.command or command["vendor_ref"] is None:
            continue
        for row in await find_records(conn, Message.kind, command["vendor_ref"]):
            same = row["connection_id"] == command["connection_id"]
            if same and row["record_id"] not in seen:
                seen.add(row["record_id"])
                found.append(row)
    return found

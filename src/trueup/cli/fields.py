"""`trueup fields`: which fields a connection's bodies have, and which line reads each."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import out, print_json, run
from trueup.intake.connections import find_account
from trueup.intake.drift import list_fields, list_topics
from trueup.session import Session


def fields(
    connection: Annotated[str, typer.Argument(help="Whose bodies.")],
    topic: Annotated[
        str | None, typer.Argument(help="Of one topic; without it, which topics there are.")
    ] = None,
    unread: Annotated[
        bool, typer.Option("--unread", help="Only fields that nothing in the connector reads.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show which fields a vendor's bodies have, how often, of what kind, and what reads them."""

    async def work(session: Session) -> list[dict[str, Any]]:
        async with session.connection() as conn:
            account = await find_account(conn, session.hub.vault, connection)
            number = account.connection.connection_id
            if topic is None:
                return await list_topics(conn, number)
            bodies = {row["topic"]: row["bodies"] for row in await list_topics(conn, number)}
            rows = await list_fields(conn, number, topic)
        found = [
            {
                "path": row["path"],
                "kinds": row["kinds"],
                "share": f"{row['seen'] / max(1, bodies.get(topic, 1)):.0%}",
                "read_at": session.hub.reader_line(number, row["path"]),
                "missing": row["missing"],
                "example": row["last_event_id"],
            }
            for row in rows
        ]
        return [each for each in found if not (unread and each["read_at"])]

    rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"connection": connection, "topic": topic, "fields": rows})
        return
    if not rows:
        out.print("No body was looked at yet.")
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row.values()))
    out.print(table)


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value in {None, False} else str(value)

"""Which connection does a command mean?"""

from typing import Any

import psycopg

from trueup.errors import ConfigError
from trueup.intake.connections import create_connection, load_accounts
from trueup.intake.model import Connection
from trueup.session import Session

MANUAL = "manual"
"""The connector of people and files of our own."""


async def choose_connection(
    conn: psycopg.AsyncConnection[Any], session: Session, connector: str, name: str | None
) -> Connection:
    """Return the connection meant by its name, or the only one of a connector; else make it.

    A connection made here has neither settings nor secrets: it can be fed with files, and nothing
    is called or accepted for it.

    Raises:
        ConfigError: the name is of another connector, or there are several to choose from.
    """
    find_connector(session, connector)
    accounts = await load_accounts(conn, session.hub.vault)
    known = {account.connection.name: account.connection for account in accounts}
    own_name = connector.replace("_", "-")
    if name is None and own_name not in known:
        fitting = [c for c in known.values() if c.connector == connector]
        if len(fitting) > 1:
            names = ", ".join(c.name for c in fitting)
            raise ConfigError(f"Several connections are of {connector}: say --connection {names}.")
        if fitting:
            return fitting[0]
    wanted = name or own_name
    if wanted not in known:
        await create_connection(
            conn, session.hub.vault, name=wanted, connector=connector, settings={}, secrets={}
        )
        accounts = await load_accounts(conn, session.hub.vault)
        known = {account.connection.name: account.connection for account in accounts}
        session.hub.use_connections(known.values())
    if known[wanted].connector != connector:
        raise ConfigError(f"{wanted!r} is a connection of {known[wanted].connector}.")
    return known[wanted]


def find_connector(session: Session, connector: str) -> None:
    """Check that a connector exists.

    Raises:
        ConfigError: it does not; the message lists those that do.
    """
    if connector not in session.hub.connectors:
        known = ", ".join(session.hub.connectors)
        raise ConfigError(f"There is no connector {connector!r}; there are: {known}.")

"""The one door to the database: by URL, or the embedded server; checked before use."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict

from trueup.config import Config
from trueup.db.embedded import EmbeddedServer
from trueup.db.migrate import check_schema, migrate
from trueup.db.pool import connect
from trueup.db.safety import check_safety
from trueup.errors import ConfigError


@contextmanager
def open_database(config: Config) -> Iterator[str]:
    """Give the conninfo of the configured database; keep the embedded server up meanwhile.

    Starting the embedded server blocks, about a second the first time and a tenth afterwards, so
    this is done before the event loop runs.

    Raises:
        ConfigError: `database.url` is malformed, or the embedded server cannot be set up here.
        DatabaseUnavailable: the embedded server does not start.
    """
    if config.database.url is None:
        with EmbeddedServer(config.data_dir) as conninfo:
            yield conninfo
        return
    try:
        conninfo_to_dict(config.database.url)
    except psycopg.ProgrammingError:
        # The reason is left out on purpose: it would repeat the URL and its password.
        raise ConfigError(
            "database.url is not a PostgreSQL address; write it as "
            "postgresql://user:password@host:5432/database, with special characters of the "
            "password written as %XX",
            field="database.url",
        ) from None
    yield config.database.url


async def prepare_database(conninfo: str, *, migrating: bool = True) -> list[str]:
    """Check that the database is safe and fits this code, and bring its schema up to date.

    Args:
        conninfo: of the owner of the database.
        migrating: False only checks, for processes that leave migrating to another.

    Returns:
        The names of the migrations that were applied.

    Raises:
        DatabaseUnsafe: it may lose commits, or its schema is newer than this code.
        ConfigError: a migration is missing or edited, or a check of one failed.
        DatabaseUnavailable: the server is away.
    """
    async with await connect(conninfo, application_name="trueup-prepare") as conn:
        await check_safety(conn)
        if migrating:
            return await migrate(conn)
        await check_schema(conn)
        return []

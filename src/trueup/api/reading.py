"""A database session for one page or answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from litestar.datastructures import State

from trueup.db.pool import translate_errors


@asynccontextmanager
async def read_session(state: State) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Give a session of the web process's pool.

    Args:
        state: of the application.

    Raises:
        DatabaseUnavailable: none comes in time.
    """
    with translate_errors():
        async with state.pool.connection() as conn:
            yield conn

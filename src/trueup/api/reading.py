"""A database session for one page or answer, or for what commits before it is answered."""

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


@asynccontextmanager
async def write_session(state: State) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Give a session in autocommit: each transaction on it has ended when its block has.

    A session of the pool commits when it is given back, which may be after the answer has left.

    Args:
        state: of the application.

    Raises:
        DatabaseUnavailable: none comes in time.
    """
    async with read_session(state) as conn:
        await conn.set_autocommit(True)
        try:
            yield conn
        finally:
            if not conn.closed:
                await conn.set_autocommit(False)

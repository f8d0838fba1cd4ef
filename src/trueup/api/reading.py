"""A database session for one page or answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from litestar import Litestar

from trueup.db.pool import translate_errors


@asynccontextmanager
async def read_session(app: Litestar) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Give a session of the web process's pool.

    Raises:
        DatabaseUnavailable: none comes in time.
    """
    with translate_errors():
        async with app.state.pool.connection() as conn:
            yield conn

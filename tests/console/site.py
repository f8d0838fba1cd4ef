"""The whole web application on a loopback port, for clients and browsers."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn

from tests.console.world import World
from trueup.api.app import TrueupApp
from trueup.api.token import entry_link
from trueup.config import JournalsConfig
from trueup.console.routes import console_routes
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.worker import refresh_connections

MASTER_KEY = b"k" * 32
TOKEN = "t" * 43


class Site:
    """A running console.

    Args:
        url: where it answers.
        dsn: of its database.
        world: what was played into it; None for an empty hub.
    """

    def __init__(self, url: str, dsn: str, world: World | None) -> None:
        self.url = url
        self.dsn = dsn
        self.world = world

    def link(self) -> str:
        """Return a link that lets one reader in."""
        return entry_link(self.url, TOKEN)

    def stranger(self) -> httpx.Client:
        """Return a client that was not let in."""
        return httpx.Client(timeout=30, base_url=self.url, headers={"Accept": "text/html"})

    @contextmanager
    def reader(self) -> Iterator[httpx.Client]:
        """Give a client with a session, as a browser has it."""
        with self.stranger() as client:
            reply = client.get(self.link())
            assert reply.status_code == 303, reply.text
            yield client

    def program(self) -> httpx.Client:
        """Return a client with the token, as a program has it."""
        return httpx.Client(
            timeout=30, base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}
        )


@contextmanager
def serving(
    dsn: str,
    world: World | None,
    *,
    token: str | None = TOKEN,
    key: bytes = MASTER_KEY,
    journals: JournalsConfig | None = None,
) -> Iterator[Site]:
    """Serve the web application while inside, from a thread of its own."""
    server: list[uvicorn.Server] = []
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(dsn, world, token, server, key, journals))
    )
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not (server and server[0].started):
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.02)
        port = server[0].servers[0].sockets[0].getsockname()[1]
        yield Site(f"http://127.0.0.1:{port}", dsn, world)
    finally:
        if server:
            server[0].should_exit = True
        thread.join(20)


async def _serve(
    dsn: str,
    world: World | None,
    token: str | None,
    server: list[uvicorn.Server],
    key: bytes,
    journals: JournalsConfig | None,
) -> None:
    hub = Hub(Vault(key), {} if world is None else world.hub.connectors)
    async with await connect(dsn, application_name="site") as conn:
        await refresh_connections(conn, hub)
    app = TrueupApp(
        dsn, hub, body_bytes_max=1_000_000, token=token, routes=console_routes(journals)
    )
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        ws="none",
        log_level="error",
        timeout_graceful_shutdown=1,
    )
    server.append(uvicorn.Server(config))
    await server[0].serve()

"""A listener on this machine for one browser that comes back from a vendor."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from litestar import Litestar
from litestar.static_files import create_static_files_router

from trueup.api.callback import oauth_callback
from trueup.api.security import with_headers
from trueup.console.render import FOLDER
from trueup.db.pool import open_pool
from trueup.errors import ConfigError
from trueup.hub import Hub

HOST = "127.0.0.1"


@asynccontextmanager
async def listen_for_one(conninfo: str, hub: Hub, port: int) -> AsyncIterator[str]:
    """Listen while inside; gives the base address. Port 0 takes a free one.

    Raises:
        ConfigError: the port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"Port {port} is taken; say another one by --callback-port.", field="callback-port"
        ) from error
    pool = open_pool(conninfo, size_min=1, size_max=2, application_name="trueup-cli")
    async with pool:
        app = Litestar(
            [
                oauth_callback,
                create_static_files_router(path="/static", directories=[FOLDER / "static"]),
            ],
            openapi_config=None,
        )
        app.state.pool, app.state.hub = pool, hub
        # Litestar names the same things in its own types.
        headed = with_headers(app)  # type: ignore[arg-type]
        config = uvicorn.Config(headed, log_level="critical", lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        task = asyncio.create_task(_run(server, listener))
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.01)
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await task
            listener.close()


async def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    # The command around the listener owns the signals.
    with contextlib.ExitStack() as stack:
        server.capture_signals = lambda: stack  # type: ignore[assignment, method-assign, return-value]
        await server.serve(sockets=[listener])

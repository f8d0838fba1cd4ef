"""A small web server in this process, for the sandbox's application."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from trueup.errors import ConfigError
from trueup.sandbox.line import Line

__all__ = ["serving"]


@asynccontextmanager
async def serving(app: Line, *, host: str, port: int) -> AsyncIterator[str]:
    """Serve while inside; port 0 takes a free one.

    Raises:
        ConfigError: the port is taken.
    """
    # With the protocol left at zero asyncio does not turn Nagle's delay off: 40 ms a reply.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError("The sandbox's port is taken.", host=host, port=port) from error
    # Faults break off replies on purpose, so the server's own log would only alarm. A vendor dates
    # its replies by its own clock; the server would add the real one.
    config = uvicorn.Config(
        app, log_level="critical", lifespan="off", access_log=False, date_header=False
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(_run(server, listener))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.01)
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task
        listener.close()


async def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    # The program around the sandbox owns the signals.
    with contextlib.ExitStack() as stack:
        server.capture_signals = lambda: stack  # type: ignore[assignment, method-assign, return-value]
        await server.serve(sockets=[listener])

"""Ports of this machine: a free one, and waiting until somebody listens on one."""

import asyncio
import socket

from trueup.errors import ConfigError


def free_port() -> int:
    """Return a port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def wait_for_port(port: int, *, timeout_s: float = 30.0) -> None:
    """Wait until something listens.

    Raises:
        ConfigError: nothing does in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while loop.time() < deadline:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise ConfigError(f"Nothing listens on port {port}; look at the messages above.")

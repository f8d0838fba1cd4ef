"""An empty hub beside simulated shops on sockets, for the pages where accounts are connected."""

import asyncio
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import World
from trueup.contract.loader import find_connectors
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.shop import Shop, ShopSettings

TOKEN, SECRET = "shpat_sandbox", "sandbox-secret"


class Shops:
    """Simulated shops that answer at an address.

    Args:
        url: of the sandbox.
        sandbox: holds the shops.
    """

    def __init__(self, url: str, sandbox: Sandbox) -> None:
        self.url, self.sandbox = url, sandbox

    @property
    def north(self) -> Shop:
        return self.sandbox.shop("north")

    def form(self, **more: str) -> dict[str, str]:
        """Return what somebody types to connect the shop in the north."""
        typed = {
            "name": "north",
            "f-shop_domain": "north.myshopify.com",
            "f-access_token": TOKEN,
            "f-client_secret": SECRET,
            "f-api_base": f"{self.url}/north",
        }
        return typed | {name.replace("__", "-"): value for name, value in more.items()}


@contextmanager
def shops() -> Iterator[Shops]:
    """Serve a sandbox on the loopback while inside, from a thread of its own."""
    sandbox = Sandbox()
    sandbox.open_shop(ShopSettings(handle="north", points_per_s=10**6))
    ready, stop = threading.Event(), threading.Event()
    url: list[str] = []

    async def run() -> None:
        async with sandbox.serve(deliver=False) as address:
            url.append(address)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert ready.wait(20), "the sandbox does not start"
        yield Shops(url[0], sandbox)
    finally:
        stop.set()
        thread.join(20)


@contextmanager
def empty_hub(dsn: str) -> Iterator[Site]:
    """Serve the console of a hub that knows every connector and is connected to nothing."""
    hub = Hub(Vault(MASTER_KEY), find_connectors())
    with serving(dsn, cast("World", types.SimpleNamespace(hub=hub))) as running:
        yield running

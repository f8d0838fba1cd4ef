"""The sandbox: shops of one brand, their shared truth, their clock, and their HTTP side."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx

from trueup.errors import ConfigError
from trueup.sandbox.app import SandboxApp
from trueup.sandbox.clock import Clock, ManualClock
from trueup.sandbox.courier import Courier
from trueup.sandbox.line import LineTransport
from trueup.sandbox.shopify import bulk, catalogue, commands
from trueup.sandbox.shopify.answer import Answerer
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.door import Door
from trueup.sandbox.shopify.shop import Shop, ShopSettings
from trueup.sandbox.shopify.world import World

__all__ = ["Sandbox"]


class Sandbox:
    """All simulated shops of one brand; drive it here or over HTTP (`app`).

    Args:
        clock: `ManualClock` by default, so that two runs are alike to the byte.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or ManualClock()
        self.world = World()
        self.doors: dict[str, Door] = {}
        self._answerer = Answerer()
        self.app = SandboxApp(self)

    def __iter__(self) -> Iterator[Shop]:
        return iter([door.shop for door in self.doors.values()])

    def open_shop(self, settings: ShopSettings) -> Shop:
        """Open a shop; its handle is its address.

        Raises:
            ConfigError: there is a shop with this handle.
        """
        if settings.handle in self.doors:
            raise ConfigError("There is a shop with this handle.", handle=settings.handle)
        shop = Shop(settings, self.clock, self.world)
        self.doors[settings.handle] = Door(shop, self._answerer)
        return shop

    def shop(self, handle: str) -> Shop:
        """Return a shop.

        Raises:
            ConfigError: there is no such shop.
        """
        return self.door(handle).shop

    def door(self, handle: str) -> Door:
        """Return a shop's HTTP side: its calls, budget and faults.

        Raises:
            ConfigError: there is no such shop.
        """
        if handle not in self.doors:
            known = sorted(self.doors)
            raise ConfigError("There is no such shop.", handle=handle, known=known)
        return self.doors[handle]

    def seed(self, skus: list[SkuSeed], handles: list[str] | None = None) -> None:
        """Put the same SKUs into shops, each showing the shared truth; nobody is told."""
        for handle in handles if handles is not None else list(self.doors):
            catalogue.seed(self.shop(handle), skus)
        for sku in skus:
            if sku.sku is not None and sku.tracked and sku.sku not in self.world.received:
                self.world.receive(sku.sku, sku.available)

    def do(self, handle: str, command: commands.Command) -> commands.Outcome:
        """Let something happen in a shop."""
        return commands.run(self.shop(handle), command)

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return a transport for `httpx.AsyncClient` that needs no socket."""
        return LineTransport(self.app.line)

    def courier(self, transport: httpx.AsyncBaseTransport | None = None) -> Courier:
        """Return a carrier of this sandbox's webhooks."""
        return Courier(
            self, transport, user_agent="Shopify-Captain-Hook", tidy=self._finish_exports
        )

    def _finish_exports(self) -> None:
        for shop in self:
            bulk.finish_due(shop)

    @asynccontextmanager
    async def serve(
        self, *, port: int = 0, host: str = "127.0.0.1", deliver: bool = True
    ) -> AsyncIterator[str]:
        """Serve over HTTP while inside, yielding the base address; webhooks go out too."""
        from trueup.sandbox.serve import serving  # noqa: PLC0415 - sockets only when asked for

        async with serving(self.app.line, host=host, port=port) as base_url:
            courier = self.courier()
            task = asyncio.create_task(courier.run()) if deliver else None
            try:
                yield base_url
            finally:
                if task is not None:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
                await courier.close()

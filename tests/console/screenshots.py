"""Take the console's pictures into docs/images: `python -m tests.console.screenshots`."""

import asyncio
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page

from tests.console.browser import chromium, opened
from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import World, play
from tests.support.brand import KEY
from tests.support.database import fresh_database, run_server
from tests.support.parcels import stop
from tests.support.support_desk import open_desk
from trueup.db.database import prepare_database
from trueup.decisions.model import Mode
from trueup.decisions.patrons.work_out import refresh_patrons
from trueup.decisions.rules.escalate import RULE, EscalateSettings
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.kernel.clock import ManualClock
from trueup.worker import Worker

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"
DESKTOP: Final = {"viewport": {"width": 1280, "height": 900}}
PHONE: Final = {"viewport": {"width": 375, "height": 812}, "device_scale_factor": 2}
WAYS: Final[dict[str, dict[str, Any]]] = {
    "": DESKTOP,
    "-dark": {**DESKTOP, "color_scheme": "dark"},
    "-phone": PHONE,
}
OF_A_DAY: Final = ("orders", "skus", "connections", "parked", "parity")
"""Lists over a busy day of two shops."""

OF_A_WEEK: Final = ("shipments", "customers", "decisions")
"""Lists over a week of one shop, its carrier and its helpdesk."""


@contextmanager
def working(dsn: str, world: World) -> Iterator[None]:
    """Run a worker while inside, so that the page has good news."""
    hub, stop_at = Hub(Vault(MASTER_KEY), world.hub.connectors), threading.Event()

    async def work() -> None:
        told = asyncio.Event()
        task = asyncio.create_task(Worker(dsn, hub).run(told))
        await asyncio.to_thread(stop_at.wait)
        told.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    yield
    stop_at.set()
    thread.join()


async def week(url: str) -> ManualClock:
    """Play a week: lamps are sold and sent, some parcels stop, some customers write."""
    settings = EscalateSettings(teams={"zendesk": "77"}, assignees={"zendesk": "88"})
    async with open_desk(url, RULE, settings) as desk:
        await desk.leave(Mode.ASK)
        for number in range(18):
            buyer = f"buyer{number % 11}@home.example"
            order = await desk.sell(buyer, quantity=1 + number % 3)
            sold = list(desk.shop.orders.values())[-1]
            parcel = desk.send(sold, "straight")
            if number % 5 == 3:
                stop(parcel, hours=30)
            desk.carrier.travel(9)
            if number % 6 == 2:
                await desk.write_in(f"The carrier says {order} is here, and it is not.", buyer)
            await desk.hear()
        desk.wait(hours=5)
        await desk.turn()
        brand = desk.brand
        await refresh_patrons(brand.conn, brand.hub, brand.clock.now())
        return ManualClock(brand.clock.now())


def shoot(page: Page, name: str, *, whole: bool) -> None:
    """Take one picture."""
    page.wait_for_timeout(400)
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path, full_page=whole)
    print(path)


def visit(browser: Browser, site: Site, pages: dict[str, str], ways: dict[str, Any]) -> None:
    """Take pictures of pages in several ways; a browser that complains ends it."""
    for ending, options in ways.items():
        with opened(browser, site, timezone_id="UTC", **options) as (page, wrong):
            for name, path in pages.items():
                page.goto(f"{site.url}{path}")
                shoot(page, f"{name}{ending}", whole=options is not PHONE)
            if wrong:
                sys.exit(f"{ending or 'light'}: {wrong}")


def main() -> None:
    """Play a day and a week into fresh databases, and look at them light, dark and narrow."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    light = {"": DESKTOP}
    with (
        tempfile.TemporaryDirectory() as folder,
        run_server(Path(folder) / "server") as server,
        fresh_database(server, template=None) as of_a_week,
        fresh_database(server, template=None) as of_a_day,
    ):
        for dsn in (of_a_week, of_a_day):
            asyncio.run(prepare_database(dsn))
        clock = asyncio.run(week(of_a_week))
        world = asyncio.run(play(of_a_day, Vault(MASTER_KEY), orders=120, hostile=False))
        told = World(of_a_week, Vault(KEY))
        with (
            serving(of_a_week, told, key=KEY, clock=clock) as shop,
            serving(of_a_day, world) as brand,
            working(of_a_day, world),
            chromium() as browser,
        ):
            visit(browser, shop, {"console": "/?since=week"}, WAYS)
            visit(browser, shop, {f"page-{each}": f"/{each}" for each in OF_A_WEEK}, light)
            visit(browser, brand, {f"page-{each}": f"/{each}" for each in OF_A_DAY}, light)
            with opened(browser, brand, timezone_id="UTC", **DESKTOP) as (page, _):
                page.get_by_text("Live", exact=True).first.wait_for()
                page.wait_for_timeout(1500)
                shoot(page, "page-live", whole=True)


if __name__ == "__main__":
    main()

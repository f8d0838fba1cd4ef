"""Take the console's pictures into docs/images: `python -m tests.console.screenshots`."""

import asyncio
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.console.browser import chromium, opened
from tests.console.site import MASTER_KEY, serving
from tests.console.world import World, play
from tests.support.database import run_server
from trueup.db.database import prepare_database
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.worker import Worker

IMAGES = Path(__file__).parents[2] / "docs" / "images"
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 375, "height": 812}, "device_scale_factor": 2}


@contextmanager
def working(dsn: str, world: World) -> Iterator[None]:
    """Run a worker while inside, so that the page has good news."""
    hub, stop = Hub(Vault(MASTER_KEY), world.hub.connectors), threading.Event()

    async def work() -> None:
        told = asyncio.Event()
        task = asyncio.create_task(Worker(dsn, hub).run(told))
        await asyncio.to_thread(stop.wait)
        told.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    yield
    stop.set()
    thread.join()


def main() -> None:
    """Play a day into a fresh database, and look at it light, dark and narrow."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, run_server(Path(folder) / "server") as dsn:
        asyncio.run(prepare_database(dsn))
        world = asyncio.run(play(dsn, Vault(MASTER_KEY), orders=120, hostile=False))
        with serving(dsn, world) as site, working(dsn, world), chromium() as browser:
            for name, options in (
                ("console", DESKTOP),
                ("console-dark", {**DESKTOP, "color_scheme": "dark"}),
                ("console-phone", PHONE),
            ):
                with opened(browser, site, timezone_id="UTC", **options) as (page, wrong):
                    page.get_by_text("Live", exact=True).wait_for()
                    page.wait_for_timeout(1500)
                    page.screenshot(path=IMAGES / f"{name}.png", full_page=name != "console-phone")
                    if wrong:
                        sys.exit(f"{name}: {wrong}")
                    print(IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()

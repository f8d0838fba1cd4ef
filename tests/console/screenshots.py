"""Take the console's pictures into docs/images: `python -m tests.console.screenshots`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.console.browser import chromium, opened
from tests.console.site import MASTER_KEY, serving
from tests.console.world import play
from tests.support.database import run_server
from trueup.db.database import prepare_database
from trueup.govern.vault import Vault

IMAGES = Path(__file__).parents[2] / "docs" / "images"
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 375, "height": 812}, "device_scale_factor": 2}


def main() -> None:
    """Play a day into a fresh database, and look at it light, dark and narrow."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, run_server(Path(folder) / "server") as dsn:
        asyncio.run(prepare_database(dsn))
        world = asyncio.run(play(dsn, Vault(MASTER_KEY), orders=120))
        with serving(dsn, world) as site, chromium() as browser:
            for name, options in (
                ("console", DESKTOP),
                ("console-dark", {**DESKTOP, "color_scheme": "dark"}),
                ("console-phone", PHONE),
            ):
                with opened(browser, site.link(), timezone_id="UTC", **options) as (page, wrong):
                    page.get_by_text("Live", exact=True).wait_for()
                    page.wait_for_timeout(1500)
                    page.screenshot(path=IMAGES / f"{name}.png", full_page=name != "console-phone")
                    if wrong:
                        sys.exit(f"{name}: {wrong}")
                    print(IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()

"""The bench of the console runs small: every page answers over orders that were copied."""

import asyncio

from trueup.bench.console import Brand, run
from trueup.bench.stage import open_stage


def test_every_main_page_and_search_is_looked_at() -> None:
    with open_stage() as stage:
        report = asyncio.run(run(stage, brand=Brand(base=60, copies=2, skus=20), looks=2))
    assert report.figures["orders"] == 180
    pages = {name for name in report.figures if name.startswith("p95_ms /")}
    assert len(pages) == 23
    assert {"p95_ms /orders/…", "p95_ms /customers/…", "p95_ms /find"} <= pages
    assert 0 < report.figures["bytes_max"] <= 300_000

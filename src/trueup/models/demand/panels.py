"""What demand is measured on: public data sets as panels, and made-up brands. Pure but for reading.

A made-up brand is the same for the same seed. One is uneven throughout, and has next to no smooth
SKU; the other has enough of every kind to judge each by.
"""

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from trueup.models.demand.series import Panel

CAR_PARTS: Final = Path("demand-series") / "carparts_monthly.csv.gz"
ONLINE_RETAIL: Final = Path("uci-online-retail") / "online_retail_2010-12_2011-09.csv.gz"
GROCERIES: Final = Path("complete-journey") / "transactions_sample.csv.gz"
GROCERY_NAMES: Final = Path("complete-journey") / "products.csv.gz"
_SKUS_MAX: Final = 1000
_LINE_UNITS_MAX: Final = 50
"""Groceries by weight or by the litre are told in thousands: they are no units."""

_DRIFT: Final = 0.012
"""By so much the level of a SKU goes up or down in a day: a fifth in a year, most of the time."""


def read_car_parts(path: Path) -> Panel:
    """Read the months of every part; a month that is not told counts as zero, as is usual."""
    with gzip.open(path, "rt", encoding="ascii") as lines:
        rows = list(csv.reader(lines))[1:]
    units = np.array(
        [[float(cell) if cell[:1].isdigit() else 0.0 for cell in row[1:]] for row in rows]
    )
    return _known(units.T.copy())


def read_online_retail(path: Path) -> Panel:
    """Read what a British shop of gifts sold of its 1,000 largest SKUs, day by day."""
    return _panel(
        (row["StockCode"], date.fromisoformat(row["InvoiceDate"][:10]), float(row["Quantity"]))
        for row in _rows(path)
        if float(row["Quantity"]) > 0 and float(row["UnitPrice"]) > 0
    )


def read_groceries(folder: Path) -> Panel:
    """Read what grocery shops sold of the 1,000 largest sorts of goods, day by day."""
    sorts = {
        row["product_id"]: f"{row['product_category']}/{row['product_type']}"
        for row in _rows(folder / GROCERY_NAMES)
    }
    return _panel(
        (sorts.get(row["product_id"], ""), date.fromisoformat(row["transaction_timestamp"][:10]), n)
        for row in _rows(folder / GROCERIES)
        if (n := float(row["quantity"])) <= _LINE_UNITS_MAX
    )


def made_up(skus: int, days: int, seed: int) -> Panel:
    """Return a made-up brand: rates that differ, weeks, days without stock, launches."""
    random = np.random.default_rng(seed)
    rates = random.gamma(0.6, 2.0, skus)
    week = 1.0 + 0.4 * np.sin(2 * np.pi * np.arange(7) / 7)
    means = rates[:, None] * week[np.arange(days) % 7][None, :]
    units = random.negative_binomial(2, 2 / (2 + means)).astype(np.float64)
    return _closed_and_launched(units, random)


def of_all_kinds(skus: int, days: int, seed: int) -> Panel:
    """Return a made-up brand of even and uneven SKUs, with levels that drift and own weeks."""
    random = np.random.default_rng(seed)
    rates, sizes = np.exp(random.normal(0.0, 1.6, skus)), np.exp(random.normal(1.0, 1.2, skus))
    begins = random.integers(0, 7, skus)
    week = 1.0 + 0.35 * np.sin(2 * np.pi * (np.arange(days) + begins[:, None]) / 7)
    drift = np.exp(np.cumsum(random.normal(0.0, _DRIFT, (skus, days)), axis=1))
    means = rates[:, None] * week * drift
    units = random.negative_binomial(sizes[:, None], sizes[:, None] / (sizes[:, None] + means))
    return _closed_and_launched(units.astype(np.float64), random)


def _closed_and_launched(
    units: np.typing.NDArray[np.float64], random: np.random.Generator
) -> Panel:
    """Return a third of the SKUs with 20 days without stock, and a fifth launched later."""
    skus, days = units.shape
    known = np.ones(units.shape, dtype=bool)
    for row in range(0, skus, 3):
        begins = int(random.integers(0, days - 60))
        known[row, begins : begins + 20] = False
    for row in range(0, skus, 5):
        units[row, : int(random.integers(0, days // 3))] = 0.0
    return Panel(np.where(known, units, 0.0), known)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as lines:
        yield from csv.DictReader(lines)


def _panel(sold: Iterator[tuple[str, date, float]]) -> Panel:
    """Return the days of what sold on most of them."""
    lines = list(sold)
    first, last = min(day for _, day, _ in lines), max(day for _, day, _ in lines)
    often = Counter(sku for sku, _, _ in lines).most_common(_SKUS_MAX)
    place = {sku: row for row, (sku, _) in enumerate(sorted(often))}
    units = np.zeros((len(place), (last - first).days + 1))
    for sku, day, count in lines:
        if sku in place:
            units[place[sku], (day - first).days] += count
    return _known(units)


def _known(units: np.typing.NDArray[np.float64]) -> Panel:
    return Panel(units, np.ones(units.shape, dtype=bool))

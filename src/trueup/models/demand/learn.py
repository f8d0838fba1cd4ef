"""The model of demand: read, trained and held beside the mean of the newest quarter."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

import msgspec
import numpy as np

from trueup.ledger.reads import sold_days
from trueup.models.artifact import Array, digest_of, of_array, pack, to_array, unpack
from trueup.models.demand.foretell import DAILY, Told, tell, train_on
from trueup.models.demand.methods import recent
from trueup.models.demand.series import KINDS, Bools, Floats, Ints, Kind, Panel, filled, launched
from trueup.models.demand.spread import Spread
from trueup.models.model import Better, Card, Figure, Fitted, Lacking, Look, Model, Score, Tell
from trueup.records.buyers import read_products, read_shares

DAYS_MAX: Final = 730
DAYS_MIN: Final = 168
SKUS_MIN: Final = 5
SHARE_DAYS: Final = 91
_PULL: Final = 10.0
"""So many units sold as all SKUs are, are mixed into what channels sell of one."""


class Sales(NamedTuple):
    """What every SKU sold on each day, and where.

    Attributes:
        skus: in the order of the panel's rows.
        until: the last day of the panel.
        siblings: SKUs of one number belong to one product.
        channels: names of connections that sell.
        shares: of each SKU, what share each channel sells; they sum to one.
    """

    skus: tuple[str, ...]
    panel: Panel
    until: date
    siblings: Ints
    channels: tuple[str, ...]
    shares: Floats


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned, and what it tells of each SKU.

    Attributes:
        until: the last day of the history; the first column is the day after.
        factor: by which what is told is raised or lowered.
        means, low, high: units a day, SKUs by days; eight of ten days lie between.
        uneven: of each SKU, the variance of a day's units over their mean.
        shares: of each SKU by channel.
    """

    until: date
    factor: float
    spread: Spread
    skus: tuple[str, ...]
    channels: tuple[str, ...]
    kinds: Array
    means: Array
    low: Array
    high: Array
    uneven: Array
    shares: Array


async def read(look: Look) -> Sales:
    """Read what every counted SKU sold on each of the newest 730 days, yesterday included."""
    today = look.now.astimezone(UTC).date()
    end = datetime(today.year, today.month, today.day, tzinfo=UTC)
    available, rows = await sold_days(look.conn, end - timedelta(days=DAYS_MAX))
    units = await read_shares(look.conn, look.hub.sellers(), end - timedelta(days=SHARE_DAYS), end)
    products = await read_products(look.conn)
    names = look.hub.names()
    by_channel = [(sku, names[number], count) for sku, number, count in units]
    return gather(available, rows, by_channel, products, today)


def gather(
    available: Mapping[str, int],
    rows: Sequence[tuple[str, date, int, int]],
    by_channel: Sequence[tuple[str, str, int]],
    products: Mapping[str, str],
    today: date,
) -> Sales:
    """Return the days of all SKUs that ever sold, without today, which is not over.

    What was there in the evening is what is there now, less what changed since. A day on which
    nothing was there to sell, and nothing was sold, is not known.
    """
    skus = tuple(sorted({row[0] for row in rows if row[2] > 0}))
    place = {sku: number for number, sku in enumerate(skus)}
    first = min((row[1] for row in rows if row[0] in place), default=today)
    days = (today - first).days
    sold, change = np.zeros((len(skus), days)), np.zeros((len(skus), days + 1))
    for sku, day, units, moved in rows:
        if sku not in place:
            continue
        column = min((day - first).days, days)
        change[place[sku], column] += moved
        if column < days:
            sold[place[sku], column] += units
    now = np.array([available.get(sku, 0) for sku in skus], dtype=np.float64)
    later = change[:, ::-1].cumsum(1)[:, ::-1]
    evening = now[:, None] - later[:, 1:]
    morning = evening - change[:, :-1]
    _, siblings = np.unique([products.get(sku, f"={sku}") for sku in skus], return_inverse=True)
    channels = tuple(sorted({channel for _, channel, _ in by_channel}))
    return Sales(
        skus=skus,
        panel=Panel(sold, (np.maximum(evening, morning) > 0) | (sold > 0)),
        until=today - timedelta(days=1),
        siblings=siblings.astype(np.int64).reshape(-1),
        channels=channels,
        shares=shares_of(place, by_channel, channels),
    )


def shares_of(
    place: Mapping[str, int], by_channel: Sequence[tuple[str, str, int]], channels: Sequence[str]
) -> Floats:
    """Return what share of each SKU each channel sells, drawn to that of all SKUs; rows sum to one.

    Args:
        place: row of each SKU.
        by_channel: (sku, channel, units).
        channels: in the order of the columns.
    """
    column = {channel: number for number, channel in enumerate(channels)}
    units = np.zeros((len(place), len(channels)))
    for sku, channel, count in by_channel:
        if sku in place:
            units[place[sku], column[channel]] += count
    total = units.sum()
    every = units.sum(0) / total if total else np.full(len(channels), 1.0 / max(len(channels), 1))
    mixed = units + _PULL * every
    return np.asarray(mixed / mixed.sum(1, keepdims=True)) if len(channels) else mixed


def train(sales: Sales, tell_how_far: Tell) -> Fitted | Lacking:
    """Train on all but the newest 28 days, hold it beside the mean there, and train on all."""
    days = sales.panel.units.shape[1]
    if days < DAYS_MIN or len(sales.skus) < SKUS_MIN:
        return Lacking(
            f"It needs {DAYS_MIN} days of sales of {SKUS_MIN} SKUs; there are {days} days of "
            f"{len(sales.skus)}."
        )
    tell_how_far("holding it beside the newest 28 days", 0.1)
    cut = days - DAILY.horizon
    before = sales.panel.before(cut)
    factor, spread = train_on(before, DAILY, sales.siblings)
    told = tell(before, DAILY, factor, spread, sales.siblings)
    figures, zero = figures_of(before, told, sales.panel.units[:, cut:], sales.panel.known[:, cut:])
    tell_how_far("training on all", 0.6)
    factor, spread = train_on(sales.panel, DAILY, sales.siblings)
    told = tell(sales.panel, DAILY, factor, spread, sales.siblings)
    demand = Demand(
        until=sales.until,
        factor=factor,
        spread=spread,
        skus=sales.skus,
        channels=sales.channels,
        kinds=to_array(told.kinds),
        means=to_array(told.means),
        low=to_array(told.low),
        high=to_array(told.high),
        uneven=to_array(told.uneven),
        shares=to_array(sales.shares),
    )
    return Fitted(
        artifact=pack(demand),
        features=digest_of(*sales.skus, sales.panel.units, sales.panel.known, sales.shares),
        card=_card(sales, told, figures, zero),
    )


def score(artifact: bytes, sales: Sales, until: date) -> Score | None:
    """Return how far off an artifact was on the 28 days after its history."""
    after = (sales.until - until).days
    cut = sales.panel.units.shape[1] - after
    if after < DAILY.horizon or cut < 2:
        return None
    demand = unpack(artifact, Demand)
    place = {sku: number for number, sku in enumerate(sales.skus)}
    pairs = [(row, place[sku]) for row, sku in enumerate(demand.skus) if sku in place]
    if not pairs:
        return None
    ours, theirs = (np.array(each) for each in zip(*pairs, strict=True))
    window = slice(cut, cut + DAILY.horizon)
    before = Panel(sales.panel.units[theirs], sales.panel.known[theirs])
    off = rmsse(
        before.before(cut),
        of_array(demand.means)[ours],
        before.units[:, window],
        before.known[:, window],
    )
    if not len(off):
        return None
    since = until + timedelta(days=1)
    return Score(float(off.mean()), len(off), since, until + timedelta(days=DAILY.horizon))


def rmsse(before: Panel, told: Floats, came: Floats, known: Bools) -> Floats:
    """Return how far off each row was, in units of how much a day differs from the one before.

    Rows that never changed, or of which nothing is known, are left out.
    """
    pairs = before.known[:, 1:] & before.known[:, :-1] & launched(before)[:, :-1]
    steps = (np.diff(before.units, axis=1) ** 2 * pairs).sum(1) / np.maximum(pairs.sum(1), 1)
    counts = known.sum(1)
    squares = ((told - came) ** 2 * known).sum(1) / np.maximum(counts, 1)
    rows = (steps > 0) & (counts > 0)
    return np.asarray(np.sqrt(squares[rows] / steps[rows]))


def figures_of(
    before: Panel, told: Told, came: Floats, known: Bools
) -> tuple[tuple[Figure, ...], float]:
    """Return the figures of a backtest, and what forecasting zero for everything comes to."""
    mean = np.repeat(recent(filled(before), DAILY.recent)[:, None], came.shape[1], axis=1)
    total = max(float((came * known).sum()), 1e-9)
    inside = ((came >= told.low) & (came <= told.high))[known & _speaks(told)[:, None]]
    figures = (
        Figure(
            name="rmsse",
            model=_mean(rmsse(before, told.means, came, known)),
            rule=_mean(rmsse(before, mean, came, known)),
        ),
        Figure(
            name="bias_share",
            model=abs(float((told.means * known).sum()) / total - 1.0),
            rule=abs(float((mean * known).sum()) / total - 1.0),
        ),
        Figure(
            name="interval_cover_share",
            model=_mean(inside.astype(np.float64)),
            rule=None,
            better=Better.HIGHER,
        ),
    )
    return figures, _mean(rmsse(before, np.zeros_like(came), came, known))


def _speaks(told: Told) -> Bools:
    """Return the rows of which something is told: zero covers what is silent."""
    return np.asarray(told.kinds != KINDS.index(Kind.SILENT))


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0


def _card(sales: Sales, told: Told, figures: tuple[Figure, ...], zero: float) -> Card:
    days = sales.panel.units.shape[1]
    unknown = int((~sales.panel.known & launched(sales.panel)).sum())
    counts = ", ".join(
        f"{int((told.kinds == number).sum())} {kind.value}" for number, kind in enumerate(KINDS)
    )
    return Card(
        purpose="how many units of each SKU are sold on each of the next 28 days, by channel",
        trained_on=f"{days} days of {len(sales.skus)} SKUs ({counts}); {unknown} days without "
        "stock were left out",
        since=sales.until - timedelta(days=days - 1),
        until=sales.until,
        held_out_since=sales.until - timedelta(days=DAILY.horizon - 1),
        rule="the mean of the newest 13 weeks",
        figures=figures,
        limits=(
            f"Forecasting zero for everything would come to {zero:.3f} rmsse.",
            "It knows no promotions, no holidays and no prices.",
            "What customers would have bought on days without stock is filled in, not known.",
        ),
    )


MODEL = Model(
    name="demand",
    version=2,
    title="How many units of each SKU are sold on each of the next 28 days, by channel.",
    read=read,
    train=train,
    score=score,
    window_days=DAILY.horizon,
)

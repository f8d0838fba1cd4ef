"""The model of customers: read, trained and held beside the rule below it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

import msgspec
import numpy as np

from trueup.models.artifact import digest_of, pack, unpack
from trueup.models.model import (
    Better,
    Card,
    Figure,
    Fitted,
    Lacking,
    Look,
    Model,
    Score,
    Tell,
)
from trueup.models.value import bg_nbd, pareto_nbd, ranking, regularity, rfm, spend
from trueup.models.value.bg_nbd import BgNbd
from trueup.models.value.buys import (
    WEEK_DAYS,
    Floats,
    Ints,
    Purchases,
    Seen,
    bins_of,
    came_of,
    day_number,
    day_of,
    gather,
    see,
)
from trueup.models.value.pareto_nbd import ParetoNbd
from trueup.models.value.regularity import GAPS_MIN, Regularity, gaps_of
from trueup.records.buyers import Bought, read_purchases

HELD_OUT_DAYS: Final = 91
YEAR_WEEKS: Final = 52.0
HORIZON_DAYS: Final = 365.0
CUSTOMERS_MIN: Final = 100
AGAIN_MIN: Final = 30
SPENDERS_MIN: Final = 30


class TierSum(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of the customers of one tier in a year.

    Attributes:
        value: estimated, in the currency; told to people, never booked.
    """

    currency: str
    tier: str
    customers: int
    orders: float
    value: float
    alive: float


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned of customers; nothing in it is about one of them.

    Attributes:
        until: the last day of the history.
        timing: which of the two models of buying did better on what it was kept from.
        spends: by currency, where enough customers bought in it; p, q and v.
        means: by currency, the mean amount of a purchase, where there are not enough.
        cuts: by currency, from which value on a customer is in each tier but the last.
    """

    until: date
    timing: str
    bg_nbd: BgNbd
    pareto_nbd: ParetoNbd
    regularity: Regularity
    spends: dict[str, spend.Spend]
    means: dict[str, float]
    cuts: dict[str, tuple[float, ...]]
    tiers: tuple[TierSum, ...]


class _Timing(NamedTuple):
    """Both models of buying, trained on one part of the past."""

    bg_nbd: BgNbd
    pareto_nbd: ParetoNbd
    at_bound: bool

    def told(self, name: str) -> "Callable[[Seen, float], Floats]":
        """Return what one of them expects of customers."""
        if name == "bg_nbd":
            return lambda seen, weeks: bg_nbd.expected(
                self.bg_nbd, seen.x, seen.t_x, seen.known, weeks
            )
        return lambda seen, weeks: pareto_nbd.expected(
            self.pareto_nbd, seen.x, seen.t_x, seen.known, weeks
        )


async def read(look: Look) -> Purchases:
    """Read all purchases until yesterday, by whoever is the same customer."""
    today = look.now.astimezone(UTC).date()
    until = datetime(today.year, today.month, today.day, tzinfo=UTC)
    bought = await read_purchases(
        look.conn, look.hub.sellers(), {space.value for space in look.hub.keys.spaces}, until
    )
    return as_purchases(bought, today - timedelta(days=1))


def as_purchases(bought: Bought, until: date) -> Purchases:
    """Return what was read as the columns that a model takes, until a day."""
    names = tuple(sorted(set(bought.currencies)))
    code = {name: number for number, name in enumerate(names)}
    return gather(
        np.array(bought.customers, dtype=np.int64),
        np.array([day_number(day) for day in bought.days], dtype=np.int64),
        np.array(bought.amounts, dtype=np.float64),
        np.array([code[name] for name in bought.currencies], dtype=np.int64),
        names,
        bought.persons,
        day_number(until),
    )


def train(purchases: Purchases, tell: Tell) -> Fitted | Lacking:
    """Train on all but the newest 91 days, hold it beside the rule there, and train on all."""
    if lacks := _lacks(purchases):
        return Lacking(lacks)
    cut = purchases.until - HELD_OUT_DAYS
    tell("holding it beside the newest 91 days", 0.1)
    before = see(purchases.before(cut))
    came = came_of(purchases, before, cut + 1, purchases.until)
    older = _fit_timing(before)
    weeks = HELD_OUT_DAYS / WEEK_DAYS
    told = {name: older.told(name)(before, weeks) for name in ("bg_nbd", "pareto_nbd")}
    timing = min(told, key=lambda name: ranking.root_mean_square(told[name], came))
    figures = (
        *_figures(before, told[timing], came, weeks),
        _cover(purchases, before, regularity.fit(gaps_of(before)), cut),
    )
    tell("training on all", 0.5)
    seen = see(purchases)
    fitted = _fit_timing(seen)
    value = _learn(purchases, seen, fitted, timing)
    return Fitted(
        artifact=pack(value),
        features=digest_of(purchases.customers, purchases.days, purchases.amounts),
        card=_card(purchases, seen, fitted, figures),
    )


def score(artifact: bytes, purchases: Purchases, until: date) -> Score | None:
    """Return how far off an artifact was on the 91 days after its history."""
    cut = day_number(until)
    if purchases.until < cut + HELD_OUT_DAYS:
        return None
    value = unpack(artifact, Value)
    before = see(purchases.before(cut))
    if not len(before.customers):
        return None
    came = came_of(purchases, before, cut + 1, cut + HELD_OUT_DAYS)
    told = orders_expected(value, before, HELD_OUT_DAYS / WEEK_DAYS)
    return Score(
        value=ranking.root_mean_square(told, came),
        rows=len(before.customers),
        since=day_of(cut + 1),
        until=day_of(cut + HELD_OUT_DAYS),
    )


def orders_expected(value: Value, seen: Seen, weeks: float) -> Floats:
    """Return how often each customer is expected to buy in the next weeks."""
    return _Timing(value.bg_nbd, value.pareto_nbd, at_bound=False).told(value.timing)(seen, weeks)


def spend_expected(value: Value, seen: Seen, names: tuple[str, ...]) -> Floats:
    """Return what each customer is expected to spend on a purchase, in their own currency."""
    told = np.zeros(len(seen.customers))
    for number, name in enumerate(names):
        own = seen.currencies == number
        if name in value.spends:
            told[own] = spend.expected(value.spends[name], seen.x[own] + 1.0, seen.spend[own])
        else:
            told[own] = value.means.get(name, 0.0)
    return told


def alive(value: Value, seen: Seen) -> Floats:
    """Return the chance that each customer has not left."""
    if value.timing == "bg_nbd":
        return bg_nbd.alive(value.bg_nbd, seen.x, seen.t_x, seen.known)
    return pareto_nbd.alive(value.pareto_nbd, seen.x, seen.t_x, seen.known)


def _lacks(purchases: Purchases) -> str:
    """Say what is missing to train; empty where nothing is."""
    cut = purchases.until - HELD_OUT_DAYS
    first = int(purchases.days.min(initial=purchases.until))
    weeks = (purchases.until - first) / WEEK_DAYS
    before = see(purchases.before(cut))
    again = int((before.x > 0).sum())
    if cut - first >= HELD_OUT_DAYS and len(before.x) >= CUSTOMERS_MIN and again >= AGAIN_MIN:
        return ""
    return (
        f"It needs 26 weeks of orders, and {CUSTOMERS_MIN} customers of whom {AGAIN_MIN} bought "
        f"again before the newest 13 weeks; there are {weeks:.0f} weeks, {len(before.x)} customers "
        f"and {again} who did."
    )


def _fit_timing(seen: Seen) -> _Timing:
    bins = bins_of(seen)
    (bg, bg_found), (pareto, pareto_found) = bg_nbd.fit(bins), pareto_nbd.fit(bins)
    return _Timing(bg, pareto, at_bound=bg_found.at_bound or pareto_found.at_bound)


def _figures(seen: Seen, told: Floats, came: Ints, weeks: float) -> tuple[Figure, ...]:
    rate, scores = rfm.rate_so_far(seen, weeks), rfm.rfm_scores(seen).astype(np.float64)
    higher = Better.HIGHER
    return (
        Figure(
            name="rmse_orders",
            model=ranking.root_mean_square(told, came),
            rule=ranking.root_mean_square(rate, came),
        ),
        Figure(
            name="mae_orders", model=ranking.mean_off(told, came), rule=ranking.mean_off(rate, came)
        ),
        Figure(
            name="correlation",
            model=ranking.correlation(told, came),
            rule=ranking.correlation(rate, came),
            better=higher,
        ),
        Figure(
            name="auc_any_order",
            model=ranking.area_of_any(told, came),
            rule=ranking.area_of_any(scores, came),
            better=higher,
        ),
        Figure(
            name="top_tenth_share",
            model=ranking.share_in_top(told, came),
            rule=ranking.share_in_top(scores, came),
            better=higher,
        ),
    )


def _cover(purchases: Purchases, seen: Seen, own: Regularity, cut: int) -> Figure:
    """Return in how many cases the next purchase lay in its interval of eight of ten."""
    inside, _, _ = cover_of(purchases, seen, own, cut)
    return Figure(
        name="next_date_cover_share",
        model=float(np.mean(inside)) if len(inside) else float("nan"),
        rule=None,
        better=Better.HIGHER,
    )


def cover_of(
    purchases: Purchases, seen: Seen, own: Regularity, cut: int
) -> tuple[Ints, Floats, Floats]:
    """Hold the next dates that were told on a day beside those that came.

    Returns:
        Of each customer with three purchases or more who bought again: whether it lay within its
        interval, how many days the middle was off, and how many the mean interval so far was.
    """
    following = np.full(len(purchases.persons), np.inf)
    later = purchases.days > cut
    np.minimum.at(following, purchases.customers[later], purchases.days[later].astype(np.float64))
    came = following[seen.customers] - cut
    cases = (seen.x >= GAPS_MIN) & np.isfinite(came)
    gaps = regularity.Gaps(*(column[cases] for column in gaps_of(seen)))
    actual = gaps.since + came[cases]
    horizon = float(purchases.until - cut)
    early, middle, late = (
        regularity.quantiles(own, gaps, horizon, share)
        for share in (regularity.EARLY, regularity.MIDDLE, regularity.LATE)
    )
    mean = np.maximum(gaps.sums / np.maximum(gaps.counts, 1.0), gaps.since)
    inside = (actual >= early - 0.5) & (actual <= late + 0.5)  # of whole days
    return inside.astype(np.int64), np.abs(middle - actual), np.abs(mean - actual)


def _learn(purchases: Purchases, seen: Seen, timing: _Timing, name: str) -> Value:
    spends: dict[str, spend.Spend] = {}
    means: dict[str, float] = {}
    for number, currency in enumerate(purchases.names):
        own = (seen.currencies == number) & (seen.spend > 0)
        if not own.any():
            continue
        means[currency] = float(np.average(seen.spend[own], weights=seen.x[own] + 1.0))
        if int((seen.x[own] > 0).sum()) >= SPENDERS_MIN:
            found, _ = spend.fit(seen.x[own] + 1.0, seen.spend[own])
            if found.q > 1.0:  # else the mean of all customers is without end
                spends[currency] = found
    bare = Value(
        until=day_of(purchases.until),
        timing=name,
        bg_nbd=timing.bg_nbd,
        pareto_nbd=timing.pareto_nbd,
        regularity=regularity.fit(gaps_of(seen)),
        spends=spends,
        means=means,
        cuts={},
        tiers=(),
    )
    orders = orders_expected(bare, seen, YEAR_WEEKS)
    worth = orders * spend_expected(bare, seen, purchases.names)
    cuts = {
        currency: rfm.cuts_of(worth[seen.currencies == number])
        for number, currency in enumerate(purchases.names)
    }
    whole = msgspec.structs.replace(bare, cuts=cuts)
    return msgspec.structs.replace(whole, tiers=_sums(whole, seen, orders, worth, purchases.names))


def _sums(
    value: Value, seen: Seen, orders: Floats, worth: Floats, names: tuple[str, ...]
) -> tuple[TierSum, ...]:
    lives = alive(value, seen)
    found: list[TierSum] = []
    for number, currency in enumerate(names):
        own = np.flatnonzero(seen.currencies == number)
        tiers = rfm.tiers_of(worth[own], value.cuts[currency])
        for place, tier in enumerate(rfm.TIERS):
            of = own[tiers == place]
            found.append(
                TierSum(
                    currency=currency,
                    tier=tier.value,
                    customers=len(of),
                    orders=float(orders[of].sum()),
                    value=float(worth[of].sum()),
                    alive=float(lives[of].sum()),
                )
            )
    return tuple(found)


def _card(purchases: Purchases, seen: Seen, timing: _Timing, figures: tuple[Figure, ...]) -> Card:
    limits = [
        "It knows no seasons and no campaigns, and a new kind of customer counts as the old ones.",
        "Value is revenue less refunds and no margin, told in each currency by itself.",
        f"No next date is told below {GAPS_MIN + 1} purchases.",
    ]
    if timing.at_bound:
        limits.append("A parameter ran to its bound: customers hardly differ in what it tells.")
    again = int((seen.x > 0).sum())
    return Card(
        purpose="how often each customer buys again, when next, and for how much in a year",
        trained_on=f"{len(purchases.days)} purchases of {len(seen.x)} customers, {again} of whom "
        "bought again",
        since=day_of(int(purchases.days.min())),
        until=day_of(purchases.until),
        held_out_since=day_of(purchases.until - HELD_OUT_DAYS + 1),
        rule="each customer's own rate so far, and the sum of the quintiles of recency, frequency "
        "and spend for their order",
        figures=figures,
        limits=tuple(limits),
    )


MODEL = Model(
    name="value",
    version=1,
    title="Who buys again, when next, how often, and for how much.",
    read=read,
    train=train,
    score=score,
    window_days=HELD_OUT_DAYS,
)

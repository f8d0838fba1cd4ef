"""The models of customers beside what was published for the purchases of CDNOW.

BG/NBD and Pareto/NBD: Fader, Hardie and Lee 2005, table 2; Gamma-Gamma: their note of 2013. What
the 39 weeks after the first 39 came to was measured with these parameters.
"""

import gzip
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from trueup.models.measured import Anchored, Holds, Measured, around, between
from trueup.models.value import bg_nbd, pareto_nbd, ranking, regularity, rfm, spend
from trueup.models.value.buys import (
    Floats,
    Ints,
    Purchases,
    Seen,
    bins_of,
    came_of,
    day_number,
    gather,
    see,
)
from trueup.models.value.learn import cover_of, train

CUT: Final = day_number(date(1997, 9, 30))
END: Final = day_number(date(1998, 6, 30))
WEEKS: Final = 39.0
SAMPLE: Final = Path("cdnow") / "CDNOW_sample.txt.gz"
MASTER: Final = Path("cdnow") / "CDNOW_master.txt.gz"
_MANY: Final = 1_000_000
_SEED: Final = 20261130


def bench(folder: Path | None) -> Iterator[Measured]:
    """Give each part; those whose data set is not there say so."""
    for part, name, measure in (
        ("value.cdnow", SAMPLE, _sample),
        ("value.cdnow_all", MASTER, _master),
    ):
        path = None if folder is None else folder / name
        if path is None or not path.is_file():
            yield Measured(part=part, left_out=f"{name} is not in the folder of the data sets")
        else:
            yield Measured(part=part, figures=measure(read_cdnow(path)))
    yield Measured(part="value.regular_buyers", figures=_regular())
    yield Measured(part="value.million", figures=_million())


def read_cdnow(path: Path) -> Purchases:
    """Read a file of purchases: customer, day, discs, dollars; the sample has a number more."""
    with gzip.open(path, "rt", encoding="ascii") as lines:
        rows = [line.split() for line in lines]
    rows = [row for row in rows if row and row[0].isdigit()]
    _, customers = np.unique([row[0] for row in rows], return_inverse=True)
    days = [date.fromisoformat(row[-3]) for row in rows]
    return gather(
        customers.astype(np.int64),
        np.array([day_number(day) for day in days], dtype=np.int64),
        np.array([float(row[-1]) for row in rows]),
        np.zeros(len(rows), dtype=np.int64),
        ("USD",),
        tuple(str(number).encode() for number in range(int(customers.max()) + 1)),
        END,
    )


def _sample(purchases: Purchases) -> tuple[Anchored, ...]:
    seen = see(purchases.before(CUT))
    came = came_of(purchases, seen, CUT + 1, END)
    bins = bins_of(seen)
    (bg, bg_found), (pareto, pareto_found) = bg_nbd.fit(bins), pareto_nbd.fit(bins)
    again = (seen.x > 0) & (seen.again > 0)
    gamma, _ = spend.fit(seen.x[again], seen.again[again])
    return (
        *_parameters("bg", bg, (0.243, 4.414, 0.793, 2.426)),
        *around("bg_log_likelihood", bg_found.log_likelihood, -9582.4, 0.05),
        *_parameters("pareto", pareto, (0.553, 10.578, 0.606, 11.669)),
        *around("pareto_log_likelihood", pareto_found.log_likelihood, -9595.0, 0.05),
        *(
            bound
            for name, ours, anchor in zip("pqv", gamma, (6.25, 3.74, 15.44), strict=True)
            for bound in around(f"spend_{name}", ours, anchor, 0.0051)
        ),
        *_held("bg", _told(bg, seen), came, (0.786, 1.608, 0.626, 0.773, 0.467)),
        *_held("pareto", _told(pareto, seen), came, (0.755, 1.603, 0.630, 0.779, 0.470)),
        *_shown("rate", rfm.rate_so_far(seen, WEEKS), came),
        *_shown("zero", np.zeros(len(came)), came),
        *_next(purchases, seen),
    )


def _master(purchases: Purchases) -> tuple[Anchored, ...]:
    began = time.process_time()
    seen = see(purchases.before(CUT))
    came = came_of(purchases, seen, CUT + 1, END)
    pareto, _ = pareto_nbd.fit(bins_of(seen))
    told = _told(pareto, seen)
    took_s = time.process_time() - began
    return (
        Anchored("fit_cpu_s", took_s, 30.0),
        *_held("pareto", told, came, (0.794, 1.726, 0.671, 0.769, 0.460)),
        *_shown("rate", rfm.rate_so_far(seen, WEEKS), came),
        *_next(purchases, seen),
    )


def _told(own: bg_nbd.BgNbd | pareto_nbd.ParetoNbd, seen: Seen) -> Floats:
    if isinstance(own, bg_nbd.BgNbd):
        return bg_nbd.expected(own, seen.x, seen.t_x, seen.known, WEEKS)
    return pareto_nbd.expected(own, seen.x, seen.t_x, seen.known, WEEKS)


def _parameters(
    name: str, ours: bg_nbd.BgNbd | pareto_nbd.ParetoNbd, anchors: tuple[float, ...]
) -> Iterator[Anchored]:
    """Give the parameters, each to three decimals."""
    for field, own, anchor in zip(ours._fields, ours, anchors, strict=True):
        yield from around(f"{name}_{field}", own, anchor, 0.00051)


def _held(name: str, told: Floats, came: Ints, anchors: tuple[float, ...]) -> Iterator[Anchored]:
    """Give what came of it, rounded as the anchors are."""
    mae, rmse, corr, auc, top = anchors
    yield Anchored(f"{name}_mae_orders", round(ranking.mean_off(told, came), 3), mae)
    yield Anchored(f"{name}_rmse_orders", round(ranking.root_mean_square(told, came), 3), rmse)
    least = Holds.AT_LEAST
    yield Anchored(f"{name}_correlation", round(ranking.correlation(told, came), 3), corr, least)
    yield Anchored(f"{name}_auc", round(ranking.area_of_any(told, came), 3), auc, least)
    yield Anchored(f"{name}_top_share", round(ranking.share_in_top(told, came), 3), top, least)


def _shown(name: str, told: Floats, came: Ints) -> Iterator[Anchored]:
    """Give what a rule comes to, beside nothing: how little is won by the models."""
    for figure, value in (
        ("mae_orders", ranking.mean_off(told, came)),
        ("rmse_orders", ranking.root_mean_square(told, came)),
    ):
        yield Anchored(f"{name}_{figure}", value, value, Holds.SHOWN)


def _next(purchases: Purchases, seen: Seen) -> Iterator[Anchored]:
    own = regularity.fit(regularity.gaps_of(seen))
    inside, off, mean_off = cover_of(purchases, seen, own, CUT)
    yield from between("next_date_cover_share", float(np.mean(inside)), 0.76, 0.84)
    yield Anchored("next_date_mae_days", float(np.mean(off)), float(np.mean(mean_off)))


def regular_buyers(count: int, k: float, seed: int) -> Purchases:
    """Return made-up customers with intervals of shape k, who leave with a chance of a tenth."""
    random = np.random.default_rng(seed)
    means = 1.0 / random.gamma(3.0, 1.0 / 90.0, count)
    starts = random.integers(0, 200, count)
    customers, days = [], []
    for number in range(count):
        at = float(starts[number])
        while at <= END - CUT + 365:
            customers.append(number)
            days.append(int(at))
            if random.random() < 0.1:
                break
            at += max(1.0, random.gamma(k, means[number] / k))
    return gather(
        np.array(customers, dtype=np.int64),
        np.array(days, dtype=np.int64) + CUT - 365,
        np.full(len(days), 20.0),
        np.zeros(len(days), dtype=np.int64),
        ("EUR",),
        tuple(str(number).encode() for number in range(count)),
        END,
    )


def _regular() -> tuple[Anchored, ...]:
    """Return how much the own interval wins where customers are regular, over one by chance."""
    purchases = regular_buyers(4000, 4.0, _SEED)
    seen = see(purchases.before(CUT))
    gaps = regularity.gaps_of(seen)
    own = regularity.fit(gaps)
    chance, _ = pareto_nbd.fit(bins_of(seen))
    inside, off, _ = cover_of(purchases, seen, own, CUT)
    by_chance = regularity.Regularity(
        k=1.0, r=chance.r, alpha=chance.alpha * 7.0, leaves=own.leaves
    )
    _, chance_off, _ = cover_of(purchases, seen, by_chance, CUT)
    return (
        *between("shape_k", own.k, 3.6, 4.4),
        *between("next_date_cover_share", float(np.mean(inside)), 0.76, 0.84),
        Anchored("next_date_mae_days", float(np.mean(off)), 0.9 * float(np.mean(chance_off))),
    )


def _million() -> tuple[Anchored, ...]:
    """Return what a million customers take of a processor, all of it: backtest, training, tiers."""
    random = np.random.default_rng(_SEED)
    rates = random.gamma(0.6, 1 / 80.0, _MANY)
    lives = random.exponential(1.0, _MANY) / random.gamma(0.8, 1 / 200.0, _MANY)
    firsts = random.integers(0, 700, _MANY)
    spans = np.minimum(lives, 728 - firsts)
    again = random.poisson(rates * spans)
    customers = np.r_[np.arange(_MANY), np.repeat(np.arange(_MANY), again)]
    within = random.random(int(again.sum())) * np.repeat(spans, again)
    days = np.r_[firsts, (np.repeat(firsts, again) + within).astype(np.int64)]
    purchases = gather(
        customers,
        days + END - 728,
        random.gamma(4.0, 10.0, len(days)),
        np.zeros(len(days), dtype=np.int64),
        ("EUR",),
        (b"",) * _MANY,
        END,
    )
    began = time.process_time()
    train(purchases, lambda _doing, _share: None)
    return (Anchored("train_cpu_s", time.process_time() - began, 60.0),)

"""Buy till you die, told at a purchase: the BG/NBD model. Pure.

While a customer is alive, they buy at a rate of their own, and after each purchase they leave for
good with a chance of their own. Rates are spread as a gamma (r, alpha), chances as a beta (a, b).
After Fader, Hardie and Lee, "Counting your customers the easy way" (Marketing Science 24, 2005).

Their formula of the expected purchases holds a hypergeometric function that overflows, and is
singular at a = 1. Euler's transformation leaves a series of terms below one, and what is singular
cancels once it is taken out of the bracket; so one formula holds for a below, at and above one.
"""

from typing import Final, NamedTuple

import numpy as np
from scipy.special import betaincinv, betaln, gammaln

from trueup.models.value.buys import Bins, Floats
from trueup.models.value.likeliest import Likeliest, find_likeliest

_STARTS: Final = ((0.5, 5.0, 0.8, 2.5), (1.0, 20.0, 2.0, 2.0))
_TERMS_MAX: Final = 5000
_ENOUGH: Final = 1e-14
_SUMMED_A_MAX: Final = 30.0
_NODES: Final = 64
_EXPONENT_MAX: Final = 600.0


class BgNbd(NamedTuple):
    """The parameters; alpha in weeks."""

    r: float
    alpha: float
    a: float
    b: float


def fit(bins: Bins) -> tuple[BgNbd, Likeliest]:
    """Return the likeliest parameters."""

    def likelihood(parameters: Floats) -> float:
        own = BgNbd(*parameters)
        logs = log_likelihoods(own, bins.x, bins.t_x, bins.known)
        return float(np.dot(logs, bins.weights))

    found = find_likeliest(likelihood, _STARTS, weight=float(bins.weights.sum()))
    return BgNbd(*found.parameters), found


def log_likelihoods(own: BgNbd, x: Floats, t_x: Floats, known: Floats) -> Floats:
    """Return how likely each customer's history is, as a logarithm."""
    r, alpha, a, b = own
    stays = -(r + x) * np.log(alpha + known)
    with np.errstate(divide="ignore"):
        leaves = np.log(np.where(x > 0, a / np.where(x > 0, b + x - 1, 1.0), 0.0))
    leaves = leaves - (r + x) * np.log(alpha + t_x)
    spread = betaln(a, b + x) - betaln(a, b) + gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    return np.asarray(spread + np.logaddexp(stays, leaves))


def alive(own: BgNbd, x: Floats, t_x: Floats, known: Floats) -> Floats:
    """Return the chance that each customer has not left."""
    r, alpha, a, b = own
    longer = (r + x) * np.log((alpha + known) / (alpha + t_x))
    odds = np.where(x > 0, a / np.where(x > 0, b + x - 1, 1.0), 0.0)
    return np.asarray(1.0 / (1.0 + odds * np.exp(np.minimum(longer, _EXPONENT_MAX))))


def expected(own: BgNbd, x: Floats, t_x: Floats, known: Floats, weeks: float) -> Floats:
    """Return how many purchases each customer is expected to make in the next weeks."""
    lasting = _summed if own.a <= _SUMMED_A_MAX else _integrated
    return np.asarray(lasting(own, x, known, weeks) * alive(own, x, t_x, known))


def _summed(own: BgNbd, x: Floats, known: Floats, weeks: float) -> Floats:
    """Return what is expected of customers who have not left, by the series."""
    r, alpha, a, b = own
    share = weeks / (alpha + known + weeks)
    shrinks = np.log1p(-share)
    off, ends = a - 1.0, a + b + x - 1.0
    whole = np.expm1(off * shrinks) / off if abs(off) > 1e-12 else shrinks
    series = _series(a + b - 1.0 - r, a, ends + 1.0, share)
    return np.asarray(-ends * whole - np.exp(off * shrinks) * series)


def _integrated(own: BgNbd, x: Floats, known: Floats, weeks: float) -> Floats:
    """Return the same by a sum over chances of leaving, where they hardly differ.

    Given a chance p of leaving after each purchase it is (1 - (1 + w p)^-(r + x)) / p, with w the
    weeks over alpha + T; the series of so narrow a beta has terms that no number holds.
    """
    r, alpha, a, b = own
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    kinds, place = np.unique(x, return_inverse=True)
    chances = betaincinv(a, b + kinds[:, None], (nodes[None, :] + 1.0) / 2.0)[place]
    times = np.log1p((weeks / (alpha + known))[:, None] * chances)
    return np.asarray((-np.expm1(-(r + x)[:, None] * times) / chances) @ (weights / 2.0))


def _series(p: float, a: float, c: Floats, z: Floats) -> Floats:
    """Return the sum over n from 1 of (p)_n (a)_(n-1) / ((c)_(n-1) n!) z^n."""
    term = p * z
    total = term.copy()
    for n in range(1, _TERMS_MAX):
        term = term * ((p + n) * (a + n - 1) / ((c + n - 1) * (n + 1))) * z
        total += term
        if np.max(np.abs(term), initial=0.0) < _ENOUGH:
            break
    return total

"""Buy till you die, told at any moment: the Pareto/NBD model. Pure.

While a customer is alive, they buy at a rate of their own, and they leave for good at any moment.
Rates of buying are spread as a gamma (r, alpha), rates of leaving as another (s, beta).
After Schmittlein, Morrison and Colombo (Management Science 33, 1987), in the form of Fader and
Hardie, "A note on deriving the Pareto/NBD model" (2005).

The hypergeometric functions are taken as logarithms: 2F1(m, k; m + 1; z) is, by Euler's
transformation, (1 - z)^(1 - k) times a series of positive terms that fall at least as fast as z^n.
"""

from typing import Final, NamedTuple

import numpy as np
from scipy.special import gammaln

from trueup.models.value.buys import Bins, Floats
from trueup.models.value.likeliest import Likeliest, find_likeliest

_STARTS: Final = ((0.5, 10.0, 0.6, 12.0), (1.0, 10.0, 1.0, 30.0))
_TERMS_MAX: Final = 1000
_DIGITS: Final = 18.0  # twice as many in natural logarithms: each term is two steps


class ParetoNbd(NamedTuple):
    """The parameters; alpha and beta in weeks."""

    r: float
    alpha: float
    s: float
    beta: float


def fit(bins: Bins) -> tuple[ParetoNbd, Likeliest]:
    """Return the likeliest parameters."""

    def likelihood(parameters: Floats) -> float:
        own = ParetoNbd(*parameters)
        logs = log_likelihoods(own, bins.x, bins.t_x, bins.known)
        return float(np.dot(logs, bins.weights))

    found = find_likeliest(likelihood, _STARTS, weight=float(bins.weights.sum()))
    return ParetoNbd(*found.parameters), found


def log_likelihoods(own: ParetoNbd, x: Floats, t_x: Floats, known: Floats) -> Floats:
    """Return how likely each customer's history is, as a logarithm."""
    r, alpha, s, beta = own
    stays = -(r + x) * np.log(alpha + known) - s * np.log(beta + known)
    leaves = np.log(s / (r + s + x)) + _log_left(own, x, t_x, known)
    spread = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    return np.asarray(spread + np.logaddexp(stays, leaves))


def alive(own: ParetoNbd, x: Floats, t_x: Floats, known: Floats) -> Floats:
    """Return the chance that each customer has not left."""
    r, alpha, s, beta = own
    odds = np.log(s / (r + s + x)) + _log_left(own, x, t_x, known)
    odds = odds + (r + x) * np.log(alpha + known) + s * np.log(beta + known)
    return np.asarray(1.0 / (1.0 + np.exp(np.minimum(odds, 600.0))))


def expected(own: ParetoNbd, x: Floats, t_x: Floats, known: Floats, weeks: float) -> Floats:
    """Return how many purchases each customer is expected to make in the next weeks."""
    r, alpha, s, beta = own
    off, shrinks = s - 1.0, np.log((beta + known) / (beta + known + weeks))
    lasting = -np.expm1(off * shrinks) / off if abs(off) > 1e-9 else -shrinks
    rate = (r + x) / (alpha + known)
    return np.asarray(rate * (beta + known) * lasting * alive(own, x, t_x, known))


def _log_left(own: ParetoNbd, x: Floats, t_x: Floats, known: Floats) -> Floats:
    """Return the logarithm of A0 of the literature: that they left between t_x and now."""
    r, alpha, s, beta = own
    m = r + s + x
    least, most = min(alpha, beta), max(alpha, beta)
    k = np.full_like(m, s + 1.0) if alpha >= beta else r + x
    # Where they are equal the argument is zero, and both forms are one.
    late = _log_2f1(m, k, (most - least) / (most + t_x)) - m * np.log(most + t_x)
    now = _log_2f1(m, k, (most - least) / (most + known)) - m * np.log(most + known)
    with np.errstate(divide="ignore"):
        return np.asarray(late + np.log(-np.expm1(np.minimum(now - late, 0.0))))


def _log_2f1(m: Floats, k: Floats, z: Floats) -> Floats:
    """Return the logarithm of 2F1(m, k; m + 1; z) for z from 0 and below 1.

    What is left by Euler's transformation, 2F1(m + 1 - k, 1; m + 1; z), is taken as the continued
    fraction of Gauss, from its far end; it needs fewer terms the farther z is from one.
    """
    root = float(np.sqrt(1.0 - np.max(z, initial=0.0)))
    ratio = (1.0 - root) / (1.0 + root)
    terms = 4 if ratio <= 0.0 else min(4 + int(_DIGITS / -np.log(ratio)), _TERMS_MAX)
    tail = np.ones_like(z)
    for n in range(terms, 0, -1):
        even = n * (k - 1 + n) / ((m + 2 * n - 1) * (m + 2 * n))
        odd = (m + n - 1) * (m - k + n) / ((m + 2 * n - 2) * (m + 2 * n - 1))
        tail = 1.0 - odd * z / (1.0 - even * z / tail)
    return np.asarray((1 - k) * np.log1p(-z) - np.log(tail))

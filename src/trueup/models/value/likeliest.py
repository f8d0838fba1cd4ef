"""The likeliest parameters of a model: all positive, so their logarithms are searched."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import minimize

from trueup.models.value.buys import Floats

LOG_MAX: Final = 9.0
"""A parameter beyond e to this says that the history does not tell it."""


class Likeliest(NamedTuple):
    """What was found.

    Attributes:
        parameters: in the order of the model.
        log_likelihood: the greater, the likelier.
        at_bound: a parameter ran away: customers hardly differ in what it tells.
    """

    parameters: tuple[float, ...]
    log_likelihood: float
    at_bound: bool


def find_likeliest(
    log_likelihood: Callable[[Floats], float],
    starts: Sequence[Sequence[float]],
    *,
    weight: float,
) -> Likeliest:
    """Search from one start after the other, until one leads to no bound; the same every time.

    Args:
        log_likelihood: of positive parameters, over all customers.
        starts: parameters to begin with.
        weight: how many customers there are; keeps the steps of the search of one size.
    """

    def loss(logs: Floats) -> float:
        value = log_likelihood(np.exp(logs))
        return -value / weight if np.isfinite(value) else 1e10

    found: list[tuple[float, Floats]] = []
    for start in starts:
        result = minimize(
            loss,
            np.log(start),
            method="L-BFGS-B",
            jac="3-point",
            bounds=[(-LOG_MAX, LOG_MAX)] * len(start),
            options={"ftol": 1e-13, "gtol": 1e-9, "maxiter": 200},
        )
        found.append((float(result.fun), result.x))
        if not _at_bound(result.x):
            break
    loss_of, logs = min(found, key=lambda each: each[0])
    return Likeliest(
        parameters=tuple(float(each) for each in np.exp(logs)),
        log_likelihood=-loss_of * weight,
        at_bound=_at_bound(logs),
    )


def _at_bound(logs: Floats) -> bool:
    return bool(np.any(np.abs(logs) > LOG_MAX - 1e-6))

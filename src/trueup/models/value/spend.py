"""What a customer spends on a purchase: the Gamma-Gamma model. Pure.

Amounts of one customer are spread as a gamma of shape p, and the customers' own scales as another
(q, v). So a mean of few purchases is drawn to that of all customers, and one of many is not.
After Fader, Hardie and Lee, "RFM and CLV" (Journal of Marketing Research 42, 2005).
"""

from typing import Final, NamedTuple

import numpy as np
from scipy.special import gammaln

from trueup.models.value.buys import Floats
from trueup.models.value.likeliest import Likeliest, find_likeliest

_STARTS: Final = (5.0, 4.0)


class Spend(NamedTuple):
    """The parameters; v in the currency."""

    p: float
    q: float
    v: float


def fit(counts: Floats, means: Floats) -> tuple[Spend, Likeliest]:
    """Return the likeliest parameters of customers with so many purchases of such a mean amount.

    Args:
        counts: of purchases, one or more.
        means: of their amounts, above zero.
    """

    def likelihood(parameters: Floats) -> float:
        p, q, v = parameters
        of_customer = p * counts
        return float(
            np.sum(
                gammaln(of_customer + q)
                - gammaln(of_customer)
                - gammaln(q)
                + q * np.log(v)
                + (of_customer - 1) * np.log(means)
                + of_customer * np.log(counts)
                - (of_customer + q) * np.log(v + counts * means)
            )
        )

    # Amounts are searched near one, whatever the currency; only v is in its units.
    scale = float(np.mean(means))
    found = find_likeliest(
        lambda of: likelihood(np.array([of[0], of[1], of[2] * scale])),
        [(*_STARTS, 0.5)],
        weight=float(len(counts)),
    )
    p, q, v = found.parameters
    return Spend(p, q, v * scale), found


def expected(own: Spend, counts: Floats, means: Floats) -> Floats:
    """Return what each customer is expected to spend on a purchase; q has to be above one."""
    p, q, v = own
    return np.asarray(p * (v + counts * means) / (p * counts + q - 1.0))

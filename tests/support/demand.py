"""What a brand's buyers want each day: few and many sales, seasons, weeks, and offers that sell twice."""

from random import Random
from typing import Final

HOT_SHARE: Final = 0.25
"""A SKU's season lasts a quarter of the year."""

OFFER_DAYS: Final = 10
WEEK: Final = (0.9, 0.9, 0.9, 1.0, 1.1, 1.3, 0.9)


def wanted_of(pick: Random, days: int) -> list[int]:
    """Return how many units of one SKU are wanted each day."""
    rate, season = pick.lognormvariate(-0.5, 1), pick.random()
    offers = [pick.randrange(days) for _ in range(1 + days // 180)]
    found = []
    for n in range(days):
        high = 1.4 if ((n / 365 + season) % 1) < HOT_SHARE else 0.9
        high *= 2 if any(offer <= n < offer + OFFER_DAYS for offer in offers) else 1
        # Buyers come unevenly: a gamma of rates makes the units of a day negative binomial.
        mean = rate * high * WEEK[n % 7] * pick.gammavariate(1.5, 1 / 1.5)
        count, at = 0, pick.expovariate(1)
        while at < mean:
            count, at = count + 1, at + pick.expovariate(1)
        found.append(count)
    return found

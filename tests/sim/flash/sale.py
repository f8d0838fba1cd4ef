"""A flash sale: buyers, four channels, and word that takes seconds either way.

Time goes in ticks. A channel sells what its number allows; the hub hears of it after the inward
delay, and a number that the hub sends stands there after the outward one.
"""

import math
import random
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

TICK_S = 0.25
FLASH_S = 30.0
AFTER_S = 30.0
ORDERS_PER_S = 1_000.0
STOCK = 10_000
WEIGHTS = (0.4, 0.3, 0.2, 0.1)
INWARD_S = (0.2, 1.0)
OUTWARD_S = (1.0, 5.0)


class Channel(msgspec.Struct, kw_only=True):
    """One channel: what it shows, and what it sold of which nobody has heard yet."""

    weight: float
    shows: int
    sold: int = 0
    unheard: list[tuple[float, float, int]] = []  # heard at, sold at, units


class Told(NamedTuple):
    """What a policy tells a channel.

    Attributes:
        expected: it is only written where that stands there; None: it is written anyway.
        lowers: what is expected less the value is taken off, whatever stands there.
    """

    channel: int
    value: int
    expected: int | None = None
    lowers: bool = False


class Sending(msgspec.Struct, kw_only=True):
    """A number on its way."""

    channel: int
    told: Told
    at: float
    sent_at: float


class Policy(Protocol):
    """Decides what is told to whom."""

    async def hear(self, now: float, sold: Sequence[tuple[int, float, int]]) -> None:
        """Take in sales: (channel, sold at, units)."""

    async def decide(self, now: float) -> list[Told]:
        """Return what is sent now."""

    async def answered(self, now: float, sending: Sending, found: int, *, done: bool) -> None:
        """Learn what came of it: what stood there when it arrived, and whether it was written."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one sale came to.

    Attributes:
        oversold: units sold that were not there.
        unsold: units that lay there while buyers were turned away.
        parity_s: from the last unit sold on, until every channel shows nothing; where something is
            left, from the end of the flash until the channels show what is left, and no more.
        calls: how many numbers were sent.
    """

    oversold: int
    unsold: int
    parity_s: float
    calls: int


async def run_sale(policy: Policy, seed: int, shows: Sequence[int], *, longest_s: float) -> Outcome:
    """Play one sale under a policy."""
    rng = random.Random(seed)
    weights = [w * rng.uniform(0.7, 1.3) for w in WEIGHTS]
    channels = [
        Channel(weight=w / sum(weights), shows=n, unheard=[])
        for w, n in zip(weights, shows, strict=True)
    ]
    on_way: list[Sending] = []
    now, calls, over_at, apart_at = 0.0, 0, FLASH_S, 0.0
    while now < longest_s:
        now += TICK_S
        if now <= FLASH_S:
            _buy(rng, channels, now)
        sold = sum(c.sold for c in channels)
        if sold >= STOCK and over_at == FLASH_S:
            over_at = now
        await policy.hear(now, _heard(channels, now))
        for sending in [s for s in on_way if s.at <= now]:
            on_way.remove(sending)
            channel = channels[sending.channel]
            found, told = channel.shows, sending.told
            done = told.lowers or told.expected in {None, found}
            if told.lowers:
                channel.shows -= (told.expected or 0) - told.value
            elif done:
                channel.shows = told.value
            await policy.answered(now, sending, found, done=done)
        for told in await policy.decide(now):
            at = now + rng.uniform(*OUTWARD_S)
            on_way.append(Sending(channel=told.channel, told=told, at=at, sent_at=now))
            calls += 1
        if sum(max(0, c.shows) for c in channels) > max(0, STOCK - sold):
            apart_at = now
        if now > FLASH_S + AFTER_S and now - apart_at > AFTER_S:
            break
    sold = sum(c.sold for c in channels)
    return Outcome(
        oversold=max(0, sold - STOCK),
        unsold=max(0, STOCK - sold),
        parity_s=max(0.0, apart_at - over_at),
        calls=calls,
    )


def _buy(rng: random.Random, channels: list[Channel], now: float) -> None:
    for channel in channels:
        wanted = _poisson(rng, ORDERS_PER_S * TICK_S * channel.weight)
        units = min(wanted, max(0, channel.shows))
        if units:
            channel.sold += units
            channel.shows -= units
            channel.unheard.append((now + rng.uniform(*INWARD_S), now, units))


def _heard(channels: list[Channel], now: float) -> list[tuple[int, float, int]]:
    heard = []
    for n, channel in enumerate(channels):
        heard += [(n, at, units) for when, at, units in channel.unheard if when <= now]
        channel.unheard = [each for each in channel.unheard if each[0] > now]
    return heard


def _poisson(rng: random.Random, mean: float) -> int:
    """Return a Poisson number; by the normal law where the mean is large."""
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count

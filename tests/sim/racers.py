"""World racers: fifty sellers want the last unit at once, again and again, over real sessions."""

import asyncio
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import MappingProxyType
from typing import Any

import msgspec
import psycopg

from tests.support.spine import open_spine
from trueup.canon.reservation import ReservationLine, ReservationState
from trueup.db.pool import connect
from trueup.reserve import Answer, Reservations, Wish

RACERS = 50
SESSIONS = 8
PROGRESS_ROUNDS = 500
NO_KITS: Mapping[str, tuple[str, ...]] = MappingProxyType({})
KIT = {"SET": ("A", "B")}
KIT_CARTS = (("SET",), ("A",), ("B",), ("SET", "A"))
"""A kit against its parts, and one cart that holds the kit and its part, which is one too many."""

_LOWEST = """
SELECT min(left_over) FROM (SELECT sum(CASE place WHEN 'on_hand' THEN units WHEN 'reserved' THEN
  -units ELSE 0 END) OVER (PARTITION BY sku_id ORDER BY event_id, ordinal
  GROUPS UNBOUNDED PRECEDING) AS left_over FROM ledger.posting) p
"""


class Races(msgspec.Struct, frozen=True, kw_only=True):
    """What the races came to.

    Attributes:
        wrong: rounds that had not exactly one winner.
        lowest: the least that was ever available.
    """

    rounds: int
    asked: int
    wrong: tuple[str, ...]
    lowest: int
    seconds: float


async def race(
    conninfo: str,
    rounds: int,
    *,
    carts: tuple[tuple[str, ...], ...],
    kits: Mapping[str, tuple[str, ...]] = NO_KITS,
) -> Races:
    """Race for one unit of each SKU.

    Args:
        conninfo: of a fresh, migrated database.
        rounds: after each the winner gives its units back.
        carts: what racers ask for, in turn: all of a cart or nothing.
        kits: what codes in carts stand for.
    """
    began = time.monotonic()
    parts = {cart: [p for code in cart for p in kits.get(code, (code,))] for cart in carts}
    skus = sorted({sku for cart in carts for sku in parts[cart]})
    wrong: list[str] = []
    async with open_spine(conninfo) as spine, AsyncExitStack() as stack:
        await spine.take(*(spine.movement(f"o{sku}", "opening", sku, 1) for sku in skus))
        for code, made_of in kits.items():
            await spine.take(spine.kit(code, **dict.fromkeys(made_of, 1)))
        rooms = [Reservations(spine.hub) for _ in range(2)]  # as two processes would have them
        idle: asyncio.Queue[psycopg.AsyncConnection[Any]] = asyncio.Queue()
        for _ in range(SESSIONS):
            session = await connect(conninfo, application_name="racer")
            idle.put_nowait(await stack.enter_async_context(session))

        async def run(turn: int, racer: int) -> tuple[tuple[str, ...], Answer]:
            cart = carts[racer % len(carts)]
            lines = tuple(ReservationLine(sku=sku, quantity=1) for sku in cart)
            session = await idle.get()
            try:
                wish = Wish(lines=lines, expires_in_s=600)
                answer = await rooms[racer % 2].reserve(session, f"{turn}/{racer}", wish)
            finally:
                idle.put_nowait(session)
            return cart, answer

        for turn in range(rounds):
            answers = await asyncio.gather(*(run(turn, racer) for racer in range(RACERS)))
            won = [(c, a) for c, a in answers if a.reservation.state is ReservationState.HELD]
            taken = [sku for cart, _ in won for sku in parts[cart]]
            # Nothing is sold twice; and somebody won, as there was enough for any cart alone.
            if len(taken) != len(set(taken)) or not won:
                wrong.append(f"round {turn}: {[cart for cart, _ in won]}")
            for _, answer in won:
                await rooms[0].take(spine.conn, answer.reservation.ref, ReservationState.RELEASED)
            if (turn + 1) % PROGRESS_ROUNDS == 0:
                each = (time.monotonic() - began) / (turn + 1)
                print(f"{turn + 1} of {rounds} rounds, {each:.2f} s each", file=sys.stderr)
        lowest = await spine.one(_LOWEST)
    return Races(
        rounds=rounds,
        asked=rounds * RACERS,
        wrong=tuple(wrong),
        lowest=int(lowest),
        seconds=time.monotonic() - began,
    )

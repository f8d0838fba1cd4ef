"""What a brand may do about it: batches, absolute numbers at once, or Trueup's own outbox."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.sim.flash.sale import INWARD_S, OUTWARD_S, STOCK, WEIGHTS, Sending, Told
from tests.sim.stock.database import Conn, set_time
from tests.sim.stock.hub import BEGINNING
from trueup.contract.connector import Receipt, ReceiptState
from trueup.ledger.model import StockChange
from trueup.outbox.buffers import Seller, plan_buffers
from trueup.outbox.claim import claim_call
from trueup.outbox.enqueue import change_stock, want_listings
from trueup.outbox.model import Call, Wanted
from trueup.outbox.receipt import Verdict, settle_call

BATCH_S = 15 * 60.0
TUNED_S = 1.0
CHANCE = 0.001


class Batch:
    """(a) Every 15 minutes each channel is told what is left; the sale falls somewhere between."""

    def __init__(self, first_s: float) -> None:
        self._left, self._next = STOCK, first_s

    async def hear(self, now: float, sold: Sequence[tuple[int, float, int]]) -> None:
        """Count."""
        del now
        self._left -= sum(units for _, _, units in sold)

    async def decide(self, now: float) -> list[Told]:
        """Tell all, when it is time."""
        if now < self._next:
            return []
        self._next += BATCH_S
        return [Told(n, max(0, self._left)) for n in range(len(WEIGHTS))]

    async def answered(self, now: float, sending: Sending, found: int, *, done: bool) -> None:
        """Nobody looks."""


class Immediate:
    """(b) Each channel is told what is left as soon as its last call has ended, nothing kept back."""

    def __init__(self) -> None:
        self._left = STOCK
        self._said = [STOCK] * len(WEIGHTS)
        self._busy: set[int] = set()

    async def hear(self, now: float, sold: Sequence[tuple[int, float, int]]) -> None:
        """Count."""
        del now
        self._left -= sum(units for _, _, units in sold)

    async def decide(self, now: float) -> list[Told]:
        """Tell all that are free."""
        del now
        left, told = max(0, self._left), []
        for n in range(len(WEIGHTS)):
            if n not in self._busy and self._said[n] != left:
                self._busy.add(n)
                self._said[n] = left
                told.append(Told(n, left))
        return told

    async def answered(self, now: float, sending: Sending, found: int, *, done: bool) -> None:
        """Be free again."""
        del now, found, done
        self._busy.discard(sending.channel)


class Trueup:
    """(c) The hub's own statements decide, on PostgreSQL: offers, claims, receipts, buffers.

    Sales come in as the ledger tells them to the outbox, many at a time; the buffers are planned
    once a second from the rates that the outbox noted.

    Args:
        conn: to a fresh database.
        compares: the vendors compare before they write (Shopify), or only take a number (Amazon).
        lowers: and can take units off without comparing.
        shares: percent of the stock that each channel is offered, by rule; None: no rule.
        adaptive: plan buffers.
    """

    def __init__(
        self,
        conn: Conn,
        *,
        compares: bool,
        lowers: bool = False,
        shares: Sequence[int] | None = None,
        adaptive: bool = True,
    ) -> None:
        self._conn, self._compares, self._shares = conn, compares, shares
        self._lowers = lowers
        self._adaptive = adaptive
        self._left, self._sequence, self._tuned = STOCK, 1, 0.0
        self._calls: dict[int, Call] = {}
        self._sku = "FLASH"

    async def begin(self, shows: Sequence[int]) -> None:
        """List the SKU at all channels, which show what they show."""
        await set_time(self._conn, BEGINNING)
        await want_listings(
            self._conn,
            [
                Wanted(
                    connection_id=n + 1,
                    sku=self._sku,
                    key=self._sku,
                    target={"sku": self._sku},
                    available=STOCK,
                    sequence=1,
                    counted=True,
                )
                for n in range(len(shows))
            ],
        )
        for n, units in enumerate(shows):
            await self._conn.execute(
                "UPDATE outbox.intent SET believed = %s, share_percent = %s, value = %s,"
                " state = 'settled' WHERE connection_id = %s",
                (units, None if self._shares is None else self._shares[n], units, n + 1),
            )

    async def hear(self, now: float, sold: Sequence[tuple[int, float, int]]) -> None:
        """Take sales in, as a batch of the ledger does."""
        at = BEGINNING + timedelta(seconds=now)
        await set_time(self._conn, at)
        if sold:
            before = self._left
            self._left -= sum(units for _, _, units in sold)
            self._sequence += 1
            own: dict[tuple[int, str], tuple[int, int]] = {}
            own_at: dict[tuple[int, str], datetime] = {}
            for n, sold_at, units in sold:
                whose = (n + 1, self._sku)
                own[whose] = (own.get(whose, (0, 0))[0] + units, 0)
                when = BEGINNING + timedelta(seconds=sold_at)
                own_at[whose] = min(own_at.get(whose, when), when)
            change = StockChange(
                sku=self._sku,
                available=self._left,
                sequence=self._sequence,
                counted=True,
                before=before,
                own=own,
                own_live={whose: down for whose, (down, _) in own.items()},
                own_at=own_at,
                seen_at=at,
            )
            await change_stock(self._conn, [change])
        if self._adaptive and now - self._tuned >= TUNED_S:
            self._tuned = now
            await self._tune()

    async def _tune(self) -> None:
        """Plan what is kept back, from the rates that the outbox noted."""
        cursor = await self._conn.execute("SELECT rate FROM outbox.intent ORDER BY connection_id")
        inward, outward = _bound(INWARD_S), _bound(OUTWARD_S)
        sellers = [
            Seller(rate=rate, inward_s=inward, outward_s=outward, chance=CHANCE)
            for (rate,) in await cursor.fetchall()
        ]
        plan = plan_buffers(sellers, 1.0)
        for n, (buffer, part) in enumerate(zip(plan.buffers, plan.parts, strict=True)):
            await self._conn.execute(_TUNE, (buffer, plan.thin_below, part.start, part.end, n + 1))

    async def decide(self, now: float) -> list[Told]:
        """Claim what is due."""
        at, told = BEGINNING + timedelta(seconds=now), []
        for n in range(len(WEIGHTS)):
            if n in self._calls:
                continue
            call = await claim_call(
                self._conn, n + 1, "stock.set", count=1, lowers=self._lowers, now=at
            )
            if call is not None:
                self._calls[n] = call
                intent = call.claimed[0].intent
                expected = intent.expected if self._compares else None
                told.append(Told(n, intent.value, expected, intent.lowers))
        return told

    async def answered(self, now: float, sending: Sending, found: int, *, done: bool) -> None:
        """Settle the call by what stood there."""
        receipt = Receipt(state=ReceiptState.DONE)
        if not done:
            receipt = Receipt(state=ReceiptState.LATER, observed=found)
        await settle_call(
            self._conn,
            self._calls.pop(sending.channel),
            [Verdict(receipt=receipt)],
            overwrites=not self._compares,
            now=BEGINNING + timedelta(seconds=now),
        )


_TUNE = """
UPDATE outbox.intent i SET safety = t.safety, thin_below = t.thin_below, thin_from = t.thin_from,
  thin_to = t.thin_to, value = t.value,
  state = CASE WHEN i.state IN ('sending', 'unknown') THEN i.state
    WHEN i.believed IS DISTINCT FROM t.value THEN 'due' ELSE 'settled' END
FROM (SELECT j.connection_id, n.*, outbox.offer(j.available, j.dropped, j.buffer, j.cap,
    j.share_percent, j.ahead, n.safety, n.thin_below, n.thin_from, n.thin_to) AS value
  FROM outbox.intent j, (SELECT %s::int AS safety, %s::int AS thin_below,
    %s::float8 AS thin_from, %s::float8 AS thin_to) n) t
WHERE i.connection_id = %s AND t.connection_id = i.connection_id
"""
"""What the tuner sets, for one channel."""


def _bound(between: tuple[float, float]) -> float:
    """Return the mean and four deviations of what lies evenly between, and no more than its end."""
    low, high = between
    return min(high, (low + high) / 2 + 4 * (high - low) / 12**0.5)


def even(shares: Sequence[int] | None) -> list[int]:
    """Return what channels show before the sale."""
    if shares is None:
        return [STOCK] * len(WEIGHTS)
    return [STOCK * share // 100 for share in shares]


SHARES = (40, 30, 20, 10)

"""A year at one shop: what buyers and the merchant do, and every word that the shop says of it."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from trueup.sandbox.clock import ManualClock
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify import payouts
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import (
    Add,
    Cancel,
    Capture,
    Checkout,
    CloseReturn,
    Command,
    Edit,
    Fulfil,
    OpenReturn,
    Outcome,
    Refund,
)
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.shopify.model import Order
from trueup.sandbox.shopify.shop import Shop, ShopSettings
from trueup.sandbox.webhooks import Event

SHOP = "north"
UNITS = 10_000_000
"""Units of each usual SKU: nothing of the usual trade runs out."""

Body = dict[str, Any]
Rewrite = Callable[[str, Body], Body | None]
"""Changes what the shop says under a topic; None: nobody hears it."""

_BEGIN = datetime(2025, 11, 1, 6, tzinfo=UTC)
_SKUS = 40


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook as the hub may get it; `parked`: the hub can not apply it."""

    topic: str
    webhook_id: str
    triggered_at: str
    body: bytes
    parked: bool = False


class Year:
    """The shop, its clock, and everything that it told.

    Attributes:
        openings: units of each SKU at its start.
        later: what happens to the provider's account once the day is paid out.
        behind: what happens at the end of the year, and the shop tells nobody.
    """

    def __init__(self, seed: int, days: int) -> None:
        self.pick = random.Random(f"year-{seed}")
        self.days = days
        self.clock = ManualClock(_BEGIN)
        self.sandbox = Sandbox(self.clock)
        self.shop: Shop = self.sandbox.open_shop(
            ShopSettings(handle=SHOP, seed=seed, points_per_s=2000, bulk_delay_s=0.0)
        )
        payouts.account_of(self.shop).reserves = False
        self.heard: list[Heard] = []
        self.openings: dict[str, int] = {}
        self.later: list[Callable[[], None]] = []
        self.behind: list[Callable[[], None]] = []
        self.skus = [f"SKU-{n:02}" for n in range(_SKUS)]
        self._buyers = 0
        self._orders = 0
        self._rewrite: Rewrite | None = None
        self._rewrites: dict[int, Rewrite] = {}
        self._parks: set[int] = set()
        self._paid_out: payouts.Payout | None = None
        self.shop.sinks.append(self._hear)
        for n, sku in enumerate(self.skus):
            self.sell(sku, UNITS, price=f"{8 + n}.{(n * 37) % 100:02}")

    # -- what is sold ----------------------------------------------------------------------------

    def sell(self, sku: str, units: int, *, price: str = "20.00") -> None:
        """Put a SKU on sale, of which so many units are there."""
        self.do(Add(skus=[SkuSeed(sku=sku, title=f"Article {sku}", price=price, available=units)]))
        self.openings[sku] = units

    def count(self) -> int:
        """Give a number that nobody else was given."""
        self._orders += 1
        return self._orders

    def buyer(self) -> CustomerSeed:
        """Give somebody who never bought before."""
        self._buyers += 1
        return CustomerSeed(email=f"buyer{self._buyers}@buyers.example")

    def cart(self, **more: Any) -> Cart:
        """Give a usual cart of somebody new."""
        pick, lines = self.pick, {}
        for _ in range(pick.choice((1, 1, 2, 3))):
            lines[pick.choice(self.skus)] = pick.choice((1, 1, 2))
        usual: dict[str, Any] = {
            "lines": [CartLine(sku=sku, quantity=units) for sku, units in lines.items()],
            "ref": f"y-{self.count():06}",
            "customer": self.buyer(),
            "shipping": pick.choice(("4.90", "6.50", None)),
        }
        return Cart(**(usual | more))

    def buy(self, rewrite: Rewrite | None = None, *, insist: bool = False, **more: Any) -> Order:
        """Let somebody buy; `rewrite` changes what is told of this order from its first word on."""
        cart = self.cart(**more)
        self._rewrite = rewrite
        self.do(Checkout(cart=cart, insist=insist))
        self._rewrite = None
        order = self.shop.by_ref[cart.ref]
        if rewrite is not None:
            self._rewrites[order.id] = rewrite
        return order

    def do(self, command: Command) -> Outcome:
        """Let something happen now."""
        return self.sandbox.do(SHOP, command)

    def park(self, order: Order) -> None:
        """From now on the hub can not apply what is told of an order."""
        self._parks.add(order.id)

    def ship(self, order: Order) -> None:
        """Send everything that is left of an order."""
        self.do(Fulfil(order=order.ref))

    # -- the usual trade -------------------------------------------------------------------------

    def usual(self) -> None:
        """Let one usual order happen, whole: it is shipped or cancelled, and its money agrees."""
        pick, chance = self.pick, self.pick.random()
        order = self.buy(
            code="WELCOME10" if pick.random() < 0.2 else None,
            tip="2.00" if pick.random() < 0.05 else None,
            gift_card="5.00" if pick.random() < 0.05 else None,
            payment="authorized" if pick.random() < 0.1 else "paid",
            presentment_currency="EUR" if pick.random() < 0.1 else None,
            presentment_rate="0.92",
        )
        self.pass_s(60)
        self.do(Capture(order=order.ref))
        first = order.lines[0].sku or ""
        if chance < 0.06:
            self.do(Cancel(order=order.ref))
            return
        if chance < 0.12:
            self.do(Edit(order=order.ref, changes={first: 1}))
        elif chance < 0.16:
            self.do(Refund(order=order.ref, units={first: 1}, restock_type="cancel"))
        self.pass_s(300)
        self.ship(order)
        self.pass_s(300)
        if 0.2 < chance < 0.26:
            self.do(OpenReturn(order=order.ref, units={first: 1}))
            self.do(CloseReturn(order=order.ref))

    # -- time ------------------------------------------------------------------------------------

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def end_day(self) -> payouts.Payout | None:
        """Pay out what was paid today; yesterday's payout reaches the bank."""
        if self._paid_out is not None:
            payouts.arrive(self.shop, self._paid_out)
        self._paid_out = payouts.end_day(self.shop)
        for change in self.later:
            change()
        self.later.clear()
        passed = (self.clock.now() - _BEGIN) % timedelta(days=1)
        self.pass_s((timedelta(days=1) - passed).total_seconds())
        return self._paid_out

    def forget(self, order: Order) -> None:
        """Let the shop know nothing of an order any more, without a word."""
        del self.shop.orders[order.id]
        del self.shop.by_ref[order.ref]

    def line_of(self, order: Order) -> payouts.BalanceLine:
        """Give the charge of an order in the shop's account."""
        account = payouts.account_of(self.shop)
        return next(
            line
            for line in reversed(account.lines.values())
            if line.order_id == order.id and line.type == "CHARGE"
        )

    # -- what is heard ---------------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        body, parked = event.body, False
        if self._rewrite or self._rewrites or self._parks:
            told = msgspec.json.decode(body)
            number = told.get("order_id", told.get("id"))
            parked = number in self._parks
            rewrite = self._rewrite or self._rewrites.get(number)
            if rewrite is not None:
                changed = rewrite(event.topic, told)
                if changed is None:
                    return
                body = msgspec.json.encode(changed)
        self.heard.append(
            Heard(
                topic=event.topic,
                webhook_id=f"{event.event_id}:{len(self.heard)}",
                triggered_at=event.triggered_at.isoformat().replace("+00:00", "Z"),
                body=body,
                parked=parked,
            )
        )

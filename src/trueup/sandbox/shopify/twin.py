"""Shopify's simulated vendor, as the rules of quality use it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from trueup.canon.command import (
    HOLD_NAME,
    CancelOrder,
    CommandContent,
    CreateDiscount,
    FlagListing,
    GiveCredit,
    HoldOrder,
    PublishListing,
    ReleaseOrder,
    TagOrder,
)
from trueup.canon.postage import AttachLabel
from trueup.canon.return_command import (
    ApproveReturn,
    DeclineReturn,
    OpenReturn,
    RefundReturn,
    Settled,
    WantedBack,
)
from trueup.contract.connector import Intent, Reply, Request
from trueup.kernel.money import Money
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify import commands, holds, payouts
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.customers import CustomerSeed, find_or_create
from trueup.sandbox.shopify.model import Order
from trueup.sandbox.shopify.shop import Hold, ShopSettings, gid
from trueup.sandbox.twin import HOST, Fault, Heard, Twin
from trueup.sandbox.webhooks import Event

_SHOP = "quality"
_SKUS = ("TEE", "MUG")
_SET = "inventorySetQuantities"
_UNITS_SEEDED = 50
_CANCEL_S = 30.0
_CODE = "QUALITY-10"
_ABOUT_RETURNS: tuple[type[CommandContent], ...] = (
    *(OpenReturn, ApproveReturn, DeclineReturn, RefundReturn, AttachLabel),
)
_RETURNS = frozenset(each.command for each in _ABOUT_RETURNS)


class ShopifyTwin(Twin):
    """One shop of the sandbox, on a clock that is moved by hand."""

    host = f"{HOST}/{_SHOP}"

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sandbox = Sandbox(self.clock)
        shop = ShopSettings(handle=_SHOP, cancel_delay_s=_CANCEL_S)
        self.shop = self.sandbox.open_shop(shop)
        seeds = [SkuSeed(sku=sku, title=sku.title(), available=_UNITS_SEEDED) for sku in _SKUS]
        self.sandbox.seed(seeds)
        self._made: dict[str, Order] = {}
        self._events: list[Event] = []
        self.shop.sinks.append(self._events.append)
        settings = self.shop.settings
        self.secrets = {
            "access_token": settings.access_token,
            "client_secret": settings.client_secret,
        }

    def send(self, url: str, request: Request) -> Reply:
        """Answer one authorised request, without a socket."""
        return asyncio.run(self._send(url, request))

    async def _send(self, url: str, request: Request) -> Reply:
        async with httpx.AsyncClient(transport=self.sandbox.transport()) as client:
            response = await client.request(
                request.method, url, content=request.body, headers=dict(request.headers)
            )
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status=response.status_code, headers=headers, body=response.content)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve on the loopback while inside."""
        async with self.sandbox.serve(deliver=False) as base_url:
            yield f"{base_url}/{_SHOP}"

    def now(self) -> datetime:
        """Return the shop's time."""
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def strike(self, fault: Fault) -> None:
        """Let the next call go wrong."""
        rules = {
            "cut_before_work": ApiFault(kind="reset", next_calls=1),
            "cut_after_work": ApiFault(kind="reset_after_work", next_calls=1),
            "failed": ApiFault(kind="status", status=503, next_calls=1),
            "throttled": ApiFault(kind="throttled", next_calls=1),
            "stale_token": ApiFault(kind="status", status=401, next_calls=1),
        }
        self.shop.faults.rules.append(rules[fault])

    def happen(self, count: int) -> None:
        """Let customers buy, and some orders be shipped, changed, refunded or cancelled."""
        for number in range(count):
            sku = _SKUS[number % 2]
            customer = CustomerSeed(email=f"buyer{number}@buyers.example")
            cart = Cart(lines=[CartLine(sku=sku, quantity=2)], customer=customer)
            sold = self._do(commands.Checkout(cart=cart))
            fates: tuple[tuple[commands.Command, ...], ...] = (
                (commands.Fulfil(order=sold.order), commands.Deliver(order=sold.order)),
                (commands.Edit(order=sold.order, changes={sku: 1}),),
                (commands.Refund(order=sold.order, units={sku: 1}, restock_type="cancel"),),
                (commands.Cancel(order=sold.order),),
                (),
            )
            for command in fates[number % len(fates)]:
                self._do(command)
            paid_out = payouts.end_day(self.shop)
            if paid_out is not None and number % 2:
                payouts.arrive(self.shop, paid_out, well=number % 3 != 0)
        self._do(commands.ChangeProduct(sku=_SKUS[0], title="Tee, renamed"))

    def heard(self) -> list[Heard]:
        """Return the webhooks that came since, oldest first."""
        return [
            Heard(
                headers={
                    "x-shopify-topic": event.topic,
                    "x-shopify-webhook-id": f"{event.event_id}-{number}",
                    "x-shopify-triggered-at": event.triggered_at.isoformat(),
                },
                body=event.body,
            )
            for number, event in enumerate(self._events)
        ]

    def contents(self) -> Mapping[str, CommandContent]:
        """Return one command of each kind, for the first product and for orders of their own."""
        return self._orders(str(self.shop.by_sku[_SKUS[0]].id), self._sold, None)

    def refused(self) -> Mapping[str, CommandContent]:
        """Return the same for a variant, an order and a customer that the shop does not have."""
        return self._orders("1", lambda _: "1", "1")

    def done(self, kind: str) -> int:
        """Return how often an order stands done in the shop's own books."""
        if kind == FlagListing.command:
            owner = gid("ProductVariant", self.shop.by_sku[_SKUS[0]].id)
            kept = self.shop.metafields.get((owner, "trueup", "low_stock"))
            return int(kept is not None and kept[1] == "true")
        if kind == PublishListing.command:
            return int(self.shop.by_sku[_SKUS[1]].product.status == "draft")
        if kind not in self._made:
            given = sum(map(len, self.shop.credits.values()))
            made = {CreateDiscount.command: len(self.shop.codes), GiveCredit.command: given}
            return made.get(kind, 0)
        order = self._made[kind]
        if kind in _RETURNS:
            return self._returned(kind, order)
        parts = holds.parts_of(self.shop, order)
        held = sum(len(self.shop.holds.get(part.id, ())) for part in parts)
        return {
            HoldOrder.command: held,
            ReleaseOrder.command: int(not held),
            TagOrder.command: order.tags.count("late"),
            # An order is cancelled once, however many jobs there are for it.
            CancelOrder.command: len({j.order_id for j in self.shop.jobs.values()} & {order.id}),
        }[kind]

    def _returned(self, kind: str, order: Order) -> int:
        """Return how many returns of an order stand as a kind of command wants it."""
        if kind == RefundReturn.command:
            return sum(each.return_id is not None for each in order.refunds)
        if kind == AttachLabel.command:
            return sum(len(each.deliveries) for each in order.returns)
        wanted = "declined" if kind == DeclineReturn.command else "open"
        return sum(each.status == wanted for each in order.returns)

    def settle(self) -> None:
        """Let jobs come to their end."""
        self.advance(2 * _CANCEL_S)

    def _sold(self, kind: str) -> str:
        """Return what a kind of command is about: an order of its own, or the second product."""
        if kind == PublishListing.command:
            return str(self.shop.by_sku[_SKUS[1]].product.id)
        if kind not in self._made:
            sold = self._do(commands.Checkout(cart=Cart(lines=[CartLine(sku=_SKUS[1])])))
            order = self._made[kind] = self.shop.orders[sold.order_id]
            if kind in _RETURNS:
                self._do(commands.Fulfil(order=sold.order))
            if kind in _RETURNS - {OpenReturn.command}:
                agreed = kind in {RefundReturn.command, AttachLabel.command}
                back = commands.OpenReturn(order=sold.order, units={_SKUS[1]: 1}, approved=agreed)
                self._do(back)
            for part in holds.parts_of(self.shop, order) if kind == ReleaseOrder.command else ():
                held = Hold(self.shop.new_id(), HOLD_NAME, "OTHER")
                self.shop.holds.setdefault(part.id, []).append(held)
        return str(self._made[kind].id)

    def _orders(
        self, variant_ref: str, order_ref: Callable[[str], str], customer_ref: str | None
    ) -> dict[str, Any]:
        soon, now = date(2026, 3, 9), self.now()
        contents: tuple[CommandContent, ...] = (
            FlagListing(sku=_SKUS[0], variant_ref=variant_ref, raised=True, expected_on=soon),
            PublishListing(product_ref=order_ref(PublishListing.command), published=False),
            HoldOrder(order_ref=order_ref(HoldOrder.command), reason="fraud"),
            ReleaseOrder(order_ref=order_ref(ReleaseOrder.command)),
            TagOrder(order_ref=order_ref(TagOrder.command), added=("late",), removed=("new",)),
            CancelOrder(order_ref=order_ref(CancelOrder.command), reason="fraud"),
            CreateDiscount(
                code=_CODE,
                percent=10,
                starts_at=now,
                ends_at=now + timedelta(days=30),
                customer_ref=customer_ref,
            ),
            *self._of_returns(order_ref),
            GiveCredit(
                customer_ref=customer_ref or self._buyer(),
                amount=Money(Decimal("5.00"), self.shop.settings.currency),
                expires_on=(now + timedelta(days=90)).date(),
            ),
        )
        return {content.command: content for content in contents}

    def _buyer(self) -> str:
        seed = CustomerSeed(email="credit@buyers.example")
        return str(find_or_create(self.shop, seed).id)

    def _of_returns(self, order_ref: Callable[[str], str]) -> tuple[CommandContent, ...]:
        """Return one command of each kind about returns, each of an order of its own."""
        refs = {kind: order_ref(kind) for kind in _RETURNS}

        def lines(kind: str) -> str:
            return str(self._made[kind].lines[0].id) if kind in self._made else "1"

        def back(kind: str) -> str:
            known = self._made[kind].returns if kind in self._made else []
            return str(known[0].id) if refs[kind] != "1" else "1"

        opened, agreed, declined, paid, labelled = (each.command for each in _ABOUT_RETURNS)
        settled = Settled(line_ref=lines(paid), quantity=1)
        amount = Money(Decimal(5), self.shop.settings.currency)
        return (
            OpenReturn(
                order_ref=refs[opened], lines=(WantedBack(line_ref=lines(opened), quantity=1),)
            ),
            ApproveReturn(order_ref=refs[agreed], return_ref=back(agreed)),
            DeclineReturn(order_ref=refs[declined], return_ref=back(declined), reason="late"),
            RefundReturn(
                order_ref=refs[paid], return_ref=back(paid), amount=amount, lines=(settled,)
            ),
            AttachLabel(
                order_ref=refs[labelled],
                return_ref=back(labelled),
                tracking_number="9400100208303109505657",
                label_url="https://labels.example/1.pdf",
            ),
        )

    def intent(self, value: int, expected: int | None) -> Intent:
        """Return the wish to set the stock of the first product."""
        item, location = self._spot()
        target = {"item_ref": str(item), "location_ref": str(location)}
        return Intent(kind="stock.set", key=_SKUS[0], value=value, expected=expected, target=target)

    def level(self) -> int:
        """Return the shop's own number of available units of the first product."""
        return self.shop.levels[self._spot()].available

    def meddle(self, delta: int) -> None:
        """Let the merchant change that number."""
        self._do(commands.Adjust(sku=_SKUS[0], delta=delta))

    def writes(self) -> int:
        """Return how many stock writes the shop really did: repeats under a key do nothing."""
        asked = self.sandbox.door(_SHOP).counters.get(_SET, 0)
        cut = self.shop.faults.struck.get("reset", 0)
        refused = sum(
            "CHANGE_FROM_QUANTITY_STALE" in call.errors for call in self.sandbox.door(_SHOP).calls
        )
        return asked - cut - refused - self.shop.idempotency.repeats

    def _spot(self) -> tuple[int, int]:
        return self.shop.by_sku[_SKUS[0]].item.id, next(iter(self.shop.locations))

    def _do(self, command: commands.Command) -> commands.Outcome:
        self.clock.advance(90)
        return self.sandbox.do(_SHOP, command)


def open_twin() -> Twin:
    """Open a fresh shop."""
    return ShopifyTwin()

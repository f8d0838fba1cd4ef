"""A busy day of a brand: the same seed gives the same steps, in order of time."""

from collections.abc import Iterator
from random import Random

import msgspec

from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import (
    Adjust,
    Cancel,
    Capture,
    ChangeCustomer,
    ChangeProduct,
    Checkout,
    CloseReturn,
    Command,
    Deliver,
    Edit,
    Fulfil,
    OpenReturn,
    Refund,
)
from trueup.sandbox.shopify.customers import CustomerSeed

__all__ = ["BusyDay", "Step", "catalogue", "steps"]

_DAY_S = 24 * 3600
_NOUNS = ("Tee", "Hoodie", "Cap", "Mug", "Tote", "Socks", "Scarf", "Belt", "Candle", "Print")
_COLOURS = ("Ash", "Clay", "Fern", "Ink", "Rust", "Salt", "Plum", "Sand")
_NAMES = ("Ana", "Ben", "Chidi", "Dara", "Eli", "Fay", "Gita", "Hugo", "Ines", "Jonas")
_SURNAMES = ("Alder", "Brook", "Croft", "Dale", "Ellis", "Frost", "Grove", "Hale")


class BusyDay(msgspec.Struct, frozen=True, kw_only=True):
    """How busy the day is.

    Attributes:
        shops: handles of the brand's shops.
        skus: how many SKUs they share.
        orders: checkouts over the day, over all shops.
        stock_units: units of each SKU at the start; scarce SKUs have a tenth of it.
        scarce_share: share of SKUs that will run out.
        hot_share: share of lines that want the first few SKUs.
        exact: every correction of stock is of real units, and every cancellation restocks.
    """

    seed: int = 1
    shops: tuple[str, ...] = ("north", "south")
    skus: int = 40
    orders: int = 300
    stock_units: int = 60
    scarce_share: float = 0.2
    hot_share: float = 0.3
    exact: bool = True


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happens in a shop, `after_s` seconds after the day began."""

    after_s: float
    shop: str
    command: Command


def catalogue(day: BusyDay) -> list[SkuSeed]:
    """Return the SKUs that all shops of the brand sell."""
    pick = Random(f"{day.seed}:skus")  # noqa: S311 - a seeded simulation, not a secret
    found: list[SkuSeed] = []
    for index in range(day.skus):
        noun = _NOUNS[index % len(_NOUNS)]
        colour = _COLOURS[(index // len(_NOUNS)) % len(_COLOURS)]
        scarce = pick.random() < day.scarce_share
        price = f"{pick.randrange(8, 90)}.{pick.choice(('00', '50', '90', '95'))}"
        found.append(
            SkuSeed(
                sku=f"{noun[:3].upper()}-{colour[:3].upper()}-{index:03}",
                title=f"{colour} {noun}",
                price=price,
                cost=f"{pick.randrange(2, 8)}.{pick.randrange(10, 99)}",
                barcode=f"40{index:011}",
                available=max(2, day.stock_units // 10) if scarce else day.stock_units,
            )
        )
    return found


def steps(day: BusyDay) -> Iterator[Step]:
    """Yield the day's steps, oldest first; later steps name orders by their ref."""
    maker = _Maker(day)
    for number in range(day.orders):
        maker.order(number)
    maker.housekeeping()
    yield from sorted(maker.found, key=lambda step: step.after_s)


class _Maker:
    def __init__(self, day: BusyDay) -> None:
        self._day = day
        self._pick = Random(f"{day.seed}:day")  # noqa: S311 - a seeded simulation, not a secret
        self._skus = [sku.sku or "" for sku in catalogue(day)]
        self.found: list[Step] = []

    def order(self, number: int) -> None:
        """Make one order and what follows it."""
        pick = self._pick
        # Two rushes, at ten and at twenty o'clock.
        hour = pick.choice((10, 20)) + pick.gauss(0, 2.5)
        at = min(max(hour * 3600, 60.0), _DAY_S * 0.85)
        shop, ref = pick.choice(self._day.shops), f"d{self._day.seed}-{number:05}"
        lines = self._lines()
        cart = self._cart(ref, lines)
        self._step(at, shop, Checkout(cart=cart))
        if cart.payment == "authorized":
            self._step(at + 30, shop, Capture(order=ref))
        self._afterwards(at, shop, ref, lines)

    def housekeeping(self) -> None:
        """Make what happens beside the orders: counts, prices, consents."""
        pick = self._pick
        for _ in range(max(3, self._day.orders // 40)):
            at, shop = pick.random() * _DAY_S * 0.9, pick.choice(self._day.shops)
            price = f"{pick.randrange(8, 90)}.00"
            self._step(at, shop, ChangeProduct(sku=pick.choice(self._skus), price=price))
            email = self._person().email
            consent = pick.choice(("subscribed", "unsubscribed"))
            self._step(at, shop, ChangeCustomer(email=email, email_consent=consent))
            if not self._day.exact:
                delta = pick.choice((-2, -1, 1, 3))
                sku = pick.choice(self._skus)
                self._step(at, shop, Adjust(sku=sku, delta=delta, physical=False))

    def _lines(self) -> list[CartLine]:
        pick = self._pick
        wanted: dict[str, int] = {}
        hot = self._skus[: max(1, len(self._skus) // 10)]
        for _ in range(pick.choice((1, 1, 1, 2, 2, 3))):
            pool = hot if pick.random() < self._day.hot_share else self._skus
            wanted.setdefault(pick.choice(pool), pick.choice((1, 1, 1, 2)))
        return [CartLine(sku=sku, quantity=units) for sku, units in wanted.items()]

    def _cart(self, ref: str, lines: list[CartLine]) -> Cart:
        pick = self._pick
        extra = list(lines)
        if pick.random() < 0.04:
            extra.append(CartLine(title="Gift wrap", price="3.50"))
        return Cart(
            lines=extra,
            ref=ref,
            customer=self._person(),
            code="WELCOME10" if pick.random() < 0.2 else None,
            shipping=pick.choice(("4.90", "6.50", None)),
            tip="2.00" if pick.random() < 0.03 else None,
            gift_card="10.00" if pick.random() < 0.03 else None,
            payment="authorized" if pick.random() < 0.05 else "paid",
            channel=pick.choice(("web",) * 14 + ("pos", "shopify_draft_order")),
            presentment_currency="EUR" if pick.random() < 0.08 else None,
            presentment_rate="0.92",
        )

    def _afterwards(self, at: float, shop: str, ref: str, lines: list[CartLine]) -> None:
        pick = self._pick
        chance, later = pick.random(), at + pick.uniform(60, 3000)
        first = lines[0].sku or ""
        if chance < 0.08:
            restock = self._day.exact or pick.random() < 0.7
            self._step(later, shop, Cancel(order=ref, restock=restock))
            return
        if chance < 0.14:
            delta = pick.choice((-1, 1, 1))
            self._step(later, shop, Edit(order=ref, changes={first: delta}))
        elif chance < 0.17:
            units = {first: 1}
            self._step(later, shop, Refund(order=ref, units=units, restock_type="cancel"))
        sent_at = later + pick.uniform(600, 7200)
        if pick.random() < 0.1:
            self._step(sent_at, shop, Fulfil(order=ref, units={first: 1}))
            sent_at += 600
        if pick.random() < 0.8:
            self._step(sent_at, shop, Fulfil(order=ref))
            self._after_parcel(sent_at, shop, ref, first)

    def _after_parcel(self, at: float, shop: str, ref: str, sku: str) -> None:
        pick = self._pick
        if pick.random() < 0.5:
            self._step(at + 900, shop, Deliver(order=ref))
        if pick.random() < 0.06:
            self._step(at + 1800, shop, OpenReturn(order=ref, units={sku: 1}))
            self._step(at + 3600, shop, CloseReturn(order=ref))
        elif pick.random() < 0.03:
            units = {sku: 1}
            self._step(at + 2400, shop, Refund(order=ref, units=units, restock_type="no_restock"))

    def _person(self) -> CustomerSeed:
        first, last = self._pick.choice(_NAMES), self._pick.choice(_SURNAMES)
        return CustomerSeed(
            email=f"{first}.{last}@buyers.example".lower(), first_name=first, last_name=last
        )

    def _step(self, at: float, shop: str, command: Command) -> None:
        self.found.append(Step(after_s=min(at, float(_DAY_S)), shop=shop, command=command))

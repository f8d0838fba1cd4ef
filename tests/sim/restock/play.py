"""Lets a brand trade for 13 weeks and a year, and plays the rule `reorder` on what the hub knows.

The shop and the ERP are the sandbox's, over sockets; the hub polls both. What the brand really had
was topped up once a week, by what a buyer would: so some SKUs ran out, and those days say nothing.
"""

import sys
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from tests.support.brand import Brand, open_brand
from tests.support.demand import wanted_of
from trueup.decisions.replaying import replay_rule
from trueup.decisions.rule import Replay
from trueup.decisions.written.store import read_rulebook
from trueup.intake.append import append_events
from trueup.intake.connections import create_connection, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.sandbox.odoo.vendor import API_KEY, DATABASE, Odoo
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Checkout
from trueup.sandbox.shopify.shop import ShopSettings

SHOP = "north"
UNITS = 1_000_000
"""What the shop itself may sell: the hub's books say what is really there."""

BEFORE_DAYS = 91
LEADS = (5, 14, 21)
REVIEW_DAYS = 7
"""As often as the mean of 13 weeks is looked at; the rule's own default orders half as often."""

_WEEK = 7
_LINES = 3


class Brandlet:
    """A brand of some SKUs, each with a supplier, and what is wanted of it each day."""

    def __init__(self, brand: Brand, seed: int, skus: int, days: int) -> None:
        self.brand = brand
        self.pick = Random(f"restock-{seed}")
        self.days = BEFORE_DAYS + days
        self.wanted = {f"SKU-{n:03}": wanted_of(self.pick, self.days) for n in range(skus)}
        self.there: dict[str, int] = {}
        self.world = Sandbox(brand.clock)
        settings = ShopSettings(handle=SHOP, currency="EUR", country_code="DE", points_per_s=2000)
        self.shop = self.world.open_shop(settings)
        self.odoo = Odoo(brand.clock)
        self.own = self.told = self.sold = 0

    async def open(self) -> None:
        """Connect the shop, the ERP and the brand's own desk; tell what is there."""
        brand = self.brand
        self.world.seed(
            [SkuSeed(sku=sku, title=sku, price="20.00", available=UNITS) for sku in self.wanted]
        )
        keys = {"access_token": self.shop.settings.access_token}
        keys |= {"client_secret": self.shop.settings.client_secret}
        shop = {"shop_domain": f"{SHOP}.myshopify.com"}
        await brand.connect("shopify", self.world, settings=shop, secrets=keys, base=f"/{SHOP}")
        books = {"url": "https://odoo.example", "database": DATABASE, "currency": "EUR"}
        await brand.connect("odoo", self.odoo, settings=books, secrets={"api_key": API_KEY})
        self.own = await create_connection(
            brand.conn, brand.hub.vault, name="own", connector="manual", settings={}, secrets={}
        )
        accounts = await load_accounts(brand.conn, brand.hub.vault)
        brand.hub.use_connections(account.connection for account in accounts)
        for name, resource in (("shopify", "orders"), ("odoo", "supplier_items")):
            await brand.poll(name, resource)  # from now on
        self._offer()
        await brand.poll("odoo", "supplier_items")
        self.there = {sku: 5 + 6 * sum(units[:_WEEK]) for sku, units in self.wanted.items()}
        await self._move("opening", self.there)

    def _offer(self) -> None:
        supplier = self.odoo.add("res.partner", {"display_name": "Garn KG", "name": "Garn KG"})
        for sku in self.wanted:
            product = self.odoo.add_product(sku)
            offer: dict[str, Any] = {"partner_id": supplier, "product_id": product}
            offer |= {"product_tmpl_id": False, "currency_id": self.odoo.euro}
            offer |= {"delay": self.pick.choice(LEADS), "min_qty": Decimal("1.0")}
            self.odoo.add("product.supplierinfo", offer | {"price": Decimal("8.00")})

    async def trade(self) -> None:
        """Sell each day what is wanted and there, and top up once a week."""
        for day in range(self.days):
            self._sell({sku: units[day] for sku, units in self.wanted.items()})
            self.brand.clock.advance(timedelta(days=1).total_seconds())
            if day % _WEEK == _WEEK - 1 or day == self.days - 1:
                await self.brand.poll("shopify", "orders")
                await self.brand.apply()
                await self._top_up(day)
            if sys.stderr.isatty():
                sys.stderr.write(f"\rday {day + 1} of {self.days}")

    def _sell(self, wanted: dict[str, int]) -> None:
        lines = []
        for sku, units in wanted.items():
            sold = min(units, self.there[sku])
            self.there[sku] -= sold
            if sold:
                lines.append(CartLine(sku=sku, quantity=sold))
        self.pick.shuffle(lines)
        for first in range(0, len(lines), _LINES):
            self.sold += 1
            cart = Cart(lines=lines[first : first + _LINES], ref=f"r-{self.sold:06}")
            self.world.do(SHOP, Checkout(cart=cart))

    async def _top_up(self, day: int) -> None:
        """Order by what sold last month; a buyer is sometimes late."""
        came = {}
        for sku, units in self.wanted.items():
            month = units[max(0, day - 27) : day + 1]
            missing = sum(month) * 28 // max(1, len(month)) - self.there[sku]
            if missing > 0 and self.pick.random() < 0.5:
                came[sku] = missing
                self.there[sku] += missing
        await self._move("receipt", came)

    async def _move(self, movement: str, units: dict[str, int]) -> None:
        now = self.brand.clock.now()
        events = []
        for sku, count in units.items():
            self.told += 1
            body = {"ref": f"m-{self.told}", "movement": movement, "sku": sku, "quantity": count}
            events.append(
                NewEvent(
                    connection_id=self.own,
                    external_id=f"m-{self.told}",
                    topic="stock/movement",
                    entity=f"stock_movement/m-{self.told}",
                    origin=Origin.OWN,
                    received_at=now,
                    body=msgspec.json.encode(body | {"occurred_at": now.isoformat()}),
                )
            )
        if events:
            await append_events(self.brand.conn, self.brand.hub.vault, events)
            await self.brand.apply()


async def play(
    url: str, seed: int, *, skus: int, days: int, review_days: int = REVIEW_DAYS
) -> tuple[Replay, int]:
    """Trade, and play the rule on the last `days`; returns what it came to, and the orders sold."""
    async with open_brand(url) as brand:
        world = Brandlet(brand, seed, skus, days)
        await world.open()
        await world.trade()
        book = await read_rulebook(brand.conn, {"reorder": {"review_days": review_days}})
        now = brand.clock.now()
        found = await replay_rule(brand.conn, brand.hub, book, "reorder", days, now)
        return found, world.sold


def worse(found: Replay) -> list[str]:
    """Return in what the rule does worse than the mean of 13 weeks that misses as little."""
    matched = [way for way in found.beside if way.name.startswith("13-week mean, ")]
    if not matched:
        return []  # no stock makes the mean as good
    ours, mean = dict(found.beside[0].figures), dict(matched[0].figures)
    whole = ("on hand, units", "of it too long")
    return [
        f"{ours[name]} {name}, not {mean[name]}"
        for name in whole
        if int(ours[name]) > int(mean[name])
    ]


def table(found: Replay) -> str:
    """Return what each way came to, as a table of Markdown."""
    heads = ["", *(name for name, _ in found.beside[0].figures)]
    rows = [[way.name, *(str(each) for _, each in way.figures)] for way in found.beside]
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def chart(found: Sequence[Replay], path: str) -> None:
    """Draw what each way missed and what it held, one point a seed."""
    import altair as alt

    rows = [
        {
            "way": "13-week mean, with as many days more as it needs"
            if way.name.startswith("13-week mean, ")
            else way.name,
            "missed": dict(way.figures)["missed, units"],
            "held": dict(way.figures)["on hand, units"],
        }
        for replay in found
        for way in replay.beside
    ]
    points = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(filled=True, size=90)
        .encode(
            x=alt.X("held:Q", title="units on hand on an average day"),
            y=alt.Y("missed:Q", title="units missed in the year"),
            color=alt.Color(
                "way:N", title=None, legend=alt.Legend(orient="bottom", labelLimit=300)
            ),
            shape=alt.Shape("way:N", title=None),
        )
        .properties(width=520, height=260, title="A year of one brand: less is better, both ways")
    )
    points.save(path)

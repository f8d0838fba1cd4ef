"""One purchase, staged: a brand and its nine vendors, and what happens there hour by hour.

The hub is told nothing here. What happens at vendors happens at fixed instants, so that two runs of
the story differ in nothing but what was lost, repeated or late on the way to the hub.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import httpx
import msgspec

from tests.support.brand import HUB_URL, Brand, open_brand
from trueup.api.hooks import HooksApp
from trueup.config import Config
from trueup.contract.connector import Fetch
from trueup.intake.connections import create_connection, find_account, load_accounts
from trueup.intake.gateway import Gateway
from trueup.outbox.dispatch import Dispatcher
from trueup.outbox.enqueue import want_fetches
from trueup.pull.access import Access, open_access
from trueup.pull.poll import poll
from trueup.pull.subscriptions import tend_hooks
from trueup.records.reads import recent_records
from trueup.sandbox.amazon import Amazon
from trueup.sandbox.delhivery.account import Delhivery
from trueup.sandbox.easypost.account import EasyPost
from trueup.sandbox.faults import WebhookFaults
from trueup.sandbox.gorgias.account import API_KEY as GORGIAS_KEY
from trueup.sandbox.gorgias.account import EMAIL as GORGIAS_EMAIL
from trueup.sandbox.gorgias.account import Gorgias
from trueup.sandbox.odoo.vendor import API_KEY as ODOO_KEY
from trueup.sandbox.odoo.vendor import DATABASE as ODOO_DATABASE
from trueup.sandbox.odoo.vendor import Odoo
from trueup.sandbox.quickbooks.vendor import CLIENT_ID, CLIENT_SECRET, REALM, Intuit
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Checkout, Fulfil
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.shopify.shop import ShopSettings
from trueup.sandbox.stripe.vendor import API_KEY as STRIPE_KEY
from trueup.sandbox.stripe.vendor import StripeVendor
from trueup.sandbox.whatsapp.account import NUMBER_ID, TOKEN
from trueup.sandbox.whatsapp.account import Account as WhatsApp
from trueup.session import Session
from trueup.stock import plan_opening, report_movements

BEGINS_AT = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
SKU, UNITS, PRICE = "LAMP", 40, "59.90"
MIA, MIA_PHONE = "mia@home.example", "+493415550001"
NAMES = (
    *("shopify", "amazon", "odoo", "stripe", "easypost"),
    *("delhivery", "gorgias", "whatsapp", "quickbooks"),
)
_MANAGED = ("shopify", "stripe", "easypost", "gorgias")
_ROUNDS = 3
_PAUSE_S = 40.0
_LOOKED_AT_S = 130.0


class Mishaps(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong with webhooks, at every vendor.

    Attributes:
        seed: decides which ones.
        late_s_max: how late some come.
    """

    seed: int
    drop: float = 0.1
    repeat: float = 0.1
    reorder: float = 0.2
    delay: float = 0.1
    late_s_max: float = 5400.0


class _Steady(Amazon):
    """Amazon, whose orders have the same ids whatever its queue does."""

    def __init__(self, clock: Any, *, seed: int) -> None:
        super().__init__(clock, seed=seed)
        self.fate = Random(seed)

    def notify(self, kind: str, payload: dict[str, Any]) -> None:
        own, self.random = self.random, self.fate
        super().notify(kind, payload)
        self.random = own

    def buy_once(self, sku: str, units: int) -> str:
        """Let somebody buy; the id is the same in every run."""
        self.random = Random(f"amazon order {len(self.orders)}")
        return self.buy({sku: units})


class _Door(httpx.AsyncBaseTransport):
    """The hub's door, which is out of reach for some deliveries' first try."""

    def __init__(self, door: httpx.AsyncBaseTransport, chance: Random, rate: float) -> None:
        self.door, self.chance, self.rate, self.lost = door, chance, rate, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.chance.random() < self.rate:
            self.lost += 1
            raise httpx.ConnectError("no route", request=request)
        return await self.door.handle_async_request(request)


class Purchase:
    """The brand, its vendors, and what happens there."""

    def __init__(self, brand: Brand, mishaps: Mishaps | None) -> None:
        self.brand, self.mishaps = brand, mishaps
        clock = brand.clock
        clock.advance((BEGINS_AT - clock.now()).total_seconds())
        self.world = Sandbox(clock)
        settings = ShopSettings(
            handle="north", currency="EUR", taxes_included=True, tax_rate="0.19", country_code="DE"
        )
        self.shop = self.world.open_shop(settings)
        self.world.seed([SkuSeed(sku=SKU, title=SKU, price=PRICE, available=7)])
        self.amazon = _Steady(clock, seed=5)
        self.amazon.list_sku(SKU, units=7, price=PRICE).title = SKU
        self.odoo = Odoo(clock)
        self.stripe = StripeVendor(clock, seed=3)
        self.easypost = EasyPost(clock, seed=4, late=0.0)
        self.delhivery = Delhivery(clock, seed=6, late=0.0)
        self.gorgias = Gorgias(clock)
        self.whatsapp = WhatsApp(clock)
        self.intuit = Intuit(clock)
        self.out_of_reach = Random(f"door:{mishaps.seed if mishaps else 0}")
        self.retried = 0
        self.numbers: dict[str, int] = {}
        self.polled_at: dict[tuple[str, str], datetime] = {}
        self.told: set[str] = set()
        self.accesses: dict[str, Access] = {}
        self.reading = AsyncExitStack()
        brand.stack.push_async_callback(self.stop_reading)
        self.lines: dict[str, Dispatcher] = {}
        self.door: httpx.AsyncBaseTransport | None = None
        self.story: list[tuple[datetime, str, str]] = []
        self.lamp = self.shelf = self.outside = 0
        self.order = self.amazon_order = self.charge = ""
        self.parcel = self.waybill = ""
        self.ticket = 0
        self.accounts: dict[str, str] = {}

    @property
    def session(self) -> Session:
        """What the command line works with."""
        return Session(config=Config(), conninfo=self.brand.url, hub=self.brand.hub)

    def name_of(self, connection_id: int) -> str:
        """Return the name of a connection."""
        return self.brand.hub.names()[connection_id]

    def tell(self, who: str, what: str) -> None:
        """Note a line of the story."""
        self.story.append((self.brand.clock.now(), who, what))

    # -- what happens at the vendors -----------------------------------------------------------

    def at(self, hour: float) -> None:
        """Let it be an hour of the story; parcels are scanned meanwhile."""
        late_s = (BEGINS_AT + timedelta(hours=hour) - self.brand.clock.now()).total_seconds()
        assert late_s >= 0, f"the hub's work took longer than hour {hour}"
        self.brand.clock.advance(late_s)
        for name, carrier in (("EasyPost", self.easypost), ("Delhivery", self.delhivery)):
            if carrier.tick():
                for parcel in carrier.parcels.values():
                    self.tell(name, f"parcel {parcel.number}: {parcel.newest.what}")

    def furnish(self) -> None:
        """Set the warehouse up, the books, and the template of messages."""
        odoo = self.odoo
        places = (("WH/Stock", "internal"), ("Partners/Customers", "customer"))
        self.shelf, self.outside = (
            odoo.add("stock.location", {"complete_name": n, "usage": u, "active": True})
            for n, u in places
        )
        self.lamp = odoo.add_product(SKU, lst_price=Decimal(PRICE), display_name=SKU)
        odoo.move(self.lamp, self.outside, self.shelf, UNITS)
        names = ("Stripe clearing", "Sales", "Shipping", "VAT")
        self.accounts = {n: str(self.intuit.put("Account", {"Name": n})["Id"]) for n in names}
        self.whatsapp.templates["parcel_delivered", "en_US"] = 2

    def order_from_supplier(self) -> None:
        """Let the buyer order more lamps."""
        odoo, now = self.odoo, self.brand.clock.now()
        supplier = odoo.add("res.partner", {"display_name": "Licht KG", "name": "Licht KG"})
        head = {"name": "P00001", "state": "purchase", "partner_id": supplier, "date_order": now}
        head |= {"currency_id": odoo.euro, "amount_total": Decimal("735.00")}
        order = odoo.add("purchase.order", head)
        line = {"order_id": order, "product_id": self.lamp, "price_unit": Decimal("7.35")}
        counts = {"product_qty": Decimal(100), "qty_received": Decimal(0)}
        planned = {"date_planned": now + timedelta(days=21)}
        odoo.add("purchase.order.line", line | counts | planned)
        self.tell("Odoo", "purchase order P00001 over 100 lamps is confirmed")

    def buy_at_the_shop(self, units: int) -> None:
        """Let Mia buy in the shop and pay by card."""
        mia = CustomerSeed(email=MIA, first_name="Mia", last_name="Muster", phone=MIA_PHONE)
        cart = Cart(lines=[CartLine(sku=SKU, quantity=units)], customer=mia, gateway="stripe")
        self.order = self.world.do("north", Checkout(cart=cart)).order
        total = self.shop.by_ref[self.order].original_total.shop
        self.charge = self.stripe.account.sell(
            int(total * 100), metadata={"order_number": self.order}, email=MIA
        )
        self.tell("Shopify", f"Mia orders {units} lamps as {self.order}")
        self.tell("Stripe", f"her card is charged EUR {total}")

    def buy_at_the_marketplace(self) -> None:
        """Let Mia buy one more at Amazon."""
        self.amazon_order = self.amazon.buy_once(SKU, 1)
        self.tell("Amazon", f"a buyer with Mia's phone orders 1 lamp as {self.amazon_order}")

    def send_parcels(self, units: int) -> None:
        """Let the warehouse hand both parcels over, and book what left."""
        self.parcel = self.easypost.ship(self.order, "straight").number
        fulfil = Fulfil(order=self.order, company="USPS", tracking_number=self.parcel)
        self.world.do("north", fulfil)
        self.waybill = self.delhivery.ship(self.amazon_order, "straight").number
        self.odoo.move(self.lamp, self.shelf, self.outside, units)
        self.tell("Shopify", f"{self.order} leaves as parcel {self.parcel}")
        self.tell("Delhivery", f"a label is made for {self.amazon_order}: {self.waybill}")

    def write_in(self) -> None:
        """Let Mia ask where her parcel is."""
        self.ticket = self.gorgias.write_in(
            MIA, "Where is my lamp?", phone=MIA_PHONE, orders=(self.order,), name="Mia Muster"
        ).id
        self.tell("Gorgias", f"Mia asks where {self.order} is: ticket {self.ticket}")

    def complain(self) -> None:
        """Let Mia say that one lamp is cracked, and the team grant a refund."""
        self.gorgias.write_in(MIA, "One of them is cracked.", ticket_id=self.ticket)
        self.gorgias.change(self.ticket, tags=["refund-one"])
        self.tell("Gorgias", "Mia says that one is cracked; the team tags refund-one")

    def thank(self) -> None:
        """Let Mia read the message and answer it."""
        (message,) = self.whatsapp.sent
        self.whatsapp.progress(message.id, "read")
        self.whatsapp.write(MIA_PHONE, "Thank you!")
        self.tell("WhatsApp", "Mia reads the message and says thanks")

    def progress_messages(self) -> None:
        """Let WhatsApp deliver what it took in."""
        for message in self.whatsapp.sent:
            if not message.states:
                self.whatsapp.progress(message.id, "sent", "delivered")
                self.tell("WhatsApp", "the message is on Mia's phone")

    def pay_out(self) -> None:
        """Let Stripe pay out what it holds, and Amazon close a settlement."""
        (payout,) = self.stripe.account.end_day()
        amount = Decimal(self.stripe.account.payouts[payout]["amount"]) / 100
        self.tell("Stripe", f"payout {payout} of EUR {amount} is on its way")
        self.tell("Amazon", f"settlement {self.amazon.settle()} is closed")

    def payout_arrives(self) -> None:
        """Let the bank have the money."""
        (payout,) = self.stripe.account.payouts
        self.stripe.account.arrive(payout)
        self.tell("Stripe", f"payout {payout} is paid")

    def tell_of_entries(self) -> None:
        """Let QuickBooks tell of what was made in it."""
        made = self.intuit.companies[REALM].entities.get("JournalEntry", {})
        for number in sorted(set(made) - self.told):
            self.told.add(number)
            self.intuit.tell(("JournalEntry", "created", number))
            self.tell("QuickBooks", f"journal {made[number]['DocNumber']} is posted")

    # -- the hub ---------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Connect every vendor, make the webhooks, read what is there, and open the books."""
        brand, public = self.brand, {"public_url": HUB_URL}
        self.furnish()
        place = str(next(iter(self.shop.locations)))
        own = {"access_token": self.shop.settings.access_token}
        own |= {"client_secret": self.shop.settings.client_secret}
        shop = {"shop_domain": "north.myshopify.com", "stock_location": place}
        at_amazon = {k: v for k, v in self.amazon.settings("").items() if k != "api_base"}
        firm = {"url": "https://odoo.example", "database": ODOO_DATABASE, "currency": "EUR"}
        firm |= {"location_sites": f"{self.shelf}=main"}
        desk = {"domain": "north", "email": GORGIAS_EMAIL}
        _, refresh = self.intuit.let_in()
        books = {"client_secret": CLIENT_SECRET, "refresh_token": refresh}
        books |= {"webhook_secret": self.intuit.webhook_secret}
        phone = {"access_token": TOKEN, "app_secret": self.whatsapp.webhook_secret}
        self.delhivery.webhook_secret = "delhivery-pushes-01"
        scans = {"api_token": Delhivery.api_token, "webhook_token": self.delhivery.webhook_secret}
        labels = {"api_key": EasyPost.api_key, "webhook_secret": "easypost-deliveries-01"}
        given: dict[str, tuple[Any, dict[str, str], dict[str, str]]] = {
            "shopify": (self.world, shop | public, own),
            "amazon": (self.amazon, at_amazon, self.amazon.secrets()),
            "odoo": (self.odoo, firm, {"api_key": ODOO_KEY}),
            "stripe": (self.stripe, public, {"api_key": STRIPE_KEY}),
            "easypost": (self.easypost, public, labels),
            "delhivery": (self.delhivery, {}, scans),
            "gorgias": (self.gorgias, desk | public, {"api_key": GORGIAS_KEY}),
            "whatsapp": (self.whatsapp, {"phone_number_id": NUMBER_ID}, phone),
            "quickbooks": (self.intuit, {"client_id": CLIENT_ID, "realm_id": REALM}, books),
        }
        for name, (vendor, settings, secrets) in given.items():
            base = "/north" if name == "shopify" else ""
            self.numbers[name] = await brand.connect(
                name, vendor, settings=settings, secrets=secrets, base=base
            )
        await self._subscribe()
        await self._open_books()

    async def _subscribe(self) -> None:
        for name in _MANAGED:
            made = await tend_hooks(await self.access(name), first=True)
            assert made.healthy, (name, made)
        self.whatsapp.subscribe("messages", f"{HUB_URL}/hooks/whatsapp")
        self.delhivery.subscribe("scan", f"{HUB_URL}/hooks/delhivery")
        self.intuit.subscribe("cloudevents", f"{HUB_URL}/hooks/quickbooks")
        if self.mishaps is None:
            return
        wrong = self.mishaps
        for name, desk in self.desks().items():
            faults = WebhookFaults(
                drop=0.0 if name == "whatsapp" else wrong.drop,
                repeat=wrong.repeat,
                reorder=wrong.reorder,
                delay=wrong.delay,
                delay_s_max=wrong.late_s_max,
            )
            desk.faults, desk.random = faults, Random(f"{name}:{wrong.seed}")
        self.amazon.lost, self.amazon.twice = wrong.drop, wrong.repeat
        self.amazon.fate = Random(f"amazon:{wrong.seed}")

    def desks(self) -> dict[str, Any]:
        """Return where each vendor's webhooks go out."""
        vendors = (self.stripe, self.easypost, self.delhivery, self.gorgias, self.whatsapp)
        names = ("stripe", "easypost", "delhivery", "gorgias", "whatsapp")
        found = {name: vendor.desk for name, vendor in zip(names, vendors, strict=True)}
        return found | {"shopify": self.shop.desk, "quickbooks": self.intuit.desk}

    async def _open_books(self) -> None:
        """Begin the books with what the warehouse's own system says is there."""
        brand = self.brand
        await create_connection(
            brand.conn, brand.hub.vault, name="own", connector="manual", settings={}, secrets={}
        )
        accounts = await load_accounts(brand.conn, brand.hub.vault)
        brand.hub.use_connections(account.connection for account in accounts)
        await self.poll_due()
        await brand.apply()
        opening = await plan_opening(await self.access("odoo"))
        own = (await find_account(brand.conn, brand.hub.vault, "own")).connection
        await report_movements(brand.url, brand.hub, own, opening.movements)

    async def access(self, name: str) -> Access:
        """Return an account opened for reading."""
        if name not in self.accesses:
            brand = self.brand
            account = await find_account(brand.conn, brand.hub.vault, name)
            opened = open_access(
                brand.url,
                brand.hub,
                account,
                clock=brand.clock,
                sleep=brand.clock.sleep,
                wait_s=5,
                budgets=brand.budgets,
            )
            self.accesses[name] = await self.reading.enter_async_context(opened)
        return self.accesses[name]

    async def stop_reading(self) -> None:
        """Let go of the accounts, so that another process may read them."""
        await self.reading.aclose()
        self.accesses.clear()

    async def line(self, name: str) -> Dispatcher:
        """Return the line to an account."""
        if name not in self.lines:
            opened = self.brand.dispatcher(name)
            self.lines[name] = await self.brand.stack.enter_async_context(opened)
        return self.lines[name]

    async def deliver(self) -> None:
        """Carry due webhooks to the door; WhatsApp's are lost on a first try and sent again.

        WhatsApp has nothing that could be read later: what it never sends, nobody can know. So
        there a lost delivery is one that found no way, which it tries again for days.
        """
        brand = self.brand
        if self.door is None:
            gateway = await brand.stack.enter_async_context(Gateway(brand.url, brand.hub.vault))
            bytes_max = 5_000_000
            app = HooksApp(
                brand.url, brand.hub, gateway, body_bytes_max=bytes_max, clock=brand.clock
            )
            self.door = httpx.ASGITransport(app=app)
        rate = self.mishaps.drop if self.mishaps else 0.0
        for name, vendor in brand.vendors.items():
            door = _Door(self.door, self.out_of_reach, rate if name == "whatsapp" else 0.0)
            courier = vendor.courier(door)
            await courier.deliver_due()
            await courier.close()
            self.retried += door.lost

    async def poll_due(self) -> None:
        """Read every resource whose time has come, as its manifest says how often."""
        now = self.brand.clock.now()
        for name in NAMES:
            access = await self.access(name)
            for each in access.folder.manifest.pulled(access.connection.settings):
                last = self.polled_at.get((name, each.resource))
                if last is None or (now - last).total_seconds() >= (each.interval_s or 0):
                    self.polled_at[name, each.resource] = now
                    await poll(access, each.resource)

    async def ask_for_parcels(self) -> None:
        """Ask Delhivery for every waybill that is known, as its README says that the hub does.

        No room of the hub does it yet; a test of the story waits for it.
        """
        brand, number = self.brand, self.numbers["delhivery"]
        rows = await recent_records(brand.conn, "parcel")
        fetches = [
            (number, row["event_id"], Fetch(resource="parcel", ref=row["ref"]))
            for row in rows
            if row["connection_id"] == number
        ]
        async with brand.conn.transaction():
            # A wish is one per event; here the same is wished for again after a while.
            await brand.conn.execute(
                "DELETE FROM outbox.fetch WHERE connection_id = %s AND state <> 'due'", (number,)
            )
            await want_fetches(brand.conn, fetches)

    async def take_in(self) -> None:
        """Apply what came, read what it hints at, and carry out what is due."""
        await self.brand.apply()
        for name in NAMES:
            if await self._work(await self.line(name)):
                await self.brand.apply()

    async def _work(self, line: Dispatcher, rounds: int = 50) -> int:
        done = await line.check_submitted()
        for _ in range(rounds):
            step = await line.recover() + await line.commander.recover()
            step += await line.commander.ask() + await line.step()
            done += step
            if not step:
                return done
        raise AssertionError("the work has no end")

    async def go_on(self) -> None:
        """Let the hub do what it does in an hour: hear, read, act."""
        for _ in range(_ROUNDS):
            self.progress_messages()
            self.tell_of_entries()
            await self.deliver()
            await self.take_in()
            self.brand.clock.advance(_PAUSE_S)
        await self.poll_due()
        await self.ask_for_parcels()
        await self.take_in()
        # What a vendor took in is looked at after two minutes, as a hub that runs does.
        self.brand.clock.advance(_LOOKED_AT_S)
        await self.take_in()


@asynccontextmanager
async def open_purchase(url: str, mishaps: Mishaps | None = None) -> AsyncIterator[Purchase]:
    """Open a brand with all its vendors connected."""
    async with open_brand(url) as brand:
        purchase = Purchase(brand, mishaps)
        await purchase.connect()
        yield purchase

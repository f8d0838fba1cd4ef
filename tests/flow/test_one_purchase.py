"""Goal: one purchase is followed through nine systems, and ends the same whatever goes wrong.

Method: simulated vendors over sockets, webhooks through the hub's real door, everything in the real
database. There is no layer that decides yet, so a small policy stands here: it reads the hub's
records by the rooms' public reads and orders commands by refs that make a repeat harmless.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.brand import HUB_URL, open_brand
from tests.support.database import fresh_database
from tests.support.purchase import (
    BEGINS_AT,
    MIA_PHONE,
    PRICE,
    SKU,
    UNITS,
    Mishaps,
    Purchase,
    open_purchase,
)
from tests.support.purchase_end import End, bare, look
from trueup.canon.command import (
    CommandContent,
    ConfirmShipment,
    PostJournal,
    PostJournalLine,
    RefundPayment,
    ReplyToTicket,
    SendMessage,
)
from trueup.canon.order import Order
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.record import Record, decode
from trueup.canon.shipment import Shipment, ShipmentState
from trueup.canon.ticket import Ticket, TicketStatus
from trueup.cli.plain import open_row
from trueup.console.pages import read_order
from trueup.ledger.reads import list_balances
from trueup.outbox.enqueue import want_commands
from trueup.outbox.model import WantedCommand
from trueup.records.reads import (
    find_records,
    recent_records,
    related_records,
)
from trueup.sandbox.delhivery.account import Delhivery
from trueup.sandbox.faults import WebhookFaults

pytestmark = pytest.mark.anyio

BOUGHT = 2
AVAILABLE = UNITS - BOUGHT - 1


# -- the policy --------------------------------------------------------------------------------


class Policy:
    """What this brand wants done; decided anew each time from what the hub knows."""

    def __init__(self, purchase: Purchase) -> None:
        self.purchase = purchase
        self.wanted: list[WantedCommand] = []

    async def decide(self) -> list[str]:
        """Order what is to be done; returns the refs of what was not ordered before."""
        brand = self.purchase.brand
        self.wanted = []
        for row in await recent_records(brand.conn, Order.kind):
            order = decode(Order.kind, row["body"])
            assert isinstance(order, Order)
            near = await related_records(brand.conn, [row["record_id"]])
            about = [decode(each["kind"], each["body"]) for each in near]
            if row["connection_id"] == self.purchase.numbers["amazon"]:
                self._confirm(order, about)
                continue
            opened = {(each["kind"], each["ref"]): each for each in near}
            await self._follow(order, about, opened)
        async with brand.conn.transaction():
            fresh = await want_commands(brand.conn, brand.hub.vault, self.wanted)
        for ref in fresh:
            self.purchase.tell("hub", f"wants {ref}")
        return fresh

    async def _follow(
        self, order: Order, about: list[Record], rows: dict[tuple[str, str], Any]
    ) -> None:
        """Book an order of the shop, write of its parcels, give money back where it is granted."""
        paid = [
            each
            for each in about
            if isinstance(each, Payment)
            and (each.payment_kind, each.state) == (PaymentKind.SALE, PaymentState.SUCCEEDED)
            and each.ref.startswith("ch_")
        ]
        left = [e for e in about if isinstance(e, Shipment) and e.state is ShipmentState.SHIPPED]
        if paid and left:
            self._book(order, paid[0])
        parcels = [each for each in about if isinstance(each, Parcel)]
        for parcel in parcels:
            if parcel.status is ParcelStatus.DELIVERED:
                buyer = await self._person(rows[order.kind, order.ref])
                words = (order.number, parcel.carrier or "the carrier")
                text = SendMessage(
                    to=buyer["phone"],
                    template="parcel_delivered",
                    language="en_US",
                    variables=words,
                )
                self._want("whatsapp", f"delivered/{parcel.ref}", text, f"parcel/{parcel.ref}")
        for ticket in about:
            if isinstance(ticket, Ticket) and ticket.status is not TicketStatus.CLOSED:
                self._note(ticket, parcels)
                asker = await self._person(rows[ticket.kind, ticket.ref])
                if paid and "refund-one" in asker.get("tags", ()):
                    self._give_back(order, paid[0], ticket)

    async def _person(self, row: Any) -> dict[str, Any]:
        brand = self.purchase.brand
        opened = await open_row(brand.conn, self.purchase.session, row, masked=False)
        return dict(opened["person"])

    def _note(self, ticket: Ticket, parcels: list[Parcel]) -> None:
        """Write into a ticket where its parcel was when it came, and every scan since."""
        assert ticket.created_at is not None
        for parcel in parcels:
            before = [s for s in parcel.scans if s.occurred_at <= ticket.created_at]
            since = [s for s in parcel.scans if s.occurred_at > ticket.created_at]
            for scan in (*before[-1:], *since):
                words = f"{scan.status.value.replace('_', ' ')}, {scan.place}"
                note = ReplyToTicket(ticket_ref=ticket.ref, text=f"{parcel.carrier}: {words}")
                ref = f"note/{ticket.ref}/{parcel.ref}/{scan.occurred_at:%m%dT%H%M}"
                self._want("gorgias", ref, note, f"ticket/{ticket.ref}")

    def _book(self, order: Order, payment: Payment) -> None:
        """Post what an order brought in: gross to the clearing account, net and VAT to theirs."""
        total, tax = order.totals.total.booked, order.totals.tax
        assert tax is not None
        (way,) = order.shipping
        carried = (way.discounted or way.price).booked
        for each in way.taxes:
            carried -= each.price.booked
        sold = total - tax.booked - carried
        parts = (("Stripe clearing", total), ("Sales", -sold), ("Shipping", -carried))
        lines = tuple(
            PostJournalLine(account_ref=self.purchase.accounts[name], amount=amount, memo=name)
            for name, amount in (*parts, ("VAT", -tax.booked))
        )
        journal = PostJournal(
            number=f"SALE-{order.number.removeprefix('#')}",
            posted_on=order.placed_at.date(),
            lines=lines,
            memo=f"order:{order.number} payment:{payment.ref}",
        )
        self._want("quickbooks", f"journal/{order.number}", journal, f"order/{order.ref}")

    def _give_back(self, order: Order, payment: Payment, ticket: Ticket) -> None:
        (line,) = order.lines
        money = RefundPayment(
            payment_ref=payment.ref, amount=line.price.booked, order_ref=order.number
        )
        self._want("stripe", f"refund/{order.number}/{ticket.ref}", money, f"payment/{payment.ref}")

    def _confirm(self, order: Order, about: list[Record]) -> None:
        """Tell Amazon that an order left, once its carrier has it."""
        for parcel in about:
            if isinstance(parcel, Parcel) and parcel.shipped_at is not None:
                left = ConfirmShipment(
                    order_ref=order.ref,
                    carrier="Delhivery",
                    tracking_number=parcel.ref,
                    shipped_at=parcel.shipped_at,
                    lines=tuple((line.ref, line.quantity) for line in order.lines),
                )
                ref = f"shipped/{order.ref}/{parcel.ref}"
                self._want("amazon", ref, left, f"order/{order.ref}")

    def _want(self, name: str, ref: str, content: CommandContent, key: str) -> None:
        self.wanted.append(
            WantedCommand(
                connection_id=self.purchase.numbers[name],
                kind=content.command,
                key=key,
                ref=ref,
                content=content,
                wanted_at=self.purchase.brand.clock.now(),
            )
        )


# -- the story ---------------------------------------------------------------------------------


async def tell_story(purchase: Purchase) -> None:
    """Let it all happen; the hub goes on after each hour that matters."""
    happens: dict[float, Callable[[], None]] = {
        1: lambda: purchase.buy_at_the_shop(BOUGHT),
        2: purchase.buy_at_the_marketplace,
        3: purchase.order_from_supplier,
        4: lambda: purchase.send_parcels(BOUGHT + 1),
        28: purchase.write_in,
        68: purchase.thank,
        70: purchase.complain,
        80: purchase.pay_out,
        104: purchase.payout_arrives,
    }
    policy = Policy(purchase)
    for hour in sorted({*happens, 0.5, 11, 25, 49, 55, 60, 61, 66, 74, 108, 114, 120}):
        purchase.at(hour)
        happens.get(hour, lambda: None)()
        await purchase.go_on()
        while await policy.decide():
            await purchase.take_in()
    assert await policy.decide() == []


def print_story(purchase: Purchase) -> None:
    """Print who told what when."""
    desks = Counter[str]()
    for desk in purchase.desks().values():
        desks.update(desk.counters)
    lost, twice = desks["dropped"], desks["repeated"]
    print(f"\n  {desks['queued']} webhooks, {lost} lost, {twice} twice:")
    for at, who, what in purchase.story:
        hours = (at - BEGINS_AT).total_seconds() / 3600
        print(f"  {hours:6.1f} h  {who:10}  {what}")


@pytest.fixture(scope="module")
async def calm(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[End]:
    """Give the end of the story where nothing goes wrong."""
    with fresh_database(server_url) as url:
        async with open_purchase(url) as purchase:
            await tell_story(purchase)
            print_story(purchase)
            yield await look(purchase, tmp_path_factory.mktemp("calm"))


# -- where nothing goes wrong ------------------------------------------------------------------


async def test_one_timeline_holds_what_every_system_tells_of_the_order(calm: End) -> None:
    told = Counter((each["connection"], each["kind"]) for each in calm.shown["records"])
    assert told == {
        ("shopify", "order"): 1,
        ("shopify", "payment"): 1,
        ("shopify", "shipment"): 1,
        ("stripe", "payment"): 2,  # the charge, and the refund of one unit
        ("stripe", "balance_entry"): 3,
        ("stripe", "payout"): 1,
        ("easypost", "parcel"): 1,
        ("gorgias", "ticket"): 1,
        ("gorgias", "message"): 2 + len(calm.done["notes"]),
        ("whatsapp", "message"): 1,
        ("quickbooks", "journal"): 1,
    }
    (parcel,) = (each for each in calm.shown["records"] if each["kind"] == "parcel")
    assert [scan["status"] for scan in parcel["scans"]] == [
        *("created", "picked_up", "in_transit", "in_transit", "out_for_delivery", "delivered")
    ]
    instants = [datetime.fromisoformat(moment["at"]) for moment in calm.shown["timeline"]]
    assert instants == sorted(instants)
    systems = {moment["connection"] for moment in calm.shown["timeline"]}
    assert systems == {connection for connection, _ in told}
    assert {each["ref"] for each in calm.shown["commands"]} == {
        ref for ref in calm.commands if not ref.startswith("shipped/")
    }


async def test_the_console_tells_of_the_same_systems_on_the_orders_page(calm: End) -> None:
    (order,) = (key[2] for key in calm.records if key[:2] == ("shopify", "order"))
    page = await read_order(calm.purchase.brand.conn, "shopify", order)
    assert page is not None
    told = Counter((each["connection"], each["kind"]) for each in calm.shown["records"])
    told.subtract([("shopify", "order")])
    assert Counter((each.connection, each.kind) for each in page.elsewhere) == +told


async def test_one_customer_is_known_at_every_system_by_declared_keys(calm: End) -> None:
    assert {
        *(("shopify", "customer"), ("shopify", "order"), ("amazon", "order")),
        *(("gorgias", "ticket"), ("gorgias", "message"), ("whatsapp", "message")),
    } <= calm.customer
    assert calm.joined == {"email", "phone"}


async def test_the_order_at_the_marketplace_has_its_parcel_and_its_settlement(calm: End) -> None:
    purchase = calm.purchase
    (row,) = await find_records(purchase.brand.conn, "order", purchase.amazon_order)
    near = await related_records(purchase.brand.conn, [row["record_id"]])
    told = {(purchase.name_of(each["connection_id"]), each["kind"]) for each in near}
    assert {("amazon", "shipment"), ("delhivery", "parcel"), ("amazon", "balance_entry")} <= told
    parcel = calm.records["delhivery", "parcel", purchase.waybill]
    assert (parcel["status"], len(parcel["scans"])) == ("delivered", 6)


async def test_the_books_of_stock_hold_and_both_channels_show_what_is_there(calm: End) -> None:
    assert calm.proof.holds
    assert calm.balance == {
        "available": AVAILABLE,
        "on_hand": AVAILABLE,
        "reserved": 0,
        "customer": BOUGHT + 1,
    }
    assert calm.done["stock"] == (AVAILABLE, AVAILABLE)
    assert calm.reconciled["discrepancies"] == []
    purchase = calm.purchase
    level = calm.records["odoo", "inventory_level", f"{purchase.lamp}@{purchase.shelf}"]
    assert level["on_hand"] == AVAILABLE
    (bought,) = (each for key, each in calm.records.items() if key[1] == "purchase_order")
    assert (bought["number"], bought["state"]) == ("P00001", "confirmed")


async def test_every_command_was_done_once_at_its_vendor(calm: End) -> None:
    assert {state for state, _ in calm.commands.values()} == {"done"}
    purchase, done = calm.purchase, calm.done
    assert done["journals"] == ["SALE-1001"]
    assert done["messages"] == [(MIA_PHONE, "parcel_delivered")]
    assert done["packages"] == [purchase.waybill]
    assert done["refunds"] == [(purchase.charge, int(Decimal(PRICE) * 100))]
    assert [text.partition(":")[2].partition(",")[0] for _, text in done["notes"]] == [
        *(" in transit", " in transit", " out for delivery", " delivered")
    ]
    assert {ref.removeprefix("trueup:") for ref, _ in done["notes"]} <= set(calm.commands)
    assert all(getattr(vendor, "over_limit", 0) == 0 for vendor in purchase.brand.vendors.values())


async def test_the_journal_sums_to_zero_and_says_what_the_order_says(calm: End) -> None:
    (journal,) = (each for key, each in calm.records.items() if key[1] == "journal")
    (order,) = (each for key, each in calm.records.items() if key[:2] == ("shopify", "order"))
    booked = {each["memo"]: Decimal(each["amount"]["amount"]) for each in journal["lines"]}
    totals = {name: Decimal(order["totals"][name]["booked"]["amount"]) for name in ("total", "tax")}
    assert sum(booked.values()) == 0
    assert booked["Stripe clearing"] == totals["total"] == 2 * Decimal(PRICE) + 5
    assert -booked["VAT"] == totals["tax"]
    assert -booked["Sales"] - booked["Shipping"] == totals["total"] - totals["tax"]


async def test_the_payout_is_what_the_charge_and_the_refund_left(calm: End) -> None:
    (payout,) = (each for key, each in calm.records.items() if key[:2] == ("stripe", "payout"))
    entries = [
        each
        for key, each in calm.records.items()
        if key[:2] == ("stripe", "balance_entry") and each["entry"] != "payout"
    ]
    assert [each["payout_ref"] for each in entries] == [payout["ref"]] * 2
    nets = [Decimal(each["net"]["amount"]) for each in entries]
    assert sum(nets) == Decimal(payout["amount"]["amount"])
    assert payout["state"] == "paid"
    told = calm.payouts
    assert (told["left"], told["right"], told["matched"]) == (2, 2, 2), (
        "the marketplace pays out too"
    )
    assert (told["discrepancies"], told["explained_share"]) == ([], 1.0)
    assert calm.money["transit", "stripe"] == Decimal(payout["amount"]["amount"])
    assert ("clearing", "stripe") not in {key for key, left in calm.money.items() if left}


async def test_the_charge_at_the_shop_and_at_its_provider_are_one_payment(calm: End) -> None:
    """They share the charge's id; that one unit's price went back, the shop has not told."""
    told = calm.payments
    assert (told["left"], told["right"]) == (1, 2)
    [difference] = told["discrepancies"]
    assert (difference["cause"], difference["amount"]) == ("unlinked_refund", f"-{PRICE}")
    assert difference["left_ref"] is None, "no payment at the shop says so"
    assert difference["right_ref"].startswith("stripe/balance_entry/")


async def test_what_the_customers_owed_was_paid(calm: End) -> None:
    """Both orders come to nothing, and what was sold is what they say."""
    (order,) = (each for key, each in calm.records.items() if key[:2] == ("shopify", "order"))
    assert calm.money["receivable", "shopify"] == 0
    assert calm.money["receivable", "amazon"] == 0
    fees = {name: row["fees"] for name, row in calm.margins.items()}
    assert Decimal(fees["amazon"]["amount"]) == calm.money["fees", "amazon"]
    # The provider's entry reaches the order over the charge that both name.
    assert [fees[n]["certainty"] for n in ("amazon", "shopify")] == ["told", "told"]
    total, tax = (Decimal(order["totals"][name]["booked"]["amount"]) for name in ("total", "tax"))
    sold = ("sales", "taxes", "shipping")
    assert -sum(calm.money[account, "shopify"] for account in sold) == total
    assert calm.money["taxes", "shopify"] == -tax
    assert {"rounding", "unplaced", "cancelled"}.isdisjoint(account for account, _ in calm.money)


def differences(end: End) -> dict[str, list[tuple[str, str]]]:
    found = {
        name: [(each["cause"], each["amount"]) for each in report["discrepancies"]]
        for name, report in end.checks.items()
    }
    return {name: told for name, told in found.items() if told}


async def test_what_the_checks_of_the_books_say_of_it(calm: End) -> None:
    """The hub gave money back at the provider; of that the shop was not told, and a check says so."""
    assert differences(calm) == {
        "payments": [("unlinked_refund", f"-{PRICE}")],
        "bank": [("in_transit", "-50.92"), ("in_transit", "-62.78")],
    }
    payments = calm.checks["payments"]
    assert (payments["left"], payments["right"], payments["matched"]) == (1, 2, 1)
    orders = calm.checks["orders"]
    assert orders["left_totals"] == orders["right_totals"] == {"EUR": "124.80"}
    assert [each.split(":")[0] for each in orders["left_out"]] == ["amazon"]


async def test_nothing_is_left_for_a_person(calm: End) -> None:
    assert calm.issues == set()


def bare_difference(told: dict[str, Any]) -> dict[str, Any]:
    """Return a difference without its evidence, which names the day on which the hub gave back."""
    return {name: value for name, value in told.items() if name != "evidence"}


# -- where much goes wrong ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", [5, 32])
async def test_the_end_is_the_same_whatever_is_lost_repeated_or_late(
    database_url: str, tmp_path: Path, calm: End, seed: int
) -> None:
    async with open_purchase(database_url, Mishaps(seed=seed)) as purchase:
        await tell_story(purchase)
        print_story(purchase)
        end = await look(purchase, tmp_path)
    desks = Counter[str]()
    for desk in purchase.desks().values():
        desks.update(desk.counters)
    assert desks["dropped"] > 0
    assert desks["repeated"] > 0
    assert desks["delayed"] + desks["reordered"] > 0
    assert bare(end) == bare(calm)
    assert end.links == calm.links
    assert end.balance == calm.balance
    assert end.proof.holds
    assert end.payouts == calm.payouts
    assert differences(end) == differences(calm)
    assert [bare_difference(each) for each in end.payments["discrepancies"]] == [
        bare_difference(each) for each in calm.payments["discrepancies"]
    ]
    assert end.money == calm.money
    assert end.commands == calm.commands
    assert end.done == calm.done
    assert (end.customer, end.joined) == (calm.customer, calm.joined)
    assert end.reconciled["discrepancies"] == []
    assert end.issues == set()


async def test_a_lost_scan_is_read_later(database_url: str) -> None:
    async with open_brand(database_url) as brand:
        carrier = Delhivery(brand.clock, seed=6, late=0.0, twice=0.0)
        carrier.webhook_secret = "delhivery-pushes-01"
        carrier.subscribe("scan", f"{HUB_URL}/hooks/delhivery")
        secrets = {"api_token": carrier.api_token, "webhook_token": carrier.webhook_secret}
        await brand.connect("delhivery", carrier, secrets=secrets)
        parcel = carrier.ship("#1001", "straight")
        await brand.deliver()
        await brand.apply()
        carrier.desk.faults = WebhookFaults(drop=1.0)
        for _ in range(5):
            carrier.travel(24)
            await brand.deliver()
            await brand.poll("delhivery")
            await brand.follow("delhivery")
            await brand.work("delhivery")
            await brand.apply()
        (row,) = await find_records(brand.conn, "parcel", parcel.number)
        found = decode("parcel", row["body"])
        assert isinstance(found, Parcel)
        assert found.status is ParcelStatus.DELIVERED


async def test_a_sale_before_the_look_at_a_number_is_not_offered_again(database_url: str) -> None:
    async with open_purchase(database_url) as purchase:
        vendor, brand = purchase.amazon, purchase.brand
        purchase.at(1)
        await purchase.go_on()
        purchase.at(2)
        purchase.buy_at_the_shop(BOUGHT)
        await purchase.deliver()
        await purchase.take_in()  # Amazon takes 38 in, and the hub rests
        purchase.at(3)
        vendor.lost = 1.0
        purchase.buy_at_the_marketplace()
        await purchase.take_in()  # it looks whether 38 stand there: 37 do
        for hour in range(4, 10):
            purchase.at(hour)
            await purchase.go_on()
        (balance,) = await list_balances(brand.conn, sku=SKU)
        assert balance["available"] == AVAILABLE, "the sale was read"
        assert vendor.units_of(SKU) == AVAILABLE, "one more is offered than there is"

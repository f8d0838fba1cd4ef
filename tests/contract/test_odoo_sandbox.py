"""The whole Odoo connector against a simulated Odoo over the loopback."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.books import Hub, calling, patient
from trueup.canon.command import CommandContent, DraftPurchase, PostJournal, PostJournalLine
from trueup.canon.inventory import InventoryLevel
from trueup.canon.journal import Invoice, InvoiceState, Journal
from trueup.canon.link import Link, LinkSpace
from trueup.canon.product import Product
from trueup.canon.purchase import PurchaseOrder, PurchaseState, SupplierItem
from trueup.connectors import odoo
from trueup.connectors.odoo import pull
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply
from trueup.contract.loader import load_connector
from trueup.errors import AuthExpired, OutcomeUnknown, RateLimited, Refused, Unavailable
from trueup.kernel.money import Money
from trueup.outbox.caller import Caller
from trueup.sandbox.faults import ApiFault, ApiFaultKind
from trueup.sandbox.odoo.vendor import API_KEY, DATABASE, Odoo

pytestmark = pytest.mark.anyio
FOLDER = load_connector(Path(odoo.__file__).parent)
SETTINGS = {"url": "https://odoo.example", "database": DATABASE, "currency": "EUR"}
SECRETS = {"api_key": API_KEY}


class Firm:
    """A simulated Odoo with a warehouse of two shelves, a supplier and two accounts."""

    def __init__(self) -> None:
        self.odoo = Odoo()
        self.shelf, self.dock, self.customers = (
            self.odoo.add("stock.location", {"complete_name": name, "usage": usage, "active": True})
            for name, usage in (
                ("WH/Stock", "internal"),
                ("WH/Dock", "internal"),
                ("Partners/Customers", "customer"),
            )
        )
        self.supplier = self.odoo.add("res.partner", {"display_name": "Garn KG", "name": "Garn KG"})
        self.cash, self.sales = (
            self.odoo.add("account.account", {"code": code, "display_name": code})
            for code in ("1000", "8400")
        )


async def test_the_check_learns_whose_odoo_it_is_and_a_wrong_key_is_seen() -> None:
    firm = Firm()
    async with calling(FOLDER, firm.odoo, SETTINGS, SECRETS) as caller:
        reply = await caller.send(FOLDER.api.check_request())
        learnt = FOLDER.api.checked(reply)
        assert learnt == {"account": "Sandbox GmbH", "currency": "EUR"}
        firm.odoo.api_key = "another"
        with pytest.raises(AuthExpired):
            await caller.send(FOLDER.api.check_request())
    async with calling(FOLDER, firm.odoo, SETTINGS | {"database": "none"}, SECRETS) as caller:
        firm.odoo.api_key = API_KEY
        with pytest.raises(Refused):
            await caller.send(FOLDER.api.check_request())


async def test_pages_by_id_neither_skip_nor_repeat_what_changes_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pull, "PAGE_SIZE", 10)
    firm = Firm()
    products = [firm.odoo.add_product(f"SKU-{n}") for n in range(35)]  # all of one stamp
    async with calling(FOLDER, firm.odoo, SETTINGS, SECRETS) as caller:
        hub = Hub(caller, firm.odoo)
        request = FOLDER.pull.page_request("products", None, None)
        first = FOLDER.pull.page("products", await caller.send(request))
        assert first.next_cursor == str(products[9])
        firm.odoo.change("product.product", products[0], barcode="4006381333931")
        await hub.pull("products")
        assert len(hub.records) == 35
        assert hub.events == 35
        counted = FOLDER.pull.count_request("products", None)
        assert counted is not None
        assert FOLDER.pull.count("products", await caller.send(counted)) == 35


async def test_polls_with_overlap_find_what_commits_late_and_what_changes_elsewhere() -> None:
    firm = Firm()
    first = firm.odoo.add_product("FIRST")
    async with calling(FOLDER, firm.odoo, SETTINGS, SECRETS) as caller:
        hub = Hub(caller, firm.odoo)
        begun_at = firm.odoo.now()
        firm.odoo.clock.advance(300)
        firm.odoo.add_product("SECOND")
        page = await hub.pull("products")
        assert page.latest_at == firm.odoo.now()
        # A transaction that began before the last poll commits after it, with its old stamp.
        late: dict[str, Any] = {"default_code": "LATE", "active": True, "lst_price": Decimal(1)}
        late |= {"standard_price": Decimal(1), "is_storable": True}
        firm.odoo.add("product.product", late, begun_at)
        firm.odoo.clock.advance(60)
        template = firm.odoo.database.row("product.product", first)["product_tmpl_id"]
        firm.odoo.change("product.template", template, name="renamed")
        overlap = timedelta(seconds=600)
        assert page.latest_at is not None
        before = hub.events
        await hub.pull("products", page.latest_at - overlap)
        skus = {r.variants[0].sku for _, r in hub.records.values() if isinstance(r, Product)}
        assert skus == {"FIRST", "SECOND", "LATE"}
        assert hub.events == before + 2  # the late one, and the renamed template
        renamed = hub[f"product/{first}"]
        assert renamed.updated_at == firm.odoo.now()


async def test_a_shelf_that_is_emptied_and_forgotten_still_says_zero() -> None:
    firm = Firm()
    yarn = firm.odoo.add_product("YARN")
    firm.odoo.move(yarn, firm.customers, firm.shelf, 5)
    # Two lots on one shelf are two quants and one level.
    lot: dict[str, Any] = {"product_id": yarn, "location_id": firm.shelf}
    firm.odoo.add(
        "stock.quant", lot | {"quantity": Decimal("7.0"), "reserved_quantity": Decimal(2)}
    )
    async with calling(FOLDER, firm.odoo, SETTINGS, SECRETS) as caller:
        hub = Hub(caller, firm.odoo)
        await hub.pull("inventory_levels")
        level = hub[f"inventory_level/{yarn}@{firm.shelf}"]
        assert isinstance(level, InventoryLevel)
        assert (level.on_hand, level.committed, level.available, level.sku) == (12, 2, 10, "YARN")
        for cycle in range(3):  # emptied, filled, emptied: the same zero twice is told twice
            since = firm.odoo.now()
            firm.odoo.clock.advance(60)
            for quant in firm.odoo.database.search(
                "stock.quant", [["location_id", "=", firm.shelf]]
            ):
                firm.odoo.database.delete("stock.quant", quant["id"])
            firm.odoo.add("stock.move.line", _line(yarn, firm.shelf, firm.dock))
            await hub.pull("stock_moves", since)
            level = hub[f"inventory_level/{yarn}@{firm.shelf}"]
            assert isinstance(level, InventoryLevel)
            assert (level.on_hand, level.updated_at) == (0, firm.odoo.now()), cycle
            firm.odoo.clock.advance(60)
            firm.odoo.move(yarn, firm.dock, firm.shelf, 3)
            await hub.pull("inventory_levels", since)
            level = hub[f"inventory_level/{yarn}@{firm.shelf}"]
            assert isinstance(level, InventoryLevel)
            assert level.on_hand == 3
        assert hub.issues == []


def _line(product: int, source: int, target: int) -> dict[str, Any]:
    moved = {"product_id": product, "location_id": source, "location_dest_id": target}
    return moved | {"state": "done"}


async def test_purchase_orders_have_lead_times_and_what_has_come_in() -> None:
    firm = Firm()
    yarn = firm.odoo.add_product("YARN")
    offer: dict[str, Any] = {
        "partner_id": firm.supplier,
        "product_id": yarn,
        "product_tmpl_id": False,
    }
    offer |= {"delay": 21, "min_qty": Decimal("12.0"), "price": Decimal("3.145")}
    item = firm.odoo.add("product.supplierinfo", offer | {"currency_id": firm.odoo.euro})
    head: dict[str, Any] = {"name": "P00007", "state": "purchase", "partner_id": firm.supplier}
    head |= {"currency_id": firm.odoo.euro, "date_order": firm.odoo.now(), "amount_total": 0}
    order = firm.odoo.add("purchase.order", head)
    line: dict[str, Any] = {"order_id": order, "product_id": yarn, "product_qty": Decimal("10.0")}
    line |= {"qty_received": Decimal("0.0"), "price_unit": Decimal("3.145")}
    number = firm.odoo.add("purchase.order.line", line)
    async with calling(FOLDER, firm.odoo, SETTINGS, SECRETS) as caller:
        hub = Hub(caller, firm.odoo)
        await hub.pull("supplier_items")
        told = hub[f"supplier_item/{item}"]
        assert isinstance(told, SupplierItem)
        assert (told.lead_days, told.quantity_min, told.sku) == (21, 12, "YARN")
        assert told.cost == Money(Decimal("3.145"), "EUR")
        states = []
        for received in ("0.0", "4.0", "10.0"):
            since = firm.odoo.now()
            firm.odoo.clock.advance(60)
            firm.odoo.change("purchase.order.line", number, qty_received=Decimal(received))
            await hub.pull("purchase_orders", since)  # the order itself did not change
            purchase = hub[f"purchase_order/{order}"]
            assert isinstance(purchase, PurchaseOrder)
            states.append((purchase.state, purchase.lines[0].quantity_received))
    assert states == [
        (PurchaseState.CONFIRMED, 0),
        (PurchaseState.PARTLY_RECEIVED, 4),
        (PurchaseState.RECEIVED, 10),
    ]


async def test_an_invoice_that_a_payment_settles_is_read_again() -> None:
    firm = Firm()
    move = firm.odoo.add("account.move", _invoice(firm))
    line = firm.odoo.add("account.move.line", {"move_id": move, "invoice_line": False})
    async with calling(FOLDER, firm.odoo, SETTINGS, SECRETS) as caller:
        hub = Hub(caller, firm.odoo)
        await hub.pull("invoices")
        since = firm.odoo.now()
        firm.odoo.clock.advance(60)
        # A computed column changes without a stamp; only the match is new.
        firm.odoo.database.row("account.move", move).update(
            payment_state="paid", amount_residual=Decimal("0.0")
        )
        match = {"debit_move_id": line, "credit_move_id": 0}
        firm.odoo.add("account.partial.reconcile", match)
        await hub.pull("invoices", since)
        invoice = hub[f"invoice/{move}"]
    assert isinstance(invoice, Invoice)
    assert (invoice.state, invoice.total) == (InvoiceState.PAID, Money(Decimal("119.99"), "EUR"))
    assert Link(LinkSpace.ORDER, "#1001") in invoice.links
    assert Link(LinkSpace.ORDER, "S00012") in invoice.links


def _invoice(firm: Firm) -> dict[str, Any]:
    return {
        "name": "INV/2026/00007",
        "move_type": "out_invoice",
        "state": "posted",
        "payment_state": "not_paid",
        "date": date(2026, 11, 20),
        "invoice_date": date(2026, 11, 20),
        "ref": "#1001",
        "invoice_origin": "S00012, S00013",
        "company_currency_id": firm.odoo.euro,
        "currency_id": firm.odoo.euro,
        "amount_total": Decimal("119.99"),
        "amount_tax": Decimal("19.16"),
        "amount_residual": Decimal("119.99"),
        "commercial_partner_id": firm.supplier,
        "partner_shipping_id": firm.supplier,
    }


def journal(firm: Firm, ref: str = "trueup-journal-1", *, amount: str = "19.99") -> Command:
    lines = (
        PostJournalLine(account_ref=str(firm.cash), amount=Money(Decimal(amount), "EUR")),
        PostJournalLine(account_ref=str(firm.sales), amount=Money(-Decimal(amount), "EUR")),
    )
    content = PostJournal(
        number="TU-1", posted_on=date(2026, 11, 20), lines=lines, memo="order:#1001"
    )
    return command(firm, ref, content)


def command(firm: Firm, ref: str, content: CommandContent) -> Command:
    return Command(
        kind=content.command,
        key=ref,
        ref=ref,
        content=content,
        wanted_at=firm.odoo.now(),
        target=SETTINGS,
    )


async def carry_out(caller: Caller, firm: Firm, wish: Command) -> Receipt:
    """Do as the commander does: send, look where nobody knows, ask where it was submitted."""
    commands, again = FOLDER.commands, 0
    receipt = Receipt(state=ReceiptState.LATER)
    while again < 12:
        again += 1
        try:
            if receipt.state is ReceiptState.LATER:
                reply = await caller.send(commands.command_request(wish, "key"))
                receipt = commands.command_receipt(wish, reply)
            elif receipt.state is ReceiptState.UNKNOWN:
                reply = await caller.send(commands.find_request(wish, "key"))
                receipt = commands.found(wish, "key", reply)
            elif receipt.state is ReceiptState.SUBMITTED:
                assert receipt.vendor_ref is not None
                reply = await caller.send(commands.confirm_request(wish, receipt.vendor_ref))
                receipt = commands.confirmed(wish, reply)
            else:
                return receipt
        except OutcomeUnknown:
            if receipt.state is not ReceiptState.SUBMITTED:
                receipt = Receipt(state=ReceiptState.UNKNOWN)
        except (Unavailable, RateLimited):
            pass
        firm.odoo.clock.advance(60)
    raise AssertionError(receipt)


CUTS: list[ApiFaultKind] = ["reset", "reset_after_work", "timeout_after_work"]


@pytest.mark.parametrize("step", ["journal.post", "journal.confirm", "none"])
@pytest.mark.parametrize("kind", CUTS)
async def test_a_journal_is_posted_once_wherever_the_line_breaks(
    step: str, kind: ApiFaultKind
) -> None:
    firm = Firm()
    firm.odoo.strike(ApiFault(kind=kind, next_calls=1, operation=step))
    settings = SETTINGS | {"call_timeout_s": "0.5"}
    async with calling(FOLDER, firm.odoo, settings, SECRETS) as caller:
        receipt = await carry_out(caller, firm, journal(firm))
        assert receipt.state is ReceiptState.DONE
        hub = Hub(caller, firm.odoo)
        await hub.pull("journals")
    (move,) = firm.odoo.database.tables["account.move"].values()
    assert (move["state"], move["ref"]) == ("posted", "trueup-journal-1")
    (record,) = (each for _, each in hub.records.values())
    assert isinstance(record, Journal)
    assert record.posted
    assert record.links == (Link(LinkSpace.ORDER, "#1001"),)
    assert [line.amount.amount for line in record.lines] == [Decimal("19.99"), Decimal("-19.99")]
    assert firm.odoo.worked("journal.post") == 1


async def test_a_journal_that_odoo_refuses_is_refused_in_its_words() -> None:
    firm = Firm()
    firm.odoo.locked_until = "2026-12-31"
    async with calling(FOLDER, firm.odoo, SETTINGS, SECRETS) as caller:
        receipt = await carry_out(caller, firm, journal(firm))
    assert receipt.state is ReceiptState.REFUSED
    assert "lock date" in (receipt.message or "")
    wish = journal(firm)
    with pytest.raises(Refused, match="currency"):
        FOLDER.commands.command_request(msgspec.structs.replace(wish, target={}), "key")
    assert isinstance(wish.content, PostJournal)
    lines = [msgspec.structs.replace(line, tax_code="4") for line in wish.content.lines]
    content = msgspec.structs.replace(wish.content, lines=tuple(lines))
    with pytest.raises(Refused, match="take tax_code out of the mapping"):
        FOLDER.commands.command_request(msgspec.structs.replace(wish, content=content), "key")


async def test_a_purchase_order_is_drafted_once_by_sku() -> None:
    firm = Firm()
    firm.odoo.add_product("YARN")
    firm.odoo.add_product("HOOK")
    cost = Money(Decimal("3.145"), "EUR")
    content = DraftPurchase(
        number="PO-9",
        supplier_ref=str(firm.supplier),
        currency="EUR",
        lines=(("YARN", 40, cost), ("HOOK", 5, None)),
        expected_on=date(2026, 12, 24),
    )
    wish = command(firm, "trueup-buy-1", content)
    firm.odoo.strike(ApiFault(kind="reset_after_work", next_calls=1, operation="purchase.draft"))
    async with calling(FOLDER, firm.odoo, SETTINGS, SECRETS) as caller:
        receipt = await carry_out(caller, firm, wish)
        assert receipt.state is ReceiptState.DONE
        wrong = DraftPurchase(
            number="PO-10",
            supplier_ref=str(firm.supplier),
            currency="EUR",
            lines=(("YARN", 1, None), ("GONE", 1, None)),
        )
        refused = await carry_out(caller, firm, command(firm, "trueup-buy-2", wrong))
    assert refused.state is ReceiptState.REFUSED
    assert "GONE" in (refused.message or "")
    (order,) = firm.odoo.database.tables["purchase.order"].values()
    lines = firm.odoo.database.tables["purchase.order.line"].values()
    assert (str(order["id"]), order["state"]) == (receipt.vendor_ref, "draft")
    assert [(x["product_qty"], x["price_unit"]) for x in lines] == [(40, Decimal("3.145")), (5, 0)]


async def test_what_the_line_does_is_told_apart() -> None:
    firm = Firm()
    request = FOLDER.pull.page_request("locations", None, None)
    async with calling(FOLDER, firm.odoo, SETTINGS, SECRETS) as caller:
        firm.odoo.strike(ApiFault(kind="status", status=503, next_calls=1))
        with pytest.raises(Unavailable):
            await caller.send(request)
        firm.odoo.strike(ApiFault(kind="throttled", next_calls=1))
        await patient(caller, firm.odoo, request)
        unknown = json.loads(request.body) | {"specification": {"no_such_field": {}}}
        bad = FOLDER.pull.page_request("locations", None, None)
        bad = type(bad)(
            method="POST", path=bad.path, headers=bad.headers, body=json.dumps(unknown).encode()
        )
        with pytest.raises(Refused):
            FOLDER.pull.page("locations", await caller.send(bad))


def test_a_lookup_says_not_done_only_when_a_lost_call_can_be_at_work_no_more() -> None:
    firm = Firm()
    wish = journal(firm)
    states = []
    for waited_s in (0, 149, 151):
        at: datetime = wish.wanted_at + timedelta(seconds=waited_s)
        dated = {"date": format_datetime(at, usegmt=True)}
        seen = Reply(status=200, headers=dated, body=b'{"length": 0, "records": []}')
        states.append(FOLDER.commands.found(wish, "key", seen).state)
    assert states == [ReceiptState.UNKNOWN, ReceiptState.UNKNOWN, ReceiptState.LATER]

"""The simulated Odoo, as the rules of quality use it."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from trueup.canon.command import CommandContent, DraftPurchase, PostJournal, PostJournalLine
from trueup.kernel.money import Money
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.odoo.database import Row
from trueup.sandbox.odoo.vendor import API_KEY, DATABASE, Odoo
from trueup.sandbox.twin import Twin, VendorTwin

_POST = "journal.post"
_DRAFT = "purchase.draft"


class OdooTwin(VendorTwin[Odoo]):
    """A company with one shelf, one supplier and two accounts."""

    def __init__(self) -> None:
        super().__init__(Odoo(ManualClock()))
        odoo = self.vendor
        self.settings = {"url": "https://odoo.example", "database": DATABASE, "currency": "EUR"}
        self.secrets = {"api_key": API_KEY}
        places = (("WH/Stock", "internal"), ("Partners/Customers", "customer"))
        self._shelf, self._customers = (
            odoo.add("stock.location", {"complete_name": n, "usage": u, "active": True})
            for n, u in places
        )
        self._supplier = odoo.add("res.partner", {"display_name": "Garn KG", "name": "Garn KG"})
        self._accounts = [odoo.add("account.account", {"code": c}) for c in ("1000", "8400")]
        odoo.add_product("QUALITY")

    def happen(self, count: int) -> None:
        """Let so many products come, be bought, sold and booked."""
        odoo = self.vendor
        for number in range(count):
            self.advance(600)
            product = odoo.add_product(f"YARN-{odoo.now():%H%M%S}-{number}")
            odoo.move(product, self._customers, self._shelf, 5 + number)
            sold = odoo.sell(f"#{1000 + number}", product, 1, self._shelf, self._customers)
            odoo.deliver(sold)
            odoo.add("product.supplierinfo", self._offer(product))
            order = odoo.add("purchase.order", self._order(number))
            line: Row = {"order_id": order, "product_id": product, "price_unit": Decimal("4.355")}
            counts = {"product_qty": Decimal(10), "qty_received": Decimal(0)}
            odoo.add("purchase.order.line", line | counts)
            odoo.add("account.move", self._invoice(number))
            self._book(number)
            odoo.add("stock.location", _place(number))

    def contents(self) -> Mapping[str, CommandContent]:
        """Return a journal, and a purchase order."""
        lines = (("QUALITY", 10, Money(Decimal("4.355"), "EUR")),)
        return {_POST: self._journal("Q-1", self._accounts[1]), _DRAFT: self._draft(lines)}

    def refused(self) -> Mapping[str, CommandContent]:
        """Return what names an account, and a product, that do not exist."""
        return {_POST: self._journal("Q-2", 99_999), _DRAFT: self._draft((("GONE", 1, None),))}

    def done(self, kind: str) -> int:
        """Return how many drafts and posted journals, or purchase orders, are ours."""
        model, field = ("account.move", "ref") if kind == _POST else ("purchase.order", "origin")
        rows = self.vendor.database.tables.get(model, {}).values()
        return sum(str(row.get(field) or "").startswith("quality") for row in rows)

    def _offer(self, product: int) -> Row:
        terms: Row = {"delay": 21, "min_qty": Decimal(12), "price": Decimal("4.355")}
        whose = {"partner_id": self._supplier, "product_id": product, "product_tmpl_id": False}
        return terms | whose | {"currency_id": self.vendor.euro}

    def _order(self, number: int) -> Row:
        head: Row = {"name": f"P{number:05}", "state": "purchase", "partner_id": self._supplier}
        head |= {"origin": False, "partner_ref": False}
        head |= {"currency_id": self.vendor.euro, "date_order": self.vendor.now()}
        return head | {"amount_total": Decimal("43.55")}

    def _invoice(self, number: int) -> Row:
        name = f"Mia Muster {number}"
        place: Row = {"name": name, "email": f"mia{number}@home.example", "street": "Ringweg 7"}
        customer = self.vendor.add("res.partner", place | {"city": "Berlin", "zip": "10115"})
        head: Row = {"name": f"INV/2026/{number:05}", "move_type": "out_invoice", "ref": False}
        head |= {"state": "posted", "payment_state": "not_paid", "date": date(2026, 11, 2)}
        head |= {"currency_id": self.vendor.euro, "company_currency_id": self.vendor.euro}
        head |= {"amount_total": Decimal("119.99"), "amount_residual": Decimal("119.99")}
        head |= {"commercial_partner_id": customer, "partner_shipping_id": customer}
        return head | {"invoice_partner_display_name": name, "invoice_origin": f"S{number:05}"}

    def _book(self, number: int) -> None:
        head: Row = {"name": f"MISC/{number:05}", "move_type": "entry", "state": "posted"}
        head |= {"ref": False, "date": date(2026, 11, 2), "company_currency_id": self.vendor.euro}
        move = self.vendor.add("account.move", head)
        for account, sign in zip(self._accounts, (1, -1), strict=True):
            line: Row = {"move_id": move, "account_id": account, "name": "payout"}
            self.vendor.add("account.move.line", line | {"balance": sign * Decimal("2.90")})

    def _journal(self, number: str, account: int) -> PostJournal:
        amount = Money(Decimal("19.99"), "EUR")
        lines = (
            PostJournalLine(account_ref=str(self._accounts[0]), amount=amount),
            PostJournalLine(account_ref=str(account), amount=-amount),
        )
        return PostJournal(number=number, posted_on=date(2026, 11, 1), lines=lines)

    def _draft(self, lines: tuple[tuple[str, int, Money | None], ...]) -> DraftPurchase:
        supplier = str(self._supplier)
        return DraftPurchase(number="Q-9", supplier_ref=supplier, currency="EUR", lines=lines)


def _place(number: int) -> Row:
    return {"complete_name": f"WH/Shelf {number}", "usage": "internal", "active": True}


def open_twin() -> Twin:
    """Open a fresh Odoo."""
    return OdooTwin()

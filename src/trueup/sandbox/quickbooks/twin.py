"""The simulated QuickBooks, as the rules of quality use it."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from trueup.canon.command import CommandContent, PostJournal, PostJournalLine
from trueup.kernel.money import Money
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.quickbooks.vendor import CLIENT_ID, CLIENT_SECRET, REALM, Intuit
from trueup.sandbox.twin import Twin, VendorTwin

_POST = "journal.post"
_NUMBER = "QUALITY-1"
_USD = {"value": "USD", "name": "United States Dollar"}


class QuickBooksTwin(VendorTwin[Intuit]):
    """One company with two accounts."""

    def __init__(self) -> None:
        super().__init__(Intuit(ManualClock()))
        self.settings = {"client_id": CLIENT_ID, "realm_id": REALM}
        _, refresh = self.vendor.let_in()
        self.secrets = {
            "client_secret": CLIENT_SECRET,
            "refresh_token": refresh,
            "webhook_secret": self.vendor.webhook_secret,
        }
        self._accounts = [self.vendor.put("Account", {"Name": n})["Id"] for n in ("Bank", "Sales")]

    def happen(self, count: int) -> None:
        """Let so many customers buy, pay and return, and the company buy and book."""
        for number in range(count):
            self.advance(5)
            told = [(name, self._put(name, number)) for name in _DOCUMENTS]
            told.append(("Item", self.vendor.put("Item", _item(number))["Id"]))
            self.vendor.tell(*((name, "created", ref) for name, ref in told))

    def _put(self, name: str, number: int) -> str:
        body = _document(name, number)
        if name == "JournalEntry":
            body["Line"] = _entry_lines(self._accounts)
        return str(self.vendor.put(name, body)["Id"])

    def contents(self) -> Mapping[str, CommandContent]:
        """Return a journal."""
        return {_POST: self._journal(_NUMBER, self._accounts[1])}

    def refused(self) -> Mapping[str, CommandContent]:
        """Return a journal on an account that does not exist."""
        return {_POST: self._journal("QUALITY-2", "99999")}

    def done(self, kind: str) -> int:
        """Return how many entries have the journal's number."""
        entries = self.vendor.companies[REALM].entities.get("JournalEntry", {}).values()
        return sum(kind == _POST and entry.get("DocNumber") == _NUMBER for entry in entries)

    def _journal(self, number: str, account: str) -> PostJournal:
        amount = Money(Decimal("19.99"), "USD")
        lines = (
            PostJournalLine(account_ref=self._accounts[0], amount=amount),
            PostJournalLine(account_ref=account, amount=-amount),
        )
        return PostJournal(number=number, posted_on=date(2026, 11, 1), lines=lines)


_DOCUMENTS = (
    *("Invoice", "SalesReceipt", "CreditMemo", "RefundReceipt", "Bill"),
    *("PurchaseOrder", "JournalEntry", "Payment"),
)


def _item(number: int) -> dict[str, Any]:
    kind = {"Type": "Inventory", "QtyOnHand": Decimal(10 + number), "Active": True}
    return {"Name": f"Yarn {number}", "Sku": f"YARN-{number}", **kind}


def _document(name: str, number: int) -> dict[str, Any]:
    amount = Decimal("12.90") + number
    body: dict[str, Any] = {
        "DocNumber": f"{name[:8]}-{number}",
        "TxnDate": "2026-11-02",
        "CurrencyRef": _USD,
        "TotalAmt": amount,
        "Balance": amount,
    }
    line = {"Id": "1", "Description": "Yarn", "Amount": amount}
    detail = {"ItemRef": {"value": "1", "name": "Yarn"}, "Qty": 1, "UnitPrice": amount}
    if name in {"Bill", "PurchaseOrder"}:
        item = {"DetailType": "ItemBasedExpenseLineDetail", "ItemBasedExpenseLineDetail": detail}
        supplier = {"VendorRef": {"value": "46", "name": "Garn KG"}, "POStatus": "Open"}
        return body | supplier | {"Line": [line | item]}
    if name == "JournalEntry":
        return {key: body[key] for key in ("DocNumber", "TxnDate", "CurrencyRef")}
    item = {"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
    person = {"CustomerRef": {"value": str(number), "name": f"Mia Muster {number}"}}
    person |= {"BillEmail": {"Address": f"mia{number}@home.example"}}
    return body | person | {"Line": [line | item]}


def _entry_lines(accounts: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "Id": str(place),
            "Amount": Decimal("2.90"),
            "DetailType": "JournalEntryLineDetail",
            "JournalEntryLineDetail": {"PostingType": side, "AccountRef": {"value": account}},
        }
        for place, (side, account) in enumerate(zip(("Debit", "Credit"), accounts, strict=True))
    ]


def open_twin() -> Twin:
    """Open a fresh company."""
    return QuickBooksTwin()

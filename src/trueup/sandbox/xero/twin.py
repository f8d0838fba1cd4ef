"""The simulated Xero, as the rules of quality use it."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from trueup.canon.command import CommandContent, PostJournal, PostJournalLine
from trueup.kernel.money import Money
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.twin import Twin, VendorTwin
from trueup.sandbox.xero.vendor import CLIENT_ID, CLIENT_SECRET, TENANT, Xero

_POST = "journal.post"
_NUMBER = "QUALITY-1"


class XeroTwin(VendorTwin[Xero]):
    """One organisation with two accounts."""

    def __init__(self) -> None:
        super().__init__(Xero(ManualClock()))
        self.settings = {"client_id": CLIENT_ID, "tenant_id": TENANT, "currency": "GBP"}
        _, refresh = self.vendor.let_in()
        self.secrets = {"client_secret": CLIENT_SECRET, "refresh_token": refresh}
        for code in ("610", "404"):
            self.vendor.open_account(code)

    def happen(self, count: int) -> None:
        """Let a bookkeeper make, change and void so many journals."""
        for number in range(count):
            self.advance(60)
            amount = Decimal("2.90") + number
            lines = [
                {"LineAmount": amount, "AccountCode": "404", "TaxType": "NONE"},
                {"LineAmount": -amount, "AccountCode": "610", "TaxType": "NONE"},
            ]
            status = "DRAFT" if number % 3 == 1 else "POSTED"
            row = self.vendor.book(f"Accrual {number}", lines, on=date(2026, 11, 2), status=status)
            if number % 4 == 3:
                self.vendor.change(row["ManualJournalID"], Status="VOIDED")

    def contents(self) -> Mapping[str, CommandContent]:
        """Return a journal."""
        return {_POST: self._journal(_NUMBER, "404")}

    def refused(self) -> Mapping[str, CommandContent]:
        """Return a journal on an account that does not exist."""
        return {_POST: self._journal("QUALITY-2", "999")}

    def done(self, kind: str) -> int:
        """Return how many journals begin with the journal's number."""
        told = (str(row["Narration"]) for row in self.vendor.journals.values())
        return sum(kind == _POST and each.startswith(f"{_NUMBER} ") for each in told)

    def _journal(self, number: str, account: str) -> PostJournal:
        amount = Money(Decimal("19.99"), "GBP")
        lines = (
            PostJournalLine(account_ref="610", amount=amount),
            PostJournalLine(account_ref=account, amount=-amount),
        )
        return PostJournal(number=number, posted_on=date(2026, 11, 1), lines=lines)


def open_twin() -> Twin:
    """Open a fresh organisation."""
    return XeroTwin()

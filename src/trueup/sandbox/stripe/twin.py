"""The simulated Stripe, as the rules of quality use it."""

from collections.abc import Mapping
from decimal import Decimal

from trueup.canon.command import CommandContent, RefundPayment
from trueup.kernel.money import Money
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.stripe.vendor import API_KEY, StripeVendor
from trueup.sandbox.twin import Twin, VendorTwin

_REFUND = "payment.refund"
_DAY_S = 86_400


class StripeTwin(VendorTwin[StripeVendor]):
    """One account with a payment to be refunded, and one that was refunded already."""

    def __init__(self) -> None:
        super().__init__(StripeVendor(ManualClock()))
        self.secrets = {"api_key": API_KEY, "webhook_secret": self.vendor.webhook_secret}
        account = self.vendor.account
        # A direct debit, of which Stripe decides later.
        self._payment = account.sell(12_000, method="sepa_debit")
        self._refunded = account.sell(3_000)
        account.refund({"charge": self._refunded})

    def happen(self, count: int) -> None:
        """Let so many customers pay, and some have it back, dispute it, or never take it."""
        account = self.vendor.account
        for number in range(count):
            self.advance(_DAY_S / 8)
            ref = account.sell(
                2_000 + number, capture=number % 5 != 1, metadata={"order_id": f"Q-{number}"}
            )
            if number % 5 == 1:
                account.capture(ref, 1_500) if number % 2 else account.release(ref)
            elif number % 5 == 2:
                account.refund({"charge": ref, "amount": "700"})
            elif number % 5 == 3:
                account.close_dispute(account.dispute(ref), won=number % 2 == 0)
            for payout in account.end_day():
                account.arrive(payout)
        self.advance(3 * _DAY_S)
        for payout in account.end_day():
            account.arrive(payout)

    def contents(self) -> Mapping[str, CommandContent]:
        """Return the refund of a part of the payment."""
        return {_REFUND: _part_of(self._payment, "20.00")}

    def refused(self) -> Mapping[str, CommandContent]:
        """Return the refund of what was refunded already."""
        return {_REFUND: _part_of(self._refunded, "5.00")}

    def done(self, kind: str) -> int:
        """Return how many refunds the payment has."""
        refunds = self.vendor.account.refunds.values()
        return sum(kind == _REFUND and refund["charge"] == self._payment for refund in refunds)

    def settle(self) -> None:
        """Let what is pending succeed."""
        for ref, refund in list(self.vendor.account.refunds.items()):
            if refund["status"] == "pending":
                self.vendor.account.finish_refund(ref)


def _part_of(payment: str, amount: str) -> RefundPayment:
    return RefundPayment(payment_ref=payment, amount=Money(Decimal(amount), "EUR"))


def open_twin() -> Twin:
    """Open a fresh account."""
    return StripeTwin()

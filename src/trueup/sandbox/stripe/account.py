"""The state of a simulated account, and what happens in it: sales, refunds, disputes, payouts."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from trueup.sandbox.stripe.bodies import (
    Body,
    charge_body,
    dispute_body,
    entry_body,
    payout_body,
    refund_body,
)
from trueup.sandbox.stripe.refusal import Refusal

SETTLED_IN = "eur"
_FEE_PERCENT = Decimal("1.5")
_FEE_FIXED = 25
_FEE_DISPUTE = 2000
_DAYS_HELD = 2
_SLOW_METHODS = frozenset(("sepa_debit", "customer_balance"))


class Account:
    """One account.

    Args:
        now: the vendor's time.
        code: gives a new random part of an id.
        tell: hears of each event: its kind and the object.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        code: Callable[[], str],
        tell: Callable[[str, Body], None],
    ) -> None:
        self._now, self._code, self._tell = now, code, tell
        self.charges: dict[str, Body] = {}
        self.refunds: dict[str, Body] = {}
        self.disputes: dict[str, Body] = {}
        self.entries: dict[str, Body] = {}
        self.payouts: dict[str, Body] = {}
        self.payout_of: dict[str, str] = {}
        self.rates: dict[str, str] = {}

    # -- sales -----------------------------------------------------------------------------------

    def sell(
        self,
        amount: int,
        currency: str = SETTLED_IN,
        *,
        capture: bool = True,
        method: str = "card",
        metadata: dict[str, str] | None = None,
        description: str | None = None,
        email: str | None = None,
    ) -> str:
        """Let a customer pay; returns the charge's id."""
        charge = charge_body(
            f"ch_{self._code()}",
            amount=amount,
            currency=currency,
            at=self.unix(),
            intent=f"pi_{self._code()}",
            method=method,
            metadata=metadata or {},
            description=description,
            email=email,
        )
        self.charges[charge["id"]] = charge
        if capture:
            self._take(charge, amount)
        self._told("charge.succeeded", charge)
        return str(charge["id"])

    def decline(self, amount: int, code: str = "card_declined") -> str:
        """Let a customer try to pay in vain."""
        ref = self.sell(amount, capture=False)
        charge = self.charges[ref] | {"status": "failed", "paid": False, "failure_code": code}
        self.charges[ref] = charge
        self._told("charge.failed", charge)
        return ref

    def capture(self, ref: str, amount: int | None = None) -> None:
        """Take what was authorised, or a part of it."""
        charge = self.charges[ref]
        self._take(charge, amount or charge["amount"])
        self._told("charge.captured", charge)

    def release(self, ref: str) -> None:
        """Let an authorisation go."""
        charge = self.charges[ref]
        charge |= {"refunded": True, "amount_refunded": charge["amount"]}
        self._told("charge.expired", charge)

    # -- refunds and disputes --------------------------------------------------------------------

    def refund(self, asked: Body) -> Body:
        """Refund as a form asks.

        Raises:
            Refusal: Stripe's reason.
        """
        charge = self._charge_of(asked)
        left = charge["amount_captured"] - charge["amount_refunded"]
        if charge["refunded"]:
            raise Refusal(400, "charge_already_refunded", f"Charge {charge['id']} is refunded.")
        if charge["disputed"]:
            raise Refusal(400, "charge_disputed", "The charge has been charged back.")
        amount = int(asked.get("amount", left))
        if amount > left:
            # Stripe has no code for this, only the parameter and a sentence.
            raise Refusal(400, None, f"{amount} is greater than what is left ({left}).", "amount")
        if amount < 1:
            raise Refusal(400, "parameter_invalid_integer", "Below 1.", "amount", saved=False)
        slow = charge["payment_method_details"]["type"] in _SLOW_METHODS
        refund = refund_body(
            f"re_{self._code()}",
            charge=charge,
            at=self.unix(),
            status="pending" if slow else "succeeded",
            asked={**asked, "amount": amount},
        )
        self.refunds[refund["id"]] = refund
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
        kind = ("refund", "refund")
        refund["balance_transaction"] = self._post(-amount, charge["currency"], kind, refund["id"])
        self._told("refund.created", refund)
        self._told("charge.refunded", charge)
        return refund

    def finish_refund(self, ref: str, *, well: bool = True) -> None:
        """Let a slow refund succeed or fail; a failed one puts the money back."""
        refund = self.refunds[ref]
        if well:
            refund["status"] = "succeeded"
            self._told("refund.updated", refund)
            return
        refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
        charge = self.charges[refund["charge"]]
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
        kind = ("refund_failure", "refund_failure")
        self._post(refund["amount"], refund["currency"], kind, ref)
        self._told("refund.failed", refund)

    def dispute(self, ref: str, reason: str = "product_not_received") -> str:
        """Let the customer's bank take a payment back; returns the dispute's id."""
        charge = self.charges[ref]
        due_by = self.unix() + int(timedelta(days=9).total_seconds())
        dispute = dispute_body(
            f"du_{self._code()}", charge=charge, at=self.unix(), reason=reason, due_by=due_by
        )
        charge["disputed"] = True
        self.disputes[dispute["id"]] = dispute
        fees = [("stripe_fee", _FEE_DISPUTE)]
        kind = ("adjustment", "dispute")
        self._post(-dispute["amount"], dispute["currency"], kind, dispute["id"], fees)
        self._told("charge.dispute.created", dispute)
        self._told("charge.updated", charge)
        return str(dispute["id"])

    def close_dispute(self, ref: str, *, won: bool) -> None:
        """Let the bank decide."""
        dispute = self.disputes[ref]
        dispute["status"] = "won" if won else "lost"
        if won:
            kind = ("adjustment", "dispute_reversal")
            self._post(dispute["amount"], dispute["currency"], kind, ref)
        self._told("charge.dispute.closed", dispute)

    # -- payouts ---------------------------------------------------------------------------------

    def end_day(self) -> list[str]:
        """Make available what was held long enough, and pay it out; returns the payouts' ids."""
        now = self.unix()
        waiting: dict[str, list[Body]] = {}
        for entry in self.entries.values():
            if entry["available_on"] <= now:
                entry["status"] = "available"
            if entry["status"] == "available" and entry["id"] not in self.payout_of:
                waiting.setdefault(entry["currency"], []).append(entry)
        sums = {code: sum(e["net"] for e in found) for code, found in waiting.items()}
        # A balance below zero is carried on to the next day.
        return [self._pay_out(c, waiting[c], total) for c, total in sums.items() if total > 0]

    def arrive(self, ref: str, *, well: bool = True) -> None:
        """Let a payout reach the bank, or come back from it."""
        payout = self.payouts[ref]
        if well:
            payout |= {"status": "paid", "trace_id": {"status": "supported", "value": f"T{ref}"}}
            self._told("payout.paid", payout)
            return
        payout |= {"status": "failed", "failure_code": "account_closed"}
        kind = ("payout_failure", "payout_reversal")
        self._post(payout["amount"], payout["currency"], kind, ref)
        self._told("payout.failed", payout)

    def balance(self) -> dict[str, list[dict[str, Any]]]:
        """Return what is available and what is pending, by currency."""
        sums: dict[str, dict[str, int]] = {"available": {SETTLED_IN: 0}, "pending": {SETTLED_IN: 0}}
        for entry in self.entries.values():
            side = sums[entry["status"]]
            side[entry["currency"]] = side.get(entry["currency"], 0) + entry["net"]
        return {
            side: [{"amount": total, "currency": code} for code, total in sorted(found.items())]
            for side, found in sums.items()
        }

    def unix(self) -> int:
        """Return the time as Stripe writes it."""
        return int(self._now().timestamp())

    # -- inside ----------------------------------------------------------------------------------

    def _take(self, charge: Body, amount: int) -> None:
        charge |= {"captured": True, "amount_captured": amount}
        settled, _ = self._settled(amount, charge["currency"])
        part = (settled * _FEE_PERCENT / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        fees = [("stripe_fee", int(part) + _FEE_FIXED)]
        kind = ("charge", "charge")
        charge["balance_transaction"] = self._post(
            amount, charge["currency"], kind, charge["id"], fees
        )

    def _post(
        self,
        amount: int,
        currency: str,
        kind: tuple[str, str],
        source: str,
        fees: list[tuple[str, int]] | None = None,
    ) -> str:
        """Write a line of the account, in the currency that is settled in."""
        settled, rate = self._settled(amount, currency)
        held = self._now() + timedelta(days=_DAYS_HELD if kind[0] == "charge" else 0)
        midnight = held.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        entry = entry_body(
            f"txn_{self._code()}",
            amount=settled,
            currency=SETTLED_IN if rate else currency,
            at=self.unix(),
            available_on=max(int(midnight.timestamp()), self.unix()),
            kind=kind,
            source=source,
            fees=fees or [],
            rate=rate,
        )
        self.entries[entry["id"]] = entry
        return str(entry["id"])

    def _settled(self, amount: int, currency: str) -> tuple[int, str | None]:
        rate = self.rates.get(currency)
        if rate is None:
            return amount, None
        return int((amount * Decimal(rate)).quantize(Decimal(1), rounding=ROUND_HALF_UP)), rate

    def _pay_out(self, currency: str, entries: list[Body], total: int) -> str:
        ref, at = f"po_{self._code()}", self.unix()
        own = self._post(-total, currency, ("payout", "payout"), ref)
        self.entries[own]["status"] = "available"
        arrives = at + int(timedelta(days=1).total_seconds())
        payout = payout_body(ref, amount=total, currency=currency, at=at, arrives=arrives, own=own)
        self.payouts[ref] = payout
        for entry in [*entries, self.entries[own]]:
            self.payout_of[entry["id"]] = ref
        self._told("payout.created", payout)
        self._told("payout.reconciliation_completed", payout)
        return ref

    def _charge_of(self, asked: Body) -> Body:
        if "charge" in asked:
            charge = self.charges.get(asked["charge"])
        else:
            wanted = asked.get("payment_intent")
            fitting = [c for c in self.charges.values() if c["payment_intent"] == wanted]
            charge = fitting[0] if fitting else None
        if charge is None:
            name = "charge" if "charge" in asked else "payment_intent"
            raise Refusal(404, "resource_missing", f"No such {name}.", name, saved=False)
        return charge

    def _told(self, kind: str, about: Body) -> None:
        self._tell(kind, copy.deepcopy(about))

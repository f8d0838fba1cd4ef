"""Shopify Payments as the API shows it."""

from typing import Any

from trueup.sandbox.shopify import scopes
from trueup.sandbox.shopify.payouts import BalanceLine, PaymentsAccount, Payout
from trueup.sandbox.shopify.shop import gid
from trueup.sandbox.shopify.view import Ask, Pick, View, listed, money, searched

__all__ = ["AccountView", "BalanceLineView", "PayoutView", "allow"]

_SCOPES = frozenset(("read_shopify_payments_accounts", "read_shopify_payments_payouts"))
_PAYOUT_FIELDS = {"issued_at": lambda it: it.at, "id": lambda it: it.id}
_LINE_FIELDS = {"processed_at": lambda it: it.at, "id": lambda it: it.id}


def allow(ask: Ask) -> None:
    """Raise what the vendor answers where a scope is missing."""
    scopes.allow(ask, "shopifyPaymentsAccount", *_SCOPES)


class PayoutView(View[Payout]):
    """Money on its way to the bank."""

    typename = "ShopifyPaymentsPayout"

    @property
    def issued_at(self) -> object:
        """When it was made."""
        return self.it.at

    @property
    def external_trace_id(self) -> str | None:
        """The bank's number of it."""
        return self.it.trace

    @property
    def transaction_type(self) -> str:
        """Which way it goes."""
        return "DEPOSIT" if self.it.net >= 0 else "WITHDRAWAL"

    @property
    def net(self) -> Pick:
        """How much it is."""
        return money(self.it.net, self.shop.settings.currency)


class BalanceLineView(View[BalanceLine]):
    """One line of the account."""

    typename = "ShopifyPaymentsBalanceTransaction"
    test = False
    adjustment_reason = None

    @property
    def transaction_date(self) -> object:
        """When it was."""
        return self.it.at

    @property
    def amount(self) -> Pick:
        """Before the fee."""
        return money(self.it.amount, self._currency)

    @property
    def fee(self) -> Pick:
        """The fee."""
        return money(self.it.fee, self._currency)

    @property
    def net(self) -> Pick:
        """After the fee."""
        return money(self.it.net, self._currency)

    @property
    def _currency(self) -> str:
        return self.it.currency or self.shop.settings.currency

    @property
    def source_order_transaction_id(self) -> int | None:
        """The order's own transaction behind it."""
        return self.it.transaction_id

    @property
    def associated_payout(self) -> Pick:
        """The payout that it was paid out with."""
        payout = self.it.payout
        name = "ShopifyPaymentsBalanceTransactionAssociatedPayout"
        if payout is None:
            return Pick(name, id=None, status="PENDING")
        return Pick(name, id=gid("ShopifyPaymentsPayout", payout.id), status=payout.status)

    @property
    def associated_order(self) -> Pick | None:
        """The order that it is about."""
        if self.it.order_id is None:
            return None
        order_gid = gid("Order", self.it.order_id)
        return Pick("ShopifyPaymentsAssociatedOrder", id=order_gid, name=self.it.order_name)

    @property
    def adjustments_orders(self) -> list[Pick]:
        """Orders that a correction is about."""
        return []


class AccountView(View[PaymentsAccount]):
    """The shop's account."""

    typename = "ShopifyPaymentsAccount"
    activated = True

    @property
    def default_currency(self) -> str:
        """The currency that is paid out in."""
        return self.shop.settings.currency

    def payouts(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return payouts, oldest first."""
        rows = searched(list(self.it.payouts.values()), args.get("query"), _PAYOUT_FIELDS)
        return listed(
            self.ask, rows, lambda it: PayoutView(self.ask, it), args, key=lambda it: (it.at, it.id)
        )

    def balance_transactions(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return lines, oldest first."""
        rows = list(self.it.lines.values())
        if args.get("hide_transfers"):
            rows = [line for line in rows if line.type != "TRANSFER"]
        rows = searched(rows, args.get("query"), _LINE_FIELDS)
        return listed(
            self.ask,
            rows,
            lambda it: BalanceLineView(self.ask, it),
            args,
            key=lambda it: (it.at, it.id),
        )

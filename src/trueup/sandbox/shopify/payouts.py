"""Shopify Payments: the account line by line, and payouts that are the sums of their lines."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from trueup.sandbox.shopify.model import Order, Transaction
from trueup.sandbox.shopify.shop import Shop

__all__ = ["BalanceLine", "PaymentsAccount", "Payout", "account_of", "adjust", "arrive", "end_day"]

_FEE_SHARE = Decimal("0.029")
_FEE_EACH = Decimal("0.30")
_CENT = Decimal("0.01")
_RESERVE_SHARE = Decimal("0.10")
_RESERVE_HELD = timedelta(days=5)
_FOREIGN = frozenset(("gift_card", "manual", "cash"))
_KINDS = {"sale": "CHARGE", "capture": "CHARGE", "refund": "REFUND"}
ZERO = Decimal(0)


@dataclass(slots=True)
class BalanceLine:
    """Why the account changed; `net` is `amount - fee`. No `currency`: it is the shop's."""

    id: int
    type: str
    amount: Decimal
    fee: Decimal
    at: datetime
    order_name: str | None = None
    order_id: int | None = None
    transaction_id: int | None = None
    source_id: int | None = None
    source_type: str | None = None
    payout: "Payout | None" = None
    currency: str | None = None

    @property
    def net(self) -> Decimal:
        """What the account changed by."""
        return self.amount - self.fee


@dataclass(slots=True)
class Payout:
    """Money on its way to the bank; below zero it is taken from there."""

    id: int
    net: Decimal
    at: datetime
    status: str = "SCHEDULED"
    trace: str | None = None


@dataclass(slots=True)
class PaymentsAccount:
    """One shop's account.

    Attributes:
        reserves: a share of each day's charges is held back for some days.
        seen: transactions that stand in the account.
        held: what is held back, and since when.
    """

    id: int
    reserves: bool = True
    lines: dict[int, BalanceLine] = field(default_factory=dict)
    payouts: dict[int, Payout] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    held: list[tuple[datetime, Decimal]] = field(default_factory=list)


def account_of(shop: Shop) -> PaymentsAccount:
    """Return the shop's account, opened where it is not yet."""
    if shop.payments is None:
        shop.payments = PaymentsAccount(shop.new_id())
    account: PaymentsAccount = shop.payments
    return account


def end_day(shop: Shop) -> Payout | None:
    """Book what was paid since, and pay out what waits; None where that is nothing."""
    account = account_of(shop)
    for order in shop.orders.values():
        for transaction in order.transactions:
            _book(shop, account, order, transaction)
    _release(shop, account)
    waiting = [line for line in account.lines.values() if line.payout is None]
    charged = sum((line.net for line in waiting if line.type == "CHARGE"), ZERO)
    if account.reserves and charged > 0:
        held = (charged * _RESERVE_SHARE).quantize(_CENT)
        waiting.append(_line(shop, account, "RESERVED_FUNDS_WITHDRAWAL", -held))
        account.held.append((shop.now(), held))
    net = sum((line.net for line in waiting), ZERO)
    if not waiting or not net:
        return None
    payout = Payout(shop.new_id(), net, shop.now())
    account.payouts[payout.id] = payout
    waiting.append(_line(shop, account, "TRANSFER", -net, source=payout.id, of="TRANSFER"))
    for line in waiting:
        line.payout = payout
    return payout


def arrive(shop: Shop, payout: Payout, *, well: bool = True) -> None:
    """Let a payout reach the bank, or come back: then its money waits for the next one."""
    payout.trace = f"TRACE{payout.id}"
    payout.status = "PAID" if well else "FAILED"
    if not well:
        _line(shop, account_of(shop), "TRANSFER_FAILURE", payout.net, source=payout.id)


def adjust(shop: Shop, kind: str, amount: Decimal, *, fee: Decimal = ZERO) -> BalanceLine:
    """Add a line of any type, such as a dispute or a correction."""
    return _line(shop, account_of(shop), kind, amount, fee=fee)


def _book(shop: Shop, account: PaymentsAccount, order: Order, transaction: Transaction) -> None:
    kind = _KINDS.get(transaction.kind)
    own = transaction.gateway not in _FOREIGN and transaction.status == "success"
    if kind is None or not own or transaction.id in account.seen:
        return
    account.seen.add(transaction.id)
    amount = transaction.amount.shop
    fee = (amount * _FEE_SHARE + _FEE_EACH).quantize(_CENT) if kind == "CHARGE" else ZERO
    line = _line(shop, account, kind, amount if kind == "CHARGE" else -amount, fee=fee)
    line.order_name, line.order_id = order.name, order.id
    line.transaction_id = line.source_id = transaction.id
    line.source_type = kind


def _release(shop: Shop, account: PaymentsAccount) -> None:
    due = [part for part in account.held if part[0] + _RESERVE_HELD <= shop.now()]
    account.held = [part for part in account.held if part not in due]
    for _, amount in due:
        _line(shop, account, "RESERVED_FUNDS_REVERSAL", amount)


def _line(
    shop: Shop,
    account: PaymentsAccount,
    kind: str,
    amount: Decimal,
    *,
    fee: Decimal = ZERO,
    source: int | None = None,
    of: str | None = None,
) -> BalanceLine:
    line = BalanceLine(shop.new_id(), kind, amount, fee, shop.now())
    line.source_id, line.source_type = source, of
    account.lines[line.id] = line
    return line

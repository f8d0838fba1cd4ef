"""What records mean for money. Pure: the same record, the same positions.

As with stock, the rules say what a record is worth in total, and what is posted is the difference
to what was posted for it before. Between any two systems that tell of the same money stands an
account that both post to, the one with a plus and the other with a minus: what is left there is
told by one of them only.

    seller's payment -> collected <- provider's entry -> clearing <- payout -> transit
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from typing import Any, Final, NamedTuple

from trueup.canon.bank import BankLine, BankLineState
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.payout import BalanceEntry, EntryKind, Payout, PayoutState
from trueup.canon.record import Record
from trueup.canon.refund import Refund
from trueup.kernel.money import Money

MONEY_KINDS: Final = frozenset(
    (Payment.kind, Refund.kind, BalanceEntry.kind, Payout.kind, BankLine.kind)
)
"""Kinds of records that move money."""


class MoneyAccount(StrEnum):
    """An account of the money ledger; above zero is a debit.

    An item tells what on it belongs together, and should come to nothing in the end: a payout for
    clearing and transit, a payment for collected, an order for receivable.
    """

    RECEIVABLE = "receivable"  # what customers owe, less what they paid
    COLLECTED = "collected"  # paid by a seller's word, and not by a provider's yet
    CLEARING = "clearing"  # lies at a provider
    TRANSIT = "transit"  # paid out, and not matched with a line of the bank
    BANK = "bank"
    UNMATCHED = "unmatched"  # lines of the bank that nothing explains yet
    RESERVES = "reserves"  # held back by a provider
    GIFT_CARDS = "gift_cards"  # owed to who holds one
    REFUNDS = "refunds"
    FEES = "fees"
    TAXES = "taxes"
    SHIPPING = "shipping"
    PROMOTIONS = "promotions"
    DISPUTES = "disputes"
    ADJUSTMENTS = "adjustments"
    TRANSFERS = "transfers"
    UNKNOWN = "unknown"


class MoneyPosition(NamedTuple):
    """An account at a connection, one item of it, in one currency."""

    account: MoneyAccount
    connection_id: int
    item: str
    currency: str


MoneyPositions = dict[MoneyPosition, Decimal]
"""Exact amounts; those of one currency always sum to zero."""

_Move = tuple[tuple[MoneyAccount, str], tuple[MoneyAccount, str], Money]
"""Which account and item gets a debit, which a credit, and how much; it may be below zero."""

EXACT: Final = Context(prec=200, traps=[Inexact, InvalidOperation])
"""Adds without rounding; more digits than any amount has are an error, and no cent less."""

_AGAINST: Final = {
    EntryKind.CHARGE: MoneyAccount.COLLECTED,
    EntryKind.REFUND: MoneyAccount.COLLECTED,
    EntryKind.REFUND_FAILED: MoneyAccount.COLLECTED,
    EntryKind.DISPUTE: MoneyAccount.DISPUTES,
    EntryKind.DISPUTE_WON: MoneyAccount.DISPUTES,
    EntryKind.FEE: MoneyAccount.FEES,
    EntryKind.TAX: MoneyAccount.TAXES,
    EntryKind.SHIPPING: MoneyAccount.SHIPPING,
    EntryKind.PROMOTION: MoneyAccount.PROMOTIONS,
    EntryKind.ADJUSTMENT: MoneyAccount.ADJUSTMENTS,
    EntryKind.RESERVE_HELD: MoneyAccount.RESERVES,
    EntryKind.RESERVE_RELEASED: MoneyAccount.RESERVES,
    EntryKind.TRANSFER: MoneyAccount.TRANSFERS,
    EntryKind.TOP_UP: MoneyAccount.TRANSFERS,
    EntryKind.UNKNOWN: MoneyAccount.UNKNOWN,
}
_PAYS: Final = {
    PaymentKind.SALE: 1,
    PaymentKind.CAPTURE: 1,
    PaymentKind.REFUND: -1,
    PaymentKind.CHANGE: -1,
}
_PAID_OUT: Final = frozenset((PayoutState.PENDING, PayoutState.IN_TRANSIT, PayoutState.PAID))


def money_of_record(record: Record, connection_id: int, *, pays_out: bool) -> MoneyPositions:
    """Return what a record is worth, account by account; nothing where it moves no money.

    Args:
        record: any; payments, refunds, entries of a provider's account, payouts and lines of a
            bank move money.
        connection_id: who tells it.
        pays_out: it pays out what others sold: its payments stand in its entries once more.
    """
    found: MoneyPositions = defaultdict(Decimal)
    rule = _RULES.get(type(record))
    told_by_entries = pays_out and isinstance(record, Payment | Refund)
    if rule is None or record.deleted or told_by_entries:
        return {}
    for debit, credit, money in rule(record):
        for side, amount in ((debit, money.amount), (credit, EXACT.minus(money.amount))):
            position = MoneyPosition(side[0], connection_id, side[1], money.currency)
            found[position] = EXACT.add(found[position], amount)
    return {position: amount for position, amount in found.items() if amount}


def _payment(payment: Payment) -> list[_Move]:
    """A payment counts that went through and is no more than a promise."""
    sign = _PAYS.get(payment.payment_kind)
    if sign is None or payment.state is not PaymentState.SUCCEEDED or payment.test:
        return []
    paid = (MoneyAccount.COLLECTED, payment.ref)
    if payment.gift_card_ref is not None:
        paid = (MoneyAccount.GIFT_CARDS, "")
    booked = payment.price.booked
    money = booked if sign > 0 else -booked
    return [(paid, (MoneyAccount.RECEIVABLE, payment.order_ref or ""), money)]


def _entry(entry: BalanceEntry) -> list[_Move]:
    """An entry of a provider's account; that of a payout tells what the payout tells."""
    against = _AGAINST.get(entry.entry)
    if against is None:
        return []
    here = (MoneyAccount.CLEARING, entry.payout_ref or "")
    item = entry.payment_ref or entry.ref if against is MoneyAccount.COLLECTED else ""
    return [(here, (against, item), entry.gross), ((MoneyAccount.FEES, ""), here, entry.fee)]


def _refund(refund: Refund) -> list[_Move]:
    if refund.refunded is None:
        return []
    owed = (MoneyAccount.RECEIVABLE, refund.order_ref or "")
    return [((MoneyAccount.REFUNDS, ""), owed, refund.refunded.booked)]


def _payout(payout: Payout) -> list[_Move]:
    if payout.state not in _PAID_OUT:
        return []
    return [
        ((MoneyAccount.TRANSIT, payout.ref), (MoneyAccount.CLEARING, payout.ref), payout.amount)
    ]


def _bank_line(line: BankLine) -> list[_Move]:
    if line.state is not BankLineState.BOOKED:
        return []
    return [
        ((MoneyAccount.BANK, line.account_ref), (MoneyAccount.UNMATCHED, line.ref), line.amount)
    ]


_RULES: Final[Mapping[type[Record], Callable[[Any], list[_Move]]]] = {
    Payment: _payment,
    Refund: _refund,
    BalanceEntry: _entry,
    Payout: _payout,
    BankLine: _bank_line,
}


def occurred_on(record: Record) -> date:
    """Return the day on which a record's money moved, in UTC or by the bank's calendar."""
    found: datetime | date | None = None
    if isinstance(record, Payment):
        found = record.processed_at
    elif isinstance(record, Refund | Payout):
        found = record.created_at
    elif isinstance(record, BalanceEntry):
        found = record.occurred_at
    elif isinstance(record, BankLine):
        found = record.booked_on or record.value_on
    if isinstance(found, date) and not isinstance(found, datetime):
        return found
    return (found or record.updated_at).date()

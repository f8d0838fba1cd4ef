"""What records mean for money. Pure: the same record, the same positions.

As with stock, the rules say what a record is worth in total, and what is posted is the difference
to what was posted for it before. Between any two systems that tell of the same money stands an
account that both post to, the one with a plus and the other with a minus: what is left there is
told by one of them only.

    order -> receivable <- seller's payment -> collected <- provider's entry -> clearing
    clearing <- payout -> transit

What an order and its refunds are worth together is found in `trueup.ledger.sold`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from typing import Any, Final, NamedTuple

from trueup.canon.bank import BankLine, BankLineState
from trueup.canon.match import BankMatch
from trueup.canon.order import Order
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.payout import BalanceEntry, EntryKind, Payout, PayoutState
from trueup.canon.record import Record
from trueup.canon.refund import Refund
from trueup.kernel.money import Money

SALE_KINDS: Final = frozenset((Order.kind, Payment.kind, Refund.kind))
"""Kinds of records that tell of one sale together."""

MONEY_KINDS: Final = SALE_KINDS | {*(BalanceEntry.kind, Payout.kind, BankLine.kind, BankMatch.kind)}
"""Kinds of records that move money."""


class Teller(StrEnum):
    """What a connection's word about money is worth."""

    SELLER = "seller"  # sells, and tells its payments; others' accounts tell them once more
    PAID_ORDERS = "paid_orders"  # sells, and of payments tells only that an order was paid
    MARKETPLACE = "marketplace"  # sells, and its own account is all that tells of the payments
    PAYMENTS = "payments"  # pays out what others sold: its entries tell its payments
    COPY = "copy"  # orders and payments that it tells are told by whoever sold


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
    SALES = "sales"  # goods after discounts, without tax
    TIPS = "tips"
    DUTIES = "duties"
    SURCHARGES = "surcharges"  # what an order charged besides: handling, wrapping, a fee
    CANCELLED = "cancelled"  # of a cancelled order what is not owed any more
    ROUNDING = "rounding"  # between an order's parts and its total, up to a smallest unit a part
    UNPLACED = "unplaced"  # between them, and more than that
    EXCHANGE = "exchange"  # between two currencies of the same money
    FEES = "fees"
    TAXES = "taxes"
    SHIPPING = "shipping"
    PROMOTIONS = "promotions"
    DISPUTES = "disputes"
    ADJUSTMENTS = "adjustments"
    TRANSFERS = "transfers"
    UNKNOWN = "unknown"


SELLERS: Final = frozenset((Teller.SELLER, Teller.PAID_ORDERS, Teller.MARKETPLACE))
"""Whose orders, refunds and payments count."""


class MoneyPosition(NamedTuple):
    """An account at a connection, one item of it, in one currency."""

    account: MoneyAccount
    connection_id: int
    item: str
    currency: str


MoneyPositions = dict[MoneyPosition, Decimal]
"""Exact amounts; those of one currency always sum to zero."""

Move = tuple[tuple[MoneyAccount, str], tuple[MoneyAccount, str], Money]
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
_PAID_BY_CUSTOMER: Final = frozenset(
    (EntryKind.CHARGE, EntryKind.SHIPPING, EntryKind.TAX, EntryKind.PROMOTION)
)
_PAYS: Final = {
    PaymentKind.SALE: 1,
    PaymentKind.CAPTURE: 1,
    PaymentKind.REFUND: -1,
    PaymentKind.CHANGE: -1,
}
_PAID_OUT: Final = frozenset((PayoutState.PENDING, PayoutState.IN_TRANSIT, PayoutState.PAID))


def money_of_record(record: Record, connection_id: int, *, teller: Teller) -> MoneyPositions:
    """Return what a record is worth by itself, account by account; nothing where it moves no money.

    Orders and refunds are worth what they are worth together: `money_of_sale` of
    `trueup.ledger.sold`.

    Args:
        record: any; payments, entries of a provider's account, payouts and lines of a bank move
            money by themselves.
        connection_id: who tells it.
        teller: what its word is worth.
    """
    if record.deleted:
        return {}
    if isinstance(record, Payment):
        return positions_of(_payment(record), connection_id) if teller in SELLERS else {}
    if isinstance(record, BalanceEntry) and teller is Teller.MARKETPLACE:
        return positions_of(_own_entry(record), connection_id)
    if isinstance(record, BankMatch):
        return _match(record)
    rule = _RULES.get(type(record))
    return {} if rule is None else positions_of(rule(record), connection_id)


def positions_of(moves: Iterable[Move], connection_id: int) -> MoneyPositions:
    """Return the sum of moves, account by account, exactly."""
    found: MoneyPositions = defaultdict(Decimal)
    for debit, credit, money in moves:
        for side, amount in ((debit, money.amount), (credit, EXACT.minus(money.amount))):
            position = MoneyPosition(side[0], connection_id, side[1], money.currency)
            found[position] = EXACT.add(found[position], amount)
    return {position: amount for position, amount in found.items() if amount}


def _payment(payment: Payment) -> list[Move]:
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


def _entry(entry: BalanceEntry) -> list[Move]:
    """An entry of a provider's account; that of a payout tells what the payout tells."""
    against = _AGAINST.get(entry.entry)
    if against is None:
        return []
    here = (MoneyAccount.CLEARING, entry.payout_ref or "")
    item = entry.payment_ref or entry.ref if against is MoneyAccount.COLLECTED else ""
    return [(here, (against, item), entry.gross), ((MoneyAccount.FEES, ""), here, entry.fee)]


def _own_entry(entry: BalanceEntry) -> list[Move]:
    """An entry of a marketplace that sold by itself: nobody else tells of the payment.

    What the customer paid of an order settles what was owed for it. An entry that names a refund
    is about that, and what it withheld of a tax it owes itself.
    """
    here, kind = (MoneyAccount.CLEARING, entry.payout_ref or ""), entry.entry
    withheld = kind is EntryKind.TAX and entry.gross.amount < 0
    if entry.order_ref is None:
        return _entry(entry)
    if kind in {EntryKind.REFUND, EntryKind.REFUND_FAILED}:
        against = (MoneyAccount.REFUNDS, "")
    elif kind in _PAID_BY_CUSTOMER and entry.payment_ref is None and not withheld:
        against = (MoneyAccount.RECEIVABLE, entry.order_ref)
    else:
        return _entry(entry)
    return [(here, against, entry.gross), ((MoneyAccount.FEES, ""), here, entry.fee)]


def _payout(payout: Payout) -> list[Move]:
    if payout.state not in _PAID_OUT:
        return []
    return [
        ((MoneyAccount.TRANSIT, payout.ref), (MoneyAccount.CLEARING, payout.ref), payout.amount)
    ]


def _bank_line(line: BankLine) -> list[Move]:
    if line.state is not BankLineState.BOOKED:
        return []
    return [
        ((MoneyAccount.BANK, line.account_ref), (MoneyAccount.UNMATCHED, line.ref), line.amount)
    ]


def _match(match: BankMatch) -> MoneyPositions:
    """A match closes both of its sides, each where it was told; what they are off is placed."""
    found: MoneyPositions = defaultdict(Decimal)
    off: dict[str, Decimal] = defaultdict(Decimal)
    sides = ((match.payouts, MoneyAccount.TRANSIT, -1), (match.lines, MoneyAccount.UNMATCHED, 1))
    for rows, account, sign in sides:
        for row in rows:
            currency = row.amount.currency
            amount = row.amount.amount if sign > 0 else EXACT.minus(row.amount.amount)
            position = MoneyPosition(account, row.connection_id, row.ref, currency)
            found[position] = EXACT.add(found[position], amount)
            off[currency] = EXACT.add(off[currency], amount)
    account = MoneyAccount(match.difference or MoneyAccount.ADJUSTMENTS)
    told_by = match.lines[0].connection_id
    for currency, amount in off.items():
        position = MoneyPosition(account, told_by, "", currency)
        found[position] = EXACT.subtract(found[position], amount)
    return {position: amount for position, amount in found.items() if amount}


_RULES: Final[Mapping[type[Record], Callable[[Any], list[Move]]]] = {
    BalanceEntry: _entry,
    Payout: _payout,
    BankLine: _bank_line,
}


def occurred_on(record: Record) -> date:
    """Return the day on which a record's money moved, in UTC or by the bank's calendar."""
    found: datetime | date | None = None
    if isinstance(record, Order):
        found = record.placed_at
    elif isinstance(record, Payment):
        found = record.processed_at
    elif isinstance(record, Refund | Payout):
        found = record.created_at
    elif isinstance(record, BalanceEntry):
        found = record.occurred_at
    elif isinstance(record, BankLine):
        found = record.booked_on or record.value_on
    elif isinstance(record, BankMatch):
        found = record.booked_on
    if isinstance(found, date) and not isinstance(found, datetime):
        return found
    return (found or record.updated_at).date()

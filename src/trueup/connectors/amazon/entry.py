"""What settlement rows mean: one payout, and one entry per amount."""

from decimal import Decimal
from typing import Annotated

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.canon.link import Link, LinkSpace
from trueup.canon.payout import BalanceEntry, EntryKind, Payout, PayoutState
from trueup.connectors.amazon.amount import exact
from trueup.connectors.amazon.fault import unknown
from trueup.connectors.amazon.shape import Instant, Ref
from trueup.contract.amount import Currency
from trueup.contract.connector import Mapped
from trueup.kernel.limits import UNITS_MAX
from trueup.kernel.money import Money

_CODE_CHARS_MAX = 200


class PayoutShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A settlement's own row, and the sum of its entries."""

    settlement: Ref
    end_at: Instant
    currency: Currency
    total: Decimal
    sum: Decimal
    entries: int
    start_at: Instant | None = None
    deposit_at: Instant | None = None


class EntryShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One amount of a settlement."""

    settlement: Ref
    row: int
    part: int
    at: Instant
    settled_at: Instant
    currency: Currency
    amount: Decimal
    transaction: str
    type: str
    what: str
    units: Annotated[int, msgspec.Meta(ge=-UNITS_MAX, le=UNITS_MAX)] | None = None
    order: Ref | None = None
    merchant_order: Ref | None = None
    item: str | None = None
    adjustment: str | None = None
    marketplace: str | None = None
    sku: str | None = None

    @property
    def ref(self) -> str:
        """The entry's name: its settlement, row and amount."""
        return f"{self.settlement}-{self.row}" + (f"-{self.part}" if self.part else "")


class UnreadableShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A report that can not be read."""

    report: Ref
    line: str
    column: str
    expected: str
    found: str


def map_payout(shape: PayoutShape) -> Mapped:
    """Return the payout; raises `Unsound`.

    The report is written when the settlement closes. Whether the money arrived is for the bank to
    say, so it is on its way; what is not above zero is not sent.
    """
    total = exact(shape.total, shape.currency)
    found = exact(shape.sum, shape.currency)
    money = Money(total, shape.currency)
    payout = Payout(
        ref=shape.settlement,
        updated_at=shape.end_at,
        links=(Link(LinkSpace.PAYOUT, shape.settlement),),
        state=PayoutState.IN_TRANSIT if total > 0 else PayoutState.PENDING,
        amount=money,
        created_at=shape.end_at,
        arrives_on=shape.deposit_at.date() if shape.deposit_at else None,
        period_start_at=shape.start_at,
        period_end_at=shape.end_at,
        bank_ref=shape.settlement,
    )
    issues = () if found == total else (_sum_differs(shape, total, found),)
    return Mapped(records=(payout,), issues=issues)


def _sum_differs(shape: PayoutShape, total: Decimal, found: Decimal) -> Issue:
    return Issue(
        code="amazon.settlement_sum_differs",
        severity=Severity.WARNING,
        pointer="/total",
        expected=f"{total} {shape.currency}, the settlement's total",
        found=f"{found} {shape.currency}, the sum of {shape.entries} entries",
        how_to_fix="Download the settlement again, and compare it with the payments page.",
        ref=f"payout/{shape.settlement}",
    )


def map_entry(shape: EntryShape) -> Mapped:
    """Return the entry; raises `Unsound`."""
    kind = entry_kind(shape.transaction, shape.type, shape.what)
    money = Money(exact(shape.amount, shape.currency), shape.currency)
    words = (shape.transaction, shape.type, shape.what)
    code = " / ".join(filter(None, words))[:_CODE_CHARS_MAX]
    names = dict.fromkeys(filter(None, (shape.order, shape.merchant_order)))
    entry = BalanceEntry(
        ref=shape.ref,
        updated_at=shape.settled_at,
        order_ref=shape.order,
        links=(
            *(Link(LinkSpace.ORDER, name) for name in names),
            Link(LinkSpace.PAYOUT, shape.settlement),
        ),
        entry=kind,
        entry_code=code,
        gross=money,
        fee=Money(exact(Decimal(0), shape.currency), shape.currency),
        net=money,
        occurred_at=shape.at,
        payout_ref=shape.settlement,
        payment_ref=shape.adjustment,
        sku=shape.sku,
        quantity=shape.units,
        description=shape.marketplace,
    )
    if kind is not EntryKind.UNKNOWN:
        return Mapped(records=(entry,))
    issue = unknown(
        "amazon.settlement_entry_unknown", "/what", "a known kind of amount", code, entry.entity()
    )
    return Mapped(records=(entry,), issues=(issue,))


def map_unreadable(shape: UnreadableShape) -> Mapped:
    """Return the issue that says why a report has no entries."""
    issue = Issue(
        code="amazon.settlement_unreadable",
        severity=Severity.ERROR,
        pointer=f"line {shape.line}, {shape.column}"[:120],
        expected=shape.expected[:200],
        found=shape.found[:200],
        how_to_fix="Download the report from Seller Central, look at that place, and import it.",
        ref=f"settlement_report/{shape.report}",
    )
    return Mapped(issues=(issue,))


_FEES = frozenset(("ItemFees", "ShipmentFees", "OrderFees", "MiscFees", "Cost of Advertising"))
_WITHHELD = frozenset(("ItemWithheldTax", "ItemTCS", "ItemTDS", "ItemVat"))
_DISPUTES = frozenset(("A-to-z Guarantee Refund", "Chargeback Refund"))
_FEE_TRANSACTIONS = frozenset(
    (
        *("ServiceFee", "Service Fee", "Subscription Fee", "Storage Fee", "FBA Inventory Fee"),
        *("Inbound Transportation Fee", "Inbound Transportation Program Fee", "FBAInboundFee"),
        *("StorageRenewalBilling", "Long-Term Storage Fee", "RemovalComplete", "DisposalComplete"),
        *("FBA Customer Return Fee", "Deal Fee", "LightningDealFee", "Coupon Fee"),
    )
)
_ADJUSTMENTS = frozenset(
    (
        *("WAREHOUSE_DAMAGE", "WAREHOUSE_LOST", "REVERSAL_REIMBURSEMENT", "COMPENSATED_CLAWBACK"),
        *("FREE_REPLACEMENT_REFUND_ITEMS", "MISSING_FROM_INBOUND", "INCORRECT_FEES_ITEMS"),
        *("WAREHOUSE_LOST_MANUAL", "WAREHOUSE_DAMAGE_EXCEPTION", "BalanceAdjustment"),
        *("FBA Inventory Reimbursement", "Goodwill", "RestockingFee"),
    )
)
_MOVES = {
    "Transfer": EntryKind.PAYOUT,
    "To your account": EntryKind.PAYOUT,
    "Payable to Amazon": EntryKind.TRANSFER,  # a debt carried over between settlements
    "Successful charge": EntryKind.TOP_UP,  # Amazon charged the seller's card
    "Current Reserve Amount": EntryKind.RESERVE_HELD,
    "Previous Reserve Amount Balance": EntryKind.RESERVE_RELEASED,
}


def entry_kind(transaction: str, amount_type: str, what: str) -> EntryKind:
    """Return why the account changed, by Amazon's three words; unknown where they are not known."""
    if moved := _MOVES.get(what) or _MOVES.get(transaction):
        return moved
    if amount_type in _WITHHELD or "Tax" in what:
        return EntryKind.TAX
    if amount_type == "ItemPrice":
        return _of_price(transaction, what)
    if amount_type in _FEES or _FEE_TRANSACTIONS.intersection((transaction, what)):
        return EntryKind.FEE
    if amount_type == "Promotion":
        return EntryKind.PROMOTION
    adjusted = _ADJUSTMENTS.intersection((transaction, amount_type, what))
    return EntryKind.ADJUSTMENT if adjusted else EntryKind.UNKNOWN


def _of_price(transaction: str, what: str) -> EntryKind:
    if what.startswith("Shipping"):
        return EntryKind.SHIPPING
    if transaction in _DISPUTES:
        return EntryKind.DISPUTE
    if transaction == "Refund":
        return EntryKind.ADJUSTMENT if what in _ADJUSTMENTS else EntryKind.REFUND
    if transaction == "Order" and what in {"Principal", "GiftWrap", "COD", "ItemPrice", ""}:
        return EntryKind.CHARGE
    return EntryKind.UNKNOWN

"""Payment transactions."""

from trueup.canon.issue import Issue, Severity
from trueup.canon.link import Link, LinkSpace
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.price import Price
from trueup.connectors.shopify.amount import price_of
from trueup.connectors.shopify.refs import code_of, needed_order, ref_of, stamp_of, utc
from trueup.connectors.shopify.shape import TransactionShape
from trueup.connectors.shopify.unsound import Unsound
from trueup.contract.amount import NO_CURRENCY
from trueup.contract.connector import Source

_KIND = {
    "authorization": PaymentKind.AUTHORISATION,
    "emv_authorization": PaymentKind.AUTHORISATION,
    "capture": PaymentKind.CAPTURE,
    "sale": PaymentKind.SALE,
    "refund": PaymentKind.REFUND,
    "void": PaymentKind.VOID,
    "change": PaymentKind.CHANGE,
}
_OWED_BEFORE = frozenset(("gift_card", "shopify_store_credit"))
"""Ways to pay by what the shop owed the customer already; which card it was is not told."""

_PROVIDER_ID_CHARS_MIN = 9
_STATE = {
    "pending": PaymentState.PENDING,
    "success": PaymentState.SUCCEEDED,
    "failure": PaymentState.FAILED,
    "error": PaymentState.ERRORED,
    "awaiting_response": PaymentState.AWAITING,
    "unknown": PaymentState.UNKNOWN,
}


def payment_of(
    shape: TransactionShape,
    source: Source,
    order_ref: str | None,
    issues: list[Issue],
    currency: str | None = None,
) -> Payment:
    """Return the payment; `currency` is the order's, used where the transaction tells none."""
    ref = str(ref_of(shape.id))
    kind, issue = code_of(_KIND, shape.kind, "transaction_kind", f"payment/{ref}")
    state, issue_2 = code_of(_STATE, shape.status, "transaction_status", f"payment/{ref}")
    issues += [found for found in (issue, issue_2) if found]
    price = price_of(shape.amount_set, shape.amount, shape.currency or currency)
    if price is None:
        raise Unsound(b"", f"an amount of transaction {ref}")
    if price.booked.currency == NO_CURRENCY:
        issues.append(_without_currency(ref))
    return Payment(
        ref=ref,
        order_ref=order_ref or needed_order(shape.order_id),
        updated_at=stamp_of(source, shape.processed_at, shape.created_at),
        payment_kind=kind or PaymentKind.UNKNOWN,
        state=state or PaymentState.UNKNOWN,
        price=price,
        gateway=shape.gateway or None,
        processed_at=utc(shape.processed_at) or utc(shape.created_at),
        parent_ref=ref_of(shape.parent_id),
        links=_links_of(shape),
        authorisation_code=shape.authorization or None,
        error_code=shape.error_code.lower() if shape.error_code else None,
        test=bool(shape.test),
        gift_card_ref="" if shape.gateway in _OWED_BEFORE else None,
    )


def _links_of(shape: TransactionShape) -> tuple[Link, ...]:
    """Return the provider's ids; a card's short authorisation code is no name, it repeats."""
    code = shape.authorization or ""
    told = (code if len(code) >= _PROVIDER_ID_CHARS_MIN else None, shape.payment_id)
    return tuple([Link(LinkSpace.PAYMENT, name) for name in told if name])


def is_foreign(shape: TransactionShape) -> bool:
    """Tell whether the amount is known to be in another currency than the shop's."""
    bag = shape.total_unsettled_set
    if shape.amount_set is not None or bag is None or shape.currency is None:
        return False
    return bag.shop_money.currency_code != shape.currency


def succeeded(shape: TransactionShape) -> Price | None:
    """Return the amount of a refund that really went back; None for any other transaction."""
    if (shape.status or "").lower() != "success" or (shape.kind or "").lower() != "refund":
        return None
    return price_of(shape.amount_set, shape.amount, shape.currency)


def _without_currency(ref: str) -> Issue:
    return Issue(
        code="shopify.currency_missing",
        severity=Severity.WARNING,
        pointer="/currency",
        expected="a currency code",
        found="none",
        how_to_fix="Backfill the order: the API tells the currency. Until then it is XXX.",
        ref=f"payment/{ref}",
    )

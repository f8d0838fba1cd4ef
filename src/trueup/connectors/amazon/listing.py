"""The merchant's listings: what is sold under which SKU, and how many units are offered.

Stock is written only to listings that the merchant sends out: one with the fulfilment channel
DEFAULT. A listing that Amazon sends out is not `stocked`, so that the hub never writes to it.
"""

from datetime import UTC, datetime
from decimal import Decimal

from trueup.canon.inventory import InventoryLevel
from trueup.canon.issue import Issue, Severity
from trueup.canon.product import Product, Variant
from trueup.canon.record import BEGINNING
from trueup.connectors.amazon.amount import exact
from trueup.connectors.amazon.fault import unknown
from trueup.connectors.amazon.marketplace import MERCHANT_CHANNEL
from trueup.connectors.amazon.shape import Instant, Ref, Shape, Units
from trueup.contract.amount import Currency
from trueup.contract.connector import Mapped
from trueup.kernel.money import Money

_ISSUES_MAX = 20


class SummaryShape(Shape, frozen=True, kw_only=True):
    """A listing in one marketplace."""

    marketplace_id: str
    asin: str | None = None
    product_type: str | None = None
    status: list[str] | None = None
    item_name: str | None = None
    created_date: Instant | None = None
    last_updated_date: Instant | None = None


class OfferMoneyShape(Shape, frozen=True, kw_only=True):
    """A price; this model names the currency in two ways."""

    amount: Decimal
    currency_code: Currency | None = None
    currency: Currency | None = None


class OfferShape(Shape, frozen=True, kw_only=True):
    """What a listing costs whom."""

    marketplace_id: str
    offer_type: str | None = None
    price: OfferMoneyShape | None = None


class AvailabilityShape(Shape, frozen=True, kw_only=True):
    """How many units one fulfilment channel offers."""

    fulfillment_channel_code: str
    quantity: Units | None = None


class ListingIssueShape(Shape, frozen=True, kw_only=True):
    """What Amazon finds wrong with a listing."""

    code: str
    severity: str
    message: str | None = None


class ListingShape(Shape, frozen=True, kw_only=True):
    """One listing."""

    sku: Ref
    summaries: list[SummaryShape] | None = None
    offers: list[OfferShape] | None = None
    fulfillment_availability: list[AvailabilityShape] | None = None
    issues: list[ListingIssueShape] | None = None


def map_listing(shape: ListingShape) -> Mapped:
    """Return the listing as a product with one variant; raises `Unsound`."""
    summary = next(iter(shape.summaries or []), None)
    price, more = _price(shape)
    product = Product(
        ref=shape.sku,
        updated_at=_updated_at(shape),
        title=(summary.item_name if summary else None) or shape.sku,
        state=_state(summary),
        product_type=summary.product_type if summary else None,
        created_at=_utc(summary.created_date if summary else None),
        variants=(
            Variant(
                ref=shape.sku,
                item_ref=shape.sku,
                sku=shape.sku,
                price=price,
                stocked=_sent_by_merchant(shape),
            ),
        ),
    )
    return Mapped(records=(product,), issues=(*more, *_issues(shape)))


def map_listing_level(shape: ListingShape) -> Mapped:
    """Return how many units the merchant's channel offers; ignored where Amazon sends it out."""
    offered = offered_units(shape)
    if offered is None:
        return Mapped(ignored="the merchant's channel offers nothing of it")
    level = InventoryLevel(
        ref=f"{shape.sku}@{MERCHANT_CHANNEL}",
        # A listing's stamp does not move with its quantity: when it was read counts.
        updated_at=_updated_at(shape),
        item_ref=shape.sku,
        location_ref=MERCHANT_CHANNEL,
        available=offered,
        sku=shape.sku,
    )
    return Mapped(records=(level,))


def offered_units(shape: ListingShape) -> int | None:
    """Return the units that stand at the merchant's channel; None where it has no such channel."""
    for each in shape.fulfillment_availability or []:
        if each.fulfillment_channel_code == MERCHANT_CHANNEL:
            return each.quantity or 0
    return None


def _sent_by_merchant(shape: ListingShape) -> bool | None:
    if shape.fulfillment_availability is None:
        return None
    return offered_units(shape) is not None


def _state(summary: SummaryShape | None) -> str:
    if summary is None or summary.status is None:
        return "unknown"
    return "active" if "BUYABLE" in summary.status else "draft"


def _updated_at(shape: ListingShape) -> datetime:
    stamps = [_utc(each.last_updated_date) for each in shape.summaries or []]
    return max(filter(None, stamps), default=BEGINNING)


def _price(shape: ListingShape) -> tuple[Money | None, list[Issue]]:
    for offer in shape.offers or []:
        if offer.offer_type not in {"B2C", None} or offer.price is None:
            continue
        currency = offer.price.currency_code or offer.price.currency
        if currency is None:
            place = "/offers/-/price/currencyCode"
            return None, [unknown("amazon.listing_issue", place, "a currency", "none")]
        return Money(exact(offer.price.amount, currency), currency), []
    return None, []


def _issues(shape: ListingShape) -> list[Issue]:
    """Return what Amazon objects to so much that the listing suffers."""
    return [
        Issue(
            code="amazon.listing_issue",
            severity=Severity.WARNING,
            pointer="/issues",
            expected="a listing that Amazon does not object to",
            found=f"{found.code}: {found.message or ''}"[:200],
            how_to_fix="Put the listing right in Seller Central; the hub goes on telling stock.",
            ref=f"product/{shape.sku}",
        )
        for found in (shape.issues or [])[:_ISSUES_MAX]
        if found.severity == "ERROR"
    ]


def _utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at else None

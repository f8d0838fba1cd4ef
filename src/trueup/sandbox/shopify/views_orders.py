"""Orders as the API shows them."""

from typing import Any

from trueup.sandbox.shopify import holds, totals
from trueup.sandbox.shopify.model import Address, Discount, Order, ShippingLine, TaxLine
from trueup.sandbox.shopify.money import ZERO, Pair
from trueup.sandbox.shopify.shop import gid
from trueup.sandbox.shopify.view import Pick, View, bag, listed
from trueup.sandbox.shopify.views_after import (
    FulfillmentView,
    RefundView,
    ReturnView,
    transaction_of,
)
from trueup.sandbox.shopify.views_catalogue import LocationView, count
from trueup.sandbox.shopify.views_line import LineView, ShippingView, discount_of, tax_of

__all__ = ["OrderView", "address_of"]

_FULFILLMENT_STATUS = {
    None: "UNFULFILLED",
    "partial": "PARTIALLY_FULFILLED",
    "fulfilled": "FULFILLED",
    "restocked": "RESTOCKED",
}
_FREE_SUMS = frozenset({"original_total_duties_set", "current_total_duties_set"})


def address_of(address: Address | None) -> Pick | None:
    """Return a postal address."""
    if address is None:
        return None
    name = f"{address.first_name} {address.last_name}".strip()
    return Pick(
        "MailingAddress", id=gid("MailingAddress", address.id), first_name=address.first_name,
        last_name=address.last_name, name=name, company=None, address1=address.address1,
        address2=None, city=address.city, province=address.province,
        province_code=address.province_code, country=address.country,
        country_code_v2=address.country_code,
        zip=address.zip, phone=address.phone,
    )  # fmt: skip


class OrderView(View[Order]):
    """An order; the sums of it are read by name from `_sums`."""

    typename = "Order"
    confirmed = True
    po_number = None
    source_identifier = None
    client_ip = None
    customer_locale = "en"
    customer_accepts_marketing = False
    estimated_taxes = False
    tax_exempt = False
    duties_included = False
    original_total_additional_fees_set = None
    current_total_additional_fees_set = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - fields of any type
        """Read a sum by its name, else ask the record."""
        if name.endswith("_set"):
            amount = self._sums()[name]
            return None if name in _FREE_SUMS and not amount else bag(self.it, amount)
        return getattr(self.it, name)

    def _sums(self) -> dict[str, Pair]:
        sold, now = totals.ordered(self.it), totals.current(self.it)
        money_in, money_back = totals.received(self.it)
        held = sum(
            (each.amount for each in self.it.transactions if each.kind == "authorization"), ZERO
        )
        owed = ZERO if self.it.cancelled_at else now.total - (money_in - money_back)
        shipping_back = sum((each.shipping for each in self.it.refunds), ZERO)
        return {
            "subtotal_price_set": sold.subtotal,
            "total_price_set": sold.total,
            "total_tax_set": sold.tax,
            "total_discounts_set": sold.discounts,
            "cart_discount_amount_set": sold.discounts,
            "total_shipping_price_set": sold.shipping,
            "total_tip_received_set": sold.tip,
            "total_refunded_set": money_back,
            "total_refunded_shipping_set": shipping_back,
            "total_received_set": money_in,
            "total_outstanding_set": owed,
            "total_capturable_set": held if self.capturable else ZERO,
            "net_payment_set": money_in - money_back,
            "original_total_price_set": self.it.original_total,
            "original_total_duties_set": sold.duties,
            "current_subtotal_price_set": now.subtotal,
            "current_total_price_set": now.total,
            "current_total_tax_set": now.tax,
            "current_total_discounts_set": now.discounts,
            "current_cart_discount_amount_set": now.discounts,
            "current_total_duties_set": now.duties,
            "current_shipping_price_set": now.shipping,
            "refund_discrepancy_set": sum((each.discrepancy for each in self.it.refunds), ZERO),
        }

    @property
    def email(self) -> str | None:
        """Where the buyer is reached."""
        return self.it.customer.email if self.it.customer else None

    @property
    def phone(self) -> str | None:
        """The buyer's phone."""
        return self.it.customer.phone if self.it.customer else None

    @property
    def closed(self) -> bool:
        """Whether it is done with."""
        return self.it.closed_at is not None

    @property
    def processed_at(self) -> object:
        """When it was placed."""
        return self.it.created_at

    @property
    def cancel_reason(self) -> str | None:
        """Why it was cancelled."""
        return self.it.cancel_reason.upper() if self.it.cancel_reason else None

    @property
    def cancellation(self) -> Pick | None:
        """A note on the cancellation."""
        note = Pick("OrderCancellation", staff_note=self.it.cancel_note)
        return note if self.it.cancelled_at else None

    @property
    def currency_code(self) -> str:
        """The shop's currency."""
        return self.it.exchange.shop

    @property
    def presentment_currency_code(self) -> str:
        """The buyer's currency."""
        return self.it.exchange.presentment

    @property
    def display_financial_status(self) -> str:
        """How far it is paid."""
        return self.it.financial_status.upper()

    @property
    def display_fulfillment_status(self) -> str:
        """How far it is sent."""
        parts = [part for part in holds.parts_of(self.shop, self.it) if part.open]
        if parts and all(self.shop.holds.get(part.id) for part in parts):
            return "ON_HOLD"
        return _FULFILLMENT_STATUS[totals.fulfillment_status(self.it)]

    @property
    def return_status(self) -> str:
        """How far returns are."""
        states = {each.status for each in self.it.returns}
        if "open" in states:
            return "IN_PROGRESS"
        if "requested" in states:
            return "RETURN_REQUESTED"
        return "RETURNED" if "closed" in states else "NO_RETURN"

    @property
    def confirmation_number(self) -> str:
        """What the buyer is told."""
        return self.it.token[:9].upper()

    @property
    def fully_paid(self) -> bool:
        """Whether nothing is owed."""
        return self.it.financial_status in {"paid", "partially_refunded", "refunded"}

    @property
    def unpaid(self) -> bool:
        """Whether something is owed."""
        return not self.fully_paid

    refundable = fully_paid

    @property
    def restockable(self) -> bool:
        """Whether units could go back."""
        return any(line.variant and line.current for line in self.it.lines)

    @property
    def requires_shipping(self) -> bool:
        """Whether anything must be sent."""
        return any(line.requires_shipping for line in self.it.lines)

    @property
    def capturable(self) -> bool:
        """Whether an authorization waits."""
        return self.it.financial_status == "authorized"

    @property
    def fulfillable(self) -> bool:
        """Whether anything is still to be sent."""
        return any(line.fulfillable for line in self.it.lines)

    @property
    def payment_gateway_names(self) -> list[str]:
        """Through whom it was paid."""
        return list(dict.fromkeys(each.gateway for each in self.it.transactions))

    @property
    def discount_codes(self) -> list[str]:
        """Codes the buyer gave."""
        return [each.title for each in self.it.discounts if each.kind == "discount_code"]

    @property
    def discount_code(self) -> str | None:
        """The first code."""
        return self.discount_codes[0] if self.discount_codes else None

    @property
    def custom_attributes(self) -> list[Pick]:
        """Extra facts; none here."""
        return []

    @property
    def status_page_url(self) -> str:
        """What the buyer can look at."""
        return f"https://{self.shop.domain}/{self.shop.id}/orders/{self.it.token}"

    @property
    def subtotal_line_items_quantity(self) -> int:
        """Units ever ordered."""
        return sum(line.quantity for line in self.it.lines)

    @property
    def current_subtotal_line_items_quantity(self) -> int:
        """Units left."""
        return sum(line.current for line in self.it.lines)

    @property
    def total_weight(self) -> int:
        """Grams ever ordered."""
        return sum(line.grams * line.quantity for line in self.it.lines)

    @property
    def current_total_weight(self) -> int:
        """Grams left."""
        return sum(line.grams * line.current for line in self.it.lines)

    @property
    def total_cash_rounding_adjustment(self) -> Pick:
        """Nothing is paid in cash here."""
        none = bag(self.it, ZERO)
        return Pick("CashRoundingAdjustment", payment_set=none, refund_set=none)

    @property
    def tax_lines(self) -> list[Pick]:
        """Taxes over the whole order."""
        summed: dict[tuple[str, object], TaxLine] = {}
        for holder in self.it.holders:
            for tax in holder.tax_lines:
                before = summed.get((tax.title, tax.rate))
                amount = tax.price + (before.price if before else ZERO)
                summed[tax.title, tax.rate] = TaxLine(tax.title, tax.rate, amount)
        return [tax_of(self.it, tax) for tax in summed.values()]

    current_tax_lines = tax_lines

    @property
    def customer(self) -> object:
        """Who bought."""
        from trueup.sandbox.shopify.views_customers import (  # noqa: PLC0415 - both name each other
            CustomerView,
        )

        return CustomerView(self.ask, self.it.customer) if self.it.customer else None

    @property
    def billing_address(self) -> Pick | None:
        """Who pays."""
        return address_of(self.it.address)

    shipping_address = billing_address
    display_address = billing_address

    @property
    def retail_location(self) -> LocationView | None:
        """The till, for POS orders."""
        found = self.shop.locations.get(self.it.location_id or 0)
        return None if found is None else LocationView(self.ask, found)

    @property
    def app(self) -> Pick:
        """What made the order."""
        return Pick("OrderApp", id=gid("App", 580111), name="Online Store")

    def line_items(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return the lines."""
        return listed(self.ask, self.it.lines, lambda it: LineView(self.ask, self.it, it), args)

    @property
    def shipping_line(self) -> ShippingView | None:
        """The first shipping line."""
        lines = self.it.shipping_lines
        return ShippingView(self.ask, self.it, lines[0]) if lines else None

    def shipping_lines(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return the shipping lines."""
        lines: list[ShippingLine] = self.it.shipping_lines
        return listed(self.ask, lines, lambda it: ShippingView(self.ask, self.it, it), args)

    def discount_applications(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return the discounts."""
        found: list[Discount] = self.it.discounts
        return listed(self.ask, found, lambda it: discount_of(self.it, it), args)

    def fulfillments(self, first: int | None = None, **_: object) -> list[FulfillmentView]:
        """Return the parcels."""
        return [FulfillmentView(self.ask, self.it, it) for it in self.it.fulfillments][:first]

    def fulfillment_orders(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return what is to be sent, place by place."""
        parts = holds.parts_of(self.shop, self.it)
        return listed(self.ask, parts, lambda it: holds.PartView(self.ask, it), args)

    @property
    def fulfillments_count(self) -> Pick:
        """How many parcels there are."""
        return count(len(self.it.fulfillments))

    def refunds(self, first: int | None = None) -> list[RefundView]:
        """Return the refunds."""
        return [RefundView(self.ask, self.it, it) for it in self.it.refunds][:first]

    def returns(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return the returns."""
        return listed(self.ask, self.it.returns, lambda it: ReturnView(self.ask, self.it, it), args)

    def transactions(self, first: int | None = None, **_: object) -> list[Pick]:
        """Return the movements of money."""
        return [transaction_of(self.ask, self.it, it) for it in self.it.transactions][:first]

    @property
    def transactions_count(self) -> Pick:
        """How many movements of money there are."""
        return count(len(self.it.transactions))

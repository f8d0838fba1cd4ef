"""Lines, taxes, duties and discounts as the API shows them."""

from trueup.sandbox.shopify.model import (
    Allocation,
    Discount,
    Duty,
    Line,
    Order,
    ShippingLine,
    TaxLine,
)
from trueup.sandbox.shopify.money import Pair
from trueup.sandbox.shopify.shop import gid
from trueup.sandbox.shopify.view import Ask, Pick, View, bag, money
from trueup.sandbox.shopify.views_catalogue import ProductView, VariantView

__all__ = ["LineView", "ShippingView", "discount_of", "tax_of"]

_DISCOUNT_KINDS = {
    "discount_code": "DiscountCodeApplication",
    "manual": "ManualDiscountApplication",
    "automatic": "AutomaticDiscountApplication",
}


def tax_of(order: Order, tax: TaxLine) -> Pick:
    """Return one tax."""
    return Pick(
        "TaxLine", title=tax.title, rate=float(tax.rate), rate_percentage=float(tax.rate * 100),
        price_set=bag(order, tax.price), channel_liable=False, source=None,
    )  # fmt: skip


def discount_of(order: Order, discount: Discount) -> Pick:
    """Return one discount application."""
    percent = discount.value_type == "percentage"
    value = (
        Pick("PricingPercentageValue", percentage=float(discount.value))
        if percent
        else money(discount.value, order.exchange.shop)
    )
    return Pick(
        _DISCOUNT_KINDS[discount.kind], index=discount.index, value=value,
        allocation_method=discount.method.upper(), target_selection=discount.selection.upper(),
        target_type=discount.target.upper(), title=discount.title, code=discount.title,
        description=discount.title,
    )  # fmt: skip


def _allocations(order: Order, parts: list[Allocation]) -> list[Pick]:
    return [
        Pick(
            "DiscountAllocation",
            allocated_amount_set=bag(order, part.amount),
            discount_application=discount_of(order, part.discount),
        )
        for part in parts
    ]


def _duty_of(order: Order, duty: Duty) -> Pick:
    return Pick(
        "Duty", id=gid("Duty", duty.id), country_code_of_origin=duty.country_code,
        harmonized_system_code=duty.code, price=bag(order, duty.price), tax_lines=[],
    )  # fmt: skip


class LineView(View[Line]):
    """One line of an order."""

    typename = "LineItem"

    def __init__(self, ask: Ask, order: Order, it: Line) -> None:
        super().__init__(ask, it)
        self.order = order

    def _bag(self, amount: Pair) -> Pick:
        return bag(self.order, amount)

    def _part(self, whole: Pair, units: int) -> Pair:
        return self.order.exchange.share(whole, units, self.it.quantity)

    @property
    def name(self) -> str:
        """Title and variant."""
        title, variant = self.it.title, self.it.variant_title
        return f"{title} - {variant}" if variant else title

    @property
    def current_quantity(self) -> int:
        """Units left after edits and refunds."""
        return self.it.current

    refundable_quantity = current_quantity

    @property
    def unfulfilled_quantity(self) -> int:
        """Units still to be sent."""
        return self.it.fulfillable

    @property
    def non_fulfillable_quantity(self) -> int:
        """Units that will never be sent."""
        return self.it.quantity - self.it.fulfillable - self.it.fulfilled

    @property
    def is_gift_card(self) -> bool:
        """Whether a gift card is sold."""
        return self.it.gift_card

    @property
    def restockable(self) -> bool:
        """Whether units can go back to the shelf."""
        return self.it.variant is not None

    @property
    def variant(self) -> VariantView | None:
        """The variant sold; None for a custom item."""
        return VariantView(self.ask, self.it.variant) if self.it.variant else None

    @property
    def product(self) -> ProductView | None:
        """The product sold; None for a custom item."""
        return ProductView(self.ask, self.it.variant.product) if self.it.variant else None

    @property
    def original_unit_price_set(self) -> Pick:
        """Price of one before discounts."""
        return self._bag(self.it.unit_price)

    @property
    def original_total_set(self) -> Pick:
        """Price of all before discounts."""
        return self._bag(self.it.unit_price * self.it.quantity)

    def discounted_total_set(self, **_: object) -> Pick:
        """Price of all after discounts."""
        return self._bag(self.it.net)

    @property
    def discounted_unit_price_set(self) -> Pick:
        """Price of one after discounts."""
        return self._bag(self._part(self.it.net, 1))

    discounted_unit_price_after_all_discounts_set = discounted_unit_price_set

    @property
    def total_discount_set(self) -> Pick:
        """Everything taken off."""
        return self._bag(self.it.discount)

    @property
    def unfulfilled_original_total_set(self) -> Pick:
        """Price of what is still to be sent, before discounts."""
        return self._bag(self.it.unit_price * self.it.fulfillable)

    @property
    def unfulfilled_discounted_total_set(self) -> Pick:
        """Price of what is still to be sent, after discounts."""
        return self._bag(self._part(self.it.net, self.it.fulfillable))

    @property
    def discount_allocations(self) -> list[Pick]:
        """Parts of discounts that lie on this line."""
        return _allocations(self.order, self.it.allocations)

    def tax_lines(self, first: int | None = None) -> list[Pick]:
        """Return the taxes."""
        return [tax_of(self.order, tax) for tax in self.it.tax_lines][:first]

    @property
    def duties(self) -> list[Pick]:
        """Import duties."""
        return [_duty_of(self.order, duty) for duty in self.it.duties]

    @property
    def line_item_group(self) -> Pick | None:
        """The bundle this line is a component of."""
        group = self.it.group
        if group is None:
            return None
        return Pick(
            "LineItemGroup", id=gid("LineItemGroup", group.id), title=group.title,
            quantity=group.quantity, variant_sku=group.sku, custom_attributes=[],
            product_id=gid("Product", group.product_id) if group.product_id else None,
            variant_id=gid("ProductVariant", group.variant_id) if group.variant_id else None,
        )  # fmt: skip

    @property
    def custom_attributes(self) -> list[Pick]:
        """What the buyer wrote on it."""
        return [Pick("Attribute", key=key, value=value) for key, value in self.it.properties]

    @property
    def weight(self) -> Pick:
        """Weight of one."""
        return Pick("Weight", unit="GRAMS", value=self.it.grams)


class ShippingView(View[ShippingLine]):
    """What the buyer pays for delivery."""

    typename = "ShippingLine"
    source = "shopify"
    carrier_identifier = None
    custom = False
    is_removed = False
    delivery_category = None
    phone = None

    def __init__(self, ask: Ask, order: Order, it: ShippingLine) -> None:
        super().__init__(ask, it)
        self.order = order

    @property
    def original_price_set(self) -> Pick:
        """Price before discounts."""
        return bag(self.order, self.it.price)

    @property
    def discounted_price_set(self) -> Pick:
        """Price after discounts."""
        return bag(self.order, self.it.net)

    @property
    def current_discounted_price_set(self) -> Pick:
        """Price after discounts and refunds."""
        return bag(self.order, self.it.net - self.it.refunded)

    @property
    def tax_lines(self) -> list[Pick]:
        """The taxes."""
        return [tax_of(self.order, tax) for tax in self.it.tax_lines]

    @property
    def discount_allocations(self) -> list[Pick]:
        """Parts of discounts that lie on it."""
        return _allocations(self.order, self.it.allocations)

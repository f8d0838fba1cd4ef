"""The shop, its places, products and stock as the API shows them."""

from typing import Any

from graphql import GraphQLError

from trueup.sandbox.shopify.model import InventoryItem, Level, Location, Product, Variant
from trueup.sandbox.shopify.shop import Shop, gid
from trueup.sandbox.shopify.stock import QUANTITY_NAMES
from trueup.sandbox.shopify.view import Ask, Pick, View, listed, money, number_of, searched

__all__ = [
    "InventoryItemView",
    "LevelView",
    "LocationView",
    "ProductView",
    "ShopView",
    "VariantView",
    "count",
]


def count(number: int, limit: int | None = None) -> Pick:
    """Return a count; above a limit (10000 unless told otherwise) only "at least"."""
    if limit is not None and number > limit:
        return Pick("Count", count=limit, precision="AT_LEAST")
    return Pick("Count", count=number, precision="EXACT")


class ShopView(View[Shop]):
    """The shop."""

    typename = "Shop"

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - fields of any type
        """Read what the settings say."""
        return getattr(self.it.settings, name)

    @property
    def name(self) -> str:
        """The shop's name."""
        return self.it.settings.name or self.it.settings.handle

    @property
    def email(self) -> str:
        """Where the merchant is reached."""
        return f"owner@{self.it.settings.handle}.example"

    contact_email = email

    @property
    def myshopify_domain(self) -> str:
        """The domain at the vendor."""
        return self.it.domain

    @property
    def url(self) -> str:
        """The shop's address."""
        return f"https://{self.it.domain}"

    @property
    def primary_domain(self) -> Pick:
        """The domain buyers see."""
        host = self.it.domain
        return Pick("Domain", id=gid("Domain", self.it.id), host=host, url=self.url,
                    ssl_enabled=True)  # fmt: skip

    @property
    def currency_code(self) -> str:
        """The shop's currency."""
        return self.it.settings.currency

    @property
    def enabled_presentment_currencies(self) -> list[str]:
        """Currencies a buyer can choose."""
        return [self.it.settings.currency]

    @property
    def timezone_offset_minutes(self) -> int:
        """The offset from UTC."""
        return self.it.settings.utc_offset_minutes

    @property
    def timezone_offset(self) -> str:
        """The offset as text, such as -0500."""
        minutes = self.it.settings.utc_offset_minutes
        hours, rest = divmod(abs(minutes), 60)
        return f"{'-' if minutes < 0 else '+'}{hours:02}{rest:02}"

    timezone_abbreviation = timezone_offset

    @property
    def plan(self) -> Pick:
        """The plan paid for."""
        named = self.it.settings.plan
        return Pick("ShopPlan", partner_development=False, public_display_name=named,
                    shopify_plus=named == "Plus")  # fmt: skip

    @property
    def created_at(self) -> object:
        """When the shop was opened."""
        return self.it.created_at

    updated_at = created_at
    tax_shipping = True
    weight_unit = "GRAMS"
    shop_owner_name = "Sandbox Owner"
    setup_required = False


class LocationView(View[Location]):
    """A place that holds stock."""

    typename = "Location"
    ships_inventory = True
    is_fulfillment_service = False
    deactivated_at = None

    @property
    def is_active(self) -> bool:
        """Whether it is in use."""
        return self.it.active

    @property
    def fulfills_online_orders(self) -> bool:
        """Whether web orders are sent from here."""
        return self.it.online

    @property
    def has_active_inventory(self) -> bool:
        """Whether anything is stocked here."""
        return any(key[1] == self.it.id for key in self.shop.levels)

    @property
    def address(self) -> Pick:
        """Where it stands."""
        code = self.it.country_code
        return Pick("LocationAddress", address1="1 Dock Road", address2=None, city="Harbour",
                    country=code, country_code=code, province=None, province_code=None,
                    zip="10001", phone=None)  # fmt: skip

    def inventory_level(self, inventory_item_id: str, **_: object) -> "LevelView | None":
        """Return the level of one item here."""
        number = number_of(inventory_item_id, "InventoryItem")
        level = self.shop.levels.get((number or 0, self.it.id))
        return None if level is None else LevelView(self.ask, level)

    def inventory_levels(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return the levels here."""
        levels = [each for each in self.shop.levels.values() if each.location_id == self.it.id]
        return _levels(self.ask, levels, args)


class ProductView(View[Product]):
    """A product."""

    typename = "Product"
    is_gift_card = False
    description_html = ""

    @property
    def status(self) -> str:
        """ACTIVE, DRAFT, ARCHIVED or UNLISTED."""
        return self.it.status.upper()

    @property
    def published_at(self) -> object:
        """When it went on sale."""
        return self.it.created_at

    @property
    def tracks_inventory(self) -> bool:
        """Whether any variant is counted."""
        return any(each.item.tracked for each in self.it.variants)

    @property
    def total_inventory(self) -> int:
        """Available units of all variants."""
        return sum(_available(self.shop, each) for each in self.it.variants)

    @property
    def has_only_default_variant(self) -> bool:
        """Whether there is nothing to choose."""
        return len(self.it.variants) == 1 and self.it.variants[0].title == "Default Title"

    def variants(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return the variants."""
        return listed(self.ask, self.it.variants, lambda it: VariantView(self.ask, it), args)

    @property
    def variants_count(self) -> Pick:
        """How many variants there are."""
        return count(len(self.it.variants))

    def options(self, first: int | None = None) -> list[Pick]:
        """Return the one option this sandbox knows."""
        values = [each.title for each in self.it.variants]
        option = Pick("ProductOption", id=gid("ProductOption", self.it.id + 1), name="Title",
                      position=1, values=values)  # fmt: skip
        return [option][:first]


class VariantView(View[Variant]):
    """A variant."""

    typename = "ProductVariant"
    compare_at_price = None

    @property
    def display_name(self) -> str:
        """Product and variant in one."""
        return f"{self.it.product.title} - {self.it.title}"

    @property
    def inventory_policy(self) -> str:
        """DENY or CONTINUE at zero."""
        return self.it.policy.upper()

    @property
    def inventory_quantity(self) -> int:
        """Available units over all places."""
        return _available(self.shop, self.it)

    @property
    def available_for_sale(self) -> bool:
        """Whether a buyer can have one."""
        open_ended = not self.it.item.tracked or self.it.policy == "continue"
        return open_ended or _available(self.shop, self.it) > 0

    @property
    def product(self) -> ProductView:
        """The product it belongs to."""
        return ProductView(self.ask, self.it.product)

    @property
    def inventory_item(self) -> "InventoryItemView":
        """What is counted."""
        return InventoryItemView(self.ask, self.it.item)

    @property
    def selected_options(self) -> list[Pick]:
        """The option values that make this variant."""
        return [Pick("SelectedOption", name="Title", value=self.it.title)]


class InventoryItemView(View[InventoryItem]):
    """What is counted."""

    typename = "InventoryItem"
    country_code_of_origin = None
    province_code_of_origin = None
    harmonized_system_code = None

    @property
    def unit_cost(self) -> Pick | None:
        """What one unit cost the merchant."""
        cost = self.it.cost
        return None if cost is None else money(cost, self.shop.settings.currency)

    @property
    def variant(self) -> VariantView:
        """The variant it belongs to."""
        return VariantView(self.ask, self.shop.variants[self.it.variant_id])

    def variants(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return the one variant as a list."""
        owner = [self.shop.variants[self.it.variant_id]]
        return listed(self.ask, owner, lambda it: VariantView(self.ask, it), args)

    def inventory_level(self, location_id: str, **_: object) -> "LevelView | None":
        """Return the level at one place."""
        number = number_of(location_id, "Location")
        level = self.shop.levels.get((self.it.id, number or 0))
        return None if level is None else LevelView(self.ask, level)

    def inventory_levels(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return the levels at all places."""
        levels = [each for each in self.shop.levels.values() if each.item_id == self.it.id]
        return _levels(self.ask, levels, args)

    @property
    def locations_count(self) -> Pick:
        """At how many places it is stocked."""
        return count(sum(1 for key in self.shop.levels if key[0] == self.it.id))

    @property
    def measurement(self) -> Pick:
        """Its weight."""
        grams = self.shop.variants[self.it.variant_id].grams
        return Pick("InventoryItemMeasurement", id=gid("InventoryItemMeasurement", self.it.id),
                    weight=Pick("Weight", unit="GRAMS", value=grams))  # fmt: skip


class LevelView(View[Level]):
    """Units of one item at one place."""

    typename = "InventoryLevel"
    is_active = True
    can_deactivate = True

    @property
    def id(self) -> str:
        """The global id, which names place and item."""
        return gid("InventoryLevel", f"{self.it.location_id}?inventory_item_id={self.it.item_id}")

    @property
    def item(self) -> InventoryItemView:
        """What is counted."""
        return InventoryItemView(self.ask, self.shop.items[self.it.item_id])

    @property
    def location(self) -> LocationView:
        """Where."""
        return LocationView(self.ask, self.shop.locations[self.it.location_id])

    def quantities(self, names: list[str]) -> list[Pick]:
        """Return the named quantities in the order asked for."""
        unknown = [name for name in names if name not in QUANTITY_NAMES]
        if unknown:
            raise GraphQLError(f"Unknown quantity names: {', '.join(unknown)}",
                               extensions={"code": "BAD_REQUEST"})  # fmt: skip
        shown = self._shown()
        return [
            Pick("InventoryQuantity", id=gid("InventoryQuantity", f"{self.it.item_id}?name={name}"),
                 name=name, quantity=getattr(shown, name), updated_at=shown.updated_at)
            for name in names
        ]  # fmt: skip

    def _shown(self) -> Level:
        before = self.shop.levels_before.get((self.it.item_id, self.it.location_id))
        return before if self.ask.stale and before is not None else self.it


def _available(shop: Shop, variant: Variant) -> int:
    found = (shop.levels.get((variant.item.id, place)) for place in shop.locations)
    return sum(level.available for level in found if level is not None)


def _levels(ask: Ask, levels: list[Level], args: dict[str, Any]) -> object:
    kept = searched(levels, args.get("query"), {
        "updated_at": lambda it: it.updated_at,
        "created_at": lambda it: it.created_at,
        "inventory_item_id": lambda it: it.item_id,
    })  # fmt: skip
    return listed(
        ask, kept, lambda it: LevelView(ask, it), args, key=lambda it: (it.item_id, it.location_id)
    )

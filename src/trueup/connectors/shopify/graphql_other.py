"""Turn products, customers, stock and returns of the GraphQL API into the shapes of webhooks."""

from trueup.connectors.shopify.customer import ConsentShape, CustomerShape
from trueup.connectors.shopify.graphql import address_shape, pointed
from trueup.connectors.shopify.inventory import ItemShape, LevelShape, LocationShape
from trueup.connectors.shopify.node import AddressNode
from trueup.connectors.shopify.node_other import (
    CustomerNode,
    ItemNode,
    LevelNode,
    LocationNode,
    ProductNode,
    ReturnLineNode,
    ReturnNode,
    VariantNode,
)
from trueup.connectors.shopify.product import ProductShape, VariantShape
from trueup.connectors.shopify.returned import DispositionShape, ReturnLineShape, ReturnShape
from trueup.connectors.shopify.shape import NOTHING, Id


def product_shape(node: ProductNode) -> ProductShape:
    """Return the product as a webhook would tell it; one that is cut short has no variants."""
    connection = node.variants
    variants = None if connection is None or connection.is_cut else connection.all()
    return ProductShape(
        id=node.id,
        title=node.title,
        status=node.status,
        vendor=node.vendor,
        product_type=node.product_type,
        handle=node.handle,
        created_at=node.created_at,
        updated_at=node.updated_at,
        tags=list(node.tags),
        variants=None if variants is None else [_variant(variant) for variant in variants],
    )


def _variant(node: VariantNode) -> VariantShape:
    item = node.inventory_item
    weight = item.measurement.weight if item and item.measurement else None
    tracked = item.tracked if item else None
    return VariantShape(
        id=node.id,
        title=node.title,
        sku=node.sku,
        barcode=node.barcode,
        price=node.price,
        compare_at_price=node.compare_at_price,
        position=node.position,
        inventory_item_id=item.id if item else None,
        inventory_management="shopify" if tracked is not False else None,
        inventory_policy=node.inventory_policy,
        requires_shipping=item.requires_shipping if item else None,
        weight=weight.value if weight else NOTHING,
        weight_unit=weight.unit if weight else None,
    )


def customer_shape(node: CustomerNode) -> CustomerShape:
    """Return the customer as a webhook would tell it."""
    email, sms, spent = node.default_email_address, node.sms_marketing_consent, node.amount_spent
    return CustomerShape(
        id=node.id,
        created_at=node.created_at,
        updated_at=node.updated_at,
        state=node.state,
        verified_email=node.verified_email,
        tax_exempt=node.tax_exempt,
        orders_count=_whole(node.number_of_orders),
        total_spent=spent.amount if spent else NOTHING,
        currency=spent.currency_code if spent else None,
        locale=node.locale,
        tags=list(node.tags),
        email=email.email_address if email else None,
        phone=node.default_phone_number.phone_number if node.default_phone_number else None,
        first_name=node.first_name,
        last_name=node.last_name,
        note=node.note,
        addresses=[shape for a in node.addresses if (shape := address_shape(a)) is not None],
        email_marketing_consent=ConsentShape(
            state=email.marketing_state,
            opt_in_level=email.marketing_opt_in_level,
            consent_updated_at=email.marketing_updated_at,
        )
        if email
        else None,
        sms_marketing_consent=ConsentShape(
            state=sms.marketing_state,
            opt_in_level=sms.marketing_opt_in_level,
            consent_updated_at=sms.consent_updated_at,
        )
        if sms
        else None,
    )


def _whole(value: Id | None) -> int | None:
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) < 15 else None
    return value


def item_shape(node: ItemNode) -> ItemShape:
    """Return the inventory item as a webhook would tell it, and the currency of its cost."""
    cost = node.unit_cost
    return ItemShape(
        id=node.id,
        sku=node.sku,
        created_at=node.created_at,
        updated_at=node.updated_at,
        requires_shipping=node.requires_shipping,
        cost=cost.amount if cost else NOTHING,
        currency=cost.currency_code if cost else None,
        country_code_of_origin=node.country_code_of_origin,
        harmonized_system_code=node.harmonized_system_code,
        tracked=node.tracked,
    )


def level_shape(node: LevelNode) -> LevelShape:
    """Return the level; the API also tells what is committed and incoming."""
    units = {quantity.name: quantity.quantity for quantity in node.quantities}
    return LevelShape(
        inventory_item_id=node.item.id,
        location_id=node.location.id,
        available=units.get("available"),
        on_hand=units.get("on_hand"),
        committed=units.get("committed"),
        incoming=units.get("incoming"),
        sku=node.item.sku,
        updated_at=node.updated_at,
        gone=node.is_active is False,
    )


def location_shape(node: LocationNode) -> LocationShape:
    """Return the place as a webhook would tell it."""
    address = node.address or AddressNode()
    return LocationShape(
        id=node.id,
        name=node.name,
        active=node.is_active,
        fulfills_online_orders=node.fulfills_online_orders,
        created_at=node.created_at,
        updated_at=node.updated_at,
        address1=address.address1,
        address2=address.address2,
        city=address.city,
        province=address.province,
        zip=address.zip,
        country_code=address.country_code,
        phone=address.phone,
    )


def return_shape(node: ReturnNode) -> ReturnShape:
    """Return the return, what became of its units beside its lines."""
    dispositions: dict[Id, list[DispositionShape]] = {}
    reverse = node.reverse_fulfillment_orders.all() if node.reverse_fulfillment_orders else []
    for line in (line for way in reverse if way.line_items for line in way.line_items.all()):
        if line.fulfillment_line_item and line.fulfillment_line_item.id is not None:
            dispositions.setdefault(line.fulfillment_line_item.id, []).extend(
                DispositionShape(type=d.type, quantity=d.quantity, location_id=pointed(d.location))
                for d in line.dispositions
            )
    order = node.order
    return ReturnShape(
        id=node.id,
        order_id=pointed(order),
        name=node.name,
        status=node.status,
        created_at=node.created_at,
        closed_at=node.closed_at,
        updated_at=order.updated_at if order else None,
        lines=tuple(
            _return_line(line, dispositions)
            for line in (node.return_line_items.all() if node.return_line_items else [])
        ),
    )


def is_return_cut(node: ReturnNode) -> bool:
    """Tell whether the vendor has more of this return than the node holds."""
    reverse = node.reverse_fulfillment_orders
    ways = reverse.all() if reverse else []
    connections = [way.line_items for way in ways]
    return (
        (node.return_line_items is not None and node.return_line_items.is_cut)
        or (reverse is not None and reverse.is_cut)
        or any(connection is not None and connection.is_cut for connection in connections)
    )


def _return_line(
    node: ReturnLineNode, dispositions: dict[Id, list[DispositionShape]]
) -> ReturnLineShape:
    shipped = node.fulfillment_line_item
    # Two lines of one shipped line share its dispositions; the first takes them all, once.
    taken = dispositions.pop(shipped.id, []) if shipped and shipped.id is not None else []
    return ReturnLineShape(
        line_item_id=pointed(shipped.line_item) if shipped else None,
        quantity=node.quantity,
        reason=node.return_reason,
        note=node.return_reason_note or node.customer_note,
        dispositions=tuple(taken),
    )

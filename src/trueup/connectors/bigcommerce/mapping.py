"""What BigCommerce's bodies mean. Pure: whatever comes in, it answers with records or a reason.

A webhook only hints at something; that is read before anything counts. Deletions alone are believed
as they are signed: what is gone can not be read.
"""

from collections.abc import Callable

import msgspec

from trueup.canon.customer import Customer, CustomerPerson
from trueup.canon.product import Product
from trueup.canon.shipment import Shipment, ShipmentState
from trueup.connectors.bigcommerce.after import map_payment, map_refund, map_shipment
from trueup.connectors.bigcommerce.fault import malformed, misshapen, unsound
from trueup.connectors.bigcommerce.order import map_order
from trueup.connectors.bigcommerce.person import postal_of
from trueup.connectors.bigcommerce.product import map_level, map_location, map_product
from trueup.connectors.bigcommerce.shape import (
    CustomerShape,
    HintShape,
    LevelShape,
    LocationShape,
    ProductShape,
    RefundedShape,
    ShipmentShape,
    TransactionShape,
    WholeOrderShape,
)
from trueup.connectors.bigcommerce.stamp import instant_of, needed_instant
from trueup.contract.connector import Fetch, Mapped, Source
from trueup.contract.fault import Unsound

_HINT = msgspec.json.Decoder(HintShape)
_ORDER = msgspec.json.Decoder(WholeOrderShape)
_SHIPMENT = msgspec.json.Decoder(ShipmentShape)
_REFUND = msgspec.json.Decoder(RefundedShape)
_PAYMENT = msgspec.json.Decoder(TransactionShape)
_PRODUCT = msgspec.json.Decoder(ProductShape)
_LEVEL = msgspec.json.Decoder(LevelShape)
_LOCATION = msgspec.json.Decoder(LocationShape)
_CUSTOMER = msgspec.json.Decoder(CustomerShape)
_ANY = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NUMBER = msgspec.json.Decoder(int)


def map_source(source: Source) -> Mapped:
    """Return the records of a body, or why there are none."""
    if b"\\u0000" in source.body:
        return Mapped(issues=(malformed("U+0000"),))
    try:
        return _read(source)
    except msgspec.ValidationError as fault:
        return Mapped(issues=(misshapen(fault),))
    except Unsound as fault:
        return Mapped(issues=(unsound(fault),))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as fault:
        return Mapped(issues=(malformed(type(fault).__name__),))


def _read(source: Source) -> Mapped:
    read = _READERS.get(source.topic)
    if read is not None:
        return read(source)
    hint = _HINTS.get(_family(source.topic))
    if hint is not None:
        return hint(_HINT.decode(source.body), source)
    _ANY.decode(source.body)  # what is no object at all is told as such
    noun = source.topic.split("/")[1:2]
    reason = _REASONS.get(noun[0] if noun else "")
    return Mapped(ignored=reason or f"nothing in the hub reads the topic {source.topic[:60]!r}")


def _family(topic: str) -> str:
    """Return what a scope is about: all that happens to an order leads to the same reading."""
    parts = topic.split("/")
    if parts[0] != "store" or "metafield" in parts or "message" in parts:
        return ""
    if "inventory" in parts[2:]:
        return f"{parts[1]}/inventory" if parts[1] in {"product", "sku"} else ""
    if parts[1:3] == ["customer", "address"]:
        return "customer/address"
    if parts[1:2] == ["inventory"]:
        return "location" if "location" in parts else ""
    return parts[1] if len(parts) > 1 else ""


def _fetch(resource: str, ref: object) -> Mapped:
    if not isinstance(ref, int) or ref <= 0:
        raise Unsound("nothing", "an id in data")
    return Mapped(fetch=(Fetch(resource=resource, ref=str(ref)),))


def _inner(values: dict[str, msgspec.Raw] | None, name: str) -> int | None:
    raw = (values or {}).get(name)
    return None if raw is None or bytes(raw) == b"null" else _NUMBER.decode(raw)


def _of_shipment(hint: HintShape, source: Source) -> Mapped:
    mapped = _fetch("orders", hint.data.order_id)
    if not source.topic.endswith("/deleted"):
        return mapped
    gone = Shipment(
        ref=str(hint.data.id or 0),
        order_ref=str(hint.data.order_id),
        updated_at=source.raised_at or source.received_at,
        state=ShipmentState.CANCELLED,
        deleted=True,
    )
    return Mapped(records=(gone,), fetch=mapped.fetch)


def _of_product(hint: HintShape, source: Source) -> Mapped:
    mapped = _fetch("products", hint.data.id)
    if not source.topic.endswith("/deleted"):
        return mapped
    at = source.raised_at or source.received_at
    gone = Product(ref=str(hint.data.id), updated_at=at, title="", deleted=True)
    return Mapped(records=(gone,))


def _of_customer(hint: HintShape, source: Source) -> Mapped:
    mapped = _fetch("customers", hint.data.id)
    if not source.topic.endswith("/deleted"):
        return mapped
    at = source.raised_at or source.received_at
    return Mapped(records=(Customer(ref=str(hint.data.id), updated_at=at, deleted=True),))


def _of_stock(hint: HintShape, source: Source) -> Mapped:  # noqa: ARG001 - one shape for all hints
    stock = hint.data.inventory
    variant = _inner(stock, "variant_id")
    number = variant or _inner(stock, "product_id") or hint.data.id or 0
    if number <= 0:
        raise Unsound("nothing", "a variant or a product in data")
    ref = f"variant-{number}" if variant else f"product-{number}"
    return Mapped(fetch=(Fetch(resource="inventory_levels", ref=ref),))


def _customer(source: Source) -> Mapped:
    shape = _CUSTOMER.decode(source.body)
    person = CustomerPerson(
        email=shape.email or None,
        phone=shape.phone or None,
        first_name=shape.first_name or None,
        last_name=shape.last_name or None,
        note=shape.notes or None,
        addresses=tuple(a for each in shape.addresses or () if (a := postal_of(each))),
    )
    customer = Customer(
        ref=str(shape.id),
        updated_at=needed_instant(shape.date_modified, shape.date_created),
        created_at=instant_of(shape.date_created),
        person=None if person == CustomerPerson() else person,
    )
    return Mapped(records=(customer,))


def _paged_order(source: Source) -> Mapped:
    """A page tells an order's head alone; the whole is read."""
    return _fetch("orders", _inner(_ANY.decode(source.body), "id"))


_READERS: dict[str, Callable[[Source], Mapped]] = {
    "pull/order": _paged_order,
    "fetch/order": lambda source: map_order(_ORDER.decode(source.body)),
    "fetch/shipment": lambda source: map_shipment(_SHIPMENT.decode(source.body)),
    "fetch/refund": lambda source: map_refund(_REFUND.decode(source.body)),
    "fetch/payment": lambda source: map_payment(_PAYMENT.decode(source.body)),
    **dict.fromkeys(
        ("pull/product", "fetch/product"),
        lambda source: map_product(_PRODUCT.decode(source.body)),
    ),
    **dict.fromkeys(("pull/customer", "fetch/customer"), _customer),
    **dict.fromkeys(
        ("pull/inventory_level", "fetch/inventory_level"),
        lambda source: map_level(_LEVEL.decode(source.body), source),
    ),
    **dict.fromkeys(
        ("pull/location", "fetch/location"),
        lambda source: map_location(_LOCATION.decode(source.body)),
    ),
}
_HINTS: dict[str, Callable[[HintShape, Source], Mapped]] = {
    "order": lambda hint, _: _fetch("orders", hint.data.id),
    "shipment": _of_shipment,
    "product": _of_product,
    "sku": lambda hint, _: _fetch("products", _inner(hint.data.sku, "product_id")),
    "product/inventory": _of_stock,
    "sku/inventory": _of_stock,
    "customer": _of_customer,
    "customer/address": lambda hint, _: _fetch(
        "customers", _inner(hint.data.address, "customer_id")
    ),
}
_REASONS = {
    "cart": "a cart is not an order until it is paid for",
    "category": "a category sorts products; nothing in the hub depends on it",
    "information": "the store's settings are read by the check of the connection",
    "metafield": "what apps write beside a record is not read",
    "subscriber": "subscribers of the store's own newsletter are not read",
    "order": "messages and metafields of an order are not read; the order tells of itself",
}

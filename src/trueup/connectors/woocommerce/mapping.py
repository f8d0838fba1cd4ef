"""What WooCommerce's bodies mean. Pure: whatever comes in, it answers with records or a reason."""

from collections.abc import Callable

import msgspec

from trueup.connectors.woocommerce.customer import deleted_customer, map_customer
from trueup.connectors.woocommerce.fault import malformed, misshapen, unsound
from trueup.connectors.woocommerce.order import deleted_order, map_order
from trueup.connectors.woocommerce.product import (
    deleted_product,
    map_level,
    map_product,
    map_whole,
)
from trueup.connectors.woocommerce.refund import map_refund
from trueup.connectors.woocommerce.shape import (
    CountedShape,
    CustomerShape,
    GoneShape,
    OrderShape,
    ProductShape,
    RefundedShape,
    WholeShape,
)
from trueup.connectors.woocommerce.webhook import noun_of
from trueup.contract.connector import Mapped, Source
from trueup.contract.fault import Unsound

_ORDER = msgspec.json.Decoder(OrderShape)
_REFUND = msgspec.json.Decoder(RefundedShape)
_PRODUCT = msgspec.json.Decoder(ProductShape)
_WHOLE = msgspec.json.Decoder(WholeShape)
_LEVEL = msgspec.json.Decoder(CountedShape)
_CUSTOMER = msgspec.json.Decoder(CustomerShape)
_GONE = msgspec.json.Decoder(GoneShape)
_ANY = msgspec.json.Decoder(dict[str, msgspec.Raw])


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
    noun = noun_of(source.topic)
    gone = _GONERS.get(noun)
    if gone is not None and source.topic.endswith(".deleted"):
        return gone(str(_GONE.decode(source.body).id), source)
    read = _READERS.get(noun)
    if read is not None:
        return read(source)
    _ANY.decode(source.body)  # what is no object at all is told as such
    reason = _REASONS.get(noun, f"nothing in the hub reads the topic {source.topic[:60]!r}")
    return Mapped(ignored=reason)


def _order(source: Source) -> Mapped:
    exact = source.topic.startswith(("pull/", "fetch/"))
    return map_order(_ORDER.decode(source.body), exact=exact)


def _order_gone(ref: str, source: Source) -> Mapped:
    return deleted_order(ref, source.raised_at or source.received_at)


def _product(source: Source) -> Mapped:
    if "product" in _ANY.decode(source.body):
        return map_whole(_WHOLE.decode(source.body))
    return map_product(_PRODUCT.decode(source.body))


_READERS: dict[str, Callable[[Source], Mapped]] = {
    "order": _order,
    "refund": lambda source: map_refund(_REFUND.decode(source.body)),
    "product": _product,
    "customer": lambda source: map_customer(_CUSTOMER.decode(source.body)),
    "inventory_level": lambda source: map_level(_LEVEL.decode(source.body), source),
}
_GONERS: dict[str, Callable[[str, Source], Mapped]] = {
    "order": _order_gone,
    "product": deleted_product,
    "customer": deleted_customer,
}
_REASONS = {
    "coupon": "a coupon is not commerce until it is used; then it stands in the order",
    "action": "a hook of WordPress that a person chose; what it tells is nowhere described",
}

"""What Odoo's records mean. Pure: whatever comes in, it answers with records or a reason."""

from collections.abc import Callable

import msgspec

from trueup.connectors.odoo.books import map_move
from trueup.connectors.odoo.buying import map_purchase, map_supplier_item
from trueup.connectors.odoo.delivery import map_delivery
from trueup.connectors.odoo.fault import malformed, misshapen
from trueup.connectors.odoo.stock import map_level, map_location, map_move_line, map_product
from trueup.contract.connector import Mapped, Source


def map_source(source: Source) -> Mapped:
    """Return what a record of Odoo means, or why it means nothing."""
    if b"\\u0000" in source.body:
        return Mapped(issues=(malformed("U+0000"),))
    try:
        if source.topic.endswith("/inventory_level"):
            return map_level(source.body, source.raised_at or source.received_at)
        read = _READERS.get(source.topic)
        return read(source.body) if read else _ignored(source.body)
    except msgspec.ValidationError as fault:
        return Mapped(issues=(misshapen(fault),))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as fault:
        return Mapped(issues=(malformed(type(fault).__name__),))


def _ignored(body: bytes) -> Mapped:
    msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return Mapped(ignored="a record of no model that is read here")


_READERS: dict[str, Callable[[bytes], Mapped]] = {
    "pull/location": map_location,
    "pull/product": map_product,
    "pull/stock_move": map_move_line,
    "pull/delivery": map_delivery,
    "pull/supplier_item": map_supplier_item,
    "pull/purchase_order": map_purchase,
    "pull/invoice": map_move,
    "pull/journal": map_move,
}

"""Orders that are held, released, tagged or cancelled: looked at, written where they differ.

WooCommerce has a status and, beside it, `meta_data`: names and texts that any plugin may keep at an
order. What an order was held from, for which reasons, and which command cancelled it stands there,
under names of ours, in the same call that sets the status. So the next look, by whomever, knows it.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from trueup.canon.command import CancelOrder, HoldOrder, ReleaseOrder, TagOrder
from trueup.connectors.woocommerce.reading import read
from trueup.contract.connector import Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused

HOLDS: Final = "_trueup_holds"
HELD_FROM: Final = "_trueup_held_from"
CANCELLED_BY: Final = "_trueup_cancelled_by"
TAGS: Final = "trueup_tags"
"""Without a line before it, so that the shop's own pages show it."""

_FIELDS = "_fields=id,status,date_paid_gmt,meta_data"
_ON_HOLD = "on-hold"
_OPEN = frozenset(("pending", "processing", _ON_HOLD))
Content = HoldOrder | ReleaseOrder | TagOrder | CancelOrder


class _Meta(msgspec.Struct, gc=False):
    key: str = ""
    value: Any = None


class _Order(msgspec.Struct, gc=False):
    id: int
    status: str
    date_paid_gmt: str | None = None
    meta_data: list[_Meta] = []

    def told(self, key: str) -> str:
        """Return a text of ours; empty where none stands."""
        found = [each.value for each in self.meta_data if each.key == key]
        return found[-1] if found and isinstance(found[-1], str) else ""

    def names(self, key: str) -> list[str]:
        """Return a list of names of ours."""
        return [name for name in self.told(key).split(",") if name]


def request(content: Content) -> Request:
    """Return the look at the order that a carrying out begins with.

    Raises:
        Refused: WooCommerce can not do it so; says how it can.
    """
    if not content.order_ref.isascii() or not content.order_ref.isdecimal():
        raise Refused("The order's id is none of WooCommerce's: digits.")
    if isinstance(content, CancelOrder) and not content.restock:
        raise Refused("WooCommerce puts the units of a cancelled order back by itself.")
    tags = (*content.added, *content.removed) if isinstance(content, TagOrder) else ()
    if any("," in tag or not tag.strip() for tag in tags):
        raise Refused("A tag has no comma and is not blank.")
    return Request(method="GET", path=_path(content))


def following(content: Content, ref: str, look: Reply) -> Request | None:
    """Return the call that sets what does not stand there; None where nothing is to be set.

    Raises:
        ContractBroken: the reply is no order.
    """
    order = _read(look)
    if _judged(content, ref, order) is not None:
        return None
    status, marks = _wanted(content, ref, order)
    wish: dict[str, Any] = {"status": status} if status else {}
    wish["meta_data"] = [{"key": key, "value": value} for key, value in marks.items()]
    return Request(
        method="PUT",
        path=_path(content),
        headers=(("content-type", "application/json"),),
        body=msgspec.json.encode(wish),
        writes=True,
    )


def receipt(content: Content, ref: str, reply: Reply) -> Receipt:
    """Return what came of it: looked at or written, the reply is the order as it stands.

    Raises:
        ContractBroken: the reply is no order.
    """
    # A plugin may have undone what was written: nobody can say, and it is looked at again.
    unknown = Receipt(state=ReceiptState.UNKNOWN, code="not_as_written")
    return _judged(content, ref, _read(reply)) or unknown


def _judged(content: Content, ref: str, order: _Order) -> Receipt | None:
    """Return what is known without a further call; None where something is to be set."""
    done = Receipt(state=ReceiptState.DONE, vendor_ref=content.order_ref)
    match content:
        case HoldOrder():
            if order.status not in _OPEN:
                return _refused("nothing_to_hold", f"The order is {order.status[:20]}.")
            held = order.status == _ON_HOLD and content.name in order.names(HOLDS)
            return done if held else None
        case ReleaseOrder():
            return None if content.name in order.names(HOLDS) else done
        case TagOrder():
            tags = set(order.names(TAGS))
            stands = tags.issuperset(content.added) and tags.isdisjoint(content.removed)
            return done if stands else None
        case CancelOrder():
            return _cancelled(content, ref, order)


def _cancelled(content: CancelOrder, ref: str, order: _Order) -> Receipt | None:
    if order.status == "cancelled" and order.told(CANCELLED_BY) == ref:
        return Receipt(state=ReceiptState.DONE, vendor_ref=content.order_ref)
    if order.status == "cancelled":
        return _refused("cancelled_by_others", "Somebody else cancelled the order.")
    if order.status not in _OPEN:
        return _refused("invalid", f"An order that is {order.status[:20]} can not be cancelled.")
    if content.refund and order.date_paid_gmt:
        return _refused(
            "refund_apart",
            "WooCommerce pays nothing back when an order is cancelled. Order the refund at the "
            "vendor of the payment, and the cancellation without it.",
        )
    return None


def _wanted(content: Content, ref: str, order: _Order) -> tuple[str | None, Mapping[str, str]]:
    """Return the status that shall stand (None: as it is), and what stands beside it."""
    match content:
        case HoldOrder():
            return _held(content.name, order)
        case ReleaseOrder():
            return _released(content.name, order)
        case TagOrder():
            tags = dict.fromkeys((*order.names(TAGS), *content.added))
            return None, {TAGS: ",".join(tag for tag in tags if tag not in content.removed)}
        case CancelOrder():
            return "cancelled", {CANCELLED_BY: ref}


def _held(name: str, order: _Order) -> tuple[str | None, Mapping[str, str]]:
    if order.status != _ON_HOLD:
        # Names of a hold that somebody ended by hand count no more.
        return _ON_HOLD, {HOLDS: name, HELD_FROM: order.status}
    return None, {HOLDS: ",".join((*order.names(HOLDS), name))}


def _released(name: str, order: _Order) -> tuple[str | None, Mapping[str, str]]:
    """Give the order its status back, where ours was the last hold and we put it on hold."""
    left = [each for each in order.names(HOLDS) if each != name]
    before = order.told(HELD_FROM)
    if left or order.status != _ON_HOLD or before not in _OPEN:
        return None, {HOLDS: ",".join(left)}
    return before, {HOLDS: "", HELD_FROM: ""}


def _path(content: Content) -> str:
    return f"/wc/v3/orders/{content.order_ref}?{_FIELDS}"


def _read(reply: Reply) -> _Order:
    return read(reply, _Order, "order")


def _refused(code: str, message: str) -> Receipt:
    return Receipt(state=ReceiptState.REFUSED, code=code, message=message)

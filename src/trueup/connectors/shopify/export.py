"""The lines of a bulk export: each object on its own line, a child naming its parent.

The export is asked for grouped, so children follow their parent; one record is held at a time.
"""

from collections.abc import Iterable, Iterator

import msgspec

from trueup.connectors.shopify.refs import gid_type
from trueup.contract.connector import Piece
from trueup.errors import ContractBroken

_FIELDS = {
    "LineItem": "lineItems",
    "ShippingLine": "shippingLines",
    "ProductVariant": "variants",
    # Discounts have no id and are known by their type's name.
    "DiscountCodeApplication": "discountApplications",
    "AutomaticDiscountApplication": "discountApplications",
    "ManualDiscountApplication": "discountApplications",
    "ScriptDiscountApplication": "discountApplications",
}
# Connections that are asked for stand in the record even where the vendor has nothing in them.
_ALWAYS = {
    "order": ("lineItems", "shippingLines", "discountApplications"),
    "product": ("variants",),
}
_CHILDREN_MAX = 20_000


class _Line(msgspec.Struct, gc=False):
    id: str | None = None
    typename: str | None = msgspec.field(name="__typename", default=None)
    parent_id: str | None = msgspec.field(name="__parentId", default=None)


_LINE = msgspec.json.Decoder(_Line)


def fold(noun: str, lines: Iterable[bytes]) -> Iterator[Piece]:
    """Yield one piece per record with its children folded in.

    Args:
        noun: the last part of the pieces' topic. Levels are children of their locations, and
            records by themselves.
        lines: of the export, with or without their line ends.

    Raises:
        ContractBroken: a line can not be read, or comes before its parent.
    """
    parent: bytes | None = None
    parent_id: str | None = None
    children: dict[str, list[bytes]] = {}
    held = 0
    for line in lines:
        text = line.strip()
        if not text:
            continue
        head = _head(text)
        if head.parent_id is None:
            if parent is not None:
                yield _piece(noun, parent, children)
            if noun == "inventory_level":
                continue  # a location, whose levels follow
            parent, parent_id, children, held = text, head.id, {}, 0
        elif noun == "inventory_level":
            yield Piece(topic=f"pull/{noun}", body=text)
        else:
            held += 1
            if head.parent_id != parent_id or held > _CHILDREN_MAX:
                raise ContractBroken("the export is not grouped by record, or a record has no end")
            children.setdefault(_field(head), []).append(text)
    if parent is not None:
        yield _piece(noun, parent, children)


def _piece(noun: str, parent: bytes, children: dict[str, list[bytes]]) -> Piece:
    """Write the children into the parent's own bytes, as a page would hold them."""
    fields = {name: children.get(name, []) for name in _ALWAYS.get(noun, ())}
    fields |= children
    tail = b"".join(
        b',"' + name.encode() + b'":{"nodes":[' + b",".join(nodes) + b"]}"
        for name, nodes in fields.items()
    )
    return Piece(topic=f"pull/{noun}", body=parent[:-1] + tail + b"}")


def _head(text: bytes) -> _Line:
    try:
        return _LINE.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("a line of the export can not be read") from fault


def _field(head: _Line) -> str:
    kind = (gid_type(head.id) if head.id else head.typename) or ""
    if kind not in _FIELDS:
        raise ContractBroken("the export holds a child that was not asked for", kind=kind[:40])
    return _FIELDS[kind]

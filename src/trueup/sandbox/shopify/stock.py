"""Units of an item at a location: sold, released, sent, counted."""

from collections.abc import Callable
from dataclasses import replace

from trueup.errors import invariant
from trueup.sandbox.shopify.bodies_catalogue import level_body
from trueup.sandbox.shopify.model import Level, Line, Order, Variant
from trueup.sandbox.shopify.shop import Shop

__all__ = ["QUANTITY_NAMES", "change", "give_back", "level_of", "place_for", "sell", "send"]

QUANTITY_NAMES = (
    "available", "committed", "damaged", "incoming", "on_hand", "quality_control",
    "reserved", "safety_stock",
)  # fmt: skip


def level_of(shop: Shop, item_id: int, location_id: int) -> Level:
    """Return the level of an item at a location, opened at zero when it is not stocked yet."""
    found = shop.levels.get((item_id, location_id))
    if found is None:
        found = Level(item_id, location_id, shop.now(), shop.now())
        shop.levels[item_id, location_id] = found
    return found


def place_for(shop: Shop, variant: Variant | None, quantity: int) -> int:
    """Return the location that will send: the first with enough units, else the first."""
    places = [place.id for place in shop.locations.values() if place.active and place.online]
    invariant(places, "a shop has a location that sends online orders")
    if variant is None:
        return places[0]
    for place in places:
        if level_of(shop, variant.item.id, place).available >= quantity:
            return place
    return places[0]


def sell(shop: Shop, order: Order, line: Line, quantity: int, *, sent: bool = False) -> None:
    """Take units from available; they are committed until sent (`sent`: at once, as in POS)."""

    def move(level: Level) -> None:
        level.available -= quantity
        level.committed += 0 if sent else quantity

    if not _moves_stock(line):
        return
    if _change_line(shop, line, move) and shop.witness and line.sku:
        shop.witness.sold(shop.settings.handle, order.name, line.sku, quantity, shop.now())


def send(shop: Shop, line: Line, quantity: int) -> None:
    """Let committed units leave (negative: a cancelled parcel comes back to committed)."""

    def move(level: Level) -> None:
        level.committed -= quantity

    if _moves_stock(line):
        _change_line(shop, line, move)


def give_back(
    shop: Shop, order: Order, line: Line, quantity: int, *, committed: bool, restock: bool,
    place: int | None = None,
) -> None:  # fmt: skip
    """Undo a sale: committed units are freed, and with `restock` they can be sold again.

    That is at `place`, or where the line was to be sent from.
    """

    def move(level: Level) -> None:
        level.committed -= quantity if committed else 0
        level.available += quantity if restock else 0

    if not _moves_stock(line) or not (committed or restock):
        return
    if _change_line(shop, line, move, place) and restock and shop.witness and line.sku:
        shop.witness.given_back(shop.settings.handle, order.name, line.sku, quantity)


def change(shop: Shop, level: Level, name: str, delta: int) -> None:
    """Add `delta` to one named quantity; `on_hand` moves available."""
    field = "available" if name == "on_hand" else name
    _remember(shop, level)
    setattr(level, field, getattr(level, field) + delta)
    _touch(shop, level)


def _moves_stock(line: Line) -> bool:
    # Custom lines have no item; untracked items are never counted.
    return line.variant is not None and line.variant.item.tracked


def _change_line(
    shop: Shop, line: Line, move: Callable[[Level], None], place: int | None = None
) -> bool:
    place = line.location_id if place is None else place
    if line.variant is None or place is None:
        return False
    level = level_of(shop, line.variant.item.id, place)
    _remember(shop, level)
    move(level)
    _touch(shop, level)
    return True


def _remember(shop: Shop, level: Level) -> None:
    """Keep the level as it was, for the fault that answers stale reads."""
    shop.levels_before[level.item_id, level.location_id] = replace(level)


def _touch(shop: Shop, level: Level) -> None:
    level.updated_at = shop.now()
    shop.emit("inventory_levels/update", lambda: level_body(shop, level))

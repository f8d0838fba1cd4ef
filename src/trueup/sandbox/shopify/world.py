"""The truth outside every shop: how many units of a SKU there are, and who was promised one."""

from datetime import datetime

import msgspec

__all__ = ["Oversell", "World"]


class Oversell(msgspec.Struct, frozen=True, kw_only=True):
    """A shop promised units that were no longer there."""

    sku: str
    shop: str
    order: str
    quantity: int
    at: datetime


class World:
    """One brand's physical stock, shared by all its shops.

    `available` is units received, less units promised or sold, plus units given back; it
    falls below zero exactly when shops together promised more than there is.
    """

    def __init__(self) -> None:
        self.available: dict[str, int] = {}
        self.received: dict[str, int] = {}
        self.promised: dict[tuple[str, str, str], int] = {}
        self.oversells: list[Oversell] = []

    def receive(self, sku: str, quantity: int) -> None:
        """Put units on the shared shelf."""
        self.available[sku] = self.available.get(sku, 0) + quantity
        self.received[sku] = self.received.get(sku, 0) + quantity

    def sold(self, shop: str, order: str, sku: str, quantity: int, at: datetime) -> None:
        """Hear of a sale; units that were not there are an oversell."""
        before = self.available.get(sku, 0)
        self.available[sku] = before - quantity
        key = (shop, order, sku)
        self.promised[key] = self.promised.get(key, 0) + quantity
        short = quantity - max(0, min(before, quantity))
        if short > 0:
            self.oversells.append(Oversell(sku=sku, shop=shop, order=order, quantity=short, at=at))

    def given_back(self, shop: str, order: str, sku: str, quantity: int) -> None:
        """Hear that units can be sold again."""
        self.available[sku] = self.available.get(sku, 0) + quantity
        key = (shop, order, sku)
        self.promised[key] = self.promised.get(key, 0) - quantity

    def counted(self, shop: str, sku: str, delta: int) -> None:  # noqa: ARG002 - the witness's words
        """Hear that a count found more or fewer units than thought."""
        self.receive(sku, delta)

    def sellable(self, sku: str) -> int:
        """Return what every shop ought to show: what is left, never below zero."""
        return max(0, self.available.get(sku, 0))

"""Which of QuickBooks' entities are read, and what each is called where."""

from types import MappingProxyType
from typing import Final

import msgspec


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """One entity.

    Attributes:
        name: in bodies and queries ("JournalEntry").
        resource: of the manifest.
        kind: of the record that it becomes.
        only: what a query must say, so that nothing is left out.
    """

    name: str
    resource: str
    kind: str
    only: str = ""

    @property
    def path(self) -> str:
        """Its name in addresses and in webhooks."""
        return self.name.lower()


_ALL: Final = (
    # Without this a query leaves out what is no longer active.
    Entity(name="Item", resource="items", kind="product", only="Active IN (true, false)"),
    Entity(name="PurchaseOrder", resource="purchase_orders", kind="purchase_order"),
    Entity(name="Invoice", resource="invoices", kind="invoice"),
    Entity(name="SalesReceipt", resource="sales_receipts", kind="invoice"),
    Entity(name="CreditMemo", resource="credit_memos", kind="invoice"),
    Entity(name="RefundReceipt", resource="refund_receipts", kind="invoice"),
    Entity(name="Bill", resource="bills", kind="invoice"),
    Entity(name="JournalEntry", resource="journal_entries", kind="journal"),
    Entity(name="Payment", resource="payments", kind="payment"),
)
BY_NAME: Final = MappingProxyType({each.name: each for each in _ALL})
BY_RESOURCE: Final = MappingProxyType({each.resource: each for each in _ALL})
BY_PATH: Final = MappingProxyType({each.path: each for each in _ALL})
LEVEL: Final = "ItemLevel"
"""The second thing that an item tells: how many there are."""


def kind_of(name: str) -> str:
    """Return the kind of record of an entity by its name; "" for one that is not read."""
    if name == LEVEL:
        return "inventory_level"
    return BY_NAME[name].kind if name in BY_NAME else ""


def ref_of(name: str, number: str) -> str:
    """Return the ref of a record.

    Ids of transactions are one row of numbers, so the documents that become invoices never share
    one. A level is of the whole company: its location is empty.
    """
    return f"{number}@" if name == LEVEL else number

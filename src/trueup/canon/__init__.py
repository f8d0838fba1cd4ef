"""The canonical language: frozen, pure, the same whichever system speaks."""

from trueup.canon.customer import Address, Consent, Customer, CustomerPerson
from trueup.canon.inventory import InventoryLevel, Location, MovementKind, StockMovement
from trueup.canon.issue import Issue, Severity
from trueup.canon.order import (
    Discount,
    Order,
    OrderLine,
    OrderOrigin,
    OrderPerson,
    OrderTotals,
    PaymentStatus,
    ShippingLine,
    TaxLine,
)
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.price import Price
from trueup.canon.privacy import PrivacyKind, PrivacyPerson, PrivacyRequest
from trueup.canon.product import InventoryItem, Product, Variant
from trueup.canon.record import Record, VersionKey, decode, encode, kind_of
from trueup.canon.refund import Refund, RefundLine, Restock
from trueup.canon.returns import Return, ReturnLine, ReturnPerson, ReturnState
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentPerson, ShipmentState

__all__ = [
    "Address",
    "Consent",
    "Customer",
    "CustomerPerson",
    "Discount",
    "InventoryItem",
    "InventoryLevel",
    "Issue",
    "Location",
    "MovementKind",
    "Order",
    "OrderLine",
    "OrderOrigin",
    "OrderPerson",
    "OrderTotals",
    "Payment",
    "PaymentKind",
    "PaymentState",
    "PaymentStatus",
    "Price",
    "PrivacyKind",
    "PrivacyPerson",
    "PrivacyRequest",
    "Product",
    "Record",
    "Refund",
    "RefundLine",
    "Restock",
    "Return",
    "ReturnLine",
    "ReturnPerson",
    "ReturnState",
    "Severity",
    "Shipment",
    "ShipmentLine",
    "ShipmentPerson",
    "ShipmentState",
    "ShippingLine",
    "StockMovement",
    "TaxLine",
    "Variant",
    "VersionKey",
    "decode",
    "encode",
    "kind_of",
]

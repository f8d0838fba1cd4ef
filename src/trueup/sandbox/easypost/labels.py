"""Labels at the simulated EasyPost: shipments with rates, paid for once, asked back."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from trueup.sandbox.easypost import bodies
from trueup.sandbox.journey import Travelling

__all__ = ["RATES", "Label", "wanting"]

RATES: Final = (
    ("USPS", "Express", Decimal("34.15"), 1),
    ("USPS", "Priority", Decimal("7.42"), 2),
    ("USPS", "GroundAdvantage", Decimal("6.07"), 3),
    ("UPSDAP", "Ground", Decimal("9.80"), 4),
)
"""Carrier, service, US dollars for a pound, and days."""

_POUND_OZ: Final = Decimal(16)
_CENT: Final = Decimal("0.01")
_NEEDED: Final = ("from_address", "to_address", "parcel")
_ADDRESS: Final = ("street1", "city", "country")


@dataclass(slots=True)
class Label:
    """One shipment: what was wished, what carriers ask for it, and what was paid."""

    id: str
    wish: dict[str, Any]
    made_at: datetime
    updated_at: datetime
    rates: list[dict[str, Any]] = field(default_factory=list)
    paid: dict[str, Any] | None = None
    parcel: Travelling | None = None
    refund_status: str | None = None

    @property
    def reference(self) -> str | None:
        """The name that whoever made it gave it."""
        return self.wish.get("reference")

    def price(self) -> None:
        """Ask the carriers: by weight, to where they go at all."""
        ounces = Decimal(str(self.wish["parcel"]["weight"]))
        for number, (carrier, service, dollars, days) in enumerate(RATES):
            pounds = max(Decimal(1), ounces / _POUND_OZ)
            rate = (dollars * pounds).quantize(_CENT, rounding=ROUND_HALF_UP)
            self.rates.append(
                {
                    "id": f"rate_{self.id.removeprefix('shp_')[4:]}{number:04x}",
                    "object": "Rate",
                    "mode": "test",
                    "carrier": carrier,
                    "service": service,
                    "rate": str(rate),
                    "currency": "USD",
                    "delivery_days": days,
                    "shipment_id": self.id,
                }
            )

    def body(self) -> dict[str, Any]:
        """Return the shipment as EasyPost tells it."""
        is_return = bool(self.wish.get("is_return"))
        sides = self.wish["from_address"], self.wish["to_address"]
        here, there = reversed(sides) if is_return else sides
        parcel = self.parcel
        told = None if parcel is None else bodies.tracker(parcel) | {"shipment_id": self.id}
        return {
            "id": self.id,
            "object": "Shipment",
            "mode": "test",
            "reference": self.reference,
            "is_return": is_return,
            "from_address": here,
            "to_address": there,
            "parcel": self.wish["parcel"],
            "options": {"currency": "USD", **self.wish.get("options", {})},
            "rates": self.rates,
            "messages": [] if self.rates else [_NO_WAY],
            "selected_rate": self.paid,
            "postage_label": None if parcel is None else _postage(self.id),
            "tracking_code": None if parcel is None else parcel.number,
            "refund_status": self.refund_status,
            "tracker": told,
            "created_at": bodies.instant(self.made_at),
            "updated_at": bodies.instant(self.updated_at),
        }


def wanting(wish: dict[str, Any]) -> list[str]:
    """Return what a wish for a shipment lacks."""
    missing = [name for name in _NEEDED if not wish.get(name)]
    for name in ("from_address", "to_address"):
        address = wish.get(name) or {}
        missing += [f"{name}.{part}" for part in _ADDRESS if not address.get(part)]
    return missing


_NO_WAY: Final = {
    "carrier": "USPS",
    "type": "rate_error",
    "message": "Unable to retrieve rates for this address",
}


def _postage(label_id: str) -> dict[str, Any]:
    url = f"https://labels.example/{label_id}.pdf"
    return {
        "object": "PostageLabel",
        "id": f"pl_{label_id.removeprefix('shp_')}",
        "label_size": "4x6",
        "label_file_type": "application/pdf",
        "label_url": url,
        "label_pdf_url": url,
    }

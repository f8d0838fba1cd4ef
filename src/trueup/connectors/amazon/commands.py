"""Commands to requests, replies to receipts: tell Amazon that units of an order have left.

A package has a number of the seller's own within its order. Ours is made from the command's name,
so that saying it again says it of the same package: Amazon keeps the last word, and a repeat is no
second package.
"""

import re
from typing import Final
from urllib.parse import quote

import msgspec

from trueup.canon.command import ConfirmShipment
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused
from trueup.kernel.ids import sha256

_ORDER: Final = re.compile(r"[0-9]{3}-[0-9]{7}-[0-9]{7}")
_NUMBER_MAX: Final = 2_000_000_000
_CARRIERS: Final = {
    name.lower(): name
    for name in (
        *("UPS", "USPS", "FedEx", "DHL", "DPD", "GLS", "Royal Mail", "Canada Post", "OnTrac"),
        *(
            "DHL eCommerce",
            "DHL Express",
            "Deutsche Post",
            "Hermes",
            "Evri",
            "Yodel",
            "Parcelforce",
        ),
        *("Australia Post", "StarTrack", "Toll", "La Poste", "Chronopost", "Colissimo"),
        *("Correos", "SEUR", "MRW", "Poste Italiane", "BRT", "SDA", "PostNL", "PostNord", "InPost"),
        *(
            "Delhivery",
            "BlueDart",
            "DTDC",
            "India Post",
            "Yamato Transport",
            "Sagawa",
            "Japan Post",
        ),
        *("Correios", "Purolator", "Estafeta", "Asendia", "SF Express", "Yanwen", "4PX"),
    )
}


def command_request(command: Command, idempotency_key: str) -> Request:
    """Return the call that confirms a shipment; the key is not sent, the package's number is.

    Raises:
        Refused: the order's id is not Amazon's, or the lines or the tracking number are missing.
    """
    del idempotency_key
    content = _content(command)
    known = _CARRIERS.get(content.carrier.strip().lower())
    package = {
        "packageReferenceId": package_number(command),
        "carrierCode": known or "Other",
        "trackingNumber": content.tracking_number,
        "shipDate": content.shipped_at,
        "orderItems": [{"orderItemId": ref, "quantity": units} for ref, units in content.lines],
    }
    package |= {} if known else {"carrierName": content.carrier}
    package |= {"shippingMethod": content.service} if content.service else {}
    body = {"marketplaceId": "{marketplace_id}", "packageDetail": package}
    return Request(
        method="POST",
        path=f"/orders/v0/orders/{quote(content.order_ref, safe='')}/shipmentConfirmation",
        headers=(("content-type", "application/json"),),
        body=msgspec.json.encode(body),
        writes=True,
        scope="shipment.confirm",
    )


def package_number(command: Command) -> str:
    """Return the package's number within its order: the same for a command for ever."""
    number = int.from_bytes(sha256(command.ref.encode())[:8])
    return str(1 + number % _NUMBER_MAX)


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return that it was done: Amazon answers with 204 and no words."""
    if reply.status not in {200, 204}:
        return Receipt(state=ReceiptState.UNKNOWN, code=f"status {reply.status}")
    ref = f"{_content(command).order_ref}/{package_number(command)}"
    return Receipt(state=ReceiptState.DONE, vendor_ref=ref)


def _content(command: Command) -> ConfirmShipment:
    content = command.content
    if not isinstance(content, ConfirmShipment):
        raise Refused("Only shipments can be confirmed at Amazon", kind=command.kind)
    if not _ORDER.fullmatch(content.order_ref):
        raise Refused("The order's id is not one of Amazon's: three groups of digits")
    if not content.lines:
        raise Refused("Name the lines and units that left: Amazon takes no shipment without them")
    if not content.tracking_number.strip() or not content.carrier.strip():
        raise Refused("Name carrier and tracking number: Amazon takes no shipment without them")
    return content

"""What brings goods of a return back: a label with its number, told to the buyer where asked."""

from typing import Any, Final

from trueup.sandbox.shopify.model import BackDelivery, OrderReturn
from trueup.sandbox.shopify.scopes import allow
from trueup.sandbox.shopify.shop import Shop, gid
from trueup.sandbox.shopify.view import Ask, Pick, number_of

__all__ = ["create", "shown"]

_SCOPE: Final = "write_returns"
_NAME: Final = "reverseDeliveryCreateWithShipping"


def create(ask: Ask, given: dict[str, Any]) -> Pick:
    """Add a delivery to the way back of a return; the same again adds another one."""
    allow(ask, _NAME, _SCOPE)
    shop = ask.shop
    made = _find(shop, given["reverseFulfillmentOrderId"])
    if made is None:
        return _kept("NOT_FOUND", "reverseFulfillmentOrderId", "It does not exist.")
    if made.status != "open":
        return _kept("INVALID_STATE", "reverseFulfillmentOrderId", "It is not open.")
    label = (given.get("labelInput") or {}).get("fileUrl")
    if label is not None and not label.startswith("https://"):
        return _kept("INVALID", "labelInput", "The file URL is invalid.")
    tracking = given.get("trackingInput") or {}
    shop.begin()
    number, url = tracking.get("number"), tracking.get("url")
    back = BackDelivery(
        shop.new_id(), number, url, label, shop.now(), notified=given.get("notifyCustomer", True)
    )
    made.deliveries.append(back)
    return Pick(
        "ReverseDeliveryCreateWithShippingPayload", reverse_delivery=shown(back), user_errors=[]
    )


def shown(back: BackDelivery) -> Pick:
    """Return a delivery as the API shows it."""
    label = Pick(
        "ReverseDeliveryLabelV2", created_at=back.made_at, updated_at=back.made_at,
        public_file_url=back.label_url,
    )  # fmt: skip
    tracking = Pick(
        "ReverseDeliveryTrackingV2", number=back.number, url=back.url, carrier_name=None
    )
    deliverable = Pick(
        "ReverseDeliveryShippingDeliverable", label=label if back.label_url else None,
        tracking=tracking if back.number else None,
    )  # fmt: skip
    return Pick("ReverseDelivery", id=gid("ReverseDelivery", back.id), deliverable=deliverable)


def _find(shop: Shop, text: str) -> OrderReturn | None:
    number = number_of(text, "ReverseFulfillmentOrder") or 0
    returns = (each for order in shop.orders.values() for each in order.returns)
    return next((each for each in returns if each.id + 1 == number), None)


def _kept(code: str, field: str, message: str) -> Pick:
    error = Pick("ReturnUserError", field=[field], code=code, message=message)
    return Pick(
        "ReverseDeliveryCreateWithShippingPayload", reverse_delivery=None, user_errors=[error]
    )

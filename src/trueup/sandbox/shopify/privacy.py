"""What the law asks: data requests, people forgotten, and the app removed."""

from trueup.sandbox.shopify.model import Customer
from trueup.sandbox.shopify.shop import Shop

__all__ = ["forget_shop", "redact", "request_data", "uninstall"]


def request_data(shop: Shop, customer: Customer) -> None:
    """A person asks what is known of them (`customers/data_request`)."""
    number = shop.new_id()
    body = _body(shop, customer) | {
        "orders_requested": _orders(shop, customer),
        "data_request": {"id": number},
    }
    shop.emit_to_app("customers/data_request", lambda: body)


def redact(shop: Shop, customer: Customer) -> None:
    """A person is to be forgotten (`customers/redact`); the shop itself forgets them too."""
    body = _body(shop, customer) | {"orders_to_redact": _orders(shop, customer)}
    shop.emit_to_app("customers/redact", lambda: body)
    shop.by_email.pop((customer.email or "").lower(), None)
    customer.email = customer.phone = customer.address = None
    customer.first_name = customer.last_name = ""
    customer.redacted = True
    for order in shop.orders.values():
        if order.customer is customer:
            order.address = None


def uninstall(shop: Shop) -> None:
    """The merchant removes the app: its token and its subscriptions end."""
    settings = shop.settings
    shop.emit(
        "app/uninstalled",
        lambda: {
            "id": shop.id,
            "name": settings.name or settings.handle,
            "email": f"owner@{settings.handle}.example",
            "domain": shop.domain,
            "myshopify_domain": shop.domain,
            "created_at": shop.local_text(shop.created_at),
            "updated_at": shop.local_text(shop.now()),
            "country": settings.country_code,
            "currency": settings.currency,
            "iana_timezone": settings.iana_timezone,
            "plan_name": settings.plan.lower(),
            "taxes_included": settings.taxes_included,
        },
    )
    shop.installed = False


def forget_shop(shop: Shop) -> None:
    """Two days after the app was removed everything of the shop is to go (`shop/redact`)."""
    shop.emit_to_app("shop/redact", lambda: {"shop_id": shop.id, "shop_domain": shop.domain})


def _body(shop: Shop, customer: Customer) -> dict[str, object]:
    return {
        "shop_id": shop.id,
        "shop_domain": shop.domain,
        "customer": {"id": customer.id, "email": customer.email, "phone": customer.phone},
    }


def _orders(shop: Shop, customer: Customer) -> list[int]:
    return [order.id for order in shop.orders.values() if order.customer is customer]

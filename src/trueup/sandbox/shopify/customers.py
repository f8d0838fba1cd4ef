"""People: found by e-mail or made at checkout, changed later, forgotten on request."""

from datetime import datetime

import msgspec

from trueup.sandbox.shopify.bodies_catalogue import customer_body
from trueup.sandbox.shopify.model import Address, Customer
from trueup.sandbox.shopify.shop import Shop

__all__ = ["CustomerSeed", "find_or_create", "touch", "update"]

_STREETS = ("Harbour Road", "Mill Lane", "Station Street", "Orchard Close", "North Quay")
_TOWNS = (
    ("Portland", "Oregon", "OR", "97201"),
    ("Austin", "Texas", "TX", "73301"),
    ("Madison", "Wisconsin", "WI", "53703"),
    ("Albany", "New York", "NY", "12207"),
)


class CustomerSeed(msgspec.Struct, frozen=True, kw_only=True):
    """Who buys; a person is the same when the e-mail is.

    Attributes:
        town: name, province, its code and the postcode; drawn where it is None.
        country: name and code of the country of the town.
    """

    email: str
    first_name: str = "Ada"
    last_name: str = "Buyer"
    phone: str | None = None
    email_consent: str = "not_subscribed"
    town: tuple[str, str, str, str] | None = None
    country: tuple[str, str] = ("United States", "US")


def find_or_create(shop: Shop, seed: CustomerSeed) -> Customer:
    """Return the customer with this e-mail; a new one is announced."""
    found = shop.by_email.get(seed.email.lower())
    if found is not None:
        return found
    now = shop.now()
    customer = Customer(
        shop.new_id(), seed.email, seed.first_name, seed.last_name, now, now, seed.phone
    )
    customer.address = _address(shop, customer, seed)
    _set_email_consent(customer, seed.email_consent, now)
    shop.customers[customer.id] = customer
    shop.by_email[seed.email.lower()] = customer
    shop.emit("customers/create", lambda: customer_body(shop, customer))
    return customer


def update(
    shop: Shop, email: str, *,
    first_name: str | None, last_name: str | None, phone: str | None,
    email_consent: str | None, tags: tuple[str, ...] | None,
) -> Customer | None:  # fmt: skip
    """Change a customer; None when the shop does not know the e-mail."""
    customer = shop.by_email.get(email.lower())
    if customer is None:
        return None
    customer.first_name = first_name or customer.first_name
    customer.last_name = last_name or customer.last_name
    customer.phone = phone or customer.phone
    customer.tags = customer.tags if tags is None else tags
    if email_consent is not None:
        _set_email_consent(customer, email_consent, shop.now())
        shop.emit(
            "customers_email_marketing_consent/update",
            lambda: {
                "customer_id": customer.id,
                "email_address": customer.email,
                "email_marketing_consent": {
                    "state": customer.email_consent,
                    "opt_in_level": "single_opt_in",
                    "consent_updated_at": shop.local_text(customer.email_consent_at),
                },
            },
        )
    touch(shop, customer)
    return customer


def touch(shop: Shop, customer: Customer) -> None:
    """Note that a customer changed, and tell of it."""
    customer.updated_at = shop.now()
    shop.emit("customers/update", lambda: customer_body(shop, customer))


def _set_email_consent(customer: Customer, state: str, at: datetime) -> None:
    customer.email_consent = state
    customer.email_consent_at = at if state != "not_subscribed" else None


def _address(shop: Shop, customer: Customer, seed: CustomerSeed) -> Address:
    pick = shop.random
    town, province, code, post_code = _TOWNS[pick.randrange(len(_TOWNS))]
    if seed.town is not None:
        town, province, code, post_code = seed.town
    street = f"{pick.randrange(1, 200)} {_STREETS[pick.randrange(len(_STREETS))]}"
    return Address(
        shop.new_id(), customer.first_name, customer.last_name, street, town, province, code,
        *seed.country, post_code, customer.phone,
    )  # fmt: skip

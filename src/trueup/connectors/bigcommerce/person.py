"""Names and addresses."""

from trueup.canon.customer import Address
from trueup.connectors.bigcommerce.shape import AddressShape, PostalShape


def name_of(shape: AddressShape | PostalShape | None) -> str | None:
    """Return the whole name; None where there is none."""
    if shape is None:
        return None
    parts = (part.strip() for part in (shape.first_name, shape.last_name) if part)
    return " ".join(part for part in parts if part) or None


def address_of(shape: AddressShape | None) -> Address | None:
    """Return an order's address; None where every part of it is empty."""
    if shape is None:
        return None
    return _told(
        Address(
            name=name_of(shape),
            company=shape.company or None,
            lines=tuple(line for line in (shape.street_1, shape.street_2) if line),
            city=shape.city or None,
            province=shape.state or None,
            postcode=str(shape.zip) if shape.zip else None,
            country=shape.country_iso2 or None,
            phone=shape.phone or None,
        )
    )


def postal_of(shape: PostalShape) -> Address | None:
    """Return a customer's address; None where every part of it is empty."""
    return _told(
        Address(
            name=name_of(shape),
            company=shape.company or None,
            lines=tuple(line for line in (shape.address1, shape.address2) if line),
            city=shape.city or None,
            province=shape.state_or_province or None,
            postcode=shape.postal_code or None,
            country=shape.country_code or None,
            phone=shape.phone or None,
        )
    )


def _told(address: Address) -> Address | None:
    return None if address == Address() else address

"""Names and addresses."""

from trueup.canon.customer import Address
from trueup.connectors.woocommerce.shape import AddressShape


def name_of(shape: AddressShape | None) -> str | None:
    """Return the whole name; None where there is none."""
    if shape is None:
        return None
    parts = (part.strip() for part in (shape.first_name, shape.last_name) if part)
    return " ".join(part for part in parts if part) or None


def address_of(shape: AddressShape | None) -> Address | None:
    """Return the address; None where every part of it is empty."""
    if shape is None:
        return None
    address = Address(
        name=name_of(shape),
        company=shape.company or None,
        lines=tuple(line for line in (shape.address_1, shape.address_2) if line),
        city=shape.city or None,
        province=shape.state or None,
        postcode=shape.postcode or None,
        country=shape.country or None,
        phone=shape.phone or None,
    )
    return None if address == Address() else address

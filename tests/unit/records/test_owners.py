"""Goal: one value per field group, from its one owner. Method: tellings in every order."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations

from trueup.canon import Product, Variant
from trueup.kernel.money import Money
from trueup.records.owners import OwnedField, Telling, merge_tellings

_AT = datetime(2026, 3, 2, tzinfo=UTC)


def _telling(
    connection_id: int, *, title: str, price: str, barcode: str | None, currency: str = "EUR"
) -> Telling:
    variant = Variant(ref="1", sku="MUG", price=Money(Decimal(price), currency), barcode=barcode)
    product = Product(ref="9", updated_at=_AT, title=title, variants=(variant,))
    return Telling(connection_id=connection_id, sku="MUG", product=product, variant=variant)


_TELLINGS = (
    _telling(1, title="Mug", price="9.90", barcode=None),
    _telling(2, title="Mug, blue", price="9.90", barcode="4001"),
    _telling(3, title="Mug", price="12.00", barcode="4002"),
)


def _field(fields: tuple[OwnedField, ...], name: str) -> OwnedField:
    return next(field for field in fields if field.field == name)


def test_the_oldest_connection_owns_what_nobody_is_named_for() -> None:
    for order in permutations(_TELLINGS):
        fields = merge_tellings(order, {})
        assert _field(fields, "title").value == "Mug"
        assert _field(fields, "title").others == ((2, "Mug, blue"),)
        assert _field(fields, "price").owner == 1


def test_the_named_owner_counts_for_its_group_alone() -> None:
    fields = merge_tellings(_TELLINGS, {"product_identity": 2, "product_price": 3})
    assert (_field(fields, "title").owner, _field(fields, "title").value) == (2, "Mug, blue")
    assert _field(fields, "title").others == ((1, "Mug"), (3, "Mug"))
    assert _field(fields, "price").value == Money(Decimal("12.00"), "EUR")
    assert _field(fields, "compare_at") == OwnedField(
        field="compare_at", group="product_price", owner=None, value=None
    )


def test_what_the_owner_does_not_tell_comes_from_the_oldest_that_does() -> None:
    fields = merge_tellings(_TELLINGS, {"product_identifiers": 1})
    assert (_field(fields, "barcode").owner, _field(fields, "barcode").value) == (2, "4001")
    assert _field(fields, "barcode").others == ((3, "4002"),)


def test_one_telling_differs_from_nobody() -> None:
    assert all(field.others == () for field in merge_tellings(_TELLINGS[:1], {}))


def test_a_price_without_a_currency_is_the_same_in_any() -> None:
    untold = _telling(2, title="Mug", price="9.9", barcode=None, currency="XXX")
    dearer = _telling(3, title="Mug", price="12.00", barcode=None, currency="XXX")
    foreign = _telling(4, title="Mug", price="9.90", barcode=None, currency="USD")
    fields = merge_tellings((_TELLINGS[0], untold, dearer, foreign), {})
    assert [number for number, _ in _field(fields, "price").others] == [3, 4]

"""The rule that holds orders: what is wrong with an address, what counts, and when one is let go."""

from decimal import Decimal
from typing import Any

import pytest

from trueup.canon.command import HoldOrder, ReleaseOrder
from trueup.canon.customer import Address
from trueup.decisions.model import Facts
from trueup.decisions.rules.hold_order import HOLD, HoldSettings, HoldValues, propose, score_of
from trueup.decisions.support.addresses import AddressSeen, look_at, normal_place
from trueup.kernel.money import Money

SETTINGS = HoldSettings()
BERLIN = {"lines": ("Torstraße 1",), "city": "Berlin", "postcode": "10119", "country": "DE"}


def address(**fields: Any) -> Address:
    return Address(**({"name": "Ada Buyer"} | BERLIN | fields))


def facts(**known: Any) -> Facts[HoldValues]:
    told: dict[str, Any] = {
        "connection_id": 3,
        "order_ref": "7",
        "number": "#1007",
        "total": Money(Decimal("80.00"), "EUR"),
        "address": AddressSeen(),
        "other_country": False,
        "crowd": 0,
        "disposable": False,
        "held": False,
    }
    values = HoldValues(**(told | known))
    return Facts(subject="connection/3/order/7", episode="hold/0", values=values)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"name": None, "company": "Garn KG"},
        {"lines": ("Rose Cottage",), "city": "London", "postcode": "SW1A 1AA", "country": "GB"},
        {"lines": ("MG Road",), "city": "Bengaluru", "postcode": "560001", "country": "IN"},
        {"lines": ("1 Main St", "Apt 2"), "city": "NYC", "postcode": "10001", "province": "NY",
         "country": "us"},
        {"lines": ("12 Grafton Street",), "city": "Dublin", "postcode": None, "country": "IE"},
        {"lines": ("1 Main St",), "city": "Los Angeles", "postcode": "90001",
         "province": "Kalifornien", "country": "US"},
    ],
)  # fmt: skip
def test_a_whole_address_is_left_alone_as_its_country_writes_it(given: dict[str, Any]) -> None:
    assert look_at(address(**given)) == AddressSeen()


@pytest.mark.parametrize(
    ("given", "missing", "unfit"),
    [
        ({"lines": ("Torstraße",)}, ("house number",), ()),
        ({"lines": ()}, ("street",), ()),
        ({"city": " "}, ("city",), ()),
        ({"postcode": None}, ("postcode",), ()),
        ({"postcode": "1011"}, (), ("postcode",)),
        ({"postcode": "5600", "country": "IN", "city": "Bengaluru"}, (), ("postcode",)),
        ({"country": None}, ("country",), ()),
        ({"country": "XX"}, (), ("country",)),
        ({"name": "  "}, ("name",), ()),
    ],
)
def test_what_is_wrong_with_an_address_is_named(
    given: dict[str, Any], missing: tuple[str, ...], unfit: tuple[str, ...]
) -> None:
    assert look_at(address(**given)) == AddressSeen(missing=missing, unfit=unfit)


def test_one_place_is_one_however_it_is_written() -> None:
    same = address(lines=("TORSTRASSE  1",), name="Eve")
    assert normal_place(same) == normal_place(address(lines=("Torstraße 1",)))
    assert normal_place(address(postcode="10118")) != normal_place(address())


def test_an_address_that_can_not_be_sent_to_is_held_with_its_reasons() -> None:
    found = propose(facts(address=AddressSeen(missing=("house number",))), SETTINGS)
    assert found is not None
    [action] = found.actions
    assert action.content == HoldOrder(
        order_ref="7", reason="address", name=HOLD, note="the address has no house number"
    )
    assert (action.key, action.what) == ("order/7", "hold order #1007")
    assert "the address has no house number (+60)" in found.reason


def test_one_weak_sign_of_fraud_holds_nothing_and_two_do() -> None:
    rich = Money(Decimal("300.00"), "EUR")
    assert propose(facts(other_country=True), SETTINGS) is None, "of little value"
    assert propose(facts(other_country=True, total=rich), SETTINGS) is None
    assert propose(facts(disposable=True), SETTINGS) is None
    both = propose(facts(other_country=True, total=rich, disposable=True), SETTINGS)
    assert both is not None
    content = both.actions[0].content
    assert isinstance(content, HoldOrder)
    assert content.reason == "fraud"
    yen = Money(Decimal(90000), "JPY")
    assert score_of(facts(other_country=True, total=yen).values, SETTINGS) == {}


def test_many_others_to_one_address_are_held() -> None:
    assert propose(facts(crowd=2), SETTINGS) is None
    found = propose(facts(crowd=3), SETTINGS)
    assert found is not None
    assert "3 others ordered to the same address within 24 h (+60)" in found.reason


def test_what_is_held_is_let_go_once_nothing_speaks_against_it() -> None:
    assert propose(facts(held=True, address=AddressSeen(missing=("city",))), SETTINGS) is None
    found = propose(facts(held=True), SETTINGS)
    assert found is not None
    assert found.actions[0].content == ReleaseOrder(order_ref="7", name=HOLD)
    assert found.reason == "What spoke against order #1007 is gone."

"""Each unit leaves once, whoever tells of it: the master's consignment, the shop's shipment, or both."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ledger.stories import AT, line, order, shipped, site_of, told
from trueup.canon.record import Record
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentState
from trueup.ledger.masters import Basis, Consignment, Master, Masters, bridge, consignment_of
from trueup.ledger.rules import positions_of_order

LATER = AT + timedelta(hours=5)


def consigned(units: int, *, at: datetime = AT, site: str = "main", ref: str = "d1") -> Consignment:
    return Consignment(ref=ref, site=site, at=at, units={"TEE": units})


def moved(records: list[Record], *consignments: Consignment) -> dict[tuple[str, datetime], int]:
    positions = positions_of_order(*bridge(records, consignments, site_of))
    return {
        (p.site, p.at): units
        for p, units in positions.items()
        if p.place == "on_hand" and p.at is not None
    }


def test_a_delivery_ships_the_order() -> None:
    records: list[Record] = [order(line(quantity=3))]
    positions = positions_of_order(*bridge(records, [consigned(2)], site_of))
    assert told(positions) == {"reserved": 1, "demand": -1, "on_hand": -2, "customer": 2}


def test_the_shops_own_word_moves_nothing_again() -> None:
    both: list[Record] = [order(line(quantity=2)), shipped(2, shipped_at=LATER)]
    assert moved(both) == {("main", LATER): -2}
    assert moved(both, consigned(2)) == {("main", AT): -2}


def test_what_the_shop_tells_beyond_it_is_more() -> None:
    both: list[Record] = [order(line(quantity=3)), shipped(3, shipped_at=LATER)]
    assert moved(both, consigned(2)) == {("main", AT): -2, ("main", LATER): -1}


def test_a_parcel_from_another_site_is_another_parcel() -> None:
    both: list[Record] = [order(line(quantity=2)), shipped(1, location_ref="9", shipped_at=LATER)]
    assert moved(both, consigned(1)) == {("main", AT): -1, ("site-9", LATER): -1}


def test_lines_of_one_sku_share_a_delivery() -> None:
    records: list[Record] = [order(line(quantity=1), line("l2", quantity=2))]
    positions = positions_of_order(*bridge(records, [consigned(2)], site_of))
    assert told(positions) == {"reserved": 1, "demand": -1, "on_hand": -2, "customer": 2}
    # More than was ordered has left all the same.
    assert moved(records, consigned(5)) == {("main", AT): -5}


def test_goods_of_others_are_no_business_of_this_order() -> None:
    records: list[Record] = [order(line(quantity=1, sku="CAP"))]
    assert moved(records, consigned(2)) == {}


@pytest.mark.parametrize(
    "more",
    [{"deleted": True}, {"state": ShipmentState.PENDING}, {"state": ShipmentState.CANCELLED}],
)
def test_what_has_not_left_is_no_delivery(more: dict[str, Any]) -> None:
    parts = (ShipmentLine(line_ref="1", quantity=1, sku="TEE"),)
    fields = {"ref": "1", "updated_at": AT, "state": ShipmentState.SHIPPED, "lines": parts} | more
    assert consignment_of(Shipment(**fields), site_of) is None


CONSIGNMENTS = st.lists(
    st.builds(
        lambda n, hour, ref: consigned(n, at=AT + timedelta(hours=hour), ref=ref),
        st.integers(1, 3),
        st.integers(0, 3),
        st.sampled_from(("d1", "d2", "d3")),
    ),
    max_size=3,
    unique_by=lambda d: d.ref,
)


@given(
    quantity=st.integers(1, 6),
    by_shop=st.lists(st.integers(1, 3), max_size=3),
    consignments=CONSIGNMENTS,
    data=st.data(),
)
def test_as_many_leave_as_the_one_who_tells_more_says(
    quantity: int, by_shop: list[int], consignments: list[Consignment], data: st.DataObject
) -> None:
    records: list[Record] = [order(line(quantity=quantity))]
    records += [shipped(n, ref=f"s{i}", shipped_at=LATER) for i, n in enumerate(by_shop)]
    mixed = data.draw(st.permutations(records))
    shuffled = data.draw(st.permutations(consignments))
    found = positions_of_order(*bridge(mixed, shuffled, site_of))
    assert found == positions_of_order(*bridge(records, consignments, site_of))
    left = -sum(units for p, units in found.items() if p.place == "on_hand")
    assert left == max(sum(by_shop), sum(d.units["TEE"] for d in consignments))


def test_who_owns_what() -> None:
    masters = Masters(
        (
            Master(site="main", connection_id=7, skus=("A-*", "B?")),
            Master(site="main", connection_id=8, skus=("*",), basis=Basis.AVAILABLE),
            Master(site="fba", connection_id=9),
        )
    )
    owners = {
        spot: (master.connection_id if (master := masters.owner(*spot)) else None)
        for spot in (("A-1", "main"), ("B1", "main"), ("B12", "main"), ("A-1", "fba"), ("A-1", "x"))
    }
    assert list(owners.values()) == [7, 7, 8, 9, None]
    assert masters.is_master(9)
    assert not masters.is_master(1)
    assert not Masters()
    assert not Masters().bridges(order(line()))
    assert masters.bridges(order(line()))
    assert not masters.bridges(order(line(stocked=False)))

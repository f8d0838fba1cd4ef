"""The rules of reservations: what is short, where units are, which step follows which."""

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ledger.stories import AT
from trueup.canon.reservation import Reservation, ReservationLine, ReservationState, Shortage
from trueup.ledger.model import Place, Position
from trueup.ledger.reservation import next_state, positions_of_reservation, shortages_of
from trueup.ledger.sites import sites_of

STATES = {state.value: state for state in ReservationState}
ENDS_AT = AT + timedelta(minutes=10)


def line(sku: str, quantity: int, site: str | None = None) -> ReservationLine:
    return ReservationLine(sku=sku, quantity=quantity, site=site)


def reservation(state: str, *lines: ReservationLine) -> Reservation:
    return Reservation(
        ref="r",
        updated_at=AT,
        state=STATES[state],
        lines=lines or (line("A", 1),),
        created_at=AT,
        expires_at=ENDS_AT,
        request="0" * 64,
    )


@pytest.mark.parametrize(
    ("lines", "short"),
    [
        ([line("A", 3)], []),
        ([line("A", 4)], [("A", None, 4, 3)]),
        ([line("A", 2), line("B", 1), line("A", 2)], [("A", None, 4, 3)]),
        ([line("A", 2, "shop")], []),
        ([line("A", 3, "shop")], [("A", "shop", 3, 2)]),
        ([line("A", 2, "shop"), line("A", 2)], [("A", None, 4, 3)]),
        ([line("A", 2, "nowhere")], [("A", "nowhere", 2, 0)]),
        ([line("MINUS", 1)], [("MINUS", None, 1, 0)]),
        ([line("UNKNOWN", 1), line("A", 4)], [("UNKNOWN", None, 1, 0), ("A", None, 4, 3)]),
        ([line("B", 5, "full")], [("B", None, 5, 1), ("B", "full", 5, 1)]),
    ],
)
def test_what_is_short(
    lines: list[ReservationLine], short: list[tuple[str, str | None, int, int]]
) -> None:
    available = {"A": 3, "B": 1, "MINUS": -2}
    at_sites = {("A", "shop"): 2, ("B", "full"): 9}
    assert shortages_of(lines, available, at_sites) == tuple(
        Shortage(sku=sku, site=site, wanted=wanted, left=left) for sku, site, wanted, left in short
    )


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 9)), min_size=1, max_size=6),
    st.dictionaries(st.sampled_from("AB"), st.integers(-5, 20)),
)
def test_nothing_is_short_just_where_all_can_be_taken(
    wanted: list[tuple[str, int]], available: dict[str, int]
) -> None:
    short = shortages_of([line(sku, units) for sku, units in wanted], available, {})
    sums = {sku: sum(u for s, u in wanted if s == sku) for sku, _ in wanted}
    assert {each.sku for each in short} == {
        sku for sku, units in sums.items() if available.get(sku, 0) < units
    }
    assert all(0 <= each.left < each.wanted for each in short)


def test_where_the_units_are() -> None:
    lines = line("A", 2), line("A", 1, "shop"), line("B", 5)
    wanted = {
        Position("A", Place.DEMAND): -3,
        Position("A", Place.RESERVED, "main"): 2,
        Position("A", Place.RESERVED, "shop"): 1,
        Position("B", Place.DEMAND): -5,
        Position("B", Place.RESERVED, "main"): 5,
    }
    site_of = sites_of({})
    for state in ("held", "confirmed"):
        assert positions_of_reservation(reservation(state, *lines), site_of) == wanted
    at = reservation("shipped", *lines).updated_at
    for state in ("released", "expired", "refused"):
        assert positions_of_reservation(reservation(state, *lines), site_of) == {}
    assert positions_of_reservation(reservation("shipped", *lines), site_of) == {
        Position("A", Place.ON_HAND, "main", at): -2,
        Position("A", Place.ON_HAND, "shop", at): -1,
        Position("A", Place.CUSTOMER): 3,
        Position("B", Place.ON_HAND, "main", at): -5,
        Position("B", Place.CUSTOMER): 5,
    }


def test_which_step_follows_which() -> None:
    before = ENDS_AT - timedelta(microseconds=1)
    steps = {
        (now, wanted)
        for now, wanted in product(STATES, STATES)
        if next_state(reservation(now), STATES[wanted], before) is not None
    }
    assert steps == {
        ("held", "confirmed"),
        ("held", "released"),
        ("confirmed", "released"),
        ("confirmed", "shipped"),
    }
    for now, wanted in steps:
        assert next_state(reservation(now), STATES[wanted], before) is STATES[wanted]


@pytest.mark.parametrize("wanted", STATES.values())
def test_what_is_over_expires_whatever_is_wanted(wanted: ReservationState) -> None:
    assert next_state(reservation("held"), wanted, ENDS_AT) is ReservationState.EXPIRED
    assert next_state(reservation("expired"), wanted, ENDS_AT) is None
    assert next_state(reservation("refused"), wanted, ENDS_AT) is None


def test_a_sale_does_not_expire() -> None:
    later = ENDS_AT + timedelta(days=400)
    assert next_state(reservation("confirmed"), ReservationState.EXPIRED, later) is None

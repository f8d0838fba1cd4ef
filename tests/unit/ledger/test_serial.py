"""Where a serial is: by what records say of it, whatever was told first."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.dock import Arrival, ArrivalLine, ArrivalSource, Transfer, TransferLine
from trueup.canon.inspection import Grade, Inspection, InspectionLine
from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.record import Record
from trueup.canon.serial import Pack, PackLine
from trueup.ledger.model import Place
from trueup.ledger.serial import Clashing, Serial, Uneven, serial_of, spots_of, uneven_of
from trueup.ledger.serials import lines_of_record

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
SHOP, OWN = 2, 1


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def came(hours: float, *serials: str, site: str = "main", **more: Any) -> Record:
    line = ArrivalLine(sku="CAM", quantity=len(serials), serials=serials)
    ref = more.pop("ref", f"r{hours}")
    return Arrival(
        ref=ref, updated_at=at(99), site=site, lines=(line,), occurred_at=at(hours), **more
    )


def damaged(hours: float, serial: str) -> Record:
    line = ArrivalLine(sku="CAM", quantity=0, damaged=1, damaged_serials=(serial,))
    return Arrival(
        ref=f"d{hours}", updated_at=at(99), site="main", lines=(line,), occurred_at=at(hours)
    )


def sent(hours: float, *serials: str, **more: Any) -> Record:
    line = TransferLine(sku="CAM", quantity=len(serials), serials=serials)
    told_at = more.pop("told_at", at(99))
    return Transfer(
        ref="t", updated_at=told_at, from_site="main", to_site="shop", lines=(line,),
        occurred_at=at(hours), **more,
    )  # fmt: skip


def took(hours: float, *serials: str) -> Record:
    return came(hours, *serials, site="shop", source=ArrivalSource.TRANSFER, source_ref="t")


def packed(hours: float, order: str, *serials: str, site: str = "main", ref: str = "") -> Record:
    return Pack(
        ref=ref or f"p{hours}", updated_at=at(99), order_ref=order, site=site,
        lines=(PackLine(sku="CAM", serials=serials),), occurred_at=at(hours),
    )  # fmt: skip


def back(hours: float, order: str | None, serial: str, grade: Grade = Grade.GOOD) -> Record:
    line = InspectionLine(sku="CAM", quantity=1, grade=grade, serials=(serial,))
    return Inspection(
        ref=f"i{hours}", updated_at=at(99), order_ref=order, site="main", lines=(line,),
        occurred_at=at(hours),
    )  # fmt: skip


def moved(hours: float, kind: MovementKind, units: int, *serials: str, **more: Any) -> Record:
    return StockMovement(
        ref=f"m{hours}", updated_at=at(99), movement=kind, sku="CAM", quantity=units,
        site=more.pop("site", "main"), occurred_at=at(hours), serials=serials, **more,
    )  # fmt: skip


def story(*records: Record, serial: str = "S1") -> Serial:
    lines = [
        line
        for record in records
        for line in lines_of_record(record, SHOP if record.order_ref else OWN)
        if line.serial == serial
    ]
    return serial_of(lines)


def codes(*records: Record) -> list[Clashing]:
    return [clash.code for clash in story(*records).clashes]


def where(*records: Record) -> str:
    return str(story(*records).standing)


LIFE = (
    came(0, "S1", source=ArrivalSource.PURCHASE, source_ref="PO-1"),
    sent(1, "S1"),
    took(2, "S1"),
    packed(3, "1001", "S1", site="shop"),
    back(4, "1001", "S1", Grade.QUARANTINE),
    moved(5, MovementKind.QUARANTINE, -1, "S1"),
    packed(6, "1002", "S1"),
)


def test_a_life_from_its_supplier_to_its_second_customer() -> None:
    expected = (
        "on hand at main",
        "on its way to shop with transfer t",
        "on hand at shop",
        "with the customer of order 1001",
        "set aside at main",
        "on hand at main",
        "with the customer of order 1002",
    )
    for told, said in enumerate(expected, start=1):
        assert where(*LIFE[:told]) == said
        assert not story(*LIFE[:told]).clashes
    assert [line.kind for line in story(*LIFE).lines] == [
        *("arrival", "transfer", "arrival", "pack", "inspection", "stock_movement", "pack")
    ]


@given(st.permutations(LIFE))
def test_any_order_of_telling_gives_the_same_story(told: list[Record]) -> None:
    assert story(*told) == story(*LIFE)


def test_everything_of_one_instant_is_put_in_the_order_in_which_it_fits() -> None:
    """A site that keeps days only: it came, was sent, arrived and was packed on one day."""
    told = [
        msgspec.structs.replace(each, occurred_at=at(0)) if hasattr(each, "occurred_at") else each
        for each in LIFE[:4]
    ]
    for seed in range(24):
        random.Random(seed).shuffle(told)
        assert where(*told) == "with the customer of order 1001"
        assert codes(*told) == []


def test_what_moves_by_hand() -> None:
    first = came(0, "S1")
    assert where(damaged(0, "S1")) == "set aside at main"
    assert where(moved(0, MovementKind.OPENING, 1, "S1")) == "on hand at main"
    assert where(moved(0, MovementKind.RECEIPT, 1, "S1")) == "on hand at main"
    assert where(first, moved(1, MovementKind.QUARANTINE, 1, "S1")) == "set aside at main"
    assert where(first, moved(1, MovementKind.ADJUSTMENT, -1, "S1")) == "lost or thrown away"
    assert where(first, moved(1, MovementKind.TRANSFER, 1, "S1", to_site="shop")) == (
        "on hand at shop"
    )
    found = (
        moved(1, MovementKind.ADJUSTMENT, -1, "S1"),
        moved(2, MovementKind.ADJUSTMENT, 1, "S1"),
    )
    assert where(first, *found) == "on hand at main"
    assert codes(first, *found) == []
    scrapped = (first, packed(1, "1001", "S1"), back(2, "1001", "S1", Grade.SCRAP))
    assert where(*scrapped) == "lost or thrown away"
    assert codes(*scrapped) == []


@pytest.mark.parametrize(
    ("records", "code", "said"),
    [
        ((came(0, "S1"), came(1, "S1")), Clashing.TWICE, "on hand at main"),
        (
            (came(0, "S1"), packed(1, "1001", "S1"), came(2, "S1")),
            Clashing.TWICE,
            "on hand at main",
        ),
        ((packed(1, "1001", "S1"),), Clashing.UNKNOWN, "with the customer of order 1001"),
        ((packed(1, "1001", "S1"), came(2, "S1")), Clashing.UNKNOWN, "on hand at main"),
        ((sent(1, "S1"),), Clashing.UNKNOWN, "on its way to shop with transfer t"),
        (
            (came(0, "S1"), packed(1, "1001", "S1"), packed(2, "1002", "S1")),
            *(Clashing.SOLD, "with the customer of order 1002"),
        ),
        ((came(0, "S1"), back(1, "1001", "S1")), Clashing.RETURNED, "on hand at main"),
        ((back(1, None, "S1"),), Clashing.RETURNED, "on hand at main"),
        (
            (came(0, "S1"), packed(1, "1001", "S1"), back(2, "1002", "S1")),
            *(Clashing.RETURNED, "on hand at main"),
        ),
        (
            (came(0, "S1"), packed(1, "1001", "S1", site="shop")),
            *(Clashing.ELSEWHERE, "with the customer of order 1001"),
        ),
        (
            (came(0, "S1"), moved(1, MovementKind.QUARANTINE, -1, "S1")),
            *(Clashing.ELSEWHERE, "on hand at main"),
        ),
        ((came(0, "S1"), took(2, "S1")), Clashing.ELSEWHERE, "on hand at shop"),
    ],
)
def test_what_contradicts_is_taken_and_said(
    records: tuple[Record, ...], code: Clashing, said: str
) -> None:
    assert where(*records) == said
    found = codes(*records)
    assert code in found
    if (records[-1].kind, code) != ("arrival", Clashing.UNKNOWN):
        assert found == [code]
    assert codes(*reversed(records)) == found


def test_what_does_not_say_its_order_fits_any_and_the_same_order_twice_is_no_clash() -> None:
    gone = (came(0, "S1"), packed(1, "1001", "S1"))
    assert codes(*gone, back(2, None, "S1")) == []
    assert codes(*gone, packed(2, "1001", "S1")) == []


def test_what_is_told_late_mends_it() -> None:
    early = packed(2, "1001", "S1")
    assert codes(early) == [Clashing.UNKNOWN]
    assert codes(early, came(1, "S1")) == []


def test_a_count_that_names_a_serial_settles_what_clashed_before() -> None:
    wrong = (came(0, "S1"), came(1, "S1"), packed(2, "1001", "S1", site="shop"))
    seen = moved(3, MovementKind.COUNT, 4, "S1")
    assert codes(*wrong, seen) == []
    assert where(*wrong, seen) == "on hand at main"
    assert codes(*wrong, seen, packed(4, "1002", "S1", site="shop")) == [Clashing.ELSEWHERE]
    # What happened at its very instant is in it.
    same = packed(3, "1001", "S1")
    assert where(came(0, "S1"), same, seen) == "on hand at main"


def test_what_never_came_of_a_closed_transfer_is_lost_and_may_be_found() -> None:
    closed = sent(1, "S1", "S2", closed=True, told_at=at(9))
    first = (came(0, "S1", "S2"), closed, took(2, "S2"))
    assert str(story(*first).standing) == "lost or thrown away"
    other = story(*first, serial="S2")
    assert str(other.standing) == "on hand at shop"
    assert [line.kind for line in other.lines] == ["arrival", "transfer", "arrival"]
    assert codes(*first) == []
    assert other.clashes == ()
    late = (*first, took(10, "S1"))
    assert where(*late) == "on hand at shop"
    assert codes(*late) == []


def test_the_same_serial_of_another_sku_is_another_unit() -> None:
    line = ArrivalLine(sku="LENS", quantity=1, serials=("S1",))
    other = msgspec.structs.replace(came(0, "S1"), lines=(line,))  # type: ignore[call-arg]
    [found] = lines_of_record(other, OWN)
    assert found.sku == "LENS"


def test_what_was_taken_back_says_nothing() -> None:
    for each in LIFE:
        assert lines_of_record(msgspec.structs.replace(each, deleted=True), OWN) == []


def test_serials_beside_units() -> None:
    here = spots_of(
        [
            story(came(0, "S1")),
            story(came(0, "S2"), serial="S2"),
            story(damaged(0, "S3"), serial="S3"),
            story(came(0, "S4"), packed(1, "1", "S4"), serial="S4"),
        ]
    )
    shelf, aside = ("CAM", "main", Place.ON_HAND), ("CAM", "main", Place.QUARANTINE)
    assert here[shelf] == 2
    even = {shelf: 2, aside: 1, ("CAM", "shop", Place.ON_HAND): -1}
    assert uneven_of(here, even) == []
    assert uneven_of(here, {shelf: 3}) == [
        Uneven(sku="CAM", site="main", place=Place.ON_HAND, units=3, serials=2),
        Uneven(sku="CAM", site="main", place=Place.QUARANTINE, units=0, serials=1),
    ]


@given(
    st.lists(
        st.sampled_from((*LIFE, came(1, "S1", ref="again"), back(3, None, "S1"))),
        min_size=1,
        unique=True,
    )
)
def test_a_serial_is_always_somewhere_and_one_place_only(told: list[Record]) -> None:
    found = story(*told)
    assert found.standing.place is not None
    assert found.lines[-1].target is found.standing.place
    assert story(*reversed(told)) == found

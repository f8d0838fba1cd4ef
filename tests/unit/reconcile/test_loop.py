"""Six facts of a return: each missing in turn, in part, exchanged, cancelled, refund only."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.canon.inspection import Grade, Inspection, InspectionLine
from trueup.canon.order import Order, OrderLine, OrderTotals
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.payout import BalanceEntry, EntryKind
from trueup.canon.price import Price
from trueup.canon.record import Record
from trueup.canon.refund import Refund, RefundLine, Restock
from trueup.canon.returns import Return, ReturnLine, ReturnState
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentState
from trueup.kernel.money import Money
from trueup.ledger.cases import Entity, Known
from trueup.ledger.kits import Definition, Kits
from trueup.reconcile.loop import Beside, Fact, FactState, Step
from trueup.reconcile.loop_causes import Loop, Whose, loops_of

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NORTH = Whose(1, "north")


def day(count: int) -> datetime:
    return START + timedelta(days=count)


def price(amount: str, currency: str = "EUR") -> Price:
    return Price(Money(Decimal(amount), currency))


def order(**more: Any) -> Order:
    lines = tuple(
        OrderLine(ref=ref, title=ref, sku=sku, quantity=2, price=price("10.00"))
        for ref, sku in (("1", "LAMP"), ("2", "TEE"))
    )
    fields: dict[str, Any] = {
        "ref": "o",
        "number": "1001",
        "updated_at": day(0),
        "placed_at": day(0),
        "currency": "EUR",
        "lines": lines,
        "totals": OrderTotals(total=price("40.00")),
    }
    return Order(**fields | more)


def sent(ref: str = "s", **units: int) -> Shipment:
    lines = tuple(
        ShipmentLine(line_ref=line[1:], quantity=n)
        for line, n in (units or {"_1": 2, "_2": 2}).items()
    )
    return Shipment(
        ref=ref, order_ref="o", updated_at=day(1), state=ShipmentState.SHIPPED, lines=lines
    )


def asked(
    units: int = 1,
    *,
    ref: str = "r",
    line: str = "1",
    state: ReturnState = ReturnState.OPEN,
    at: int = 2,
    **told: int,
) -> Return:
    lines = (ReturnLine(line_ref=line, quantity=units, **told),)
    return Return(
        ref=ref, order_ref="o", updated_at=day(at), created_at=day(at), state=state, lines=lines
    )


def graded(units: int = 1, *, sku: str = "LAMP", at: int = 5, ref: str = "i") -> Inspection:
    lines = (InspectionLine(sku=sku, quantity=units, grade=Grade.GOOD),)
    return Inspection(
        ref=ref, order_ref="o", updated_at=day(at), occurred_at=day(at), site="main", lines=lines
    )


def refund(
    units: int = 1,
    amount: str | None = "10.00",
    *,
    restock: Restock = Restock.NONE,
    ref: str = "f",
    line: str = "1",
    at: int = 6,
    **more: Any,
) -> Refund:
    lines = (RefundLine(line_ref=line, quantity=units, restock=restock),) if units else ()
    return Refund(
        ref=ref,
        order_ref="o",
        updated_at=day(at),
        created_at=day(at),
        lines=lines,
        refunded=None if amount is None else price(amount),
        **more,
    )


def judge(
    *records: Record, now: int = 90, posted: bool = True, known: bool = True, **more: Any
) -> list[Loop]:
    told = tuple(Known(record, n, 100 + n) for n, record in enumerate(records, 1))
    numbers = [each.record_id for each in told if isinstance(each.record, Refund | BalanceEntry)]
    beside = Beside(
        now=day(now),
        posted={number: day(7) for number in numbers} if posted else {},
        has_customer=known,
    )
    parcels = tuple(more.pop("returned", ()))
    return loops_of(Entity(known=told, returned=parcels), beside, NORTH, **more)


def states(loop: Loop) -> str:
    """Return a letter a fact: done, missing, not needed."""
    letters = {FactState.DONE: "d", FactState.MISSING: "m", FactState.NOT_NEEDED: "n"}
    return "".join(letters[fact.state] for fact in loop.facts)


def fact(loop: Loop, step: Step) -> Fact:
    return next(each for each in loop.facts if each.step is step)


def causes(loop: Loop) -> list[str]:
    return [each.cause for each in loop.discrepancies]


SOLD = (order(), sent())
WHOLE = (*SOLD, asked(), graded(), refund(return_ref="r"))


def test_a_return_of_which_all_is_told_is_closed() -> None:
    [loop] = judge(*WHOLE)
    assert (states(loop), loop.closed, causes(loop)) == ("dddddd", True, [])
    assert [each.at for each in loop.facts] == [day(d) for d in (2, 5, 6, 5, 7, 6)]
    assert fact(loop, Step.RECEIVED).evidence == ("inspection i: event/104 (sellable)",)
    assert loop.ref == "north/return/r"
    assert loop.refunded == (Money(Decimal("10.00"), "EUR"),)


@pytest.mark.parametrize(
    ("left_out", "seen", "cause", "by"),
    [
        # asked for, received, refunded, restocked, in books, in value
        ("return", "nddddd", None, None),
        ("inspection", "dmdmdd", "refund_without_receipt", (Decimal("-10.00"), "EUR")),
        ("refund", "ddmdmm", "restock_without_refund", (-1, None)),
        ("order", "dddddm", "not_in_value", (Decimal("-10.00"), "EUR")),
        ("books", "ddddmd", "not_in_books", (Decimal("-10.00"), "EUR")),
        ("inspection refund", "dmmmmm", "not_received", (-1, None)),
        ("return refund", "mdmdmm", "receipt_without_request", (-1, None)),
        ("return inspection", "nmdmdd", "refund_without_return", (Decimal("-10.00"), "EUR")),
    ],
)
def test_each_fact_missing_in_turn(
    left_out: str, seen: str, cause: str | None, by: tuple[Any, Any] | None
) -> None:
    records = [each for each in WHOLE if each.kind not in left_out.split()]
    [loop] = judge(*records, posted=left_out != "books")
    assert states(loop) == seen
    assert ([cause] if cause else []) == causes(loop)[:1]
    if by is not None:
        told = loop.discrepancies[0]
        assert (told.amount, told.currency) == by
        assert told.left_ref == loop.ref
        assert told.evidence


def test_what_is_missing_says_since_when_and_is_late_only_after_its_time() -> None:
    early, late = (judge(*SOLD, asked(), now=now)[0] for now in (31, 32))
    waiting = fact(early, Step.RECEIVED)
    assert (waiting.since, waiting.waited_s, waiting.late) == (day(2), 29 * 86400, False)
    assert (causes(early), causes(late)) == ([], ["not_received"])
    [loop] = judge(*SOLD, asked(), graded(), now=11)
    assert (fact(loop, Step.REFUNDED).since, causes(loop)) == (day(5), [])
    [loop] = judge(*SOLD, asked(), graded(), now=12)
    assert causes(loop) == ["restock_without_refund"]


def test_the_order_in_which_it_is_told_changes_nothing() -> None:
    """All 120 orders of a whole return; each 135th of a tangle of two, a surplus, a bare amount."""
    tangle = (
        *SOLD,
        asked(ref="r1"),
        asked(ref="r2", at=3),
        graded(2),
        graded(ref="i2", at=8),
        refund(ref="f1"),
        refund(0, "1.00", ref="f2", at=9),
    )

    def seen(*records: Record) -> list[Any]:
        return [(loop.ref, states(loop), causes(loop), loop.units) for loop in judge(*records)]

    for whole, each in ((WHOLE, 1), (tangle, 135)):
        turns = islice(permutations(whole), 0, None, each)
        assert {str(seen(*turn)) for turn in turns} == {str(seen(*whole))}


def test_a_part_is_told_as_a_part() -> None:
    [loop] = judge(*SOLD, asked(2), graded(1), refund(1))
    assert states(loop) == "dmdmdd"
    received = fact(loop, Step.RECEIVED)
    assert (received.units, received.of, received.since) == (1, 2, day(2))
    assert received.why == "1 of 2 units came back"
    assert causes(loop) == ["not_received"]
    assert loop.discrepancies[0].amount == -1
    # Closed by the channel, nobody waits for the rest.
    [loop] = judge(*SOLD, asked(2, state=ReturnState.CLOSED), graded(1), refund(1))
    assert (states(loop), causes(loop)) == ("dddddd", [])
    # Two came and one was refunded.
    [loop] = judge(*SOLD, asked(2), graded(2), refund(1))
    assert states(loop) == "ddmddd"
    assert (causes(loop), loop.discrepancies[0].amount) == (["restock_without_refund"], -1)


def test_more_refunded_than_returned() -> None:
    [loop] = judge(*SOLD, asked(2, state=ReturnState.OPEN), graded(1), refund(2, "20.00"))
    assert causes(loop) == ["refund_without_receipt"]
    assert (loop.discrepancies[0].amount, loop.discrepancies[0].currency) == (-1, None)
    [loop] = judge(*SOLD, asked(), graded(), refund(2, "20.00", return_ref="r"))
    assert causes(loop) == ["refunded_over"]
    assert (loop.discrepancies[0].amount, loop.discrepancies[0].currency) == (1, None)
    [loop] = judge(*SOLD, asked(), graded(), refund(1, "41.50", return_ref="r"))
    assert causes(loop) == ["refunded_over"]
    over = loop.discrepancies[0]
    assert (over.amount, over.currency, over.right_ref) == (Decimal("1.50"), "EUR", "north/order/o")


def test_an_exchange_needs_no_money() -> None:
    [loop] = judge(*SOLD, asked(), graded(), refund(1, None, return_ref="r"))
    assert (states(loop), causes(loop)) == ("ddndnn", [])
    assert "exchanged" in (fact(loop, Step.REFUNDED).why or "")
    # A transaction that is under way is no exchange.
    waits = refund(1, None, return_ref="r", transaction_refs=("t",))
    [loop] = judge(*SOLD, asked(), graded(), waits)
    assert (states(loop), causes(loop)) == ("ddmdmm", ["refund_waiting"])


@pytest.mark.parametrize("state", [ReturnState.CANCELLED, ReturnState.DECLINED])
def test_a_cancelled_return_needs_nothing_and_covers_nothing(state: ReturnState) -> None:
    [loop] = judge(*SOLD, asked(state=state))
    assert (states(loop), causes(loop)) == ("nnnnnn", [])
    cancelled, rest = judge(*SOLD, asked(state=state), graded(), refund(return_ref="r"))
    assert (states(cancelled), states(rest)) == ("nnnnnn", "nddddd")
    assert (rest.ref, rest.return_ref) == ("north/order/o", None)


def test_a_refund_only_is_closed_by_its_money() -> None:
    [loop] = judge(*SOLD, refund(0, "5.00"))
    assert (states(loop), causes(loop)) == ("nndndd", [])
    # What was taken off before it left is no return; nor is an order that tries a shop out.
    assert judge(order(), refund(1, restock=Restock.CANCEL)) == []
    assert judge(order(), refund(1)) == []
    assert judge(order(), refund(0, "5.00")) == []
    assert judge(order(test=True), sent(), refund()) == []


def test_what_a_channel_tells_counts_where_nobody_graded() -> None:
    """A refund that puts back, and a return with its dispositions, tell of the same unit."""
    [loop] = judge(*SOLD, refund(restock=Restock.RETURN))
    assert (states(loop), causes(loop)) == ("nddddd", [])
    told = asked(restocked=1, state=ReturnState.CLOSED)
    [loop] = judge(*SOLD, told, refund(restock=Restock.RETURN, return_ref="r"))
    assert (states(loop), causes(loop)) == ("dddddd", [])
    assert fact(loop, Step.RECEIVED).units == 1
    [loop] = judge(*SOLD, told, graded(), refund(restock=Restock.RETURN, return_ref="r"))
    assert (states(loop), causes(loop), fact(loop, Step.RECEIVED).units) == ("dddddd", [], 1)


def test_units_that_do_not_come_are_not_waited_for() -> None:
    kept = asked(2, absent=2, state=ReturnState.CLOSED)
    [loop] = judge(*SOLD, kept, refund(2, "20.00", return_ref="r"))
    assert (states(loop), causes(loop)) == ("dndndd", [])
    assert fact(loop, Step.RECEIVED).why == "its units do not come, as the channel says"
    half = asked(2, absent=1, state=ReturnState.OPEN)
    [loop] = judge(*SOLD, half, graded(1), refund(2, "20.00", return_ref="r"))
    assert (states(loop), causes(loop)) == ("dddddd", [])
    [loop] = judge(*SOLD, asked(2, absent=1), refund(2, "20.00", return_ref="r"))
    assert causes(loop) == ["refund_without_receipt"], "one of them has still to come"
    assert fact(loop, Step.RECEIVED).of == 1


def test_a_parcel_that_came_back_undelivered_is_received_and_waits_for_the_dock() -> None:
    parcel = Parcel(ref="p", updated_at=day(4), status=ParcelStatus.RETURNED)
    returned = [("s", Known(parcel, 50, 150))]
    [loop] = judge(*SOLD, returned=returned)
    assert (states(loop), loop.record_id) == ("ndmmmm", 50)
    assert causes(loop) == ["receipt_without_refund", "not_restocked"]
    assert [each.amount for each in loop.discrepancies] == [-4, -4]
    refunds = (refund(2, "20.00"), refund(2, "20.00", ref="f2", line="2"))
    found = judge(*SOLD, graded(2), graded(2, sku="TEE", ref="i2"), *refunds, returned=returned)
    assert [(states(loop), causes(loop)) for loop in found] == [("nddddd", [])]


def test_units_go_to_the_return_that_asks_for_them_and_the_surplus_stands_by_itself() -> None:
    first, second, rest = judge(
        *SOLD,
        asked(ref="r1", at=2),
        asked(ref="r2", at=3, line="2"),
        graded(2),
        graded(sku="TEE", ref="i2"),
        refund(ref="f1"),
        refund(ref="f2", line="2"),
    )
    assert [states(loop) for loop in (first, second)] == ["dddddd", "dddddd"]
    assert (first.units, second.units) == ({"LAMP": 1}, {"TEE": 1})
    assert (states(rest), rest.units) == ("mdmdmm", {"LAMP": 1})
    assert causes(rest) == ["receipt_without_request", "restock_without_refund"]


def test_a_kit_comes_back_as_its_parts() -> None:
    kits = Kits([Definition("LAMP", day(-9), {"BASE": 1, "SHADE": 2})])
    records = (*SOLD, asked(), graded(sku="BASE"), graded(2, sku="SHADE", ref="i2"), refund())
    [loop] = judge(*records, kits=kits)
    assert (states(loop), loop.units) == ("dddddd", {"BASE": 1, "SHADE": 2})


def test_an_order_nobody_told_of_leaves_its_units_without_names() -> None:
    [loop] = judge(asked(), graded(), refund())
    assert states(loop) == "dddddm"
    assert fact(loop, Step.VALUED).why == (
        "nobody has told of the order, so the refund counts for no customer"
    )
    [loop] = judge(order(), sent(), *WHOLE[2:], known=False)
    assert (states(loop), causes(loop)) == ("dddddn", [])
    [loop] = judge(order(cancelled_at=day(3)), sent(), *WHOLE[2:])
    assert states(loop) == "dddddn"


def test_a_marketplace_tells_of_a_refund_in_its_account_line_by_line() -> None:
    """Price and tax of one unit are two lines; the unit counts once, the money twice."""
    entries = [
        BalanceEntry(
            ref=ref,
            order_ref="o",
            updated_at=day(6),
            occurred_at=day(6),
            entry=EntryKind.REFUND,
            gross=Money(Decimal(amount), "EUR"),
            fee=Money(Decimal(0), "EUR"),
            net=Money(Decimal(amount), "EUR"),
            payment_ref="adjustment",
            sku="LAMP",
            quantity=1,
        )
        for ref, amount in (("a", "-8.00"), ("b", "-2.00"))
    ]
    [loop] = judge(*SOLD, graded(), *entries)
    assert (states(loop), causes(loop)) == ("nddddd", [])
    assert loop.refunded == (Money(Decimal("10.00"), "EUR"),)


def test_a_refund_is_in_the_books_by_its_payment_too() -> None:
    paid = Payment(
        ref="t",
        order_ref="o",
        updated_at=day(6),
        payment_kind=PaymentKind.REFUND,
        state=PaymentState.SUCCEEDED,
        price=price("10.00"),
    )
    records = (*SOLD, asked(), graded(), refund(transaction_refs=("t",)), paid)
    told = tuple(Known(record, n, n) for n, record in enumerate(records, 1))
    beside = Beside(now=day(90), posted={6: day(7)})
    [loop] = loops_of(Entity(known=told), beside, NORTH)
    assert states(loop) == "dddddd"


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.builds(
                asked,
                st.integers(0, 3),
                ref=st.sampled_from("abc"),
                line=st.sampled_from("12"),
                state=st.sampled_from(ReturnState),
            ),
            st.builds(
                graded,
                st.integers(1, 3),
                sku=st.sampled_from(["LAMP", "TEE", "OTHER"]),
                ref=st.sampled_from("abc"),
            ),
            st.builds(
                refund,
                st.integers(0, 3),
                st.sampled_from([None, "0", "5.00", "10.00"]),
                restock=st.sampled_from(Restock),
                ref=st.sampled_from("abc"),
                line=st.sampled_from("12"),
                return_ref=st.sampled_from([None, "a", "b"]),
            ),
        ),
        max_size=8,
        unique_by=lambda record: (record.kind, record.ref),
    ),
    st.randoms(use_true_random=False),
)
def test_any_history_is_judged_once_and_the_same(records: list[Record], chance: Any) -> None:
    """Each graded unit stands at one return, each refund too; and the order of telling is nothing."""
    told = [*SOLD, *records]
    loops = judge(*told)
    shuffled = list(told)
    chance.shuffle(shuffled)

    def seen(found: list[Loop]) -> list[Any]:
        return [(each.ref, states(each), causes(each), each.units) for each in found]

    assert seen(loops) == seen(judge(*shuffled))
    paid = sum((m.amount for loop in loops for m in loop.refunded), Decimal(0))
    counted = [
        r.refunded.amount
        for r in records
        if isinstance(r, Refund)
        and r.refunded is not None
        and any(
            f"refund {r.ref}:" in text for loop in loops for f in loop.facts for text in f.evidence
        )
    ]
    assert paid == sum(counted, Decimal(0))
    for loop in loops:
        assert [each.step for each in loop.facts] == list(Step)
        for each in loop.facts:
            assert (each.since is not None) == (each.state is FactState.MISSING)
            assert (each.at is not None) == (each.state is FactState.DONE)
            assert each.why or each.state is not FactState.NOT_NEEDED

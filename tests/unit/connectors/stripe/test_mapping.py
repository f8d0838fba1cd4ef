"""Goal: each object means what Stripe says, and what is not known is said to be so."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from trueup.canon.issue import Issue, Severity
from trueup.canon.link import Link, LinkSpace
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.payout import BalanceEntry, Dispute, DisputeState, EntryKind, Payout, PayoutState
from trueup.canon.record import Record
from trueup.connectors.stripe.linked import order_links
from trueup.connectors.stripe.mapping import map_source
from trueup.connectors.stripe.stamp import READ_MARGIN
from trueup.connectors.stripe.webhook import identify, identify_piece
from trueup.contract.connector import Fetch, Mapped, Piece, Source
from trueup.kernel.money import Money
from trueup.quality.hostile import HOSTILE_BODIES

ASKED_AT = datetime(2026, 11, 21, 5, 0, 0, 500_000, tzinfo=UTC)
AT = 1_795_000_000
CHARGE = {"id": "ch_1", "amount": 1000, "created": AT, "currency": "eur", "status": "succeeded"}
REFUND = {"id": "re_1", "amount": 400, "created": AT, "currency": "eur", "status": "succeeded"}
DISPUTE = {"id": "du_1", "amount": 1000, "created": AT, "currency": "eur", "status": "won"}
PAYOUT = {"id": "po_1", "amount": 900, "created": AT, "currency": "eur", "status": "paid"}
ENTRY = {
    "id": "txn_1",
    "amount": 1000,
    "fee": 59,
    "net": 941,
    "created": AT,
    "currency": "eur",
    "type": "charge",
    "reporting_category": "charge",
}


def read(noun: str, told: dict[str, Any], **more: Any) -> Mapped:
    body = json.dumps(told | more).encode()
    return map_source(
        Source(topic=f"pull/{noun}", body=body, raised_at=ASKED_AT, received_at=ASKED_AT)
    )


def happened(kind: str, noun: str, told: dict[str, Any], *, at: int = AT, **more: Any) -> Mapped:
    about = {"object": noun, **told, **more}
    event = {"id": "evt_1", "type": kind, "created": at, "data": {"object": about}}
    body = json.dumps(event).encode()
    return map_source(Source(topic=kind, body=body, received_at=ASKED_AT))


def one(mapped: Mapped) -> Any:
    (record,) = mapped.records
    return record


@pytest.mark.parametrize(
    ("more", "kind", "state", "amount"),
    [
        ({"captured": True, "amount_captured": 1000}, "sale", "succeeded", "10.00"),
        ({"captured": True, "amount_captured": 600}, "sale", "succeeded", "6.00"),
        ({"captured": False, "amount_captured": 0}, "authorisation", "succeeded", "10.00"),
        ({"captured": False, "refunded": True}, "void", "succeeded", "10.00"),
        ({"captured": True, "status": "pending"}, "sale", "pending", "10.00"),
        ({"captured": False, "status": "failed"}, "sale", "failed", "10.00"),
    ],
)
def test_a_charge_is_what_was_done_with_it(
    more: dict[str, Any], kind: str, state: str, amount: str
) -> None:
    record = one(read("charge", CHARGE, **more))
    assert isinstance(record, Payment)
    assert (record.payment_kind, record.state) == (PaymentKind(kind), PaymentState(state))
    assert record.price.booked == Money(Decimal(amount), "EUR")


def test_a_failed_charge_says_why() -> None:
    record = one(read("charge", CHARGE, status="failed", failure_code="card_declined"))
    assert record.error_code == "card_declined"
    by_bank = {"status": "failed", "outcome": {"reason": "do_not_honor"}}
    assert one(read("charge", CHARGE, **by_bank)).error_code == "do_not_honor"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", "pending"),
        ("requires_action", "awaiting"),
        ("succeeded", "succeeded"),
        ("failed", "failed"),
        ("canceled", "failed"),
        (None, "succeeded"),
    ],
)
def test_refunds_have_states(status: str | None, state: str) -> None:
    record = one(read("refund", REFUND, status=status, charge="ch_1"))
    assert (record.payment_kind, record.state) == (PaymentKind.REFUND, PaymentState(state))
    assert record.parent_ref == "ch_1"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("warning_needs_response", "warning"),
        ("warning_under_review", "warning"),
        ("warning_closed", "won"),
        ("needs_response", "needs_response"),
        ("under_review", "under_review"),
        ("charge_refunded", "accepted"),
        ("won", "won"),
        ("lost", "lost"),
    ],
)
def test_disputes_have_states(status: str, state: str) -> None:
    record = one(read("dispute", DISPUTE, status=status))
    assert isinstance(record, Dispute)
    assert (record.state, record.state_code) == (DisputeState(state), status)


@pytest.mark.parametrize(
    ("noun", "told", "more", "code", "field"),
    [
        ("charge", CHARGE, {"status": "melted"}, "charge_status", "state"),
        ("refund", REFUND, {"status": "melted"}, "refund_status", "state"),
        ("dispute", DISPUTE, {"status": "melted"}, "dispute_status", "state"),
        ("payout", PAYOUT, {"status": "melted"}, "payout_status", "state"),
        (
            "balance_transaction",
            ENTRY,
            {"reporting_category": "melted"},
            "entry_category",
            "entry",
        ),
        (
            "balance_transaction",
            ENTRY,
            {"reporting_category": None, "type": "melted"},
            "entry_category",
            "entry",
        ),
    ],
)
def test_a_word_that_is_not_known_is_unknown_and_told(
    noun: str, told: dict[str, Any], more: dict[str, Any], code: str, field: str
) -> None:
    mapped = read(noun, told, **more)
    (issue,) = mapped.issues
    assert isinstance(issue, Issue)
    assert (issue.code, issue.severity) == (f"stripe.{code}_unknown", Severity.WARNING)
    assert issue.found == "melted"
    assert getattr(one(mapped), field) == "unknown"


@pytest.mark.parametrize(
    ("category", "kind", "net", "entry"),
    [
        ("refund", "refund", -1, "refund"),
        ("refund_failure", "refund_failure", 1, "refund_failed"),
        ("dispute", "adjustment", -1, "dispute"),
        ("dispute_reversal", "adjustment", 1, "dispute_won"),
        ("fee", "stripe_fee", -1, "fee"),
        ("tax", "tax_fee", -1, "tax"),
        ("payout", "payout", -1, "payout"),
        ("payout_reversal", "payout_failure", 1, "payout_failed"),
        ("risk_reserved_funds", "reserved_funds", -1, "reserve_held"),
        ("risk_reserved_funds", "reserved_funds", 1, "reserve_released"),
        ("payout_minimum_balance_hold", "payout_minimum_balance_hold", -1, "reserve_held"),
        ("topup", "topup", 1, "top_up"),
        ("transfer", "transfer", -1, "transfer"),
        ("other_adjustment", "adjustment", 1, "adjustment"),
        (None, "payment", 1, "charge"),
        (None, "payment_refund", -1, "refund"),
        (None, "stripe_fee", -1, "fee"),
        (None, "adjustment", -1, "adjustment"),
    ],
)
def test_lines_of_the_account_have_kinds(
    category: str | None, kind: str, net: int, entry: str
) -> None:
    more = {"reporting_category": category, "type": kind, "amount": net, "fee": 0, "net": net}
    mapped = read("balance_transaction", ENTRY, **more)
    assert one(mapped).entry == EntryKind(entry)
    assert mapped.issues == ()


def test_an_old_adjustment_of_a_dispute_is_one() -> None:
    more = {"reporting_category": None, "type": "adjustment", "source": "dp_1"}
    taken = {"amount": -1000, "fee": 1500, "net": -2500}
    assert one(read("balance_transaction", ENTRY, **more, **taken)).entry == EntryKind.DISPUTE
    assert one(read("balance_transaction", ENTRY, **more)).entry == EntryKind.DISPUTE_WON


def test_an_exchange_rate_is_kept_to_its_last_digit() -> None:
    body = json.dumps(ENTRY).replace(
        '"created"', '"exchange_rate": 0.1000000000000000055, "created"'
    )
    source = Source(topic="pull/balance_transaction", body=body.encode(), received_at=ASKED_AT)
    assert one(map_source(source)).exchange_rate == "0.1000000000000000055"
    for bad in ("1e999999", "-1", "0", '"x"', "[]"):
        spoilt = body.replace("0.1000000000000000055", bad).encode()
        mapped = map_source(Source(topic=source.topic, body=spoilt, received_at=ASKED_AT))
        assert [issue.code for issue in mapped.issues] == ["stripe.field_invalid"]


def test_figures_that_do_not_add_up_are_told_and_kept() -> None:
    mapped = read("balance_transaction", ENTRY, net=942)
    assert [issue.code for issue in mapped.issues] == ["stripe.entry_mismatch"]
    assert one(mapped).net.amount == Decimal("9.42")
    parts = [{"amount": 50, "currency": "eur"}, {"amount": 8, "currency": "eur"}]
    mapped = read("balance_transaction", ENTRY, fee_details=parts)
    assert [issue.code for issue in mapped.issues] == ["stripe.fee_mismatch"]
    parts[1]["amount"] = 9
    assert read("balance_transaction", ENTRY, fee_details=parts).issues == ()


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"reconciliation_status": "completed"}, True),
        ({"reconciliation_status": "in_progress"}, False),
        ({"reconciliation_status": "completed", "automatic": False}, False),
        ({}, True),
        ({"status": "pending"}, False),
    ],
)
def test_what_a_payout_is_made_of_is_asked_for_once_it_is_settled(
    more: dict[str, Any], *, wanted: bool
) -> None:
    fetch = (Fetch(resource="payout_entries", ref="po_1"),)
    assert read("payout", PAYOUT, **more).fetch == (fetch if wanted else ())


def test_a_payout_can_be_below_zero_and_come_back() -> None:
    record = one(read("payout", PAYOUT, amount=-900, status="failed", failure_code="no_account"))
    assert isinstance(record, Payout)
    assert (record.state, record.failure_code) == (PayoutState.FAILED, "no_account")
    assert record.amount.amount == Decimal("-9.00")


# -- versions ------------------------------------------------------------------------------------


def test_within_one_second_the_further_state_wins() -> None:
    def stamps(noun: str, told: dict[str, Any], states: tuple[str, ...]) -> list[datetime]:
        kind = {"dispute": "charge.dispute.updated"}.get(noun, f"{noun}.updated")
        return [one(happened(kind, noun, told, status=s)).updated_at for s in states]

    for noun, told, states in (
        ("refund", REFUND, ("pending", "requires_action", "succeeded", "failed")),
        ("payout", PAYOUT, ("pending", "in_transit", "paid", "canceled", "failed")),
        ("dispute", DISPUTE, ("warning_closed", "needs_response", "under_review", "won")),
        ("charge", CHARGE, ("pending", "succeeded", "failed")),
    ):
        found = stamps(noun, told, states)
        assert found == sorted(set(found))
        assert max(found) < datetime.fromtimestamp(AT + 1, UTC)


def test_capture_and_release_are_later_than_the_authorisation_of_the_same_second() -> None:
    ways = ({"captured": False}, {"captured": True}, {"captured": False, "refunded": True})
    held, taken, let_go = (
        one(happened("charge.updated", "charge", CHARGE, **way)).updated_at for way in ways
    )
    assert held < taken
    assert held < let_go


def test_a_reading_is_as_old_as_the_asking_less_the_margin() -> None:
    assert one(read("charge", CHARGE)).updated_at == ASKED_AT.replace(microsecond=0) - READ_MARGIN
    late = int(ASKED_AT.timestamp()) - 5
    created = one(read("charge", CHARGE, created=late)).updated_at
    assert created == datetime.fromtimestamp(late, UTC)


def test_a_line_in_a_payout_is_newer_than_the_line_alone() -> None:
    for available in (AT - 100, AT, AT + 86_400):
        told = ENTRY | {"available_on": available}
        body = json.dumps({"payout": "po_1", "balance_transaction": told}).encode()
        source = Source(topic="fetch/payout_entry", body=body, received_at=ASKED_AT)
        within, alone = one(map_source(source)), one(read("balance_transaction", told))
        assert isinstance(within, BalanceEntry)
        assert within.updated_at > alone.updated_at
        assert (within.payout_ref, alone.payout_ref) == ("po_1", None)
        assert timedelta(0) < within.updated_at - alone.updated_at <= timedelta(days=1)


# -- links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "description", "found"),
    [
        ({"order_id": "P-7"}, None, ["P-7"]),
        ({"Order Number": "1001", "cart": "9"}, None, ["1001"]),
        ({"orderId": 1001}, "Order 5555", ["1001"]),
        ({"shopify_order_name": "#1001"}, None, ["#1001"]),
        ({"order_id": True}, None, []),
        ({"order_id": ""}, None, []),
        ({"order_id": "x" * 101}, None, []),
        ({"order_id": "a\x00b"}, None, []),
        ({"orders_total": "3"}, None, []),
        ({}, "Plum Shop - Order 2041", ["2041"]),
        ({}, "payment for order #P-2041.", ["P-2041"]),
        ({}, "Order no. 20-41234", []),
        ({}, "Orders 1001 and order 1002, order 1003", []),
        ({}, "Recorder 12345", []),
        ({}, "in order to pay 500", []),
        ({}, "12345", []),
    ],
)
def test_order_numbers_are_taken_where_they_are_surely_meant(
    metadata: dict[str, Any], description: str | None, found: list[str]
) -> None:
    assert order_links(metadata, description) == [Link(LinkSpace.ORDER, v) for v in found]


def test_expanded_objects_are_read_as_their_ids() -> None:
    record = one(read("refund", REFUND, charge={"id": "ch_9", "object": "charge"}))
    assert record.parent_ref == "ch_9"
    assert Link(LinkSpace.PAYMENT, "ch_9") in record.links


def test_no_record_holds_free_text() -> None:
    secret = "Mara Beispiel"
    charge = CHARGE | {"description": secret, "metadata": {"note": secret}}
    entry = ENTRY | {"description": secret}
    for record in (one(read("charge", charge)), one(read("balance_transaction", entry))):
        assert isinstance(record, Record)
        assert secret not in repr(record)


# -- hostile -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE_BODIES)
def test_hostile_bodies_never_raise(name: str) -> None:
    body = HOSTILE_BODIES[name]
    topics = ("charge.updated", "payout.paid", "", "pull/charge", "fetch/payout_entry", "pull/x")
    for topic in topics:
        mapped = map_source(Source(topic=topic, body=body, received_at=ASKED_AT))
        assert mapped.issues or mapped.ignored
        assert not mapped.records
        identify({}, body)
        identify_piece(Piece(topic=topic, body=body))


@pytest.mark.parametrize(
    "more",
    [
        {"amount": 10**30},
        {"amount": 1.5},
        {"amount": "1000"},
        {"amount": None},
        {"currency": "euro"},
        {"currency": None},
        {"created": -1},
        {"created": 10**12},
        {"id": ""},
        {"id": "a\x00b"},
        {"id": "x" * 300},
        {"status": "a\x00"},
        {"payment_intent": {"id": None}},
    ],
)
def test_values_that_can_not_be_kept_park_the_event(more: dict[str, Any]) -> None:
    mapped = read("charge", CHARGE, **more)
    assert [issue.severity for issue in mapped.issues] == [Severity.ERROR]
    assert mapped.issues[0].pointer
    assert not mapped.records


@pytest.mark.parametrize(
    ("kind", "noun"),
    [
        ("customer.created", "customer"),
        ("payment_intent.succeeded", "payment_intent"),
        ("charge.updated", "unheard_of"),
        ("unheard.of", "charge"),
    ],
)
def test_what_is_not_read_is_left_aside_with_a_reason(kind: str, noun: str) -> None:
    mapped = happened(kind, noun, CHARGE)
    assert mapped.ignored
    assert not mapped.records


# -- the door ------------------------------------------------------------------------------------


def test_a_delivery_is_known_by_its_event_and_a_piece_by_its_bytes() -> None:
    about = {"id": "ch_1", "object": "charge"}
    event = {"id": "evt_1", "type": "charge.updated", "created": AT, "data": {"object": about}}
    body = json.dumps(event).encode()
    found = identify({}, body)
    assert (found.external_id, found.topic, found.entity) == (
        "evt_1",
        "charge.updated",
        "payment/ch_1",
    )
    assert found.raised_at == datetime.fromtimestamp(AT, UTC)
    piece = identify_piece(Piece(topic="charge.updated", body=body))
    assert piece.external_id.startswith("sha256:")
    assert (piece.entity, piece.raised_at) == (found.entity, found.raised_at)
    again = identify_piece(Piece(topic="charge.updated", body=body + b" "))
    assert again.external_id != piece.external_id

"""Rules that a person writes: which fields there are, what holds, and what can not be written."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.command import ChangeTicket, HoldOrder, ReplyToTicket, TagOrder
from trueup.canon.order import Order, OrderLine, OrderPerson, OrderTotals, PaymentStatus
from trueup.canon.price import Price
from trueup.canon.ticket import Priority
from trueup.decisions.model import Facts
from trueup.decisions.written.condition import OPS_OF, Condition, Op, check, holds
from trueup.decisions.written.fields import FieldKind, fields_of, values_of
from trueup.decisions.written.model import KINDS, WrittenRule, check_written
from trueup.decisions.written.rule import WrittenValues, propose_written
from trueup.errors import ConfigError
from trueup.kernel.money import Money

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)


def euros(amount: str) -> Price:
    return Price(Money(Decimal(amount), "EUR"))


def order(**fields: Any) -> Order:
    told: dict[str, Any] = {
        "ref": "1",
        "updated_at": NOW,
        "number": "#1001",
        "placed_at": NOW - timedelta(hours=5),
        "placed_on": date(2026, 3, 2),
        "currency": "EUR",
        "lines": (
            OrderLine(ref="1", title="Tee", quantity=2, price=euros("10.00"), sku="TEE"),
            OrderLine(ref="2", title="Mug", quantity=1, price=euros("480.01")),
        ),
        "totals": OrderTotals(total=euros("500.01")),
        "payment_status": PaymentStatus.PAID,
    }
    return Order(**(told | fields))


def met(condition: Condition, record: Order) -> bool:
    field = check("order", condition)
    known = {field.name: values_of(record, field)}
    return holds("order", condition, known, NOW)


def asked(field: str, op: str, value: str = "", **fields: Any) -> bool:
    return met(Condition(field=field, op=Op(op), value=value), order(**fields))


def written(**fields: Any) -> WrittenRule:
    told: dict[str, Any] = {
        "name": "late_tickets",
        "title": "Marks tickets that wait.",
        "kind": "ticket",
        "conditions": (Condition(field="status", op=Op.IS, value="open"),),
        "deed": "tag_ticket",
        "inputs": {"tag": "late"},
    }
    return WrittenRule(**(told | fields))


def refused(**fields: Any) -> ConfigError:
    with pytest.raises(ConfigError) as refusal:
        check_written(written(**fields))
    return refusal.value


def test_nothing_personal_is_a_field() -> None:
    for kind in KINDS:
        for name in fields_of(kind):
            assert not name.startswith(("person", "links"))
    secret = OrderPerson(email="ada@example.com", note="my dog is called Bo")
    record = order(person=secret)
    told = [each for field in fields_of("order").values() for each in values_of(record, field)]
    assert "ada@example.com" not in told
    assert "my dog is called Bo" not in told


def test_every_field_of_every_kind_can_be_read_and_compared() -> None:
    for kind in KINDS:
        for field in fields_of(kind).values():
            assert OPS_OF[field.kind]
            assert not (field.kind is FieldKind.CHOICE and not field.choices)


def test_words_are_compared_whatever_their_case() -> None:
    assert asked("currency", "is", "eur")
    assert asked("currency", "is_not", "USD")
    assert asked("payment_status", "is", "paid")
    assert not asked("payment_status", "is", "pending")
    assert asked("lines.title", "contains", "UG")


def test_one_of_many_is_enough_and_for_is_not_none_may_be_so() -> None:
    assert asked("lines.sku", "is", "TEE")
    assert not asked("lines.sku", "is_not", "TEE")
    assert asked("lines.sku", "is_not", "CAP")
    assert asked("lines.quantity", "more_than", "1")
    assert not asked("lines.quantity", "more_than", "2")


def test_money_is_compared_to_the_cent_and_in_its_currency() -> None:
    assert asked("totals.total", "more_than", "500 EUR")
    assert not asked("totals.total", "more_than", "500.01 EUR")
    assert asked("totals.total", "less_than", "500.02 eur")
    assert not asked("totals.total", "more_than", "1 USD")
    assert not asked("totals.total", "less_than", "999999 USD")


def test_ages_are_counted_in_hours() -> None:
    assert asked("placed_at", "older_than", "4")
    assert not asked("placed_at", "older_than", "5")
    assert asked("placed_at", "newer_than", "6")
    assert asked("placed_on", "older_than", "14")  # a day begins in UTC
    assert not asked("cancelled_at", "older_than", "0")


def test_what_is_not_told_can_be_asked_for() -> None:
    assert asked("cancelled_at", "is_not_told")
    assert asked("cancelled_at", "is_told", cancelled_at=NOW)
    assert asked("test", "is", "no")
    assert asked("test", "is", "yes", test=True)


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9
    )
)
def test_an_amount_is_more_than_exactly_what_is_less(amount: Decimal) -> None:
    record = order(totals=OrderTotals(total=Price(Money(amount, "EUR"))))
    below, above = f"{amount - Decimal('0.01')} EUR", f"{amount + Decimal('0.01')} EUR"
    for value, more, less in (
        (below, True, False),
        (f"{amount} EUR", False, False),
        (above, False, True),
    ):
        assert met(Condition(field="totals.total", op=Op.MORE_THAN, value=value), record) is more
        assert met(Condition(field="totals.total", op=Op.LESS_THAN, value=value), record) is less


@pytest.mark.parametrize(
    ("field", "op", "value", "says"),
    [
        ("totals.total", "more_than", "500", 'an amount and its currency, such as "500 EUR"'),
        ("totals.total", "more_than", "NaN EUR", "an amount"),
        ("totals.total", "is", "500 EUR", "is a money"),
        ("lines.quantity", "more_than", "1.5", "a whole number"),
        ("placed_at", "older_than", "-1", "hours"),
        ("test", "is", "maybe", "yes or no"),
        ("payment_status", "is", "paied", "one of pending"),
        ("number", "contains", "  ", "a text"),
        ("person.email", "is", "ada@example.com", "no field"),
    ],
)
def test_what_can_not_be_compared_says_what_is_expected(
    field: str, op: str, value: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        check("order", Condition(field=field, op=Op(op), value=value))


def test_a_rule_that_can_not_be_names_its_field() -> None:
    check_written(written())
    assert refused(name="Late tickets").context["field"] == "name"
    assert refused(title=" ").context["field"] == "title"
    assert refused(kind="customer").context["field"] == "kind"
    assert refused(conditions=()).context["field"] == "conditions"
    assert refused(deed="order_pizza").context["field"] == "deed"
    assert (
        refused(kind="order", conditions=(Condition(field="test", op=Op.IS, value="no"),)).context[
            "field"
        ]
        == "deed"
    )
    assert refused(inputs={}).context["field"] == "inputs.tag"
    assert refused(inputs={"tag": "x", "more": "y"}).context["field"] == "inputs.more"
    assert refused(inputs={"tag": "x" * 81}).context["field"] == "inputs.tag"
    assert refused(connection_id=3).context["field"] == "connection"
    urgent: dict[str, Any] = {"deed": "set_priority", "inputs": {"priority": "at once"}}
    assert refused(**urgent).context["field"] == "inputs.priority"
    note: dict[str, Any] = {"deed": "note_ticket", "inputs": {"text": "It waits: {person.email}"}}
    assert refused(**note).context["field"] == "inputs.text"
    told: dict[str, Any] = {"deed": "tell_team", "inputs": {"to": "#care", "text": "Look."}}
    assert refused(**told).context["field"] == "connection"


def facts(**known: Any) -> Facts[WrittenValues]:
    values = WrittenValues(
        kind="ticket", connection_id=3, ref="7", now=NOW, known={"status": ("open",)} | known
    )
    return Facts(subject="connection/3/ticket/7", episode="once", values=values)


def test_a_deed_says_what_it_does_and_why() -> None:
    found = propose_written(written(), facts())
    assert found is not None
    [action] = found.actions
    assert action.content == ChangeTicket(ticket_ref="7", tags_added=("late",))
    assert (action.connection_id, action.key) == (3, "ticket/7")
    assert action.what == "tag the ticket 7 late"
    assert found.reason == "The ticket 7 meets what was written: status is open."
    assert propose_written(written(), facts(status=("solved",))) is None


def test_each_deed_about_tickets_is_the_command_it_names() -> None:
    urgent = written(deed="set_priority", inputs={"priority": "urgent"})
    found = propose_written(urgent, facts())
    assert found is not None
    assert found.actions[0].content == ChangeTicket(ticket_ref="7", priority=Priority.URGENT)
    team = written(deed="assign_ticket", inputs={"team": "12"})
    found = propose_written(team, facts())
    assert found is not None
    assert found.actions[0].content == ChangeTicket(ticket_ref="7", team_ref="12")


def test_an_order_is_tagged_or_held() -> None:
    values = WrittenValues(
        kind="order", connection_id=3, ref="7", now=NOW, known={"test": (False,), "number": ("#7",)}
    )
    told = Facts(subject="connection/3/order/7", episode="once", values=values)
    plain = (Condition(field="test", op=Op.IS, value="no"),)
    tag = written(kind="order", conditions=plain, deed="tag_order", inputs={"tag": "check"})
    hold = written(
        kind="order",
        conditions=plain,
        deed="hold_order",
        inputs={"reason": "fraud", "text": "Look at {number}."},
    )
    for rule, content, what in (
        (tag, TagOrder(order_ref="7", added=("check",)), "tag the order #7 check"),
        (
            hold,
            HoldOrder(order_ref="7", reason="fraud", note="Look at #7."),
            "hold the order #7 for fraud",
        ),
    ):
        check_written(rule)
        found = propose_written(rule, told)
        assert found is not None
        assert (found.actions[0].content, found.actions[0].what) == (content, what)


def test_what_a_vendor_told_is_put_into_a_text_once_and_is_no_placeholder() -> None:
    note = written(deed="note_ticket", inputs={"text": "It came by {medium}."})
    found = propose_written(note, facts(medium=("{status} ignore all rules",)))
    assert found is not None
    content = found.actions[0].content
    assert content == ReplyToTicket(ticket_ref="7", text="It came by {status} ignore all rules.")
    found = propose_written(note, facts(medium=()))
    assert found is not None
    assert found.actions[0].content == ReplyToTicket(ticket_ref="7", text="It came by not told.")

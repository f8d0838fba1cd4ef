"""What follows from what customers bought: habits, and who is worth how much."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from trueup.decisions.patrons.history import Habit, History, Patron, Told
from trueup.records.bought import BoughtLine, BoughtOrder

FIRST = datetime(2026, 1, 1, 12, tzinfo=UTC)
TODAY = date(2026, 6, 1)


def order(person: str, day: int, *skus: str, amount: str = "10", units: int = 1) -> BoughtOrder:
    lines = [BoughtLine(quantity=units, sku=sku, variant_ref=f"v-{sku}") for sku in skus]
    return BoughtOrder(
        person=person.encode(),
        connection_id=3,
        ref=f"{person}-{day}",
        number=f"#{day}",
        placed_at=FIRST + timedelta(days=day),
        currency="EUR",
        amount=Decimal(amount),
        lines=tuple(lines),
    )


def history(*orders: BoughtOrder, **first_of: str) -> History:
    joined = {person.encode(): first.encode() for person, first in first_of.items()}
    found = History(joined)
    for each in sorted(orders, key=lambda one: one.placed_at):
        found.add(each)
    return found


def habits(found: History, told: dict[bytes, Told] | None = None) -> dict[str, Habit]:
    return {each.sku: each for each in found.habits(told or {})}


def by_person(found: list[Patron]) -> dict[str, Patron]:
    return {each.person.decode(): each for each in found}


def test_a_habit_is_of_one_sku_and_of_anything() -> None:
    months = [order("ada", 28 * n, "TEA", units=2) for n in range(4)]
    found = habits(history(*months, order("ada", 3, "CUP")))
    assert set(found) == {"", "TEA"}
    tea = found["TEA"]
    assert (tea.purchases, tea.interval.days, tea.last.ref) == (4, 28, "ada-84")
    assert [(line.sku, line.variant_ref, line.units) for line in tea.lines] == [("TEA", "v-TEA", 2)]
    assert found[""].purchases == 5


def test_below_three_purchases_there_is_none() -> None:
    assert habits(history(order("ada", 0, "TEA"), order("ada", 28, "TEA"))) == {}


def test_what_has_no_sku_or_was_taken_off_is_no_habit() -> None:
    gone = BoughtLine(quantity=1, quantity_current=0, sku="TEA", variant_ref="1")
    card = BoughtLine(quantity=1, sku="CARD", variant_ref="2", gift_card=True)
    bare = BoughtLine(quantity=1)
    orders = [order("ada", 28 * n) for n in range(3)]
    found = habits(
        history(*(BoughtOrder(**_fields(each) | {"lines": (gone, card, bare)}) for each in orders))
    )
    assert set(found) == {""}
    assert found[""].lines == ()


def test_persons_who_share_a_name_are_one_customer() -> None:
    orders = [order("ada", 0, "TEA"), order("guest", 28, "TEA"), order("ada", 56, "TEA")]
    found = history(*orders, ada="ada", guest="ada")
    assert habits(found)["TEA"].purchases == 3
    [patron] = found.patrons(TODAY, {})
    assert patron.persons == (b"ada", b"guest")
    assert [each.purchases for each in history(*orders).patrons(TODAY, {})] == [2, 1]


def test_a_customer_without_orders_is_no_patron() -> None:
    found = history(order("ada", 0, "TEA"), bob="bob", rob="bob")
    assert list(by_person(found.patrons(TODAY, {}))) == ["ada"]


def test_tiers_go_by_what_is_expected_in_a_year() -> None:
    often = [order("often", 10 * n, amount="50") for n in range(15)]
    once = [order(f"once{n}", 100 + n) for n in range(40)]
    found = by_person(history(*often, *once).patrons(TODAY, {}))
    assert found["often"].tier == "top"
    assert found["often"].worth > 500
    assert found["once3"].tier != "top"
    assert found["often"].alive > Decimal("0.9")
    assert {each.told_by for each in found.values()} == {"rule"}


def test_who_is_silent_for_long_is_worth_less() -> None:
    gone = [order("gone", 10 * n) for n in range(4)]
    here = [order("here", 121 + 10 * n) for n in range(4)]
    found = by_person(history(*gone, *here).patrons(TODAY, {}))
    assert found["gone"].alive < Decimal("0.01")
    assert found["here"].alive == 1
    assert found["gone"].worth < found["here"].worth
    assert found["gone"].late_on == date(2026, 2, 20)


def test_a_model_counts_before_the_rule_below_it() -> None:
    orders = [order("ada", 28 * n, "TEA") for n in range(4)]
    told = {b"ada": Told(alive=0.25, orders=4.0, spend=30.0, interval_days=40)}
    found = history(*orders)
    [patron] = found.patrons(TODAY, told)
    assert (patron.alive, patron.worth, patron.told_by) == (Decimal("0.25"), Decimal(120), "model")
    known = habits(found, told)
    assert (known[""].interval.days, known["TEA"].interval.days) == (40, 28)


def _fields(of: BoughtOrder) -> dict[str, object]:
    return {name: getattr(of, name) for name in of.__struct_fields__}

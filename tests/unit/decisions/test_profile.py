"""Goal: the CRM is told once a band changes, of each customer what is so, and of nobody else."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from trueup.decisions.blanks.membership import Membership
from trueup.decisions.blanks.portrait import Portrait
from trueup.decisions.explain import in_words
from trueup.decisions.model import Facts, action_to_json
from trueup.decisions.patrons.history import History
from trueup.decisions.patrons.portraits import Band, Change, Risk, moved
from trueup.decisions.rules.profile import (
    RULE,
    ProfileSettings,
    ProfileValues,
    propose,
    told_weekly,
)
from trueup.decisions.settings import read_settings
from trueup.errors import ConfigError
from trueup.models.value.rfm import Tier
from trueup.records.bought import BoughtLine, BoughtOrder

TODAY = date(2026, 12, 1)
BAND = Band(tier=Tier.HIGH, risk=Risk.LOW, next_on=date(2026, 12, 20))
LISTS = {Tier.TOP: "L1", Tier.HIGH: "L2", Tier.MIDDLE: "L1"}


def band(
    tier: Tier = Tier.HIGH, risk: Risk = Risk.LOW, next_on: date | None = BAND.next_on
) -> Band:
    return Band(tier=tier, risk=risk, next_on=next_on)


@pytest.mark.parametrize(
    ("was", "now", "what"),
    [
        (None, band(), "first"),
        (band(), band(), None),
        (band(), band(Tier.TOP, Risk.HIGH), "tier"),
        (band(), band(risk=Risk.MIDDLE), "risk"),
        (band(), band(next_on=date(2026, 12, 26)), None),
        (band(), band(next_on=date(2026, 12, 27)), "next"),
        (band(), band(next_on=date(2026, 12, 13)), "next"),
        (band(next_on=None), band(), "next"),
        (band(), band(next_on=None), "next"),
        (band(next_on=None), band(next_on=None), None),
    ],
)
def test_only_another_band_is_told(was: Band | None, now: Band, what: str | None) -> None:
    assert moved(was, now, 7) == what


def change(n: int = 1, *, was: Band | None = None, now: Band = BAND) -> Change:
    return Change(
        person=f"{n:02x}", order=f"connection/1/order/{n}", last_on=TODAY, now=now, was=was
    )


def facts(*changes: Change) -> Facts[ProfileValues]:
    values = ProfileValues(connection_id=7, changes=changes)
    return Facts(subject="profiles/2026-12-01/1", episode="once", values=values)


def test_each_is_told_under_the_names_of_the_crm() -> None:
    settings = ProfileSettings(properties={"tier": "value_tier", "next_order_on": "next_order"})
    proposal = propose(facts(change()), settings)
    [action] = proposal.actions
    assert isinstance(action.content, Portrait)
    told = (("value_tier", "high"), ("next_order", "2026-12-20"))
    assert (action.content.properties, action.connection_id, action.key) == (told, 7, "patron/01")
    assert "one customer is no longer so: 1 nothing was told of" in proposal.reason


def test_a_day_that_is_no_longer_known_is_emptied() -> None:
    settings = ProfileSettings(properties={"next_order_on": "next"})

    def told(was: Band | None, now: Band) -> tuple[tuple[str, str], ...]:
        content = propose(facts(change(was=was, now=now)), settings).actions[0].content
        assert isinstance(content, Portrait)
        return content.properties

    assert told(BAND, band(next_on=None)) == (("next", ""),)
    assert told(None, band(next_on=None)) == ()
    assert told(band(next_on=None), BAND) == (("next", "2026-12-20"),)


def test_who_comes_into_another_tier_belongs_in_its_list_alone() -> None:
    settings = ProfileSettings(lists=LISTS)

    def moves(was: Band | None, now: Band) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        actions = propose(facts(change(was=was, now=now)), settings).actions
        assert {action.key for action in actions} == {"patron/01"}, "in turn: profile, then list"
        contents = [each.content for each in actions]
        assert isinstance(contents[0], Portrait)
        return [(each.joined, each.left) for each in contents if isinstance(each, Membership)]

    assert moves(None, BAND) == [(("L2",), ("L1",))]
    assert moves(band(Tier.TOP), band(Tier.MIDDLE)) == [(("L1",), ("L2",))], "one list, two tiers"
    assert moves(band(Tier.TOP), band(Tier.LOW)) == [((), ("L1", "L2"))]
    assert moves(band(risk=Risk.HIGH), BAND) == [], "the same tier, the same list"


def test_many_are_one_decision_in_few_words() -> None:
    changes = [change(n) for n in range(1, 4)] + [change(4, was=band(risk=Risk.HIGH))]
    proposal = propose(facts(*changes), ProfileSettings(lists=LISTS))
    assert in_words(action_to_json(each) for each in proposal.actions) == [
        "tell the CRM of a customer what is so now (4 times)",
        "move a customer to the list of their tier (3 times)",
    ]
    assert proposal.reason == (
        "What the CRM knows of 4 customers is no longer so: 3 nothing was told of, "
        "1 have another churn risk."
    )


@pytest.mark.parametrize(
    "table", [{"properties": {}}, {"properties": {"email": "x"}}, {"lists": {"best": "L1"}}]
)
def test_what_can_not_be_set_is_said(table: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="profile"):
        read_settings({RULE.name: RULE}, {RULE.name: table})


def order(person: int, day: int) -> BoughtOrder:
    return BoughtOrder(
        person=bytes([person]),
        connection_id=1,
        ref=f"{person}-{day}",
        number="1",
        placed_at=datetime(2026, 6, 1, 12, tzinfo=UTC) + timedelta(days=day),
        currency="EUR",
        amount=Decimal(100 * person),
        lines=(BoughtLine(quantity=1, sku="LAMP"),),
    )


def test_the_past_is_counted_once_a_change_and_never_over_the_limit() -> None:
    bought = sorted(
        (order(p, d) for p in (1, 2, 3) for d in (0, 28, 56)), key=lambda o: o.placed_at
    )
    evenings = [date(2026, 8, 3) + timedelta(days=7 * n) for n in range(20)]
    counts = told_weekly(History({}), bought, evenings, ProfileSettings())
    assert counts["first"] == 3
    assert counts["risk"] >= 3, "nothing came for months, so each may have left"
    assert sum(counts.values()) <= 15, "not each week anew"
    few = told_weekly(History({}), bought, evenings[:1], ProfileSettings(batch=1, batches=1))
    assert few["first"] == 3
    none = told_weekly(History({}), [], evenings, ProfileSettings())
    assert not none

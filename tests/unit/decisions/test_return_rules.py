"""What is agreed to, where it goes, what is paid back and who is told: from facts alone."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from trueup.canon.command import Purpose
from trueup.canon.return_command import ApproveReturn, DeclineReturn, RefundReturn
from trueup.canon.returns import ReturnState
from trueup.config import Amounts
from trueup.decisions.model import Facts
from trueup.decisions.returning.policy import Place, PolicySettings, Wish, verdict_of, words_in
from trueup.decisions.returning.seen import LineSeen, ReturnSeen
from trueup.decisions.rules import return_refund, return_request, return_update
from trueup.kernel.money import Money

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
FAR = Place(name="Austin", city="Austin", country="US", countries=("US",), regions=("TX",))
NEAR = Place(name="Berlin", city="Berlin", country="DE", countries=("DE", "AT"))
BIG = Place(name="Workshop", skus=("LAMP-*",), worth_min=Amounts((("EUR", Decimal(100)),)))


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def wish(**more: Any) -> Wish:
    given: dict[str, Any] = {
        "asked_at": NOW,
        "worth": eur("40.00"),
        "skus": ("LAMP-1",),
        "reasons": ("unwanted",),
        "delivered_at": NOW - timedelta(days=4),
        "sent_at": NOW - timedelta(days=6),
        "before": 0,
        "country": "DE",
    }
    return Wish(**(given | more))


def policy(**more: Any) -> PolicySettings:
    return PolicySettings(**more)


@pytest.mark.parametrize(
    ("known", "set_to", "answer", "because", "why"),
    [
        ({}, {}, "agree", None, "it was asked for 4 days after the delivery"),
        ({"words": ("broken",)}, {}, "person", None, "stands broken"),
        ({"reasons": ("defective",)}, {}, "person", None, "the reason is defective"),
        (
            {"reasons": ("size_too_small",)},
            {"ask_reasons": ("too_small",)},
            "person",
            None,
            "size too small",
        ),
        ({"kits": True}, {}, "person", None, "is a kit"),
        ({"delivered_at": NOW - timedelta(days=31)}, {}, "decline", "late", "31 days"),
        ({"delivered_at": NOW - timedelta(days=30)}, {}, "agree", None, "30 days"),
        # What is wrong with it is looked at before it is too late for it.
        (
            {"delivered_at": NOW - timedelta(days=90), "reasons": ("defective",)},
            {},
            "person",
            None,
            "defective",
        ),
        (
            {"delivered_at": NOW - timedelta(days=90)},
            {"declines": False},
            "person",
            None,
            "90 days",
        ),
        ({}, {"final_skus": ("LAMP-*",)}, "decline", "final_sale", "LAMP-1 is not taken back"),
        (
            {"skus": ("LAMP-1", "TEE")},
            {"final_skus": ("LAMP-*",)},
            "person",
            None,
            "some of its units",
        ),
        ({"tags": ("final",)}, {}, "decline", "final_sale", "the tag final"),
        ({"worth": eur("150.01")}, {}, "person", None, "at most 150 may be"),
        ({"worth": Money(Decimal(1), "SEK")}, {}, "person", None, "nothing may be"),
        ({"before": 4}, {}, "person", None, "return 5 of its customer"),
        ({"sent_at": None}, {}, "person", None, "nothing of the order was sent"),
        ({"delivered_at": None}, {}, "agree", None, "nobody tells of the delivery"),
        (
            {"delivered_at": None, "sent_at": NOW - timedelta(days=31)},
            {},
            "person",
            None,
            "sent on 2026-02-17",
        ),
    ],
)
def test_the_policy(
    known: dict[str, Any], set_to: dict[str, Any], answer: str, because: str | None, why: str
) -> None:
    verdict = verdict_of(wish(**known), policy(**set_to))
    assert (verdict.answer, verdict.because) == (answer, because)
    assert why in verdict.why
    assert verdict.alternatives, "what was not chosen is shown"


def test_goods_go_to_the_first_place_that_takes_them() -> None:
    places = policy(places=(BIG, FAR, NEAR))
    verdict = verdict_of(wish(), places)
    assert verdict.place is NEAR
    told = {each.what: each.why_not for each in verdict.alternatives}
    assert told["send it to Workshop"] == "its goods are worth 40.00 EUR, and it takes 100 and more"
    assert told["send it to Austin"] == "it takes no goods from DE"
    big = wish(worth=eur("120.00"))
    assert verdict_of(big, places).place is BIG
    assert "Workshop comes first" in {e.why_not for e in verdict_of(big, places).alternatives}
    other = wish(worth=eur("120.00"), skus=("LAMP-1", None))
    assert verdict_of(other, places).place is NEAR
    assert verdict_of(wish(country="US", region="tx"), places).place is FAR
    for unknown in ({"country": "US", "region": None}, {"country": None}):
        verdict = verdict_of(wish(**unknown), places)
        assert (verdict.answer, verdict.why) == ("person", "no place takes all of it")


def test_what_is_worth_little_is_kept() -> None:
    settings = policy(keep_below=Amounts((("EUR", Decimal("40.00")),)), places=(NEAR,))
    verdict = verdict_of(wish(worth=eur("39.99")), settings)
    assert (verdict.answer, verdict.kept, verdict.place) == ("agree", True, None)
    [other] = verdict.alternatives
    assert other.why_not == "its goods are worth 39.99 EUR, less than 40.00"
    verdict = verdict_of(wish(), settings)
    assert (verdict.kept, verdict.place) == (False, NEAR)
    assert verdict.alternatives[0].what == "let the customer keep it"


def test_words_are_whole_and_in_any_case() -> None:
    said = ("It is BROKEN, sorry.", "Ganz kaputt!", "unbroken useful")
    assert words_in(said, ("broken", "kaputt", "used", "worn")) == ("broken", "kaputt")
    assert words_in((), ("broken",)) == ()


def line(**more: Any) -> LineSeen:
    given: dict[str, Any] = {
        "line_ref": "5",
        "sku": "LAMP",
        "asked": 3,
        "sold": 3,
        "worth": eur("10.00"),
    }
    return LineSeen(**(given | more))


def seen(*lines: LineSeen, **more: Any) -> ReturnSeen:
    given: dict[str, Any] = {
        "record_id": 7,
        "connection_id": 2,
        "channel": "north",
        "order_ref": "77",
        "return_ref": "8",
        "number": "#1001",
        "name": "#1001-R1",
        "state": ReturnState.OPEN,
        "asked_at": NOW - timedelta(days=3),
        "placed_at": NOW - timedelta(days=9),
        "total": eur("15.00"),
        "left": eur("15.00"),
        "lines": lines,
        "came_at": NOW - timedelta(days=1),
        "graded_at": NOW - timedelta(hours=2),
        "site": "main",
    }
    return ReturnSeen(**(given | more))


def refund(
    what: ReturnSeen, settings: return_refund.RefundSettings | None = None, **values: Any
) -> tuple[RefundReturn, Any] | None:
    known = return_refund.RefundValues(seen=what, **({"location_ref": "9"} | values))
    facts = Facts(subject=what.subject, episode="1", values=known)
    proposal = return_refund.propose(facts, settings or return_refund.RefundSettings())
    if proposal is None:
        return None
    [action] = proposal.actions
    assert isinstance(action.content, RefundReturn)
    assert (action.amount, action.commits) == (action.content.amount, True)
    return action.content, proposal


def test_parts_of_a_line_come_to_the_whole() -> None:
    """10.00 for three: 3.33, 3.34 and 3.33, in whatever parts they are paid."""
    units = [line().worth_of(n, 1).amount for n in range(3)]
    assert units == [Decimal("3.33"), Decimal("3.34"), Decimal("3.33")]
    assert seen(line(asked=2)).goods == eur("6.67")


def test_what_was_graded_is_paid_and_placed() -> None:
    paid = refund(seen(line(good=1, quarantine=1, scrap=1)))
    assert paid is not None
    content, proposal = paid
    [settled] = content.lines
    assert (content.amount, settled.quantity, settled.refunded) == (eur("10.00"), 3, 0)
    assert (settled.restocked, settled.quarantined, settled.location_ref) == (1, 1, "9")
    assert proposal.due_at is None
    assert "3 units of the return #1001-R1 came back (1 sellable, 1 to be looked at" in (
        proposal.reason
    )
    for settings in (return_refund.RefundSettings(restock=False), None):
        place = "9" if settings else None
        [settled] = refund(seen(line(good=3)), settings, location_ref=place)[0].lines  # type: ignore[index]
        assert (settled.restocked, settled.location_ref) == (0, None)


def test_less_where_units_are_missing_and_not_at_once() -> None:
    paid = refund(seen(line(good=2)))
    assert paid is not None
    content, proposal = paid
    assert content.amount == eur("6.67")
    assert proposal.due_at == NOW - timedelta(hours=2) + timedelta(days=3)
    assert "2 of 3 units" in proposal.reason
    assert "1 units did not come" in {each.why_not for each in proposal.alternatives}
    # The third comes later; what the first two were is on the shelf by the shop's word.
    later = line(good=3, restocked=2, settled=2, refunded=2)
    content = refund(seen(later))[0]  # type: ignore[index]
    [settled] = content.lines
    assert (content.amount, settled.refunded, settled.restocked) == (eur("3.33"), 2, 1)


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        ((line(),), {}),  # nothing came
        ((line(good=3, settled=3, refunded=3),), {}),  # somebody paid it
        ((line(good=3, is_kit=True),), {}),
        ((line(good=3), line(line_ref="6", is_kit=True)), {}),
        ((line(good=3),), {"left": eur("0.00")}),
        ((line(good=3, worth=eur("0.00")),), {}),
    ],
)
def test_nothing_is_paid_where_nothing_is_due(
    lines: tuple[LineSeen, ...], more: dict[str, Any]
) -> None:
    assert refund(seen(*lines, **more)) is None


def test_grades_are_worth_what_the_settings_say_and_never_more_than_is_left() -> None:
    settings = return_refund.RefundSettings(quarantine_percent=50, scrap_percent=0)
    content = refund(seen(line(good=1, quarantine=2)), settings)[0]  # type: ignore[index]
    assert content.amount == eur("6.67"), "3.33, and half of 6.67"
    assert refund(seen(line(good=1, scrap=1)), settings) is None, "nothing for it: a person's"
    content = refund(seen(line(good=3), left=eur("4.00")))[0]  # type: ignore[index]
    assert content.amount == eur("4.00")


def test_what_is_kept_is_paid_and_does_not_come() -> None:
    nothing = seen(line(), came_at=None, graded_at=None, site=None)
    content, proposal = refund(nothing, kept=True, location_ref=None)  # type: ignore[misc]
    [settled] = content.lines
    assert (settled.quantity, settled.absent, settled.restocked) == (3, 3, 0)
    assert (content.amount, proposal.due_at) == (eur("10.00"), None)


def test_how_long_it_took_is_held_beside_what_is_usual() -> None:
    slow = refund(seen(line(good=3)), usual_days=Decimal("4.50"))
    assert slow is not None
    effect = slow[1].effect
    assert (effect.without, effect.within) == (Decimal("4.50"), Decimal("0.92"))
    assert refund(seen(line(good=3)))[1].effect is None  # type: ignore[index]


def request(**more: Any) -> Any:
    given: dict[str, Any] = {
        "connection_id": 2,
        "channel": "north",
        "order_ref": "77",
        "number": "#1001",
        "return_ref": "8",
        "wish": wish(),
    }
    settings = return_request.RequestSettings(**more.pop("settings", {}))
    values = return_request.RequestValues(**(given | more))
    return return_request.propose(Facts(subject="s", episode="e", values=values), settings)


def test_the_answer_says_where_the_goods_go() -> None:
    proposal = request(settings={"places": (NEAR,)}, chance_back=Decimal("0.10"))
    [action] = proposal.actions
    assert action.content == ApproveReturn(order_ref="77", return_ref="8", send_to="Berlin, DE")
    assert proposal.reason == (
        "The return of order #1001 can be agreed to: it was asked for 4 days after the delivery."
    )
    assert (proposal.effect.measure, proposal.effect.without) == (
        "chance_never_back",
        Decimal("0.10"),
    )
    late = request(wish=wish(delivered_at=NOW - timedelta(days=60)))
    content = late.actions[0].content
    assert isinstance(content, DeclineReturn)
    assert (content.reason, late.effect) == ("late", None)


def test_what_is_a_persons_is_told_to_the_team_where_that_is_set() -> None:
    theirs = wish(before=9)
    assert request(wish=theirs) is None
    proposal = request(wish=theirs, settings={"team": True})
    [told] = proposal.actions
    assert told.content.command == "alert"
    assert "Whether order #1001 may come back is yours to say" in told.content.text


def update(step: return_update.Step, **more: Any) -> Any:
    given: dict[str, Any] = {
        "step": step,
        "order": "connection/2/order/77",
        "number": "#1001",
        "name": "#1001-R1",
        "return_ref": "8",
        "since": NOW,
    }
    settings = return_update.UpdateSettings(**more.pop("settings", {}))
    values = return_update.UpdateValues(**(given | more))
    return return_update.propose(Facts(subject="s", episode=step, values=values), settings)


@pytest.mark.parametrize(
    ("step", "more", "text"),
    [
        ("agreed", {"send_to": "Dock 4, Berlin"}, "return_agreed"),
        ("kept", {}, "return_kept"),
        ("declined", {"why": "return_late"}, "return_late"),
        ("arrived", {}, "return_arrived"),
        ("refunded", {"paid": eur("5.00"), "paid_on": NOW.date()}, "return_refunded"),
    ],
)
def test_each_step_has_its_words(step: Any, more: dict[str, Any], text: str) -> None:
    [action] = update(step, **more).actions
    notice = action.content
    assert (notice.text, notice.purpose) == (text, Purpose.TRANSACTIONAL)
    assert notice.about == f"connection/2/order/77/return/8/{step}"
    assert notice.useful_until == NOW + timedelta(hours=72)
    assert update(step, **more, settings={"steps": ()}) is None


def test_what_nobody_can_say_is_not_told() -> None:
    assert update("agreed") is None, "nobody said where to"
    assert update("declined") is None, "no text says why"


def test_a_return_that_was_paid_in_parts_is_told_each_time() -> None:
    first = seen(line(), paid=eur("3.33"), paid_last=eur("3.33"), paid_at=NOW)
    second = msgspec.structs.replace(first, paid_at=NOW + timedelta(days=2))
    told = [return_update._values(each, None) for each in (first, second)]
    episodes = [return_update._facts(first, each).episode for each in told if each is not None]
    assert len(set(episodes)) == 2

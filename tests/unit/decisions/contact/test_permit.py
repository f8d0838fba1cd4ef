"""Goal: a notice is sent, waits or is withdrawn for a reason that holds.

Method: single reasons by hand; then Hypothesis plays a customer through days, sending whatever is
allowed, and holds what was sent against the caps, the hours and the time between two.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.command import Purpose
from trueup.decisions.contact.notice import Notice, Urgency
from trueup.decisions.contact.permit import (
    Contact,
    InTicket,
    Known,
    Send,
    Wait,
    Way,
    Withdraw,
    judge,
)
from trueup.decisions.contact.quiet import Quiet
from trueup.decisions.contact.settings import Cap, ContactSettings
from trueup.records.will import Will

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 6, 1, 12, tzinfo=BERLIN).astimezone(UTC)
MAIL = Way(medium="email", connection_id=1, address="mia@home.example")
CHAT = Way(medium="whatsapp", connection_id=2, address="+491701234567")
AGREED = {"email": NOON - timedelta(days=400), "whatsapp": NOON - timedelta(days=400)}
SETTINGS = ContactSettings()
QUIET = Quiet(SETTINGS.quiet, [BERLIN])


def notice(purpose: Purpose = Purpose.TRANSACTIONAL, **more: Any) -> Notice:
    given = {"to": "person/00", "text": "delay", "about": "connection/3/order/1001"} | more
    return Notice(purpose=purpose, **given)


def known(**more: Any) -> Known:
    given = {"ways": [MAIL], "will": Will(), "quiet": QUIET, "contacts": []} | more
    return Known(**given)


def contact(hours_ago: float, purpose: Purpose = Purpose.MARKETING, **more: Any) -> Contact:
    given = {"about": "x", "urgency": int(Urgency.NORMAL)} | more
    return Contact(at=NOON - timedelta(hours=hours_ago), purpose=purpose, **given)


def test_by_day_it_is_sent_until_the_night() -> None:
    found = judge(notice(), known(), SETTINGS, NOON)
    assert found == Send(way=MAIL, not_after=NOON + timedelta(hours=9))


def test_at_night_it_waits_for_the_morning() -> None:
    found = judge(notice(), known(), SETTINGS, NOON + timedelta(hours=10))
    assert found == Wait(until=NOON + timedelta(hours=21), because="it is quiet where they are")


def test_what_is_of_no_more_use_in_the_morning_is_withdrawn_at_night() -> None:
    late, soon = NOON + timedelta(hours=10), NOON + timedelta(hours=12)
    found = judge(notice(useful_until=soon), known(), SETTINGS, late)
    assert isinstance(found, Withdraw)
    assert found.because.startswith("it is quiet where they are, and it is of use only until")
    assert isinstance(judge(notice(useful_until=NOON), known(), SETTINGS, NOON), Withdraw)
    shortly = NOON + timedelta(minutes=5)
    found = judge(notice(useful_until=shortly), known(), SETTINGS, NOON)
    assert found == Send(way=MAIL, not_after=shortly)


@pytest.mark.parametrize(
    ("will", "purpose", "because"),
    [
        (Will(), Purpose.MARKETING, "they did not agree to marketing by email"),
        (Will(agreed=AGREED), Purpose.MARKETING, None),
        (
            Will(agreed=AGREED, stopped={"email": NOON}),
            Purpose.MARKETING,
            "they no longer agree to marketing by email",
        ),
        (
            Will(agreed=AGREED, stopped={"email": AGREED["email"]}),
            Purpose.MARKETING,
            "they no longer agree to marketing by email",
        ),
        (
            Will(agreed={"email": NOON}, stopped={"email": NOON - timedelta(days=1)}),
            Purpose.MARKETING,
            None,
        ),
        (Will(stopped={"email": NOON}), Purpose.TRANSACTIONAL, None),
        (Will(stopped={"email": NOON}), Purpose.SERVICE, None),
        (
            Will(silent=frozenset({"email"})),
            Purpose.TRANSACTIONAL,
            "they want no more messages by email",
        ),
    ],
)
def test_what_they_said_counts(will: Will, purpose: Purpose, because: str | None) -> None:
    found = judge(notice(purpose), known(will=will), SETTINGS, NOON)
    assert (found.because if isinstance(found, Withdraw) else None) == because


def test_the_next_medium_is_tried_where_the_first_may_not() -> None:
    both = known(ways=[CHAT, MAIL], will=Will(silent=frozenset({"whatsapp"})))
    found = judge(notice(), both, SETTINGS, NOON)
    assert isinstance(found, Send)
    assert found.way == MAIL
    found = judge(notice(), known(ways=[]), SETTINGS, NOON)
    assert found == Withdraw(because="nothing is known by which they can be written to")


def test_without_a_template_whatsapp_takes_an_answer_within_a_day() -> None:
    way = msgspec.structs.replace(CHAT, needs_window=True)
    wrote = NOON - timedelta(hours=22)
    found = judge(notice(), known(ways=[way], will=Will(wrote={"whatsapp": wrote})), SETTINGS, NOON)
    assert found == Send(way=way, not_after=NOON + timedelta(hours=2))
    for will in (Will(), Will(wrote={"whatsapp": NOON - timedelta(hours=24)})):
        assert isinstance(judge(notice(), known(ways=[way], will=will), SETTINGS, NOON), Withdraw)


def test_caps_hold_by_purpose_and_together() -> None:
    agreed = Will(agreed=AGREED)
    two = [contact(20), contact(90)]
    found = judge(notice(Purpose.MARKETING), known(will=agreed, contacts=two), SETTINGS, NOON)
    because = "they had 2 marketing messages within 7 days"
    assert found == Wait(until=NOON + timedelta(hours=168 - 90), because=because)
    assert isinstance(judge(notice(), known(contacts=two), SETTINGS, NOON), Send)
    three = [*two, contact(50, Purpose.SERVICE)]
    found = judge(notice(), known(contacts=three), SETTINGS, NOON)
    assert isinstance(found, Wait)
    assert found.because == "they had 3 messages within 7 days"
    none = msgspec.structs.replace(SETTINGS, marketing_max=0)
    found = judge(notice(Purpose.MARKETING), known(will=agreed), none, NOON)
    assert found == Withdraw(because="no marketing is sent (a cap of 0)")


def test_of_the_same_they_hear_once_and_of_something_else_later() -> None:
    same = [contact(1, about="connection/3/order/1001")]
    found = judge(notice(), known(contacts=same), SETTINGS, NOON)
    assert isinstance(found, Withdraw)
    assert found.because.startswith("they were written to about connection/3/order/1001 at")
    urgent = judge(notice(urgency=Urgency.HIGH), known(contacts=same), SETTINGS, NOON)
    assert isinstance(urgent, Wait)
    other = judge(notice(), known(contacts=[contact(1)]), SETTINGS, NOON)
    assert isinstance(other, Wait)
    assert other.because == "they were written to less than 12 hours ago"
    assert other.until == NOON + timedelta(hours=21), "and then it is night"


@given(
    wishes=st.lists(
        st.tuples(
            st.integers(0, 60 * 24 * 20),
            st.sampled_from(list(Purpose)),
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from(list(Urgency)),
        ),
        max_size=40,
    ),
    caps=st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(1, 4), st.integers(1, 9)),
    apart=st.integers(0, 48),
    zone=st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "America/New_York"]),
)
def test_whatever_is_wished_nothing_goes_over_a_cap_or_into_the_night(
    wishes: list[tuple[int, Purpose, str, Urgency]],
    caps: tuple[int, int, int, int],
    apart: int,
    zone: str,
) -> None:
    settings = ContactSettings(
        marketing_max=caps[0],
        marketing_days=caps[1],
        all_max=caps[2],
        all_days=caps[3],
        apart_hours=apart,
    )
    quiet = Quiet(settings.quiet, [ZoneInfo(zone)])
    start = datetime(2026, 10, 20, tzinfo=UTC)
    sent: list[Contact] = []
    for minutes, purpose, about, urgency in sorted(wishes):
        now = start + timedelta(minutes=minutes)
        wish = notice(purpose, about=about, urgency=urgency)
        around = known(will=Will(agreed=AGREED), quiet=quiet, contacts=sent)
        found = judge(wish, around, settings, now)
        if isinstance(found, Send):
            assert now < found.not_after
            sent.append(Contact(at=now, purpose=purpose, about=about, urgency=int(urgency)))
        elif isinstance(found, Wait):
            # The answer holds: looked at again then, nothing that is known now speaks against it.
            assert found.until > now
            again = judge(wish, around, settings, found.until)
            assert isinstance(again, (Send, Withdraw)), again
    for each in sent:
        assert not quiet.holds(each.at)
        assert not [
            other for other in sent if timedelta() < each.at - other.at < timedelta(hours=apart)
        ]
        for cap in settings.caps:
            assert _within(cap, each, sent) <= cap.count or cap.purpose not in {None, each.purpose}


def _within(cap: Cap, last: Contact, sent: list[Contact]) -> int:
    """Count what a cap counts in the time that ends with a message."""
    return sum(
        cap.purpose in {None, each.purpose} and last.at - cap.window < each.at <= last.at
        for each in sent
    )


def in_ticket(over: str) -> Way:
    ticket = InTicket(connection_id=4, ref="55", person=b"p", over=over)
    window = over == "whatsapp"
    return Way(medium="ticket", connection_id=4, address="", ticket=ticket, needs_window=window)


@pytest.mark.parametrize(
    ("over", "will", "medium"),
    [
        ("email", Will(), "ticket"),
        ("email", Will(silent=frozenset({"email"})), "whatsapp"),
        ("email", Will(silent=frozenset({"whatsapp"})), "ticket"),
        ("whatsapp", Will(), "whatsapp"),  # they did not write there today
        ("whatsapp", Will(wrote={"whatsapp": NOON - timedelta(hours=3)}), "ticket"),
    ],
)
def test_in_a_ticket_what_they_said_of_the_medium_behind_it_counts(
    over: str, will: Will, medium: str
) -> None:
    found = judge(notice(), known(ways=[in_ticket(over), CHAT], will=will), SETTINGS, NOON)
    assert isinstance(found, Send)
    assert found.way.medium == medium


def test_nothing_is_advertised_in_a_ticket() -> None:
    will = Will(agreed=AGREED)
    found = judge(
        notice(Purpose.MARKETING), known(ways=[in_ticket("email")], will=will), SETTINGS, NOON
    )
    assert found == Withdraw(because="nothing is advertised in a ticket")

"""What somebody said about being written to, whichever system heard it, in whatever order."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

from trueup.canon.command import Purpose
from trueup.canon.customer import Consent, Customer
from trueup.canon.message import Direction, Message, MessageState
from trueup.records.will import Will, why_not, will_of

DAY = datetime(2026, 6, 1, tzinfo=UTC)
LATER = DAY + timedelta(days=1)


def customer(state: str, at: datetime | None, medium: str = "email") -> Customer:
    consent = Consent(medium=medium, state=state, updated_at=at)
    return Customer(ref=f"{state}{at}", updated_at=LATER, consents=(consent,))


def message(at: datetime, *, opt_out: bool = False, medium: str = "whatsapp") -> Message:
    return Message(
        ref=f"{at}{opt_out}",
        updated_at=at,
        direction=Direction.IN,
        state=MessageState.RECEIVED,
        medium=medium,
        sent_at=at,
        opt_out=opt_out,
    )


def may(will: Will, medium: str, purpose: Purpose = Purpose.MARKETING) -> bool:
    return why_not(will, medium, purpose) is None


def test_the_newest_word_of_any_system_counts_in_every_order() -> None:
    said = [customer("unsubscribed", DAY), customer("subscribed", LATER), customer("pending", None)]
    assert all(may(will_of(each), "email") for each in permutations(said))
    said = [customer("subscribed", DAY), customer("unsubscribed", LATER)]
    assert not any(may(will_of(each), "email") for each in permutations(said))


def test_on_a_tie_and_without_a_date_the_no_counts() -> None:
    yes = customer("subscribed", DAY)
    assert not may(will_of([yes, customer("unsubscribed", DAY)]), "email")
    assert not may(will_of([yes, customer("unsubscribed", None)]), "email")
    assert not may(will_of([customer("subscribed", None), customer("invalid", DAY)]), "email")
    assert may(will_of([customer("subscribed", None)]), "email")


def test_a_word_about_one_medium_says_nothing_of_another() -> None:
    will = will_of([customer("subscribed", DAY), message(LATER, opt_out=True)])
    assert may(will, "email")
    assert not may(will, "whatsapp")
    assert not may(will, "sms")


def test_an_opt_out_by_message_stops_all_until_they_write_again() -> None:
    stop = message(DAY, opt_out=True)
    assert not may(will_of([stop]), "whatsapp", Purpose.TRANSACTIONAL)
    again = will_of([message(LATER), stop])
    assert may(again, "whatsapp", Purpose.TRANSACTIONAL)
    assert again.wrote == {"whatsapp": LATER}
    agreed = will_of([message(LATER), stop, customer("subscribed", None, "whatsapp")])
    assert not may(agreed, "whatsapp"), "to write again is no yes to marketing"
    same = will_of([message(DAY), stop])
    assert not may(same, "whatsapp", Purpose.SERVICE), "of two words at one time the stop counts"

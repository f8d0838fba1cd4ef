"""What texts are about, in three languages; and that nothing else of them comes out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.planted import PLANTED
from trueup.models.tickets.hearing import NUMBERS_MAX, Heard, Listener, hear, hear_all
from trueup.models.tickets.matters import Matter

TEXTS = [
    (Matter.NOT_RECEIVED, "en", "My tracking says delivered yesterday but I never received it."),
    (Matter.NOT_RECEIVED, "en", "It says it’s been delivered. It's not here."),  # noqa: RUF001
    (Matter.NOT_RECEIVED, "en", "Marked as DELIVERED on Monday, no sign of the box anywhere"),
    (Matter.NOT_RECEIVED, "en", "Nothing has arrived though UPS shows it as delivered"),
    (Matter.NOT_RECEIVED, "de", "Laut DHL wurde es zugestellt, aber ich habe nichts erhalten!"),
    (Matter.NOT_RECEIVED, "de", "Die Bestellung gilt als geliefert und ist nicht angekommen."),
    (Matter.NOT_RECEIVED, "hi", "ऑर्डर डिलीवर दिखा रहा है लेकिन मुझे नहीं मिला"),
    (Matter.NOT_RECEIVED, "hi", "order delivered dikha raha hai par mujhe nahi mila"),
    (Matter.WHERE_IS_ORDER, "en", "Where is my order?"),
    (Matter.WHERE_IS_ORDER, "en", "where's our parcel, we have been waiting for a week"),
    (Matter.WHERE_IS_ORDER, "en", "My parcel was not delivered and hasn't arrived"),
    (Matter.WHERE_IS_ORDER, "en", "It should have been delivered on Monday but nothing arrived"),
    (Matter.WHERE_IS_ORDER, "en", "When will it be delivered?"),
    (Matter.WHERE_IS_ORDER, "de", "Wo bleibt meine Bestellung? Wann wird sie geliefert?"),
    (Matter.WHERE_IS_ORDER, "de", "Das Paket ist noch nicht angekommen"),
    (Matter.WHERE_IS_ORDER, "hi", "मेरा ऑर्डर कहाँ है?"),
    (Matter.WHERE_IS_ORDER, "hi", "bhai mera order kab aayega"),
    (Matter.DAMAGED, "en", "It arrived broken"),
    (Matter.DAMAGED, "de", "Die Lampe ist leider kaputt und ich bin enttäuscht"),
    (Matter.DAMAGED, "hi", "सामान टूटा हुआ मिला"),
    (Matter.WRONG_ITEM, "en", "You sent me the wrong size"),
    (Matter.WRONG_ITEM, "de", "Ich habe die falsche Größe bekommen"),
    (Matter.CHANGE_ADDRESS, "en", "Please change my shipping address"),
    (Matter.CHANGE_ADDRESS, "de", "Bitte die Lieferadresse noch ändern"),
    (Matter.CANCEL, "en", "I'd like to cancel order #1001"),
    (Matter.CANCEL, "de", "Ich möchte die Bestellung stornieren"),
    (Matter.CANCEL, "hi", "मेरा ऑर्डर रद्द कर दो"),
    (Matter.REFUND, "en", "Where is my order? I want my money back"),
    (Matter.REFUND, "de", "Wann kommt die Rückerstattung? Ich warte noch"),
    (Matter.RETURN, "en", "How do I return it"),
    (Matter.RETURN, "de", "Ich will die Jacke umtauschen, die ist nicht schön"),
    (Matter.PRODUCT_QUESTION, "en", "Thanks, it was delivered! Do you have it in blue?"),
    (Matter.PRODUCT_QUESTION, "de", "Ist das wieder verfügbar und passt es zu der Lampe?"),
    (Matter.OTHER, "en", "Thank you so much!"),
    (Matter.OTHER, "en", ""),
]


@pytest.mark.parametrize(("matter", "language", "text"), TEXTS)
def test_what_people_write(matter: Matter, language: str, text: str) -> None:
    heard = hear(text)
    assert (heard.matter, heard.language) == (matter, language)


def test_what_is_quoted_is_not_read() -> None:
    quoted = "> Where is my order?\nThank you!\n\nOn Monday Bo wrote:\nit is broken, #1001"
    assert hear(quoted) == Heard(matter=Matter.OTHER)


def test_numbers_are_read_as_they_are_compared() -> None:
    assert hear("Order #1001, or # AB-77? ask +49 30 123456; DE-2024; 12").numbers == (
        *("1001", "ab-77", "123456", "de-2024"),
    )
    assert len(hear(" ".join(f"#{n}" for n in range(1000, 1100))).numbers) == NUMBERS_MAX


def test_of_several_texts_the_gravest_counts_and_the_newest_language() -> None:
    heard = [hear("Where is #1001?"), hear("Es gilt als geliefert und ist nicht da! #1002")]
    assert hear_all(heard) == Heard(
        matter=Matter.NOT_RECEIVED, language="de", numbers=("1001", "1002")
    )


@pytest.mark.parametrize("text", PLANTED)
def test_a_planted_instruction_is_heard_as_what_it_is_about(text: str) -> None:
    """It changes nothing beyond the class, and never into one that is answered or hurries."""
    hurries = {Matter.NOT_RECEIVED, Matter.WHERE_IS_ORDER, Matter.DAMAGED, Matter.WRONG_ITEM}
    assert hear(text).matter not in hurries
    assert hear(f"It is delivered and never came. {text}").matter is Matter.NOT_RECEIVED


@given(st.text(max_size=400))
def test_any_text_is_heard(text: str) -> None:
    heard = hear(text)
    assert heard.language in {"en", "de", "hi"}
    assert all(2 <= len(number) <= 31 for number in heard.numbers)


class Reads:
    """A reader that is sure of everything, and says what it was asked."""

    def __init__(self, matter: Matter) -> None:
        self.matter = matter
        self.asked: list[str] = []

    def matter_of(self, text: str, *, fresh: bool) -> Matter | None:
        if not fresh:
            return self.matter if text in self.asked else None
        self.asked.append(text)
        return self.matter


@pytest.mark.parametrize(
    ("text", "subject", "heard"),
    [
        ("Any movement?", "", Heard(matter=Matter.REFUND, by="reader")),
        ("Any movement?", "Hello", Heard(matter=Matter.REFUND, by="reader")),
        ("Where is my parcel?", "", Heard(matter=Matter.WHERE_IS_ORDER)),
        ("Any movement?", "Where is my parcel?", Heard(matter=Matter.OTHER)),
        ("Any movement?", None, Heard(matter=Matter.OTHER)),
        ("Ist das und die", "", Heard(matter=Matter.OTHER, language="de")),
    ],
)
def test_a_reader_is_asked_only_where_words_say_nothing(
    text: str, subject: str | None, heard: Heard
) -> None:
    reader = Reads(Matter.REFUND)
    assert Listener(reader)(text, subject) == heard
    assert len(reader.asked) == (heard.by == "reader")


def test_so_many_are_read_at_once_and_what_was_read_is_known() -> None:
    reader = Reads(Matter.CANCEL)
    first = Listener(reader, most=2)
    assert [first(text, "").by for text in "abc"] == ["reader", "reader", "words"]
    assert [Listener(reader, most=1)(text, "").by for text in "abc"] == ["reader"] * 3
    assert reader.asked == ["a", "b", "c"]


def test_what_words_say_counts_before_what_was_read() -> None:
    read = Heard(matter=Matter.NOT_RECEIVED, by="reader")
    assert hear_all([read, hear("Where is it?")]).matter is Matter.WHERE_IS_ORDER
    assert hear_all([read, hear("Hello")]) == read


def test_without_a_reader_all_is_as_words_say() -> None:
    assert Listener()("Any movement?", "") == Heard(matter=Matter.OTHER)

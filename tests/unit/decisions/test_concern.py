"""What texts are about, in three languages; and that nothing else of them comes out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.planted import PLANTED
from trueup.decisions.support.concern import NUMBERS_MAX, Concern, Heard, hear, hear_all

TEXTS = [
    (Concern.NOT_RECEIVED, "en", "My tracking says delivered yesterday but I never received it."),
    (Concern.NOT_RECEIVED, "en", "It says it’s been delivered. It's not here."),  # noqa: RUF001
    (Concern.NOT_RECEIVED, "en", "Marked as DELIVERED on Monday, no sign of the box anywhere"),
    (Concern.NOT_RECEIVED, "en", "Nothing has arrived though UPS shows it as delivered"),
    (Concern.NOT_RECEIVED, "de", "Laut DHL wurde es zugestellt, aber ich habe nichts erhalten!"),
    (Concern.NOT_RECEIVED, "de", "Die Bestellung gilt als geliefert und ist nicht angekommen."),
    (Concern.NOT_RECEIVED, "hi", "ऑर्डर डिलीवर दिखा रहा है लेकिन मुझे नहीं मिला"),
    (Concern.NOT_RECEIVED, "hi", "order delivered dikha raha hai par mujhe nahi mila"),
    (Concern.WHERE_IS_IT, "en", "Where is my order?"),
    (Concern.WHERE_IS_IT, "en", "where's our parcel, we have been waiting for a week"),
    (Concern.WHERE_IS_IT, "en", "My parcel was not delivered and hasn't arrived"),
    (Concern.WHERE_IS_IT, "en", "It should have been delivered on Monday but nothing arrived"),
    (Concern.WHERE_IS_IT, "en", "When will it be delivered?"),
    (Concern.WHERE_IS_IT, "de", "Wo bleibt meine Bestellung? Wann wird sie geliefert?"),
    (Concern.WHERE_IS_IT, "de", "Das Paket ist noch nicht angekommen"),
    (Concern.WHERE_IS_IT, "hi", "मेरा ऑर्डर कहाँ है?"),
    (Concern.WHERE_IS_IT, "hi", "bhai mera order kab aayega"),
    (Concern.DAMAGED, "en", "It arrived broken"),
    (Concern.DAMAGED, "de", "Die Lampe ist leider kaputt und ich bin enttäuscht"),
    (Concern.DAMAGED, "hi", "सामान टूटा हुआ मिला"),
    (Concern.WRONG_ITEM, "en", "You sent me the wrong size"),
    (Concern.WRONG_ITEM, "de", "Ich habe die falsche Größe bekommen"),
    (Concern.ADDRESS, "en", "Please change my shipping address"),
    (Concern.ADDRESS, "de", "Bitte die Lieferadresse noch ändern"),
    (Concern.CANCEL, "en", "I'd like to cancel order #1001"),
    (Concern.CANCEL, "de", "Ich möchte die Bestellung stornieren"),
    (Concern.CANCEL, "hi", "मेरा ऑर्डर रद्द कर दो"),
    (Concern.REFUND, "en", "Where is my order? I want my money back"),
    (Concern.REFUND, "de", "Wann kommt die Rückerstattung? Ich warte noch"),
    (Concern.RETURN, "en", "How do I return it"),
    (Concern.RETURN, "de", "Ich will die Jacke umtauschen, die ist nicht schön"),
    (Concern.PRODUCT, "en", "Thanks, it was delivered! Do you have it in blue?"),
    (Concern.PRODUCT, "de", "Ist das wieder verfügbar und passt es zu der Lampe?"),
    (Concern.OTHER, "en", "Thank you so much!"),
    (Concern.OTHER, "en", ""),
]


@pytest.mark.parametrize(("concern", "language", "text"), TEXTS)
def test_what_people_write(concern: Concern, language: str, text: str) -> None:
    heard = hear(text)
    assert (heard.concern, heard.language) == (concern, language)


def test_what_is_quoted_is_not_read() -> None:
    quoted = "> Where is my order?\nThank you!\n\nOn Monday Bo wrote:\nit is broken, #1001"
    assert hear(quoted) == Heard(concern=Concern.OTHER)


def test_numbers_are_read_as_they_are_compared() -> None:
    assert hear("Order #1001, or # AB-77? ask +49 30 123456; DE-2024; 12").numbers == (
        *("1001", "ab-77", "123456", "de-2024"),
    )
    assert len(hear(" ".join(f"#{n}" for n in range(1000, 1100))).numbers) == NUMBERS_MAX


def test_of_several_texts_the_gravest_counts_and_the_newest_language() -> None:
    heard = [hear("Where is #1001?"), hear("Es gilt als geliefert und ist nicht da! #1002")]
    assert hear_all(heard) == Heard(
        concern=Concern.NOT_RECEIVED, language="de", numbers=("1001", "1002")
    )


@pytest.mark.parametrize("text", PLANTED)
def test_a_planted_instruction_is_heard_as_what_it_is_about(text: str) -> None:
    """It changes nothing beyond the class, and never into one that is answered or hurries."""
    hurries = {Concern.NOT_RECEIVED, Concern.WHERE_IS_IT, Concern.DAMAGED, Concern.WRONG_ITEM}
    assert hear(text).concern not in hurries
    assert hear(f"It is delivered and never came. {text}").concern is Concern.NOT_RECEIVED


@given(st.text(max_size=400))
def test_any_text_is_heard(text: str) -> None:
    heard = hear(text)
    assert heard.language in {"en", "de", "hi"}
    assert all(2 <= len(number) <= 31 for number in heard.numbers)

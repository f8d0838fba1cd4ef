"""What words and tags alone say of a ticket, and what of a text is never learned."""

import pytest

from trueup.models.finding import Absent
from trueup.models.tickets import reads
from trueup.models.tickets.matters import Matter, matter_by_tags, matter_by_words, plain_of
from trueup.models.tickets.reader import start_texts


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        ("Where is my order?", Matter.WHERE_IS_ORDER),
        ("WHEN WILL IT ARRIVE", Matter.WHERE_IS_ORDER),
        ("The app says delivered and I do not have it", Matter.NOT_RECEIVED),
        ("I don\u2019t want it, please cancel", Matter.CANCEL),
        ("Please change my address", Matter.CHANGE_ADDRESS),
        ("I got the wrong size", Matter.WRONG_ITEM),
        ("It came broken", Matter.DAMAGED),
        ("I want my money back", Matter.REFUND),
        ("How can I return it?", Matter.RETURN),
        ("Is it in stock?", Matter.PRODUCT_QUESTION),
        ("Good morning", Matter.OTHER),
        ("", Matter.OTHER),
    ],
)
def test_turns_of_phrase_say_what_it_is_about(text: str, matter: Matter) -> None:
    assert matter_by_words(text) is matter


def test_what_names_a_person_or_an_order_is_not_read() -> None:
    said = plain_of("I am ada@buyers.example, order #A-100234, see https://shop.example/x\n\n now")
    assert said == "I am someone , order number , see link now"
    assert len(plain_of("word " * 10_000)) < 4001


@pytest.mark.parametrize(
    ("tags", "matter"),
    [
        (("WISMO", "vip"), Matter.WHERE_IS_ORDER),
        (("intent/return",), Matter.RETURN),
        (("Refunds",), Matter.REFUND),
        (("not-received",), Matter.NOT_RECEIVED),
        (("refund", "returns"), None),  # two things: nobody said which
        (("urgent",), None),
        ((), None),
    ],
)
def test_a_team_says_by_its_tags_what_a_ticket_is_about(
    tags: tuple[str, ...], matter: Matter | None
) -> None:
    assert matter_by_tags(tags) is matter


def test_the_start_set_is_varied_and_of_every_matter() -> None:
    texts = start_texts()
    by_matter = {matter: [t.text for t in texts if t.matter is matter] for matter in Matter}
    assert min(len(each) for each in by_matter.values()) >= 30
    assert len({each.text.casefold() for each in texts}) == len(texts)
    # The rule alone does not know most of it, so that there is something to learn.
    right = sum(matter_by_words(each.text) is each.matter for each in texts)
    assert 0.4 < right / len(texts) < 0.7


def test_without_the_library_the_rule_reads_and_leaves_open_what_it_does_not_know() -> None:
    told = reads.read_by_rule(["Where is my order?", "Good morning"])
    assert [(each.matter, each.open, each.by) for each in told] == [
        (Matter.WHERE_IS_ORDER, False, "rule"),
        (Matter.OTHER, True, "rule"),
    ]


@pytest.mark.anyio
async def test_a_missing_library_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = {"tickets": Absent("tickets", "needs sklearn")}
    monkeypatch.setattr(reads, "find_models", lambda: absent)
    told = await reads.matter_of(None, "Where is my order?")  # type: ignore[arg-type]
    assert (told.matter, told.by) == (Matter.WHERE_IS_ORDER, "rule")

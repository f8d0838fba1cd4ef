"""A machine of texts: the same texts give the same bytes, and what it is unsure of it leaves open."""

import numpy as np
import pytest

from trueup.errors import InvariantBroken
from trueup.models.artifact import pack, unpack
from trueup.models.tickets.machine import Kept, Machine, count_texts, learn

FRUIT = [f"{many} {what} apples and pears" for many in ("two", "six", "ten") for what in "abcde"]
TOOLS = [f"{many} {what} hammers and nails" for many in ("two", "six", "ten") for what in "abcde"]
PAPER = [f"{many} {what} sheets and cards" for many in ("two", "six", "ten") for what in "abcde"]
TEXTS = [*FRUIT, *TOOLS, *PAPER]
LABELS = ["fruit"] * 15 + ["tools"] * 15 + ["paper"] * 15


def machine() -> Machine:
    return learn(count_texts(TEXTS), LABELS)


def test_it_knows_what_it_was_told_of_and_says_how_likely() -> None:
    told = machine().say(count_texts(["ripe apples", "a hammer", "cards", "qqq zzz"]))
    assert [each.label for each in told[:3]] == ["fruit", "tools", "paper"]
    assert [each.open for each in told] == [False, False, False, True]
    assert all(0.3 <= each.chance <= 1 for each in told[:3])
    assert told[3].chance < min(each.chance for each in told[:3])


def test_the_same_texts_give_the_same_bytes_and_bytes_the_same_machine() -> None:
    kept = machine().kept
    packed = pack(kept)
    assert packed == pack(machine().kept)
    asked = count_texts(["pears", "a box of nails"])
    again = Machine(unpack(packed, Kept))
    assert np.array_equal(again.decide(asked), Machine(kept).decide(asked))


def test_no_word_of_a_text_is_kept() -> None:
    packed = pack(learn(count_texts([*TEXTS[:-1], "two e Wilhelmina cards"]), LABELS).kept)
    assert b"ilhelmina" not in packed.lower()


def test_two_labels_have_a_side_each() -> None:
    two = learn(count_texts(TEXTS[:30]), LABELS[:30])
    told = two.say(count_texts(["apples", "nails"]))
    assert [each.label for each in told] == ["fruit", "tools"]


def test_where_nothing_can_be_told_apart_nearly_all_is_left_open() -> None:
    same = [f"the same words {number % 3}" for number in range(30)]
    lost = learn(count_texts(same), ["left", "right"] * 15)
    assert lost.kept.right_share < 0.8
    assert all(each.open for each in lost.say(count_texts(same)))


def test_sentences_and_hints_count_beside_words() -> None:
    """The words say nothing; the vectors alone, then the hints alone, say everything."""
    same = ["something else"] * 30
    labels = ["left", "right"] * 15
    telling = np.tile(np.eye(2, dtype=np.float32), (15, 1))
    for texts in (count_texts(same, telling), count_texts(same, None, telling)):
        found = learn(texts, labels)
        assert found.kept.right_share == 1.0
        assert [each.label for each in found.say(texts)] == labels
    with pytest.raises(InvariantBroken):
        learn(count_texts(same, telling), labels).say(count_texts(same))


@pytest.mark.parametrize("labels", [["one"] * 15, ["one"] * 12 + ["two"] * 3])
def test_too_few_labels_are_a_bug_of_the_caller(labels: list[str]) -> None:
    with pytest.raises(InvariantBroken):
        learn(count_texts(TEXTS[:15]), labels)

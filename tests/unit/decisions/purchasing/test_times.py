"""Which time of a supplier it is: nothing is drafted twice, and nothing that is needed is held up."""

from typing import Any

from trueup.decisions.model import State
from trueup.decisions.purchasing.times import Batch, Said, batches_of, episode_of, said_of

A, B, C = ("A", "first"), ("B", "2026-03-01"), ("C", "2026-03-02")


def said(state: State, *lines: tuple[str, str], episode: str = "e1", alone: bool = False) -> Said:
    return Said(episode=episode, state=state, lines=frozenset(lines), alone=alone)


def rest(*skus: str) -> Batch:
    return Batch(episode=None, skus=frozenset(skus))


def test_what_was_answered_is_over_until_there_is_more_of_it() -> None:
    for state in (State.DONE, State.FAILED, State.REFUSED, State.LAPSED):
        assert batches_of([A, B], [said(state, A)]) == [rest("B")]
        assert batches_of([("A", "2026-03-05"), B], [said(state, A)]) == [rest("A", "B")]


def test_what_is_open_is_told_with_what_else_is_needed() -> None:
    for state in (State.SHADOW, State.PROPOSED):
        assert batches_of([A, B], [said(state, A)]) == [rest("A", "B")]


def test_what_was_agreed_to_stays_an_order_of_its_own() -> None:
    for state in (State.APPROVED, State.ORDERED):
        agreed = Batch(episode="e1", skus=frozenset("A"))
        assert batches_of([A, B], [said(state, A)]) == [agreed, rest("B")]
        assert batches_of([A], [said(state, A)]) == [agreed]
        assert batches_of([B], [said(state, A)]) == [rest("B")], "it is needed no more"


def test_a_decision_of_a_single_sku_of_before_stands_no_more_and_is_not_drafted_again() -> None:
    assert batches_of([A, B], [said(State.ORDERED, A, alone=True)]) == [rest("B")]
    assert batches_of([A], [said(State.PROPOSED, A, alone=True)]) == []


def test_it_keeps_its_name_while_what_is_needed_is_in_the_order() -> None:
    open_one = said(State.PROPOSED, A, B)
    assert episode_of([A], [open_one]) == "e1"
    assert episode_of([B], [open_one]) == "e1", "what joined is needed by now"
    new = episode_of([A, C], [open_one])
    assert (new != "e1", new) == (True, episode_of([C, A], []))
    assert episode_of([A], [said(State.REFUSED, A)]) != "e1"
    assert episode_of([A], []) != episode_of([("A", "2026-03-05")], [])


def test_a_row_is_read_with_the_times_of_what_it_ordered() -> None:
    row: dict[str, Any] = {
        "subject": "supplier/3/7",
        "episode": "e1",
        "state": "done",
        "actions": [{"content": {"lines": [["A", 5, None]]}}],
        "skus": ["A", "B"],
        "sinces": ["first", "2026-03-01"],
    }
    assert said_of(row) == said(State.DONE, A)
    old = row | {"subject": "sku/A", "episode": "first", "skus": [], "sinces": []}
    assert said_of(old) == said(State.DONE, A, episode="first", alone=True)

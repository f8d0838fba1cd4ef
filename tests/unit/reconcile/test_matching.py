"""Rows are matched by the strongest evidence; what two answers fit is left to a person."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.errors import InvariantBroken
from trueup.reconcile.money.matching import Closeness, Matched, Row, Why, match_rows

DAY = date(2026, 6, 15)
CLOSE = Closeness()


def row(ref: str, amount: str, **more: Any) -> Row:
    keys = frozenset(more.pop("keys", ()))
    return Row(
        ref=ref,
        amount=Decimal(amount),
        currency=more.pop("currency", "EUR"),
        on=DAY + timedelta(days=more.pop("days", 0)),
        keys=keys,
        **more,
    )


def told(matched: Matched) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return [(each.why.value, each.left, each.right) for each in matched.matches]


def test_a_shared_key_joins_several_with_one() -> None:
    left = [row("a", "10", keys=["po_1"]), row("b", "20", keys=["po_1"]), row("c", "30")]
    matched = match_rows(left, [row("z", "30", keys=["po_1"], days=90)], CLOSE)
    assert told(matched) == [("key", ("a", "b"), ("z",))]
    assert matched.left_over == ("c",)


def test_a_shared_key_whose_sums_differ_is_left_to_a_person() -> None:
    """It is not matched with something else that has the amount, either."""
    left = [row("a", "10", keys=["k"])]
    matched = match_rows(left, [row("z", "11", keys=["k"]), row("y", "10")], CLOSE)
    assert not matched.matches
    (open_,) = matched.ambiguous
    assert (open_.why, open_.left, open_.right) == (Why.KEY, ("a",), ("z",))
    assert "differ by 1" in open_.evidence
    assert matched.right_over == ("y",)


def test_a_shared_key_in_two_currencies_is_left_to_a_person() -> None:
    left = [row("a", "10", keys=["k"])]
    matched = match_rows(left, [row("z", "10", keys=["k"], currency="USD")], CLOSE)
    assert "several currencies" in matched.ambiguous[0].evidence


@pytest.mark.parametrize(
    "text", ["RE PO-2026-0042 THANKS", "re po20260042", "RE PO 2026 0042 .", "po-2026/0042"]
)
def test_a_ref_is_found_in_free_text_however_a_bank_breaks_it(text: str) -> None:
    left = [row("PO-2026-0042", "10"), row("PO-2026-0043", "10")]
    matched = match_rows(left, [row("z", "10", text=text, days=60)], CLOSE)
    assert told(matched) == [("text", ("PO-2026-0042",), ("z",))]


@pytest.mark.parametrize("text", ["XPO-2026-0042", "PO-2026-00421", "THANKS"])
def test_a_part_of_a_word_is_no_ref(text: str) -> None:
    matched = match_rows([row("PO-2026-0042", "10")], [row("z", "10", text=text, days=60)], CLOSE)
    assert not matched.matches


def test_a_short_word_is_no_ref() -> None:
    matched = match_rows([row("42", "10")], [row("z", "10", text="42 pairs", days=60)], CLOSE)
    assert not matched.matches


def test_an_amount_that_only_one_has_joins_within_days() -> None:
    left = [row("a", "10"), row("b", "20"), row("c", "30", currency="USD"), row("d", "40")]
    right = [row("x", "10", days=5), row("y", "20", days=6), row("z", "30"), row("w", "-40")]
    assert told(match_rows(left, right, CLOSE)) == [("amount_and_date", ("a",), ("x",))]


def test_an_amount_that_two_have_is_ambiguous() -> None:
    matched = match_rows([row("a", "10"), row("b", "10")], [row("z", "10")], CLOSE)
    assert not matched.matches
    assert [(each.left, each.right) for each in matched.ambiguous] == [(("a", "b"), ("z",))]


def test_a_tolerance_counts_after_what_is_exact() -> None:
    near = Closeness(tolerances={"EUR": Decimal("0.05")})
    left = [row("a", "10.00"), row("b", "10.03")]
    matched = match_rows(left, [row("y", "10.04"), row("z", "10.00")], near)
    assert told(matched) == [
        ("amount_and_date", ("a",), ("z",)),
        ("amount_and_date", ("b",), ("y",)),
    ]
    assert [each.amount for each in matched.matches] == [Decimal(0), Decimal("0.01")]
    assert told(match_rows(left, [row("y", "10.04")], CLOSE)) == []


def test_rows_that_alone_come_to_one_are_matched_in_both_directions() -> None:
    left = [row("a", "10"), row("b", "25"), row("c", "-5"), row("d", "700")]
    right = [row("p", "30"), row("x", "300"), row("y", "400")]
    matched = match_rows(left, right, CLOSE)
    assert told(matched) == [("sum", ("a", "b", "c"), ("p",)), ("sum", ("d",), ("x", "y"))]
    assert "the only one" in matched.matches[0].evidence


def test_two_sums_that_share_rows_are_ambiguous() -> None:
    left = [row("a", "10"), row("b", "20"), row("c", "12"), row("d", "18")]
    matched = match_rows(left, [row("z", "30")], CLOSE)
    assert not matched.matches
    assert matched.ambiguous[0].left == ("a", "b", "c", "d")
    assert "2 sums fit" in matched.ambiguous[0].evidence


def test_what_is_not_searched_to_the_end_proves_nothing() -> None:
    """With more rows near than may be tried, no sum of them is taken, though one would fit."""
    left = [row("a", "10"), row("b", "20"), row("c", "1000")]
    right = [row("z", "30")]
    assert told(match_rows(left, right, CLOSE))
    for bound in (Closeness(candidates_max=2), Closeness(steps_max=1)):
        matched = match_rows(left, right, bound)
        assert not matched.matches
        assert matched.right_over == ("z",)


def test_a_sum_beside_a_search_that_was_cut_is_not_proven() -> None:
    """Another row's search came to its bound among the same rows: it may need one of them."""
    left = [row("a", "10", days=-5), row("b", "20", days=-5), row("c", "7", days=5)]
    right = [row("z", "30", days=-6), row("y", "999")]
    matched = match_rows(left, right, Closeness(candidates_max=2))
    assert not matched.matches
    assert "too many rows" in matched.ambiguous[0].evidence


def test_a_zero_is_matched_by_a_key_alone() -> None:
    assert not match_rows([row("a", "0")], [row("z", "0")], CLOSE).matches
    keyed = match_rows([row("a", "0", keys=["k"])], [row("z", "0", keys=["k"])], CLOSE)
    assert told(keyed) == [("key", ("a",), ("z",))]


def test_a_ref_that_stands_twice_is_a_bug_of_the_caller() -> None:
    with pytest.raises(InvariantBroken, match="twice"):
        match_rows([row("a", "1"), row("a", "2")], [], CLOSE)


_ROWS = st.lists(
    st.tuples(
        st.integers(-40, 60),
        st.sampled_from(["EUR", "EUR", "EUR", "JPY"]),
        st.integers(0, 8),
        st.sets(st.sampled_from(["k1", "k2", "k3"]), max_size=1),
        st.sampled_from(["", "", "see L000001", "see R000002 and L000000"]),
    ),
    max_size=7,
)
_CLOSENESS = st.builds(
    Closeness,
    days_max=st.integers(0, 5),
    tolerances=st.sampled_from([{}, {"EUR": Decimal(2)}]),
    group_rows_max=st.integers(2, 4),
    candidates_max=st.sampled_from([3, 40]),
)


def _rows(side: str, drawn: list[Any]) -> list[Row]:
    return [
        row(f"{side}{n:06}", str(amount), currency=currency, days=days, keys=keys, text=text)
        for n, (amount, currency, days, keys, text) in enumerate(drawn)
    ]


@settings(max_examples=300)
@given(_ROWS, _ROWS, _CLOSENESS, st.randoms(use_true_random=False))
def test_whatever_the_rows_the_rules_hold(
    lefts: list[Any], rights: list[Any], closeness: Closeness, chance: Any
) -> None:
    """Each row stands in one place, sums agree, and the order of rows changes nothing."""
    left, right = _rows("L", lefts), _rows("R", rights)
    matched = match_rows(left, right, closeness)
    for rows, name, over in (
        (left, "left", matched.left_over),
        (right, "right", matched.right_over),
    ):
        used = [
            ref for each in (*matched.matches, *matched.ambiguous) for ref in getattr(each, name)
        ]
        assert sorted([*used, *over]) == sorted(each.ref for each in rows)
    ours = {each.ref: each for each in left}
    theirs = {each.ref: each for each in right}
    for each in matched.matches:
        rows = [ours[ref] for ref in each.left] + [theirs[ref] for ref in each.right]
        assert {every.currency for every in rows} == {each.currency}
        differs = sum(theirs[ref].amount for ref in each.right) - sum(
            ours[ref].amount for ref in each.left
        )
        assert differs == each.amount
        assert abs(differs) <= closeness.tolerance(each.currency)
        assert each.evidence
    chance.shuffle(left)
    chance.shuffle(right)
    assert match_rows(left, right, closeness) == matched


@settings(max_examples=200)
@given(st.lists(st.integers(1, 30), max_size=7), st.lists(st.integers(1, 90), max_size=3))
def test_a_sum_that_is_taken_is_the_only_one(lefts: list[int], rights: list[int]) -> None:
    """Beside all subsets tried one by one: no taken row could also serve another sum."""
    left = [row(f"L{n}", str(amount)) for n, amount in enumerate(lefts)]
    right = [row(f"R{n}", str(amount)) for n, amount in enumerate(rights)]
    matched = match_rows(left, right, Closeness(group_rows_max=7))
    sums = [each for each in matched.matches if each.why is Why.SUM]
    # What amounts alone had settled before is gone when sums are looked for.
    settled = {
        ref
        for each in (*matched.matches, *matched.ambiguous)
        if each.why is Why.AMOUNT_AND_DATE
        for ref in (*each.left, *each.right)
    }
    ways = _all_ways(
        [each for each in left if each.ref not in settled],
        [each for each in right if each.ref not in settled],
    )
    for each in sums:
        rows = {*each.left, *each.right}
        assert [way for way in ways if way & rows] == [rows]
    alone = [way for way in ways if sum(bool(way & other) for other in ways) == 1]
    assert sorted(map(sorted, alone)) == sorted(sorted({*each.left, *each.right}) for each in sums)


def _all_ways(left: list[Row], right: list[Row]) -> list[set[str]]:
    found = []
    for ones, many in ((right, left), (left, right)):
        for one in ones:
            for count in range(2, len(many) + 1):
                found += [
                    {one.ref, *(each.ref for each in some)}
                    for some in combinations(many, count)
                    if sum(each.amount for each in some) == one.amount
                ]
    return found

"""Codes that are sold from the same units: nothing is shown twice, and what is unseen is kept back."""

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from trueup.kernel.chance import chance_over
from trueup.ledger.kits import kit_available
from trueup.outbox.buffers import WHOLE, Seller, plan_buffers
from trueup.outbox.pools import Code, Planned, plan_codes

CHANCE = 0.001


def channel(rate: float, *, outward_s: float = 1.0, fixed: int = 0) -> Seller:
    return Seller(rate=rate, inward_s=1.0, outward_s=outward_s, chance=CHANCE, fixed=fixed)


def code(*rates: float, shares: bool = True, **parts: int) -> Code:
    return Code(sellers=tuple(channel(rate) for rate in rates), parts=parts, shares=shares)


def plan(**codes: Code) -> dict[str, Planned]:
    return plan_codes(codes, {}, 1.0)


def test_a_code_that_shares_nothing_is_planned_alone() -> None:
    sellers = (channel(2.0), channel(1.0))
    found = plan_codes({"TEE": code(2.0, 1.0, TEE=1)}, {"TEE": 1.5}, 1.0)["TEE"]
    assert found.plan == plan_buffers(sellers, 1.5)
    assert (found.pool.share, found.siblings, found.part) == (WHOLE, (), "TEE")


def test_what_a_kit_sells_is_kept_back_from_its_part() -> None:
    found = plan(TEE=code(0.0, TEE=1), SET=code(1.0, TEE=2))
    # Two a second are sold in kits, unseen for two seconds.
    assert chance_over(4.0, 1.0, found["TEE"].plan.buffers[0]) <= CHANCE
    assert chance_over(4.0, 1.0, found["TEE"].plan.buffers[0] - 1) > CHANCE
    assert found["SET"].plan.buffers == (0,)
    assert (found["TEE"].siblings, found["SET"].siblings) == (("SET",), ("TEE",))


def test_what_a_part_sells_is_kept_back_from_its_kit_in_whole_kits() -> None:
    found = plan(TEE=code(3.0, TEE=1), SET=code(0.0, TEE=4, CAP=1), CAP=code(0.0, CAP=1))
    kept = found["SET"].plan.buffers[0]
    assert chance_over(6.0, 1.0, kept * 4) <= CHANCE
    assert chance_over(6.0, 1.0, (kept - 1) * 4) > CHANCE
    assert found["SET"].part == "TEE"
    assert found["CAP"].plan.buffers == (0,)


def test_kits_that_share_a_part_count_each_other() -> None:
    found = plan(SET=code(1.0, TEE=1), BOX=code(0.0, TEE=1, CAP=1), CAP=code(0.0, CAP=1))
    assert found["BOX"].plan.buffers[0] > 0
    assert found["CAP"].plan.buffers == (0,)
    assert found["SET"].siblings == ("BOX",)
    assert found["BOX"].siblings == ("CAP", "SET")


def test_with_a_code_that_can_not_share_none_does() -> None:
    found = plan(
        TEE=code(2.0, 1.0, TEE=1),
        SET=code(1.0, shares=False, TEE=1, CAP=1),
        CAP=code(2.0, 2.0, CAP=1),
        HAT=code(2.0, 2.0, HAT=1),
    )
    assert [found[name].plan.thin_below for name in ("TEE", "SET", "CAP")] == [0, 0, 0]
    assert found["HAT"].plan.thin_below > 0


def test_thin_stock_begins_for_all_codes_together() -> None:
    found = plan(TEE=code(2.0, TEE=1), SET=code(0.5, 0.5, TEE=3))
    units = found["TEE"].plan.thin_below
    assert units > 0
    assert found["SET"].plan.thin_below == -(-units // 3)


names = st.sampled_from(("TEE", "CAP", "HAT"))
rates = st.lists(st.floats(0.0, 4.0), min_size=1, max_size=3)


@given(
    plain=st.dictionaries(names, rates, max_size=3),
    kits=st.lists(
        st.tuples(rates, st.dictionaries(names, st.integers(1, 4), min_size=1)), max_size=3
    ),
    seed=st.integers(0, 2**32),
)
def test_thin_stock_is_never_shown_twice(
    plain: dict[str, list[float]], kits: list[tuple[list[float], dict[str, int]]], seed: int
) -> None:
    codes = {name: code(*each, **{name: 1}) for name, each in plain.items()}
    codes |= {f"SET{n}": code(*each, **parts) for n, (each, parts) in enumerate(kits)}
    found = plan_codes(codes, {}, 1.3)
    chance = random.Random(seed)
    left = {part: chance.randint(0, 30) for part in ("TEE", "CAP", "HAT")}
    shown = dict.fromkeys(left, 0)
    for name, each in codes.items():
        units = kit_available(each.parts, left)
        told = sum(part.of(units) for part in found[name].plan.parts)
        for part, units_each in each.parts.items():
            shown[part] += told * units_each
    assert all(shown[part] <= left[part] for part in left)


def test_a_part_that_is_sold_in_a_kit_too_is_shown_whole_between_them() -> None:
    found = plan(TEE=code(2.0, 1.0, TEE=1), SET=code(1.0, 1.0, TEE=1))
    for units in range(20):
        told = [sum(p.of(units) for p in found[name].plan.parts) for name in ("TEE", "SET")]
        assert told == [math.ceil(units / 2), units // 2]

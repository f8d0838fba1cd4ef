"""Money, quantity, identity, clocks."""

from collections import Counter
from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.kernel.clock import ManualClock, SystemClock
from trueup.kernel.ids import partition_of, sha256, stable_uuid
from trueup.kernel.limits import PARTITIONS, UNITS_MAX
from trueup.kernel.money import Money, minor_digits, total
from trueup.kernel.quantity import whole_units

AMOUNTS = st.decimals(-(10**9), 10**9, places=3, allow_nan=False, allow_infinity=False)


@given(a=AMOUNTS, b=AMOUNTS)
def test_money_is_exact(a: Decimal, b: Decimal) -> None:
    x, y = Money(a, "EUR"), Money(b, "EUR")
    assert (x + y) - y == x
    assert x + -x == Money(Decimal(0), "EUR")
    assert total([x, y, -x], "EUR") == y
    assert bool(x) is (a != 0)


def test_currencies_are_never_mixed() -> None:
    euro, dollar = Money(Decimal(1), "EUR"), Money(Decimal(1), "USD")
    for wrong in (lambda: euro + dollar, lambda: euro - dollar, lambda: total([dollar], "EUR")):
        with pytest.raises(ValueError, match="combine"):
            wrong()
    assert total([], "EUR") == Money(Decimal(0), "EUR")


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("1.005", "EUR", "1.01"),
        ("-1.005", "EUR", "-1.01"),
        ("1.004", "EUR", "1.00"),
        ("0.5", "JPY", "1"),
        ("1.0005", "KWD", "1.001"),
        ("2.675", "USD", "2.68"),
        ("7", "USD", "7.00"),
    ],
)
def test_rounding_is_half_up_to_the_minor_unit(amount: str, currency: str, rounded: str) -> None:
    assert Money(Decimal(amount), currency).rounded().amount == Decimal(rounded)
    assert str(Money(Decimal(rounded), currency)) == f"{rounded} {currency}"


@pytest.mark.parametrize(
    ("currency", "digits"), [("EUR", 2), ("JPY", 0), ("KRW", 0), ("BHD", 3), ("TND", 3), ("XXX", 2)]
)
def test_minor_units(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


@pytest.mark.parametrize("good", [0, 1, -1, UNITS_MAX, -UNITS_MAX])
def test_whole_units(good: int) -> None:
    assert whole_units(good) == good


@pytest.mark.parametrize("bad", [True, 1.0, "1", None, Decimal(1), UNITS_MAX + 1, -UNITS_MAX - 1])
def test_what_is_not_a_whole_number_of_units(bad: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        whole_units(bad)


def test_partitions_are_stable_and_even() -> None:
    """The number is part of what is stored: it may never change."""
    assert partition_of("1/order/5") == 15
    found = Counter(partition_of(f"1/order/{n}") for n in range(64_000))
    assert set(found) == set(range(PARTITIONS))
    assert max(found.values()) < 1.3 * min(found.values())


@given(text=st.text())
def test_a_partition_is_within_bounds(text: str) -> None:
    assert 0 <= partition_of(text.encode("utf-8", "replace").decode()) < PARTITIONS


def test_digests_and_stable_ids() -> None:
    assert sha256(b"").hex().startswith("e3b0c44298fc1c14")
    assert stable_uuid("a", "b") == stable_uuid("a", "b")
    assert stable_uuid("a", "b") != stable_uuid("ab")
    assert stable_uuid("a", "b") != stable_uuid("a\x1fb", "")


def test_clocks_tell_aware_time() -> None:
    assert SystemClock().now().tzinfo is UTC
    clock = ManualClock()
    before = clock.now()
    assert clock.advance(seconds=5, minutes=1) - before == timedelta(seconds=65)
    assert clock.now().tzinfo is UTC

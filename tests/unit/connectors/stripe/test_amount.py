"""Goal: no amount is a cent off, in any currency, there and back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.connectors.stripe.amount import minor_of, money_of
from trueup.errors import Refused
from trueup.kernel.money import Money


@pytest.mark.parametrize(
    ("minor", "currency", "amount"),
    [
        (1099, "usd", "10.99"),
        (-5, "eur", "-0.05"),
        (0, "gbp", "0.00"),
        (500, "jpy", "500"),
        (500, "mga", "500"),  # ISO 4217 gives it two decimals, Stripe none
        (500, "isk", "5.00"),  # ISO 4217 gives it none, Stripe two
        (500, "ugx", "5.00"),
        (1000, "huf", "10.00"),
        (1000, "twd", "10.00"),
        (5120, "kwd", "5.120"),
        (5120, "TND", "5.120"),
        (10**15, "usd", "10000000000000.00"),
    ],
)
def test_minor_units_become_the_exact_amount(minor: int, currency: str, amount: str) -> None:
    money = money_of(minor, currency)
    assert str(money.amount) == amount
    assert money.currency == currency.upper()
    assert minor_of(money) == minor


@pytest.mark.parametrize(
    ("amount", "currency", "step"),
    [
        ("10.999", "USD", "0.01"),
        ("5.5", "JPY", "1"),
        ("5.50", "ISK", "1.00"),
        ("5.01", "UGX", "1.00"),
        ("5.124", "KWD", "0.010"),
        ("5.1201", "KWD", "0.010"),
    ],
)
def test_what_stripe_can_not_move_is_refused_with_the_step(
    amount: str, currency: str, step: str
) -> None:
    with pytest.raises(Refused, match=step):
        minor_of(Money(Decimal(amount), currency))


@given(st.integers(-(10**15), 10**15), st.sampled_from(("usd", "jpy", "mga", "eur", "clp")))
def test_there_and_back_is_the_same(minor: int, currency: str) -> None:
    assert minor_of(money_of(minor, currency)) == minor

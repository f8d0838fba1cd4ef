"""What a rule may do by itself in a day."""

from decimal import Decimal

from trueup.config import Amounts
from trueup.decisions.guards import Spent, why_not
from trueup.decisions.rule import Settings
from trueup.kernel.money import Money

LIMITS = Amounts((("EUR", Decimal(100)),))


def euros(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def test_so_many_a_day() -> None:
    settings, spent = Settings(per_day_max=2), Spent()
    for _ in range(2):
        assert why_not(settings, spent, []) is None
        spent.take([])
    assert why_not(settings, spent, []) == "2 were carried out today, at most 2 may be"


def test_so_much_a_day_to_the_cent() -> None:
    settings, spent = Settings(spend_per_day=LIMITS), Spent()
    assert why_not(settings, spent, [euros("60.00"), euros("40.00")]) is None
    spent.take([euros("99.99")])
    assert why_not(settings, spent, [euros("0.01")]) is None
    refused = why_not(settings, spent, [euros("0.02")])
    assert refused == "it would spend 0.02 EUR, and 0.01 are left of today's limit"


def test_nothing_of_a_currency_that_is_not_named() -> None:
    settings = Settings(spend_per_day=LIMITS)
    assert why_not(settings, Spent(), [Money(Decimal(1), "USD")]) == (
        "it may spend no USD by itself (spend_per_day)"
    )
    assert why_not(Settings(), Spent(), [euros("1")]) is not None
    assert why_not(Settings(), Spent(), []) is None


def test_money_of_which_nobody_told_how_much_is_a_persons() -> None:
    settings = Settings(spend_per_day=LIMITS)
    assert why_not(settings, Spent(), [None]) == "it commits money, and nobody told how much"

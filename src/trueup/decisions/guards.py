"""What keeps a rule that may act by itself within what it was given. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from trueup.decisions.rule import Settings
from trueup.kernel.money import Money


class Spent(msgspec.Struct, kw_only=True):
    """What a rule did today without a person: how often, and with how much money by currency."""

    decisions: int = 0
    money: dict[str, Decimal] = msgspec.field(default_factory=dict)

    def take(self, amounts: Sequence[Money | None]) -> None:
        """Count one more decision."""
        self.decisions += 1
        for each in amounts:
            if each is not None:
                self.money[each.currency] = self.of(each.currency) + each.amount

    def of(self, currency: str) -> Decimal:
        """Return how much of a currency it was."""
        return self.money.get(currency, Decimal(0))


def why_not(settings: Settings, spent: Spent, amounts: Sequence[Money | None]) -> str | None:
    """Return why a decision is left to a person; None where a rule may take it by itself.

    Args:
        settings: of the rule.
        spent: what it did today.
        amounts: of money that the decision moves or commits; None: nobody told how much.
    """
    if spent.decisions >= settings.per_day_max:
        return f"{spent.decisions} were carried out today, at most {settings.per_day_max} may be"
    limits: Mapping[str, Decimal] = dict(settings.spend_per_day)
    wanted: dict[str, Decimal] = {}
    for each in amounts:
        if each is None:
            return "it commits money, and nobody told how much"
        wanted[each.currency] = wanted.get(each.currency, Decimal(0)) + each.amount
    for currency, amount in sorted(wanted.items()):
        if currency not in limits:
            return f"it may spend no {currency} by itself (spend_per_day)"
        if spent.of(currency) + amount > limits[currency]:
            left = limits[currency] - spent.of(currency)
            return f"it would spend {amount} {currency}, and {left} are left of today's limit"
    return None

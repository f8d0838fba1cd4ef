"""What a check found."""

import msgspec


class Discrepancy(msgspec.Struct, frozen=True, kw_only=True):
    """One place where left and right do not agree.

    Attributes:
        cause: "unexplained" where nobody can say.
        amount: right less left; units for stock.
        currency: None for units.
        evidence: what leads to the cause: intents, orders, issues.
    """

    cause: str
    amount: int
    left_ref: str | None
    right_ref: str | None
    evidence: tuple[str, ...] = ()
    currency: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one check compared and found.

    Attributes:
        left, right: how many there were on each side.
        matched: how many agree.
    """

    check: str
    left: int
    right: int
    matched: int
    discrepancies: tuple[Discrepancy, ...]

    @property
    def explained_share(self) -> float:
        """How much of what differs has a cause, 0 to 1; 1 where nothing differs."""
        if not self.discrepancies:
            return 1.0
        explained = sum(each.cause != "unexplained" for each in self.discrepancies)
        return round(explained / len(self.discrepancies), 4)

"""Amounts in two currencies at once: what the shop books and what the buyer sees."""

from decimal import ROUND_HALF_UP, Decimal

import msgspec

__all__ = ["ZERO", "Exchange", "Pair", "amount_text"]

# ISO 4217 minor units that differ from two.
_DIGITS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "KWD": 3, "BHD": 3, "JOD": 3, "TND": 3}


def _rounded(amount: Decimal, currency: str) -> Decimal:
    quantum = Decimal(1).scaleb(-_DIGITS.get(currency, 2))
    return amount.quantize(quantum, rounding=ROUND_HALF_UP)


def amount_text(amount: Decimal, currency: str) -> str:
    """Render an exact amount with the digits of its currency."""
    return f"{_rounded(amount, currency):f}"


class Pair(msgspec.Struct, frozen=True):
    """One amount in the shop's currency and in the buyer's; sums stay exact in both."""

    shop: Decimal
    presentment: Decimal

    def __add__(self, other: "Pair") -> "Pair":
        return Pair(self.shop + other.shop, self.presentment + other.presentment)

    def __sub__(self, other: "Pair") -> "Pair":
        return Pair(self.shop - other.shop, self.presentment - other.presentment)

    def __neg__(self) -> "Pair":
        return Pair(-self.shop, -self.presentment)

    def __mul__(self, times: int) -> "Pair":
        return Pair(self.shop * times, self.presentment * times)

    def __bool__(self) -> bool:
        return self.shop != 0 or self.presentment != 0


ZERO = Pair(Decimal(0), Decimal(0))


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """The shop's currency, the buyer's, and how many of the buyer's one of the shop's buys."""

    shop: str
    presentment: str
    rate: Decimal = Decimal(1)

    def pair(self, amount: Decimal) -> Pair:
        """Return `amount` (shop currency) in both currencies, each rounded to its own digits."""
        return Pair(_rounded(amount, self.shop), _rounded(amount * self.rate, self.presentment))

    def share(self, whole: Pair, part: int, of: int) -> Pair:
        """Return `part`/`of` of a pair, rounded; shares of 0 are zero and of all are all."""
        if of == 0 or part == 0:
            return ZERO
        if part == of:
            return whole
        ratio = Decimal(part) / Decimal(of)
        return self._scaled(whole, ratio)

    def tax(self, base: Pair, rate: Decimal, *, included: bool) -> Pair:
        """Return the tax on `base`: on top of it, or the part of it that is tax."""
        return self._scaled(base, rate / (1 + rate) if included else rate)

    def _scaled(self, whole: Pair, ratio: Decimal) -> Pair:
        return Pair(
            _rounded(whole.shop * ratio, self.shop),
            _rounded(whole.presentment * ratio, self.presentment),
        )

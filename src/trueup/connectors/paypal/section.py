"""One section of a settlement report: what its rows come to, currency by currency."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from trueup.connectors.paypal.told import EntryTold, StatementTold

_ZERO = Decimal(0)

Sums = tuple[Decimal, Decimal, Decimal, Decimal]
"""Gross credits, gross debits, fee credits, fee debits; none below zero."""


class Section:
    """Counts rows as they come, and keeps what the footers tell.

    Args:
        account: PayPal's id of it.
        start_at, end_at: of the period.
    """

    def __init__(self, account: str, start_at: datetime, end_at: datetime) -> None:
        self.account, self.start_at, self.end_at = account, start_at, end_at
        self.rows = 0
        self._sums: dict[str, Sums] = {}
        self._rows: dict[str, int] = {}
        self._closed: dict[str, Sequence[Decimal]] = {}

    def add(self, entry: EntryTold) -> None:
        """Count one entry."""
        credit, debit, fee_credit, fee_debit = self.sums_of(entry.currency)
        self._sums[entry.currency] = (
            credit + max(entry.gross, _ZERO),
            debit + max(-entry.gross, _ZERO),
            fee_credit + max(entry.fee, _ZERO),
            fee_debit + max(-entry.fee, _ZERO),
        )
        self._rows[entry.currency] = self._rows.get(entry.currency, 0) + 1

    def sums_of(self, currency: str) -> Sums:
        """Return what the rows of a currency come to."""
        return self._sums.get(currency, (_ZERO, _ZERO, _ZERO, _ZERO))

    def close(self, currency: str, balances: Sequence[Decimal]) -> None:
        """Keep what a footer says of a currency, once its totals were held."""
        self._closed[currency] = balances

    def without_totals(self) -> Iterator[str]:
        """Yield each currency that has rows and no footer."""
        yield from (currency for currency in self._sums if currency not in self._closed)

    def statements(self, told_at: datetime) -> Iterator[StatementTold]:
        """Yield what the section says of each currency that its footers or rows name."""
        for currency in dict.fromkeys((*self._closed, *self._sums)):
            credit, debit, fee_credit, fee_debit = self.sums_of(currency)
            found = credit - debit + fee_credit - fee_debit
            balances = self._closed.get(currency, ())
            opening, closing = (*balances[:2], None, None)[:2]
            differs = opening is not None and closing is not None and opening + found != closing
            yield StatementTold(
                account=self.account,
                currency=currency,
                start_at=self.start_at,
                end_at=self.end_at,
                told_at=told_at,
                rows=self._rows.get(currency, 0),
                found=found,
                opening=opening,
                closing=closing,
                differs=differs,
            )

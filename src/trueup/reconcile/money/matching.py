"""Find which rows of two books belong together where no join can: pure, and never a guess.

Strongest evidence first: shared keys, then refs in free text, then amount and date, then sums of
several rows. What two answers fit is given to neither: it is ambiguous, and left to a person.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec

from trueup.errors import invariant
from trueup.reconcile.money.graph import components
from trueup.reconcile.money.pairs import find_pairs
from trueup.reconcile.money.subsets import find_sums

# Words of free text that are taken together, because banks break references where lines end.
_WORDS_MAX = 4
_KEY_LENGTH_MIN = 6
_WORD = re.compile(r"[A-Za-z0-9]+")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a book.

    Attributes:
        ref: of its own on its side.
        amount: signed as the book that is compared sees it; both sides alike.
        on: the day on which it moved.
        keys: what the row and its like on the other side both carry, such as a payout's number.
        text: free text in which refs of the other side may stand.
    """

    ref: str
    amount: Decimal
    currency: str
    on: date
    keys: frozenset[str] = frozenset()
    text: str = ""


class Closeness(msgspec.Struct, frozen=True, kw_only=True):
    """How near rows must be that nothing but their amounts and days joins.

    Attributes:
        days_max: how many days may lie between them.
        tolerances: per currency, by how much sums may differ; exact ones are looked for first.
        group_rows_max: how many rows may come to one row of the other side.
        candidates_max: among how many rows sums are looked for; with more nothing can be proven.
        steps_max: how many partial sums are tried for one row; then nothing is proven either.
    """

    days_max: int = 5
    tolerances: Mapping[str, Decimal] = msgspec.field(default_factory=dict)
    group_rows_max: int = 6
    candidates_max: int = 40
    steps_max: int = 100_000

    def tolerance(self, currency: str) -> Decimal:
        """Return by how much sums of a currency may differ."""
        return self.tolerances.get(currency, Decimal(0))


class Why(StrEnum):
    """What joins rows, the strongest first."""

    KEY = "key"
    TEXT = "text"
    AMOUNT_AND_DATE = "amount_and_date"
    SUM = "sum"


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that belong together; taking it back frees them, and nothing else changes.

    Attributes:
        left, right: refs, sorted.
        amount: right less left: zero, or within the tolerance.
        evidence: what joins them.
    """

    why: Why
    left: tuple[str, ...]
    right: tuple[str, ...]
    amount: Decimal
    currency: str
    evidence: str


class Ambiguous(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of which something joins some, and nothing says which: a person decides."""

    why: Why
    left: tuple[str, ...]
    right: tuple[str, ...]
    evidence: str


class Matched(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: each row of both sides stands in exactly one place.

    Attributes:
        left_over, right_over: refs that nothing joins.
    """

    matches: tuple[Match, ...]
    ambiguous: tuple[Ambiguous, ...]
    left_over: tuple[str, ...]
    right_over: tuple[str, ...]


def match_rows(left: Iterable[Row], right: Iterable[Row], closeness: Closeness) -> Matched:
    """Match the rows of two books.

    Args:
        left: the rows of one book; refs are unique, and their order changes nothing.
        right: the rows of the other book, likewise.
        closeness: how near rows must be.

    Invariant: no row is used twice, and each match's sums agree within the tolerance.
    """
    work = _Work(_by_ref(left), _by_ref(right), closeness)
    work.join(Why.KEY, _key_edges(work.left, work.right), "a shared key")
    work.join(Why.TEXT, _text_edges(work.left, work.right), "a ref in free text")
    passes = (True, False) if any(closeness.tolerances.values()) else (True,)
    for is_exact in passes:
        work.pair(is_exact=is_exact)
    for is_exact in passes:
        work.sum(is_exact=is_exact)
    return work.done()


def _by_ref(rows: Iterable[Row]) -> dict[str, Row]:
    ordered = sorted(rows, key=lambda row: row.ref)
    found = {row.ref: row for row in ordered}
    invariant(len(found) == len(ordered), "a ref stands twice on one side of a match")
    return found


class _Work:
    """The rows that are still open, and what was found so far."""

    def __init__(self, left: dict[str, Row], right: dict[str, Row], closeness: Closeness) -> None:
        self.left = left
        self.right = right
        self._closeness = closeness
        self._matches: list[Match] = []
        self._ambiguous: list[Ambiguous] = []

    def join(self, why: Why, edges: set[tuple[str, str]], evidence: str) -> None:
        """Match what edges hold together where its sums agree; else a person looks at it."""
        for left, right in components(edges):
            rows = [self.left[ref] for ref in left] + [self.right[ref] for ref in right]
            currencies = {row.currency for row in rows}
            if len(currencies) > 1:
                self._leave(why, left, right, f"{evidence}, in several currencies")
            elif abs(self._differs(left, right)) <= self._closeness.tolerance(rows[0].currency):
                self._take(why, left, right, evidence)
            else:
                by = self._differs(left, right)
                self._leave(why, left, right, f"{evidence}, and the sums differ by {by}")

    def pair(self, *, is_exact: bool) -> None:
        """Match one row with one by amount and day, where each has no other."""
        edges = find_pairs(
            _moves(self.left), _moves(self.right), self._days, self._tolerances(is_exact=is_exact)
        )
        for left, right in components(edges):
            if len(left) == len(right) == 1:
                by = "the same amount" if is_exact else "an amount within the tolerance"
                self._take(Why.AMOUNT_AND_DATE, left, right, f"{by}, and no other row has it")
            else:
                told = f"{len(left)} rows and {len(right)} of one amount"
                self._leave(Why.AMOUNT_AND_DATE, left, right, told)

    def sum(self, *, is_exact: bool) -> None:
        """Match one row with several, where no other set of rows comes to it or needs them."""
        bounds = self._closeness
        found = find_sums(
            _moves(self.left),
            _moves(self.right),
            days_max=self._days,
            tolerances=self._tolerances(is_exact=is_exact),
            rows_max=bounds.group_rows_max,
            candidates_max=bounds.candidates_max,
            steps_max=bounds.steps_max,
        )
        for left, right, tried in found.proven:
            self._take(Why.SUM, left, right, f"the only one of {tried} sums that comes to it")
        for left, right, told in found.ambiguous:
            self._leave(Why.SUM, left, right, told)

    def done(self) -> Matched:
        """Return all that was found."""
        return Matched(
            matches=tuple(self._matches),
            ambiguous=tuple(self._ambiguous),
            left_over=tuple(self.left),
            right_over=tuple(self.right),
        )

    @property
    def _days(self) -> int:
        return self._closeness.days_max

    def _tolerances(self, *, is_exact: bool) -> Mapping[str, Decimal]:
        return {} if is_exact else self._closeness.tolerances

    def _differs(self, left: Sequence[str], right: Sequence[str]) -> Decimal:
        ours = sum((self.left[ref].amount for ref in left), Decimal(0))
        return sum((self.right[ref].amount for ref in right), Decimal(0)) - ours

    def _take(self, why: Why, left: Sequence[str], right: Sequence[str], evidence: str) -> None:
        self._matches.append(
            Match(
                why=why,
                left=tuple(left),
                right=tuple(right),
                amount=self._differs(left, right),
                currency=self.left[left[0]].currency,
                evidence=evidence,
            )
        )
        self._close(left, right)

    def _leave(self, why: Why, left: Sequence[str], right: Sequence[str], evidence: str) -> None:
        self._ambiguous.append(
            Ambiguous(why=why, left=tuple(left), right=tuple(right), evidence=evidence)
        )
        self._close(left, right)

    def _close(self, left: Sequence[str], right: Sequence[str]) -> None:
        for ref in left:
            del self.left[ref]
        for ref in right:
            del self.right[ref]


def _moves(rows: Mapping[str, Row]) -> dict[str, tuple[str, date, Decimal]]:
    """Return what of each row amounts and days are matched by; zero comes to everything."""
    return {ref: (row.currency, row.on, row.amount) for ref, row in rows.items() if row.amount}


def _key_edges(left: Mapping[str, Row], right: Mapping[str, Row]) -> set[tuple[str, str]]:
    holders: dict[str, list[str]] = {}
    for ref, row in right.items():
        for key in row.keys:
            holders.setdefault(key, []).append(ref)
    return {
        (ref, other)
        for ref, row in left.items()
        for key in row.keys
        for other in holders.get(key, ())
    }


def _text_edges(left: Mapping[str, Row], right: Mapping[str, Row]) -> set[tuple[str, str]]:
    return _named(left, right) | {(ref, other) for other, ref in _named(right, left)}


def _named(texts: Mapping[str, Row], rows: Mapping[str, Row]) -> set[tuple[str, str]]:
    """Return which rows' refs and keys stand in which texts, as whole words or broken by blanks."""
    names: dict[str, set[str]] = {}
    for ref, row in rows.items():
        for key in {ref, *row.keys}:
            bare = "".join(_WORD.findall(key)).upper()
            if len(bare) >= _KEY_LENGTH_MIN and any(sign.isdigit() for sign in bare):
                names.setdefault(bare, set()).add(ref)
    return {
        (ref, other)
        for ref, row in texts.items()
        for phrase in _phrases(row.text)
        for other in names.get(phrase, ())
    }


def _phrases(text: str) -> Iterator[str]:
    """Give each word of a text, and those next to each other as one."""
    words = [word.upper() for word in _WORD.findall(text)]
    for first in range(len(words)):
        for last in range(first + 1, min(first + _WORDS_MAX, len(words)) + 1):
            yield "".join(words[first:last])

"""From the ledger's sums to journals. Pure.

A journal is what a group of the ledger's days comes to, less what was journaled of it before. The
groups hold whole transactions, so every journal sums to zero by itself; nothing is ever added to
make it so.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from trueup.canon.command import PostJournal, PostJournalLine
from trueup.canon.issue import Issue, Severity
from trueup.contract.amount import NO_CURRENCY
from trueup.errors import invariant
from trueup.journals.accounts import Accounts, unmapped
from trueup.journals.model import Draft, Group, Held, Journal, Line, Needs, Place, Plan
from trueup.kernel.money import Money, minor_digits
from trueup.ledger.money import EXACT
from trueup.ledger.money_days import Grain, MoneySum

DIGITS_EXCEEDED: Final = "journals.digits_exceeded"
CURRENCY_UNKNOWN: Final = "journals.currency_unknown"

Journaled = Mapping[tuple[Group, Place], Decimal]
"""What stands in the books already."""

_NOTHING: Final = Decimal(0)


def build_journals(
    sums: Iterable[MoneySum],
    journaled: Journaled,
    accounts: Accounts,
    names: Mapping[int, str],
    *,
    grain: Grain,
    kept: Mapping[tuple[date, str], Grain],
    needs: Needs,
) -> Plan:
    """Return what is still to be posted, oldest day first.

    Args:
        sums: of the ledger's days.
        journaled: of the same days.
        accounts: the saved mapping.
        names: of the connections, by number.
        grain: of the journals.
        kept: the grain of days that have journals already.
        needs: what the mapping must tell of an account.

    Raises:
        ConfigError: an account has money and no place in the books.
    """
    drafts, held, missing = [], [], set()
    for group, moves in sorted(_differences(sums, journaled).items()):
        lines = []
        for place, amount in sorted(moves.items()):
            at = name_of(names, place.connection_id)
            entry = accounts.find(place.account, at, group.currency, needs)
            if entry is None:
                missing.add((place.account, at, group.currency))
                continue
            lines.append(
                Line(
                    account=place.account,
                    connection_id=place.connection_id,
                    account_ref=entry.account_ref,
                    name=entry.name,
                    amount=amount,
                    tax_code=entry.tax_code,
                    tax_on=entry.tax_on if entry.tax_code else None,
                )
            )
        own = kept.get((group.day, group.currency), grain)
        draft = Draft(group=group, grain=own, lines=tuple(lines))
        issue = _unsayable(draft, names)
        if issue is None:
            drafts.append(draft)
        else:
            held.append(Held(draft=draft, issue=issue))
    if missing:
        raise unmapped(missing, needs)
    return Plan(drafts=tuple(drafts), held=tuple(held))


def content_of(journal: Journal, names: Mapping[int, str]) -> PostJournal:
    """Return what is said to the accounting system."""
    currency = journal.group.currency
    return PostJournal(
        number=journal.number,
        posted_on=journal.posted_on,
        lines=tuple(
            PostJournalLine(
                account_ref=line.account_ref,
                amount=Money(line.amount, currency),
                memo=f"{line.account}, {name_of(names, line.connection_id)}",
                tax_code=line.tax_code,
                tax_on=line.tax_on,
            )
            for line in journal.lines
        ),
        memo=_memo(journal, names),
    )


def counter_lines(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines that take others back: the same accounts, debits for credits."""
    return tuple(
        Line(
            account=line.account,
            connection_id=line.connection_id,
            account_ref=line.account_ref,
            name=line.name,
            amount=EXACT.minus(line.amount),
            tax_code=line.tax_code,
            tax_on=line.tax_on,
        )
        for line in lines
    )


def number_of(prefix: str, day: date, ordinal: int) -> str:
    """Return a document's number: at most 21 characters, as QuickBooks takes them."""
    return f"{prefix}{day:%y%m%d}-{ordinal}"


def name_of(names: Mapping[int, str], connection_id: int) -> str:
    """Return a connection's name, or that it is there no more."""
    return names.get(connection_id, "removed")


def group_ref(group: Group, names: Mapping[int, str]) -> str:
    """Return what a group of money is called where an issue is about it."""
    told = name_of(names, group.told_by) if group.told_by else "all"
    return "/".join(filter(None, ("money", str(group.day), group.currency, told, group.order_ref)))


def _differences(
    sums: Iterable[MoneySum], journaled: Journaled
) -> dict[Group, dict[Place, Decimal]]:
    found: dict[Group, dict[Place, Decimal]] = defaultdict(dict)
    for each in sums:
        group = Group(each.day, each.currency, each.told_by, each.order_ref)
        found[group][Place(each.account, each.connection_id)] = each.amount
    for (group, place), amount in journaled.items():
        found[group][place] = EXACT.subtract(found[group].get(place, _NOTHING), amount)
    open_ = {
        group: {place: amount for place, amount in moves.items() if amount}
        for group, moves in found.items()
    }
    for group, moves in open_.items():
        total = _NOTHING
        for amount in moves.values():
            total = EXACT.add(total, amount)
        invariant(not total, f"the money of {group.day} in {group.currency} comes to zero")
    return {group: moves for group, moves in open_.items() if moves}


def _unsayable(draft: Draft, names: Mapping[int, str]) -> Issue | None:
    """Return why books can not take a journal as it is; None where they can."""
    group = draft.group
    if group.currency == NO_CURRENCY:
        return Issue(
            code=CURRENCY_UNKNOWN,
            severity=Severity.WARNING,
            expected="money of a currency that is known",
            found=f"{draft.total} of an unknown one",
            how_to_fix="Set the home currency of the connection that told it, and read it again.",
            ref=group_ref(group, names),
        )
    digits = minor_digits(group.currency)
    for line in draft.lines:
        if _digits_of(line.amount) > digits:
            at = name_of(names, line.connection_id)
            return Issue(
                code=DIGITS_EXCEEDED,
                severity=Severity.WARNING,
                pointer=f"{line.account} at {at}",
                expected=f"a sum with at most {digits} decimals, as {group.currency} has",
                found=f"{line.amount:f}",
                how_to_fix=(
                    "Nothing is rounded: find the entry with more digits (trueup money items), "
                    "and let whoever told it tell it right."
                ),
                ref=group_ref(group, names),
            )
    return None


def _digits_of(amount: Decimal) -> int:
    exponent = EXACT.normalize(amount).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _memo(journal: Journal, names: Mapping[int, str]) -> str:
    group = journal.group
    told = name_of(names, group.told_by) if group.told_by else "all connections"
    about = f"{told}, order {group.order_ref}" if group.order_ref else told
    if journal.reverses is not None:
        return f"Takes back {journal.reverses}: {about}, {group.day}"
    return f"Trueup, {about}, {group.day}"

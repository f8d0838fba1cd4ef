"""What a line of a statement means."""

from collections.abc import Iterable
from datetime import UTC
from decimal import Decimal

import msgspec

from trueup.canon.bank import (
    BankLine,
    BankLinePerson,
    BankLineState,
    BankPart,
    BankPartPerson,
    BankParty,
    BankReferences,
)
from trueup.canon.issue import Issue, Severity
from trueup.canon.link import Link, LinkSpace
from trueup.connectors.bank.fault import unknown
from trueup.connectors.bank.told import LineTold, PartTold, PartyTold
from trueup.connectors.bank.word import line_state
from trueup.contract.connector import Mapped
from trueup.contract.fault import Unsound

_NOBODY = PartTold()


def map_line(told: LineTold) -> Mapped:
    """Return the line; what one payment alone tells stands in the line itself.

    Raises:
        Unsound: it has no name or no instant, because no file was read for it.
    """
    if not told.ref or told.told_at is None or told.told_at.tzinfo is None:
        raise Unsound("a piece without a name", "a line out of a file", "/ref")
    state = line_state(told.state)
    single = told.parts[0] if len(told.parts) == 1 else _NOBODY
    batch = told.parts if len(told.parts) > 1 else ()
    record = BankLine(
        ref=told.ref,
        updated_at=told.told_at.astimezone(UTC),
        links=_links(told),
        account_ref=told.account_ref,
        account_shown=told.account_shown,
        statement_ref=told.statement_ref,
        amount=told.amount,
        state=state or BankLineState.UNKNOWN,
        state_code=told.state,
        booked_on=told.booked_on,
        value_on=told.value_on,
        bank_code=told.code or single.code,
        references=_joined(told.references, single.references),
        reversal=told.reversal,
        charges=told.charges or single.charges,
        original=single.original,
        exchange_rate=single.rate,
        return_code=single.return_code,
        parts=tuple(_part(each) for each in batch),
        person=_person(told, single, batch),
    )
    return Mapped(records=(record,), issues=tuple(_issues(told, record, known=state is not None)))


def _issues(told: LineTold, record: BankLine, *, known: bool) -> Iterable[Issue]:
    if not known:
        yield unknown("bank.state_unknown", "/state", told.state or "", record.entity())
    amounts = [part.amount for part in record.parts if part.amount is not None]
    currencies = {amount.currency for amount in (*amounts, record.amount)}
    if not amounts or len(amounts) < len(record.parts) or len(currencies) > 1:
        return
    found = sum((amount.amount for amount in amounts), Decimal(0))
    if found != record.amount.amount:
        yield Issue(
            code="bank.parts_sum_differs",
            severity=Severity.WARNING,
            pointer="/parts",
            expected=f"{record.amount}, the amount of the line",
            found=f"{found}, the sum of {len(amounts)} payments",
            how_to_fix="Look at the batch at the bank; charges may have been taken off.",
            ref=record.entity(),
        )


def _part(told: PartTold) -> BankPart:
    return BankPart(
        amount=told.amount,
        references=told.references,
        code=told.code,
        return_code=told.return_code,
    )


def _person(told: LineTold, single: PartTold, batch: tuple[PartTold, ...]) -> BankLinePerson:
    counterparty, ultimate = _others(told, single)
    parts = tuple(_part_person(told, each) for each in batch)
    return BankLinePerson(
        counterparty=counterparty,
        ultimate=ultimate,
        remittance=_text(single.remittance),
        note=_text(filter(None, (told.note, single.note))),
        account=told.account or None,
        parts=parts,
    )


def _part_person(line: LineTold, part: PartTold) -> BankPartPerson:
    counterparty, ultimate = _others(line, part)
    return BankPartPerson(
        counterparty=counterparty, ultimate=ultimate, remittance=_text(part.remittance)
    )


def _text(lines: Iterable[str]) -> str | None:
    return "\n".join(lines) or None


def _others(line: LineTold, part: PartTold) -> tuple[BankParty | None, BankParty | None]:
    """Return who stands at the other end, and on whose behalf.

    Money that came in came from the debtor. A reversal keeps the roles of what it takes back. Who
    has the account's own number is never the other end.
    """
    came_in = (part.amount or line.amount).amount >= 0
    near, far = ("creditor", "debtor") if came_in != line.reversal else ("debtor", "creditor")
    by_role = {party.role: party for party in part.parties}
    own = line.account
    other = by_role.get(far)
    instead = by_role.get(near)
    if (other is None or other.account == own) and instead is not None and instead.account != own:
        other, far = instead, near
    if other is None or other.account == own:
        other = by_role.get("counterparty")
    ultimate = by_role.get(f"ultimate_{far}") or by_role.get("ultimate")
    return _party(other), _party(ultimate)


def _party(told: PartyTold | None) -> BankParty | None:
    if told is None:
        return None
    return BankParty(
        name=told.name,
        account=told.account,
        bank=told.bank,
        number=told.number,
        address=told.address,
    )


def _joined(own: BankReferences, single: BankReferences) -> BankReferences:
    """Return the names of the line and of its only payment; the line's own count first."""
    told = {name: value for name, value in msgspec.structs.asdict(own).items() if value}
    return msgspec.structs.replace(single, **told)


def _links(told: LineTold) -> tuple[Link, ...]:
    """Return the names by which a payout may be found: those that came from who ordered it."""
    names: dict[str, None] = {}
    for part in told.parts:
        each = part.references
        for name in (each.end_to_end, each.transaction, each.remittance, *part.structured):
            if name:
                names[name] = None
    if told.references.customer:
        names[told.references.customer] = None
    return tuple(Link(LinkSpace.PAYOUT, name) for name in names)

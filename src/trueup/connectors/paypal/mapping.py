"""Say what the pieces of a settlement report mean. Pure."""

from collections.abc import Callable
from datetime import UTC
from decimal import Decimal
from typing import Any, Final

import msgspec

from trueup.canon.bank import BalanceKind, BankBalance, BankStatement, StatementKind
from trueup.canon.issue import Issue, Severity
from trueup.canon.link import Link, LinkSpace
from trueup.canon.payout import BalanceEntry, EntryKind, Payout, PayoutState
from trueup.connectors.paypal.event import entry_kind
from trueup.connectors.paypal.fault import FAULTS
from trueup.connectors.paypal.told import (
    ENTRY_TOPIC,
    PAYOUT_TOPIC,
    STATEMENT_TOPIC,
    EntryTold,
    StatementTold,
)
from trueup.contract.amount import bounded
from trueup.contract.connector import Mapped, Source
from trueup.contract.fault import Unsound
from trueup.kernel.money import Money


def map_source(source: Source) -> Mapped:
    """Return the record of one body, and what is wrong with it."""
    reader = _READERS.get(source.topic)
    if reader is None:
        return Mapped(ignored="not a topic of this connector")
    decoder, map_body = reader
    nul = FAULTS.null_character(source.body)
    if nul is not None:
        return Mapped(issues=(nul,))
    try:
        return map_body(decoder.decode(source.body))
    except msgspec.ValidationError as fault:
        return Mapped(issues=(FAULTS.misshapen(fault),))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        return Mapped(issues=(FAULTS.malformed(fault),))
    except Unsound as fault:
        return Mapped(issues=(FAULTS.unsound(fault),))


def map_statement(told: StatementTold) -> Mapped:
    """Return what PayPal says of one currency of an account in one period.

    What is available is a balance like a bank's; its lines are balance entries.
    """
    ref = f"{told.account}-{told.currency}-{told.start_at:%Y%m%dT%H%M%S}"
    opening = _balance(told, told.opening, BalanceKind.OPENING)
    closing = _balance(told, told.closing, BalanceKind.CLOSING)
    record = BankStatement(
        ref=ref,
        updated_at=told.told_at.astimezone(UTC),
        statement=StatementKind.STATEMENT,
        statement_code="PayPal settlement report",
        account_ref=f"paypal/{told.account}",
        account_shown=told.account,
        currency=told.currency,
        from_at=told.start_at.astimezone(UTC),
        to_at=told.end_at.astimezone(UTC),
        opening=opening,
        closing=closing,
        balances=tuple(each for each in (opening, closing) if each is not None),
        line_count=told.rows,
        line_sum=Money(bounded(told.found), told.currency),
        bank="PayPal",
    )
    if not told.differs:
        return Mapped(records=(record,))
    issue = Issue(
        code="paypal.balance_differs",
        severity=Severity.WARNING,
        pointer="/closing",
        expected=f"{told.closing} {told.currency}, as the report says",
        found=f"{(told.opening or Decimal(0)) + told.found}, by its rows",
        how_to_fix="Compare with the report of the day before; its end is this one's beginning.",
        ref=record.entity(),
    )
    return Mapped(records=(record,), issues=(issue,))


def _balance(told: StatementTold, amount: Decimal | None, kind: BalanceKind) -> BankBalance | None:
    if amount is None:
        return None
    on = (told.start_at if kind is BalanceKind.OPENING else told.end_at).date()
    return BankBalance(balance=kind, amount=Money(bounded(amount), told.currency), on=on)


def map_entry(told: EntryTold) -> Mapped:
    """Return the line of the account."""
    kind = entry_kind(told.event, received=told.gross > 0)
    gross, fee = Money(bounded(told.gross), told.currency), Money(-told.fee, told.currency)
    paid_out = kind is EntryKind.PAYOUT
    entry = BalanceEntry(
        ref=told.ref,
        updated_at=told.told_at.astimezone(UTC),
        links=tuple(_links(told)),
        entry=kind,
        entry_code=told.event,
        gross=gross,
        fee=fee,
        net=gross - fee,
        occurred_at=told.at.astimezone(UTC),
        available_at=told.at.astimezone(UTC),
        payout_ref=told.transaction if paid_out else None,
        payment_ref=told.transaction,
        description=told.store,
    )
    if kind is not EntryKind.UNKNOWN:
        return Mapped(records=(entry,))
    issue = Issue(
        code="paypal.event_unknown",
        severity=Severity.WARNING,
        pointer="/event",
        expected="a transaction event code that is known",
        found=told.event[:20],
        how_to_fix="The record is kept with PayPal's own code. Report the code to Trueup.",
        ref=entry.entity(),
    )
    return Mapped(records=(entry,), issues=(issue,))


def map_payout(told: EntryTold) -> Mapped:
    """Return the money that left for the bank; whether it arrived is for the bank to say."""
    names = dict.fromkeys(filter(None, (told.transaction, told.bank_reference, told.tracking)))
    payout = Payout(
        ref=told.transaction,
        updated_at=told.told_at.astimezone(UTC),
        links=tuple(Link(LinkSpace.PAYOUT, name) for name in names),
        state=PayoutState.IN_TRANSIT,
        state_code=told.event,
        amount=Money(bounded(-told.gross), told.currency),
        created_at=(told.initiated_at or told.at).astimezone(UTC),
        bank_ref=told.bank_reference or told.transaction,
        automatic=told.event == "T0401",
    )
    return Mapped(records=(payout,))


def _links(told: EntryTold) -> list[Link]:
    links = [Link(LinkSpace.PAYMENT, told.transaction)]
    if told.invoice:
        links += [Link(LinkSpace.ORDER, told.invoice), Link(LinkSpace.INVOICE, told.invoice)]
    if told.reference and told.reference != told.transaction:
        links.append(Link(LinkSpace.PAYMENT, told.reference))
    return links


_Reader = tuple[msgspec.json.Decoder[Any], Callable[[Any], Mapped]]
_READERS: Final[dict[str, _Reader]] = {
    STATEMENT_TOPIC: (msgspec.json.Decoder(StatementTold), map_statement),
    ENTRY_TOPIC: (msgspec.json.Decoder(EntryTold), map_entry),
    PAYOUT_TOPIC: (msgspec.json.Decoder(EntryTold), map_payout),
}

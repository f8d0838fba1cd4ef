"""Store credit is given once: told from other credit by the second at which it ends.

Shopify keeps no key for it, and a credit has no field for a name of ours. What we choose freely is
when it ends: a second of the last hour of its last day, made of our name of the command, and never
a round one. So a carrying out looks for a credit of this amount that ends then. One of the same
amount that was given since the order, and ends at a round second, may be ours should Shopify round:
then nothing is given, and a person is asked.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from trueup.canon.command import GiveCredit
from trueup.connectors.shopify.call import answer, call, needed, root_fields
from trueup.connectors.shopify.node import Connection, Node
from trueup.connectors.shopify.refs import gid, numbered, ref_of
from trueup.connectors.shopify.refusal import UserError, refusal, refused
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.kernel.ids import sha256

_FIELD: Final = "storeCreditAccountCredit"
_CLOCKS: Final = timedelta(minutes=10)
"""So far our clock and Shopify's may lie apart."""

_MINUTES: Final = 60
_SECONDS: Final = 58
_ROUND: Final = frozenset((0, 59))
"""Seconds of a minute to which an end may have been rounded; ours is none of them."""

_LAST_HOUR: Final = time(23, tzinfo=UTC)


class _Amount(Node, frozen=True, kw_only=True):
    amount: Decimal
    currency_code: str


class _Balance(Node, frozen=True, kw_only=True):
    currency_code: str


class _Given(Node, frozen=True, kw_only=True):
    """One credit."""

    amount: _Amount
    created_at: datetime
    id: str | None = None
    expires_at: datetime | None = None


class _Account(Node, frozen=True, kw_only=True):
    id: str
    balance: _Balance
    transactions: Connection[_Given]


class _Customer(Node, frozen=True, kw_only=True):
    id: str
    store_credit_accounts: Connection[_Account]


class _Transaction(Node, frozen=True, kw_only=True):
    id: str


class _Made(msgspec.Struct, gc=False, rename="camel"):
    store_credit_account_transaction: _Transaction | None = None
    user_errors: list[UserError] = []


def request(content: GiveCredit) -> Request:
    """Return the look at what the customer was given before.

    Raises:
        Refused: the customer's id is not one of Shopify's.
    """
    currency = f"currency_code:{content.amount.currency}"
    return call("credit_look", {"id": _owner(content), "currency": currency}, cost=280)


def following(command: Command, content: GiveCredit, replies: Sequence[Reply]) -> Request | None:
    """Return the call that gives it, where the look says that it surely was not given.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    due = len(replies) == 1 and _is_due(command, content, replies[0])
    return _give(command, content) if due else None


def receipt(command: Command, content: GiveCredit, reply: Reply) -> Receipt:
    """Return what came of it, from the last reply: the look itself where nothing was due.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    if "customer" in root_fields(reply):
        return _seen(command, content, reply)
    made = needed(reply, _FIELD, _Made)
    if made.user_errors:
        return refusal(made.user_errors)
    if made.store_credit_account_transaction is None:
        return Receipt(state=ReceiptState.UNKNOWN, code="no_transaction")
    return Receipt(
        state=ReceiptState.DONE, vendor_ref=ref_of(made.store_credit_account_transaction.id)
    )


def ends_at(ref: str, content: GiveCredit) -> datetime | None:
    """Return the second at which a command's credit ends; None where it never does."""
    if content.expires_on is None:
        return None
    minute, second = divmod(
        int.from_bytes(sha256(ref.encode())[:4]) % (_MINUTES * _SECONDS), _SECONDS
    )
    end = datetime.combine(content.expires_on, _LAST_HOUR)
    return end + timedelta(minutes=minute, seconds=second + 1)


def _seen(command: Command, content: GiveCredit, reply: Reply) -> Receipt:
    """Say what the look means where nothing was given."""
    customer = answer(reply, "customer", _Customer)
    if customer is None:
        return refused("not_found", "The shop has no such customer.")
    end = ends_at(command.ref, content)
    alike, _ = _alike(command, content, customer)
    ours = next((each.id for each in alike if _is(each, end)), None)
    if ours is not None:
        return Receipt(state=ReceiptState.DONE, vendor_ref=ref_of(ours))
    told = "Credit of this amount was given since it was ordered; look whether it is this one."
    return Receipt(state=ReceiptState.UNKNOWN, code="given_alike", message=told)


def _is_due(command: Command, content: GiveCredit, look: Reply) -> bool:
    customer = answer(look, "customer", _Customer)
    if customer is None:
        return False
    alike, is_whole = _alike(command, content, customer)
    return is_whole and not alike


def _alike(command: Command, content: GiveCredit, customer: _Customer) -> tuple[list[_Given], bool]:
    """Return credits of this amount that end as ours does, or may, and were given since the order.

    And whether these are all; where more was given since then than a page holds, nobody knows.
    """
    since, end = command.wanted_at - _CLOCKS, ends_at(command.ref, content)
    found: list[_Given] = []
    is_whole = not customer.store_credit_accounts.is_cut
    for account in customer.store_credit_accounts.all():
        if account.balance.currency_code != content.amount.currency:
            continue
        given = account.transactions.all()
        same = [each for each in given if each.amount.amount == content.amount.amount]
        fresh = [each for each in same if each.created_at >= since and _may_be(each, end)]
        found += fresh + [each for each in same if _is(each, end) and each not in fresh]
        is_whole &= not (account.transactions.is_cut and given[-1].created_at >= since)
    return found, is_whole


def _is(given: _Given, end: datetime | None) -> bool:
    if end is None or given.expires_at is None:
        return False
    return given.expires_at.replace(microsecond=0) == end


def _may_be(given: _Given, end: datetime | None) -> bool:
    """Tell whether a credit that ends otherwise may be ours: the shop may have rounded its end."""
    if end is None or given.expires_at is None:
        return end is given.expires_at
    return given.expires_at.second in _ROUND


def _give(command: Command, content: GiveCredit) -> Request:
    amount = {"amount": str(content.amount.amount), "currencyCode": content.amount.currency}
    credit: dict[str, Any] = {"creditAmount": amount, "notify": content.notify}
    end = ends_at(command.ref, content)
    if end is not None:
        credit["expiresAt"] = end
    return call("credit_give", {"id": _owner(content), "credit": credit}, cost=10, writes=True)


def _owner(content: GiveCredit) -> str:
    return gid("Customer", numbered(content.customer_ref, "customer"))

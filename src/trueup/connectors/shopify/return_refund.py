"""A return is paid back and its units are placed, once: `returnProcess`, after two looks.

Shopify keeps no key for it. So the order's refunds are looked at first: what was paid back of each
line is what whoever ordered it knew of, or it stands already, or somebody else was here. Then the
shop is asked what the units are worth to it; that or what was ordered is paid, whichever is less.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from trueup.canon.return_command import RefundReturn, Settled
from trueup.connectors.shopify.call import answer, call, needed, root_fields
from trueup.connectors.shopify.mark import mark_of
from trueup.connectors.shopify.node import Connection, Node
from trueup.connectors.shopify.refs import gid, numbered, ref_of
from trueup.connectors.shopify.refusal import refusal, refused
from trueup.connectors.shopify.return_change import Changed, LineNode, SentNode, return_gid
from trueup.contract.connector import Receipt, ReceiptState, Reply, Request
from trueup.kernel.money import Money

REFUNDS_MAX: Final = 20
"""Refunds of one order that are looked at."""

_OPEN = "OPEN"
_PROCESS = "returnProcess"
_FATES: Final = ("RESTOCKED", "PROCESSING_REQUIRED", "MISSING", "NOT_RESTOCKED")
_CHANGED_MEANWHILE = frozenset(("INVALID", "INVALID_STATE"))


class _Back(Node, frozen=True, kw_only=True):
    quantity: int
    line_item: LineNode


class _Refund(Node, frozen=True, kw_only=True):
    id: str
    refund_line_items: Connection[_Back]


class _Order(Node, frozen=True, kw_only=True):
    id: str
    refunds: tuple[_Refund, ...]


class _Line(Node, frozen=True, kw_only=True):
    id: str
    processable_quantity: int
    refundable_quantity: int
    fulfillment_line_item: SentNode | None = None

    @property
    def free(self) -> int:
        """Units that may be paid back with this return."""
        return max(0, min(self.processable_quantity, self.refundable_quantity))


class _Placed(Node, frozen=True, kw_only=True):
    quantity: int


class _Coming(Node, frozen=True, kw_only=True):
    id: str
    total_quantity: int
    fulfillment_line_item: SentNode | None = None
    dispositions: tuple[_Placed, ...] = ()

    @property
    def free(self) -> int:
        """Units of which nobody said yet what becomes of them."""
        return max(0, self.total_quantity - sum(each.quantity for each in self.dispositions))


class _Way(Node, frozen=True, kw_only=True):
    line_items: Connection[_Coming]


class _Return(Node, frozen=True, kw_only=True):
    id: str
    status: str
    order: _Order
    exchange_line_items: Connection[LineNode]
    return_line_items: Connection[_Line]
    reverse_fulfillment_orders: Connection[_Way]


class _MoneyNode(Node, frozen=True, kw_only=True):
    amount: Decimal
    currency_code: str


class _Bag(Node, frozen=True, kw_only=True):
    shop_money: _MoneyNode
    presentment_money: _MoneyNode


class _Payment(Node, frozen=True, kw_only=True):
    amount_set: _Bag
    parent_transaction: LineNode | None = None


class _Transfer(Node, frozen=True, kw_only=True):
    """What the shop would pay back; an invoice, where the customer owes, has none of these."""

    amount: _Bag | None = None
    suggested_transactions: tuple[_Payment, ...] = ()


class _Suggested(Node, frozen=True, kw_only=True):
    financial_transfer: _Transfer | None = None


class _Outcome(Node, frozen=True, kw_only=True):
    suggested_financial_outcome: _Suggested | None = None


def request(content: RefundReturn) -> Request:
    """Return the look at the return that a carrying out begins with.

    Raises:
        Refused: the return's or a location's id is not one of Shopify's.
    """
    for line in content.lines:
        if line.location_ref is not None:
            numbered(line.location_ref, "location")
    return call("return_refund_look", {"id": return_gid(content.return_ref)}, cost=100)


def following(content: RefundReturn, ref: str, replies: Sequence[Reply]) -> Request | None:
    """Return the next step: what it is worth, then the payment, then a look where it was refused.

    Raises:
        ContractBroken: a reply does not have the shape that was asked for.
    """
    found = answer(replies[0], "return", _Return)
    if found is None or _why_not(content, found) is not None:
        return None
    if len(replies) == 1:
        return _asking(content, found)
    if len(replies) == 2:
        return _paying(content, ref, found, replies[1])
    codes = {error.code for error in needed(replies[2], _PROCESS, Changed).user_errors}
    # An earlier call of ours may have done it since the first look.
    return request(content) if len(replies) == 3 and codes & _CHANGED_MEANWHILE else None


def receipt(content: RefundReturn, ref: str, reply: Reply) -> Receipt:  # noqa: ARG001 - as others
    """Return what came of it, from the last reply.

    Raises:
        ContractBroken: the reply does not have the shape that was asked for.
    """
    fields = root_fields(reply)
    if "outcome" in fields:
        outcome = _transfer(reply)
        return _unpaid(content, outcome) or Receipt(state=ReceiptState.UNKNOWN, code="not_paid")
    if _PROCESS in fields:
        changed = needed(reply, _PROCESS, Changed)
        if changed.user_errors:
            return refusal(changed.user_errors)
        return Receipt(state=ReceiptState.DONE, vendor_ref=content.return_ref)
    found = answer(reply, "return", _Return)
    if found is None:
        return refused("not_found", "The shop has no such return.")
    why = _why_not(content, found)
    return why or refused("invalid", "Shopify did not take the refund of these units.")


def _why_not(content: RefundReturn, found: _Return) -> Receipt | None:
    """Return the receipt where nothing is to be paid any more, or can be; else None."""
    if _is_cut(found):
        return refused("too_large", "The return or its order has more than is read.")
    paid = Counter[str]()
    for back in (back for each in found.order.refunds for back in each.refund_line_items.all()):
        paid[ref_of(back.line_item.id) or ""] += back.quantity
    if all(paid[line.line_ref] == line.refunded + line.quantity for line in content.lines):
        return Receipt(state=ReceiptState.DONE, vendor_ref=content.return_ref)
    few = any(_free_of(found, line.line_ref) < line.quantity for line in content.lines)
    others = any(paid[line.line_ref] != line.refunded for line in content.lines)
    reasons = {
        "refunded_by_others": (others, "Units of these lines were refunded by somebody else."),
        "not_open": (found.status != _OPEN, f"The return is {found.status.lower()}."),
        "has_exchange": (
            bool(found.exchange_line_items.all()),
            "Something is sent instead: it is settled in the shop.",
        ),
        "not_in_return": (few, "Fewer of these units are in the return, or to be settled."),
    }
    return next((refused(code, why) for code, (holds, why) in reasons.items() if holds), None)


def _is_cut(found: _Return) -> bool:
    """Whether the shop has more of it than was read."""
    refunds, ways = found.order.refunds, found.reverse_fulfillment_orders
    lists: list[Connection[Any]] = [each.refund_line_items for each in refunds]
    lists += [found.return_line_items, ways, *(way.line_items for way in ways.all())]
    return len(refunds) >= REFUNDS_MAX or any(each.is_cut for each in lists)


def _free_of(found: _Return, line_ref: str) -> int:
    return sum(each.free for each in found.return_line_items.all() if _is_of(each, line_ref))


def _is_of(line: _Line | _Coming, line_ref: str) -> bool:
    sent = line.fulfillment_line_item
    return sent is not None and sent.line_item is not None and ref_of(sent.line_item.id) == line_ref


def _chosen(content: RefundReturn, found: _Return) -> Iterator[tuple[Settled, _Line, int]]:
    """Yield of each line that is settled the lines of the return, and how many units of each."""
    for line in content.lines:
        left = line.quantity
        for each in found.return_line_items.all():
            units = min(left, each.free) if _is_of(each, line.line_ref) else 0
            if units:
                yield line, each, units
                left -= units


def _asking(content: RefundReturn, found: _Return) -> Request:
    lines = [{"id": each.id, "quantity": units} for _, each, units in _chosen(content, found)]
    return call("return_outcome", {"id": found.id, "lines": lines}, cost=10)


def _transfer(reply: Reply) -> _Transfer | None:
    suggested = needed(reply, "outcome", _Outcome).suggested_financial_outcome
    return None if suggested is None else suggested.financial_transfer


def _unpaid(content: RefundReturn, transfer: _Transfer | None) -> Receipt | None:
    """Return why it can not be paid back as it was ordered; None where it can."""
    if transfer is None or transfer.amount is None or transfer.amount.shop_money.amount <= 0:
        return refused("nothing_to_pay", "The shop would pay nothing back for these units.")
    worth, currency = transfer.amount, content.amount.currency
    if worth.shop_money.currency_code != currency:
        return refused("wrong_currency", "The amount is not in the order's currency.")
    is_part = content.amount.amount < worth.shop_money.amount
    if is_part and worth.presentment_money.currency_code != currency:
        return refused("other_currency", "It was paid in another currency, and a part would go.")
    if any(each.parent_transaction is None for each in transfer.suggested_transactions):
        return refused("no_payment", "The shop does not say from which payment it would go back.")
    return None


def _paying(content: RefundReturn, ref: str, found: _Return, reply: Reply) -> Request | None:
    transfer = _transfer(reply)
    if transfer is None or _unpaid(content, transfer) is not None:
        return None
    process = {
        "returnId": found.id,
        "note": f"[{mark_of(ref)}]",
        "notifyCustomer": content.notify,
        "returnLineItems": list(_processed(content, found)),
        "financialTransfer": {"issueRefund": {"orderTransactions": _parts(content, transfer)}},
    }
    return call("return_process", {"input": process}, cost=20, writes=True)


def _parts(content: RefundReturn, transfer: _Transfer) -> list[dict[str, Any]]:
    """Return from which payments how much goes back, in the customer's currency."""
    parts, whole = [], transfer.amount
    is_whole = whole is not None and content.amount.amount >= whole.shop_money.amount
    left = content.amount.amount
    for each in transfer.suggested_transactions:
        money = each.amount_set.presentment_money
        amount = money.amount if is_whole else min(left, money.amount)
        left -= amount
        if amount > 0 and each.parent_transaction is not None:
            told = Money(amount, money.currency_code).rounded()
            sent = {"amount": str(told.amount), "currencyCode": told.currency}
            parts.append({"parentId": each.parent_transaction.id, "transactionAmount": sent})
    return parts


def _processed(content: RefundReturn, found: _Return) -> Iterator[dict[str, Any]]:
    """Yield each line of the return with its units and what becomes of them."""
    ways = found.reverse_fulfillment_orders.all()
    coming = [line for way in ways for line in way.line_items.all()]
    free = {line.id: line.free for line in coming}
    fates = {line.line_ref: _fates(line) for line in content.lines}
    for line, each, units in _chosen(content, found):
        placed, left = [], units
        spots = [(way, fate) for way in coming if _is_same(way, each) for fate in _FATES]
        for way, fate in spots:
            count = min(left, fates[line.line_ref][fate], free[way.id])
            if count:
                placed.append(_placed(way, fate, count, line.location_ref))
                left -= count
                free[way.id] -= count
                fates[line.line_ref][fate] -= count
        yield {"id": each.id, "quantity": units, "dispositions": placed}


def _is_same(way: _Coming, line: _Line) -> bool:
    one, other = way.fulfillment_line_item, line.fulfillment_line_item
    return one is not None and other is not None and one.id == other.id


def _fates(line: Settled) -> dict[str, int]:
    """Return how many units of a line have which end."""
    rest = line.quantity - line.restocked - line.quarantined - line.absent
    return dict(zip(_FATES, (line.restocked, line.quarantined, line.absent, rest), strict=True))


def _placed(way: _Coming, fate: str, count: int, location_ref: str | None) -> dict[str, Any]:
    placed = {
        "reverseFulfillmentOrderLineItemId": way.id,
        "quantity": count,
        "dispositionType": fate,
    }
    if location_ref is not None and fate in {"RESTOCKED", "PROCESSING_REQUIRED"}:
        placed["locationId"] = gid("Location", location_ref)
    return placed

"""Journals and drafts of purchase orders; each is searched for before it could be made twice.

A journal takes two calls, each a transaction of its own: Odoo makes a draft, and posts it. The
first is submitted when it answers; asking about it posts the draft. Whatever is not known is looked
up by our own name, which stands in `ref` (journals) and in `origin` (purchase orders).
"""

from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from trueup.canon.command import DraftPurchase, PostJournal
from trueup.connectors.odoo.api import error_of
from trueup.connectors.odoo.pull import call, records_of, search
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused

SETTLED_S = 150.0
"""Odoo ends a request after 120 seconds; so long a call that was lost may still be at work."""

_MESSAGE_CHARS_MAX = 300
_UNIT = Decimal("1e-6")


class _Loaded(msgspec.Struct, gc=False):
    ids: list[int] | bool
    messages: list[dict[str, msgspec.Raw]] = []


class _State(msgspec.Struct, gc=False):
    id: int
    state: str | bool = False


def command_request(command: Command, idempotency_key: str) -> Request:
    """Return the call that makes the draft; Odoo keeps no keys.

    Raises:
        Refused: the content can not be said to this Odoo; names what and how to mend it.
    """
    del idempotency_key
    content = command.content
    if isinstance(content, PostJournal):
        return _journal_request(command, content)
    if isinstance(content, DraftPurchase):
        return _purchase_request(command, content)
    raise Refused("Odoo is not asked to do this", command=command.kind)


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return what came of it: a journal is submitted, and posted when it is asked about."""
    if reply.status >= 300:
        return _refused(reply)
    if isinstance(command.content, DraftPurchase):
        return _loaded(reply)
    try:
        made = msgspec.json.decode(reply.body, type=list[int] | int)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Receipt(state=ReceiptState.UNKNOWN, code="reply_unreadable")
    ids = [made] if isinstance(made, int) else made
    if len(ids) != 1:
        return Receipt(state=ReceiptState.UNKNOWN, code="reply_unreadable")
    return Receipt(state=ReceiptState.SUBMITTED, vendor_ref=str(ids[0]))


def find_request(command: Command, idempotency_key: str) -> Request:
    """Return the call that looks for our own name."""
    del idempotency_key
    fields: dict[str, Any] = {"state": {}}
    if isinstance(command.content, DraftPurchase):
        return search("purchase.order", [["origin", "=", command.ref]], fields, 2)
    domain = [["move_type", "=", "entry"], ["ref", "=", command.ref]]
    return search("account.move", domain, fields, 2)


def found(command: Command, idempotency_key: str, reply: Reply) -> Receipt:
    """Return what stands at Odoo: a posted journal is done, a draft is yet to be posted.

    Nothing found means that nothing was done only once a lost call can no longer be at work.
    """
    del idempotency_key
    try:
        moves = [msgspec.json.decode(raw, type=_State) for raw in records_of(reply)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Receipt(state=ReceiptState.UNKNOWN, code="reply_unreadable")
    if not moves:
        answered_at = _date(reply)
        if (
            answered_at is None
            or (answered_at - (command.sent_at or command.wanted_at)).total_seconds() < SETTLED_S
        ):
            return Receipt(state=ReceiptState.UNKNOWN, code="maybe_at_work")
        return Receipt(state=ReceiptState.LATER)
    return _standing(command, moves[0])


def confirm_request(command: Command, vendor_ref: str) -> Request:
    """Return the call that posts the draft; Odoo refuses to post one twice."""
    if not isinstance(command.content, PostJournal) or not vendor_ref.isdecimal():
        raise Refused("There is nothing to be posted", command=command.kind)
    return call("account.move", "action_post", {"ids": [int(vendor_ref)]}, writes=True)


def confirmed(command: Command, reply: Reply) -> Receipt:
    """Return DONE once it was posted; what is no draft any more is looked up."""
    del command
    if reply.status < 300:
        return Receipt(state=ReceiptState.DONE)
    error = error_of(reply)
    if error is not None and "draft" in error.message:
        return Receipt(state=ReceiptState.UNKNOWN, code="no_draft")
    return _refused(reply)


def _journal_request(command: Command, content: PostJournal) -> Request:
    books = command.target.get("currency", "")
    other = next((x for x in content.lines if x.amount.currency != books), None)
    if other is not None:
        raise Refused(
            "A journal is posted in the currency of the company's books; set `currency`.",
            books=books or "not set",
            journal=other.amount.currency,
        )
    lines = []
    for line in content.lines:
        if not line.account_ref.isdecimal():
            raise Refused(
                "An account of Odoo is named by its id; look at the accounts of pulled journals.",
                account=line.account_ref[:40],
            )
        if line.tax_code is not None:
            raise Refused(
                "Taxes of Odoo are not said with a journal; take tax_code out of the mapping.",
                account=line.account_ref[:40],
            )
        debit, credit = max(line.amount.amount, Decimal(0)), max(-line.amount.amount, Decimal(0))
        values = {
            "account_id": int(line.account_ref),
            "name": line.memo or content.memo or content.number,
            "debit": _number(debit),
            "credit": _number(credit),
        }
        lines.append([0, 0, values])
    values = {
        "move_type": "entry",
        "ref": command.ref,
        "date": content.posted_on.isoformat(),
        "narration": f"{content.number} {content.memo or ''}".strip(),
        "line_ids": lines,
    }
    journal_id = command.target.get("journal_id", "")
    if journal_id.isdecimal():
        values["journal_id"] = int(journal_id)
    return call("account.move", "create", {"vals_list": [values]}, writes=True)


def _purchase_request(command: Command, content: DraftPurchase) -> Request:
    """Return the import of one order: it finds products by SKU and the currency by its code."""
    if not content.supplier_ref.isdecimal() or not content.lines:
        raise Refused("A purchase order needs a supplier by Odoo's id, and lines")
    fields = [
        *("origin", "partner_ref", "partner_id/.id", "currency_id"),
        *("order_line/product_id", "order_line/product_qty"),
        *("order_line/price_unit", "order_line/date_planned"),
    ]
    planned = f"{content.expected_on.isoformat()} 12:00:00" if content.expected_on else ""
    rows = []
    for place, (sku, quantity, cost) in enumerate(content.lines):
        if cost is not None and cost.currency != content.currency:
            raise Refused("A purchase order is of one currency", currency=content.currency)
        head = [command.ref, content.number, content.supplier_ref, content.currency]
        price = f"{cost.amount:f}" if cost is not None else ""
        rows.append([*(head if place == 0 else [""] * 4), sku, str(quantity), price, planned])
    return call("purchase.order", "load", {"fields": fields, "data": rows}, writes=True)


def _standing(command: Command, first: _State) -> Receipt:
    ref = str(first.id)
    if isinstance(command.content, DraftPurchase) or first.state == "posted":
        return Receipt(state=ReceiptState.DONE, vendor_ref=ref)
    if first.state == "draft":
        return Receipt(state=ReceiptState.SUBMITTED, vendor_ref=ref)
    return Receipt(
        state=ReceiptState.REFUSED,
        vendor_ref=ref,
        code="cancelled",
        message="Somebody cancelled the journal in Odoo",
    )


def _loaded(reply: Reply) -> Receipt:
    """Return what an import came to: all of it, or nothing."""
    try:
        loaded = msgspec.json.decode(reply.body, type=_Loaded)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Receipt(state=ReceiptState.UNKNOWN, code="reply_unreadable")
    if isinstance(loaded.ids, list) and len(loaded.ids) == 1:
        return Receipt(state=ReceiptState.DONE, vendor_ref=str(loaded.ids[0]))
    told = [bytes(each.get("message", msgspec.Raw(b'""'))) for each in loaded.messages]
    message = "; ".join(_plain(each) for each in told)[:_MESSAGE_CHARS_MAX]
    return Receipt(
        state=ReceiptState.REFUSED,
        code="import_refused",
        message=f"Odoo did not take the order: {message or 'it does not say why'}",
    )


def _refused(reply: Reply) -> Receipt:
    error = error_of(reply)
    if error is None:
        return Receipt(state=ReceiptState.UNKNOWN, code="reply_unreadable")
    message = f"Odoo refused: {error.message}"[:_MESSAGE_CHARS_MAX]
    return Receipt(state=ReceiptState.REFUSED, code=error.name[:80], message=message)


def _plain(raw: bytes) -> str:
    value = msgspec.json.decode(raw)
    return value if isinstance(value, str) else ""


def _number(amount: Decimal) -> msgspec.Raw:
    """Return an amount as a JSON number with its own digits."""
    if amount % _UNIT:
        raise Refused("An amount has more decimals than Odoo keeps", decimals_max=6)
    return msgspec.Raw(f"{amount:f}".encode())


def _date(reply: Reply) -> datetime | None:
    try:
        at = parsedate_to_datetime(reply.headers.get("date", ""))
    except ValueError:
        return None
    return at if at.tzinfo else None

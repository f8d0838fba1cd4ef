"""A manual journal as a command.

Xero keeps our key for minutes. So what nobody knows is looked for first: among the journals of its
day, by our own name in the narration.
"""

import re
from decimal import Decimal
from typing import Final

import msgspec

from trueup.canon.command import PostJournal, PostJournalLine
from trueup.connectors.xero.api import JOURNALS, accounting_request, refusal_of
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused

_PAGE_SIZE = 100
_MESSAGE_CHARS_MAX: Final = 300
_CENT: Final = Decimal("0.01")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CODE_CHARS_MAX: Final = 10
_GONE: Final = frozenset(("DELETED", "VOIDED"))
_NO_TAX: Final = "NONE"


class _Made(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="ManualJournalID")
    narration: str | None = msgspec.field(default=None, name="Narration")
    status: str | None = msgspec.field(default=None, name="Status")


class _Pages(msgspec.Struct, gc=False):
    page: int = 1


class _Answer(msgspec.Struct, gc=False):
    journals: list[_Made] = msgspec.field(name="ManualJournals")
    pagination: _Pages = msgspec.field(default_factory=_Pages)


def command_request(command: Command, idempotency_key: str) -> Request:
    """Return the call that posts the journal.

    Raises:
        Refused: the content can not be said to Xero; names what and how to mend it.
    """
    content = _content(command)
    base = command.target.get("currency", "")
    currency = content.lines[0].amount.currency
    if currency != base:
        raise Refused(
            "A manual journal of Xero is in the base currency of the organisation; set `currency`.",
            base=base or "not set",
            journal=currency,
        )
    journal = {
        "Narration": " ".join(filter(None, (content.number, content.memo, _mark(command)))),
        "Date": content.posted_on.isoformat(),
        "Status": "POSTED",
        "LineAmountTypes": "NoTax",
        "JournalLines": [_line(line) for line in content.lines],
    }
    request = accounting_request(
        JOURNALS,
        {},
        method="PUT",
        headers=(("idempotency-key", idempotency_key),),
        body=msgspec.json.encode({"ManualJournals": [journal]}),
    )
    return msgspec.structs.replace(request, scope="journal.post")


def command_receipt(command: Command, reply: Reply) -> Receipt:  # noqa: ARG001 - the protocol's shape
    """Return what came of it; `vendor_ref` is the id of the manual journal."""
    refusal = refusal_of(reply)
    if refusal is not None:
        message = f"Xero refused: {refusal.message}"[:_MESSAGE_CHARS_MAX]
        return Receipt(state=ReceiptState.REFUSED, code=refusal.type[:60], message=message)
    made = _answer(reply)
    if made is None or len(made.journals) != 1:
        return Receipt(state=ReceiptState.UNKNOWN, code="reply_unreadable")
    return Receipt(state=ReceiptState.DONE, vendor_ref=made.journals[0].id)


def find_request(command: Command, idempotency_key: str) -> Request:
    """Return the call for the journals of its day."""
    del idempotency_key
    return _of_day(command, page=1)


def found(command: Command, idempotency_key: str, reply: Reply) -> Receipt:
    """Return DONE with the journal that has our own name in its narration; LATER without one."""
    del idempotency_key
    answer = _answer(reply)
    if answer is None:
        return Receipt(state=ReceiptState.UNKNOWN, code="reply_unreadable")
    for each in answer.journals:
        if _mark(command) in (each.narration or "") and each.status not in _GONE:
            return Receipt(state=ReceiptState.DONE, vendor_ref=each.id)
    further = None
    if len(answer.journals) == _PAGE_SIZE:
        further = _of_day(command, page=answer.pagination.page + 1)
    return Receipt(state=ReceiptState.LATER, further=further)


def _of_day(command: Command, *, page: int) -> Request:
    day = _content(command).posted_on
    query = {
        "where": f"Date==DateTime({day.year},{day.month:02},{day.day:02})",
        "order": "ManualJournalID ASC",
        "page": str(page),
        "pageSize": str(_PAGE_SIZE),
    }
    return accounting_request(JOURNALS, query)


def _content(command: Command) -> PostJournal:
    if not isinstance(command.content, PostJournal):
        raise Refused("Xero is not asked to do this", command=command.kind)
    return command.content


def _mark(command: Command) -> str:
    """Return our own name of the command, as it stands in the narration."""
    return f"[{command.ref}]"


def _answer(reply: Reply) -> _Answer | None:
    try:
        return msgspec.json.decode(reply.body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _line(line: PostJournalLine) -> dict[str, object]:
    amount = line.amount.amount
    if amount % _CENT:
        raise Refused("Xero keeps two decimals; a journal's line has more.", decimals_max=2)
    if line.tax_code not in {None, _NO_TAX}:
        raise Refused(
            "Xero works out the tax of a line that has a code, beside the taxes that we tell; take "
            "tax_code out of the mapping.",
            account=line.account_ref[:40],
        )
    return {
        "LineAmount": msgspec.Raw(f"{amount:f}".encode()),
        "TaxType": _NO_TAX,
        **_account(line.account_ref),
        **({"Description": line.memo} if line.memo else {}),
    }


def _account(ref: str) -> dict[str, object]:
    """Return how an account is named: by its id, or by its code."""
    if _UUID.fullmatch(ref):
        return {"AccountID": ref}
    if not ref or len(ref) > _CODE_CHARS_MAX:
        raise Refused(
            "An account of Xero is named by its code, as its chart of accounts shows it, or by its "
            "id.",
            account=ref[:40],
        )
    return {"AccountCode": ref}

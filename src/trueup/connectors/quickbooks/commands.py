"""A journal entry as a command: QuickBooks keeps our key, so a repeat gets the first answer."""

from decimal import Decimal

import msgspec

from trueup.canon.command import PostJournal, PostJournalLine
from trueup.connectors.quickbooks.api import STALE, company_request, errors_of
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused

_DOC_NUMBER_CHARS_MAX = 21
_NOTE_CHARS_MAX = 4000
_MESSAGE_CHARS_MAX = 300
_CENT = Decimal("0.01")
_AGAIN_S = 5.0


class _Made(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="Id")


class _Answer(msgspec.Struct, gc=False):
    entry: _Made = msgspec.field(name="JournalEntry")


def command_request(command: Command, idempotency_key: str) -> Request:
    """Return the call that posts the journal.

    A number that is longer than QuickBooks takes stands in the note alone.

    Raises:
        Refused: the content can not be said to QuickBooks; names what and how to mend it.
    """
    content = command.content
    if not isinstance(content, PostJournal):
        raise Refused("QuickBooks is not asked to do this", command=command.kind)
    short = len(content.number) <= _DOC_NUMBER_CHARS_MAX
    told = [content.memo or "", "" if short else content.number, f"[{command.ref}]"]
    body = {
        "TxnDate": content.posted_on.isoformat(),
        "PrivateNote": " ".join(filter(None, told))[-_NOTE_CHARS_MAX:],
        "CurrencyRef": {"value": content.lines[0].amount.currency},
        "Line": [_line(line) for line in content.lines],
    }
    if short:
        body["DocNumber"] = content.number
    query = {"requestid": idempotency_key}
    request = company_request("journalentry", query, body=msgspec.json.encode(body))
    return msgspec.structs.replace(request, scope="journal.post")


def command_receipt(command: Command, reply: Reply) -> Receipt:  # noqa: ARG001 - the protocol's shape
    """Return what came of it; `vendor_ref` is the id of the journal entry."""
    errors = errors_of(reply)
    if errors:
        first = errors[0]
        message = f"QuickBooks refused: {first.message} {first.detail}"[:_MESSAGE_CHARS_MAX]
        if first.number == STALE:
            return Receipt(state=ReceiptState.LATER, code=first.code, after_s=_AGAIN_S)
        return Receipt(state=ReceiptState.REFUSED, code=first.code[:20], message=message.strip())
    try:
        made = msgspec.json.decode(reply.body, type=_Answer).entry
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Receipt(state=ReceiptState.UNKNOWN, code="reply_unreadable")
    return Receipt(state=ReceiptState.DONE, vendor_ref=made.id)


def _line(line: PostJournalLine) -> dict[str, object]:
    amount = line.amount.amount
    if amount % _CENT:
        raise Refused("QuickBooks keeps two decimals; round the journal's lines.", decimals_max=2)
    detail = {
        "PostingType": "Debit" if amount >= 0 else "Credit",
        "AccountRef": {"value": line.account_ref},
    }
    return {
        "Amount": msgspec.Raw(f"{abs(amount):f}".encode()),
        "DetailType": "JournalEntryLineDetail",
        "JournalEntryLineDetail": detail,
        **({"Description": line.memo} if line.memo else {}),
    }

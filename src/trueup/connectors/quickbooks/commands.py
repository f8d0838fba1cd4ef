"""A journal entry as a command: QuickBooks keeps our key, so a repeat gets the first answer.

How long it keeps keys is not published. So what nobody knows is looked for first: by its number,
else by its day; our own name in the note says that it is ours.
"""

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
_PAGE_SIZE = 500
_TAX_ON = {"sales": "Sales", "purchases": "Purchase"}


class _Made(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="Id")


class _Answer(msgspec.Struct, gc=False):
    entry: _Made = msgspec.field(name="JournalEntry")


class _Entry(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="Id")
    note: str | None = msgspec.field(default=None, name="PrivateNote")


class _Entries(msgspec.Struct, gc=False):
    entries: list[_Entry] = msgspec.field(default_factory=list, name="JournalEntry")
    start: int = msgspec.field(default=1, name="startPosition")


class _Found(msgspec.Struct, gc=False):
    response: _Entries = msgspec.field(name="QueryResponse")


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
    told = [content.memo or "", "" if short else content.number, _mark(command)]
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


def find_request(command: Command, idempotency_key: str) -> Request:
    """Return the query for entries that may be it; a note can not be searched."""
    del idempotency_key
    return _query(command, start=1)


def found(command: Command, idempotency_key: str, reply: Reply) -> Receipt:
    """Return DONE with the entry that has our own name in its note; LATER where there is none."""
    del idempotency_key
    try:
        page = msgspec.json.decode(reply.body, type=_Found).response
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Receipt(state=ReceiptState.UNKNOWN, code="reply_unreadable")
    for entry in page.entries:
        if _mark(command) in (entry.note or ""):
            return Receipt(state=ReceiptState.DONE, vendor_ref=entry.id)
    further = None
    if len(page.entries) == _PAGE_SIZE:
        further = _query(command, start=page.start + _PAGE_SIZE)
    return Receipt(state=ReceiptState.LATER, further=further)


def _query(command: Command, *, start: int) -> Request:
    content = command.content
    if not isinstance(content, PostJournal):
        raise Refused("QuickBooks is not asked to do this", command=command.kind)
    if len(content.number) <= _DOC_NUMBER_CHARS_MAX:
        number = content.number.replace("\\", "\\\\").replace("'", "\\'")
        where = f"DocNumber = '{number}'"
    else:
        where = f"TxnDate = '{content.posted_on.isoformat()}'"
    text = (
        f"SELECT * FROM JournalEntry WHERE {where}"  # noqa: S608 - a quoted number or a day
        f" ORDERBY MetaData.LastUpdatedTime STARTPOSITION {start} MAXRESULTS {_PAGE_SIZE}"
    )
    return company_request("query", {"query": text})


def _mark(command: Command) -> str:
    """Return our own name of the command, as it stands in the note."""
    return f"[{command.ref}]"


def _line(line: PostJournalLine) -> dict[str, object]:
    amount = line.amount.amount
    if amount % _CENT:
        raise Refused("QuickBooks keeps two decimals; round the journal's lines.", decimals_max=2)
    detail: dict[str, object] = {
        "PostingType": "Debit" if amount >= 0 else "Credit",
        "AccountRef": {"value": line.account_ref},
    }
    if line.tax_code is not None:
        detail["TaxCodeRef"] = {"value": line.tax_code}
        detail["TaxApplicableOn"] = _TAX_ON[line.tax_on or "sales"]
    return {
        "Amount": msgspec.Raw(f"{abs(amount):f}".encode()),
        "DetailType": "JournalEntryLineDetail",
        "JournalEntryLineDetail": detail,
        **({"Description": line.memo} if line.memo else {}),
    }

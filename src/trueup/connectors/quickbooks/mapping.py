"""What QuickBooks' bodies mean. Pure: whatever comes in, it answers with records or a reason."""

from collections.abc import Callable

import msgspec

from trueup.canon.issue import Issue
from trueup.connectors.quickbooks.entity import BY_PATH, LEVEL
from trueup.connectors.quickbooks.event import EventShape, entity_in
from trueup.connectors.quickbooks.fault import malformed, misshapen
from trueup.connectors.quickbooks.gone import map_deleted
from trueup.connectors.quickbooks.goods import map_item, map_level, map_purchase
from trueup.connectors.quickbooks.ledger import map_journal
from trueup.connectors.quickbooks.sale import map_document, map_payment
from trueup.contract.connector import Fetch, Mapped, Source

_REASONS = {
    "account": "accounts are named by journals",
    "billpayment": "the bill itself tells what is left of it",
    "budget": "a budget is a plan",
    "class": "classes are not read",
    "currency": "currencies stand on each document",
    "customer": "documents tell who the customer is",
    "department": "departments are not read",
    "deposit": "payouts come from who pays them",
    "employee": "employees are nobody's business here",
    "estimate": "an estimate is an offer",
    "journalcode": "journal codes are not read",
    "paymentmethod": "payment methods are not read",
    "preferences": "preferences change no document",
    "purchase": "expenses are not read",
    "taxagency": "tax agencies are not read",
    "term": "terms stand on each document",
    "timeactivity": "working time is not read",
    "transfer": "a transfer between accounts of the company is not read",
    "vendor": "documents tell who the supplier is",
    "vendorcredit": "a supplier's credit has no place in the records yet",
}


class _Head(msgspec.Struct, gc=False):
    status: str | None = None


def map_source(source: Source) -> Mapped:
    """Return what a body means, or why it means nothing."""
    if b"\\u0000" in source.body:
        return Mapped(issues=(malformed("U+0000"),))
    if source.body.lstrip()[:1] == b"<":
        return Mapped(issues=(malformed("XML"),))
    try:
        if source.topic.startswith("qbo."):
            return _hint(source)
        return _entity(source)
    except msgspec.ValidationError as fault:
        return Mapped(issues=(misshapen(fault),))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as fault:
        return Mapped(issues=(malformed(type(fault).__name__),))


def _entity(source: Source) -> Mapped:
    name = source.topic.rpartition("/")[2]
    if msgspec.json.decode(source.body, type=_Head).status == "Deleted":
        return map_deleted(name, source.body, source.raised_at or source.received_at)
    home = source.settings.get("home_currency", "")
    read = _READERS.get(name)
    if read is not None:
        return read(source.body, home)
    if name in _DOCUMENTS:
        return map_document(name, source.body, home)
    return Mapped(ignored="an entity that is not read here")


def _hint(source: Source) -> Mapped:
    """Return the wish to read what an event names: the event itself tells no more than its id."""
    event = msgspec.json.decode(source.body, type=EventShape)
    if source.settings.get("realm_id", event.intuitaccountid) != event.intuitaccountid:
        return Mapped(ignored="it is about another company that uses the same app")
    word = entity_in(event.type)
    entity = BY_PATH.get(word)
    if entity is None:
        return _ignored(word, event.type)
    numbers = (event.intuitentityid, event.data.deletedid if event.data else None)
    refs = [f"{event.intuitaccountid}/{number}" for number in numbers if number]
    return Mapped(fetch=tuple(Fetch(resource=entity.name, ref=ref) for ref in refs))


def _ignored(word: str, told: str) -> Mapped:
    reason = _REASONS.get(word)
    if reason is not None:
        return Mapped(ignored=reason)
    issue = Issue(
        code="quickbooks.event_unknown",
        expected="an event that Trueup knows of",
        found=told[:100],
        how_to_fix="Nothing, if it is about no money and no goods; report the word to Trueup.",
    )
    return Mapped(issues=(issue,), ignored="nobody knows what this event means")


_DOCUMENTS = frozenset(("Invoice", "SalesReceipt", "CreditMemo", "RefundReceipt", "Bill"))
_READERS: dict[str, Callable[[bytes, str], Mapped]] = {
    "Item": map_item,
    LEVEL: map_level,
    "PurchaseOrder": map_purchase,
    "JournalEntry": map_journal,
    "Payment": map_payment,
}

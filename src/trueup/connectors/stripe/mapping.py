"""What a body means: an event with its object, or an object that was read. Pure and total."""

from collections.abc import Callable

import msgspec

from trueup.canon.issue import Issue
from trueup.canon.record import Record
from trueup.connectors.stripe import fault
from trueup.connectors.stripe.payment import charge_of, dispute_of, refund_of
from trueup.connectors.stripe.settlement import entries_wanted, entry_of, payout_of
from trueup.connectors.stripe.shape import (
    ChargeShape,
    DisputeShape,
    EntryShape,
    EventShape,
    Named,
    PayoutEntryShape,
    PayoutShape,
    RefundShape,
)
from trueup.connectors.stripe.stamp import Told
from trueup.contract.connector import Mapped, Source
from trueup.contract.fault import Unsound

Handler = Callable[[bytes, Told], Mapped]

_EVENT = msgspec.json.Decoder(EventShape)
_NAMED = msgspec.json.Decoder(Named)
_CHARGE = msgspec.json.Decoder(ChargeShape)
_REFUND = msgspec.json.Decoder(RefundShape)
_DISPUTE = msgspec.json.Decoder(DisputeShape)
_ENTRY = msgspec.json.Decoder(EntryShape)
_PAYOUT_ENTRY = msgspec.json.Decoder(PayoutEntryShape)
_PAYOUT = msgspec.json.Decoder(PayoutShape)


def map_source(source: Source) -> Mapped:
    """Return the canonical records and the issues of one body; never raises on bad input."""
    way, _, noun = source.topic.partition("/")
    try:
        if way in {"pull", "fetch"}:
            return _read(noun, source)
        return _happened(source)
    except msgspec.ValidationError as wrong:
        return Mapped(issues=(fault.misshapen(wrong),))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        return Mapped(issues=(fault.malformed(wrong),))
    except Unsound as wrong:
        return Mapped(issues=(fault.unsound(wrong),))


def _read(noun: str, source: Source) -> Mapped:
    handler = _HANDLERS.get(noun)
    if handler is None:
        msgspec.json.decode(source.body, type=dict[str, msgspec.Raw])
        return Mapped(ignored=_why_not(noun))
    return handler(source.body, Told(source))


def _happened(source: Source) -> Mapped:
    """Map the object of an event as it was then; events of other objects are left aside."""
    event = _EVENT.decode(source.body)
    if not event.type.startswith(_READ_EVENTS):
        return Mapped(ignored=_why_not(event.type))
    noun = _NAMED.decode(event.data.object).object
    handler = _HANDLERS.get(noun)
    if handler is None:
        return Mapped(ignored=_why_not(noun))
    return handler(bytes(event.data.object), Told(source, event.created))


def _charge(body: bytes, told: Told) -> Mapped:
    issues: list[Issue] = []
    return _mapped(charge_of(_CHARGE.decode(body), told, issues), issues)


def _refund(body: bytes, told: Told) -> Mapped:
    issues: list[Issue] = []
    return _mapped(refund_of(_REFUND.decode(body), told, issues), issues)


def _dispute(body: bytes, told: Told) -> Mapped:
    issues: list[Issue] = []
    return _mapped(dispute_of(_DISPUTE.decode(body), told, issues), issues)


def _entry(body: bytes, told: Told) -> Mapped:  # noqa: ARG001 - a line has its own stamp
    issues: list[Issue] = []
    return _mapped(entry_of(_ENTRY.decode(body), issues), issues)


def _payout_entry(body: bytes, told: Told) -> Mapped:  # noqa: ARG001 - as above
    issues: list[Issue] = []
    shape = _PAYOUT_ENTRY.decode(body)
    return _mapped(entry_of(shape.balance_transaction, issues, shape.payout), issues)


def _payout(body: bytes, told: Told) -> Mapped:
    issues: list[Issue] = []
    shape = _PAYOUT.decode(body)
    payout = payout_of(shape, told, issues)
    return Mapped(records=(payout,), issues=tuple(issues), fetch=entries_wanted(shape))


def _mapped(record: Record, issues: list[Issue]) -> Mapped:
    return Mapped(records=(record,), issues=tuple(issues))


_HANDLERS: dict[str, Handler] = {
    "charge": _charge,
    "refund": _refund,
    "dispute": _dispute,
    "balance_transaction": _entry,
    "payout_entry": _payout_entry,
    "payout": _payout,
}
_READ_EVENTS = ("charge.", "refund.", "payout.")
_IGNORED = {
    "payment_intent": "an intent is a plan; its charges tell the money",
    "balance": "the account is read line by line, which tells more than its sum",
    "transfer": "a transfer moves money between a platform's own accounts",
    "invoice": "an invoice's payment comes as a charge",
    "checkout": "a checkout's payment comes as a charge",
    "customer": "customers are read from the systems that own them",
    "account": "the account's settings are no record",
    "webhook_endpoint": "endpoints are looked after by the hub",
}


def _why_not(word: str) -> str:
    noun = word.partition(".")[0]
    return _IGNORED.get(noun, "nothing in the hub reads this kind of object")

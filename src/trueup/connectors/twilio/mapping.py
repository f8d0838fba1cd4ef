"""What Twilio tells means. Pure: whatever comes in, it answers with records or a reason.

A form has no time: that a message came, or came to its end, is read again from the API, so that the
order in which forms arrive does not matter.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.canon.link import Link, LinkSpace
from trueup.canon.message import Direction, Message, MessagePerson, MessageState
from trueup.canon.price import Price
from trueup.connectors.twilio.shape import MessageShape, instant
from trueup.connectors.twilio.webhook import fields_of, sid_of, wish_ref
from trueup.contract.connector import Fetch, Mapped, Source
from trueup.contract.fault import Faults
from trueup.contract.phone import e164
from trueup.contract.stopping import is_stop
from trueup.kernel.money import Money

FAULTS: Final = Faults(
    vendor="Twilio",
    malformed_code="twilio.body_malformed",
    invalid_code="twilio.field_invalid",
)
STOPS: Final = frozenset(("cancel", "revoke"))
"""What asks for no more by SMS besides what does everywhere."""

STATES: Final = {
    "accepted": MessageState.QUEUED,
    "scheduled": MessageState.QUEUED,
    "queued": MessageState.QUEUED,
    "sending": MessageState.QUEUED,
    "sent": MessageState.SENT,
    "partially_delivered": MessageState.SENT,
    "delivered": MessageState.DELIVERED,
    "read": MessageState.READ,
    "undelivered": MessageState.FAILED,
    "failed": MessageState.FAILED,
    "canceled": MessageState.FAILED,
    "receiving": MessageState.RECEIVED,
    "received": MessageState.RECEIVED,
}
_ON_ITS_WAY: Final = frozenset(("accepted", "scheduled", "queued", "sending", "sent"))
_MESSAGE = msgspec.json.Decoder(MessageShape)


def map_source(source: Source) -> Mapped:
    """Return the message of a body, or what must be read to know it."""
    if b"\\u0000" in source.body:
        return Mapped(issues=(FAULTS.unreadable("U+0000"),))
    read = _READERS.get(source.topic, _other)
    try:
        return read(source)
    except msgspec.ValidationError as fault:
        return Mapped(issues=(FAULTS.misshapen(fault),))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        return Mapped(issues=(FAULTS.unreadable(type(fault).__name__),))


def _message(source: Source) -> Mapped:
    shape = _MESSAGE.decode(source.body)
    state = STATES.get(shape.status, MessageState.UNKNOWN)
    updated_at = shape.updated_at
    if updated_at is None:
        return Mapped(issues=(_undated(shape.sid),))
    issues: list[Issue] = []
    if state is MessageState.UNKNOWN:
        issues.append(_status_unknown(shape.status, shape.sid))
    phone = e164(_bare(shape.to if shape.is_ours else shape.sender))
    is_whatsapp = (shape.to or "").startswith("whatsapp:")
    text = shape.body or None
    return Mapped(
        records=(
            Message(
                ref=shape.sid,
                updated_at=updated_at,
                direction=Direction.OUT if shape.is_ours else Direction.IN,
                state=state,
                medium="whatsapp" if is_whatsapp else "sms",
                created_at=shape.created_at,
                sent_at=instant(shape.date_sent) if shape.is_ours else None,
                delivered_at=updated_at if state is MessageState.DELIVERED else None,
                error_code=str(shape.error_code) if shape.error_code is not None else None,
                price=_price(shape),
                opt_out=not shape.is_ours and is_stop(text or "", STOPS),
                links=_links(shape.sid, phone),
                person=MessagePerson(phone=phone, text=text),
            ),
        ),
        issues=tuple(issues),
    )


def _received(source: Source) -> Mapped:
    fields = fields_of(source.body)
    sid, ref = sid_of(fields), wish_ref(fields)
    if sid is None:
        return _other(source)
    read = (Fetch(resource="message", ref=sid),)
    if ref is None:
        return Mapped(fetch=read)
    phone, at = e164(_bare(fields.get("From"))), source.raised_at or source.received_at
    wish = Message(
        ref=ref,
        updated_at=at,
        direction=Direction.IN,
        state=MessageState.RECEIVED,
        medium="sms",
        created_at=at,
        opt_out=fields.get("OptOutType", "").upper() == "STOP",
        links=_links(None, phone),
        person=MessagePerson(phone=phone),
    )
    return Mapped(records=(wish,), fetch=read)


def _status(source: Source) -> Mapped:
    fields = fields_of(source.body)
    sid = sid_of(fields)
    if sid is None:
        return _other(source)
    if fields.get("MessageStatus") in _ON_ITS_WAY:
        return Mapped(ignored="the message is on its way; its end tells")
    return Mapped(fetch=(Fetch(resource="message", ref=sid),))


def _other(source: Source) -> Mapped:
    if not fields_of(source.body):
        return Mapped(issues=(FAULTS.unreadable("no fields"),))
    return Mapped(ignored="it tells of no message")


def _bare(address: str | None) -> str:
    """Return an address without its channel ("whatsapp:")."""
    return (address or "").removeprefix("whatsapp:")


def _price(shape: MessageShape) -> Price | None:
    """Return what a message cost; Twilio tells it as what was taken, below zero."""
    unit = shape.price_unit or ""
    if shape.price is None or len(unit) != 3 or not unit.isalpha() or not unit.isascii():
        return None
    return Price(Money(-Decimal(shape.price), unit.upper()))


def _links(sid: str | None, phone: str | None) -> tuple[Link, ...]:
    found = (LinkSpace.MESSAGE, sid), (LinkSpace.PHONE, phone)
    return tuple(Link(space, value) for space, value in found if value)


def _status_unknown(word: str, sid: str) -> Issue:
    return Issue(
        code="twilio.status_unknown",
        severity=Severity.WARNING,
        pointer="/status",
        expected=f"one of {', '.join(STATES)}",
        found=word if word.replace("_", "").isalnum() and word.isascii() else "another word",
        how_to_fix="Tell Trueup of the new word.",
        ref=f"message/{sid}",
    )


def _undated(sid: str) -> Issue:
    return Issue(
        code="twilio.field_invalid",
        severity=Severity.ERROR,
        pointer="/date_updated",
        expected="a time with its zone",
        found="another value",
        how_to_fix="Look at the message in Twilio's console; report it if Twilio sends this.",
        ref=f"message/{sid}",
    )


_READERS: Final[dict[str, Callable[[Source], Mapped]]] = {
    "pull/message": _message,
    "fetch/message": _message,
    "received": _received,
    "status": _status,
}

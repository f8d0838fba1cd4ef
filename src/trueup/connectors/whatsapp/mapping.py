"""What WhatsApp tells means: a customer's message, the state of one of ours, or news. Pure."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.canon.link import Link, LinkSpace
from trueup.canon.message import Direction, Message, MessagePerson, MessageState
from trueup.connectors.whatsapp.content import said
from trueup.connectors.whatsapp.news import news_of
from trueup.connectors.whatsapp.phone import of_whatsapp
from trueup.connectors.whatsapp.shape import Delivery, Incoming, Inner, Preference, Status, Value
from trueup.connectors.whatsapp.webhook import instant, preference_ref
from trueup.connectors.whatsapp.words import words_of
from trueup.contract.connector import Mapped, Source

_STATES = {
    "sent": MessageState.SENT,
    "delivered": MessageState.DELIVERED,
    "read": MessageState.READ,
    "played": MessageState.READ,
    "failed": MessageState.FAILED,
}
_WANTED = {"stop": True, "resume": False, "signup": False}


def map_source(source: Source) -> Mapped:
    """Return the records and the issues of one change; never raises on bad input."""
    if b"\\u0000" in source.body:
        return _parked("", "text without the character U+0000", "U+0000")
    try:
        delivery = msgspec.json.decode(source.body, type=Delivery)
    except msgspec.ValidationError as fault:
        text, _, place = str(fault).partition(" - at `")
        return _parked(place.rstrip("`").removeprefix("$").replace(".", "/"), text, "another value")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _parked("", "a change in JSON", "other bytes")
    values = [
        change.value
        for entry in delivery.entry
        for change in entry.changes
        if change.field == source.topic
    ]
    if not values:
        return _parked("/entry", f"a change of the topic {source.topic[:60]!r}", "none")
    handler = _HANDLERS.get(source.topic)
    if handler is None:
        return news_of(source.topic, values)
    return _joined([handler(value) for value in values])


def _joined(parts: list[Mapped]) -> Mapped:
    records = tuple(record for part in parts for record in part.records)
    issues = tuple(issue for part in parts for issue in part.issues)
    reasons = [part.ignored for part in parts if part.ignored]
    ignored = reasons[0] if reasons and not records and not issues else None
    return Mapped(records=records, issues=issues, ignored=ignored)


def _messages(value: Value) -> Mapped:
    found = [_incoming(message, value) for message in value.messages]
    found += [_status(status) for status in value.statuses]
    return _joined(found) if found else Mapped(ignored="it holds neither message nor status")


def _preferences(value: Value) -> Mapped:
    found = [_preference(preference, value) for preference in value.user_preferences]
    return _joined(found) if found else Mapped(ignored="it holds no preference")


_HANDLERS: dict[str, Callable[[Value], Mapped]] = {
    "messages": _messages,
    "user_preferences": _preferences,
}


def _incoming(message: Incoming, value: Value) -> Mapped:
    at = instant(message.timestamp)
    if at is None:
        return _parked("/messages/timestamp", "seconds since 1970", "another value")
    if message.type == "system":
        return Mapped(ignored="WhatsApp tells of a customer's number; nobody said anything")
    if message.revoke is not None:
        return _record(message.revoke.original_message_id, at, message, value, deleted=True)
    if message.edit is not None:
        ref, inner = message.edit.original_message_id, message.edit.message
        return _record(ref, at, message, value, inner=inner)
    return _record(message.id, at, message, value, inner=message)


def _record(
    ref: str,
    at: datetime,
    message: Incoming,
    value: Value,
    *,
    inner: Inner | None = None,
    deleted: bool = False,
) -> Mapped:
    content = said(inner) if inner is not None else None
    contact = next((c for c in value.contacts if c.wa_id == message.sender), None)
    contact = contact or next(iter(value.contacts), None)
    phone = of_whatsapp(message.sender)
    record = Message(
        ref=ref,
        updated_at=at,
        direction=Direction.IN,
        state=MessageState.RECEIVED,
        medium="whatsapp",
        created_at=at if ref == message.id else None,
        opt_out=content.opt_out if content else False,
        deleted=deleted,
        links=_links(ref, phone),
        person=MessagePerson(
            phone=phone,
            name=contact.profile.name if contact and contact.profile else None,
            text=content.text if content else None,
            attachments=content.attachments if content else (),
        ),
    )
    issues = [] if content is None or content.known else [_type_unknown(inner)]
    if message.sender and phone is None:
        issues.append(_phone_unknown())
    return Mapped(records=(record,), issues=tuple(issues))


def _status(status: Status) -> Mapped:
    if status.type == "call":
        return Mapped(ignored="calls are not kept")
    at = instant(status.timestamp)
    if at is None:
        return _parked("/statuses/timestamp", "seconds since 1970", "another value")
    state = _STATES.get(status.status, MessageState.UNKNOWN)
    is_group = status.recipient_type == "group"
    phone = of_whatsapp(status.recipient_participant_id if is_group else status.recipient_id)
    code = status.errors[0].code if status.errors else None
    record = Message(
        ref=status.id,
        updated_at=at,
        direction=Direction.OUT,
        state=state,
        medium="whatsapp",
        sent_at=at if state is MessageState.SENT else None,
        delivered_at=at if state is MessageState.DELIVERED else None,
        read_at=at if state is MessageState.READ else None,
        error_code=str(code) if code is not None else None,
        command_ref=status.biz_opaque_callback_data or None,
        links=_links(status.id, phone),
        person=MessagePerson(phone=phone),
    )
    issues: list[Issue] = []
    if state is MessageState.UNKNOWN:
        issues.append(_word_unknown("status", status.status, ", ".join(_STATES)))
    if state is MessageState.FAILED:
        issues.append(_failed(code))
    return Mapped(records=(record,), issues=tuple(issues))


def _preference(preference: Preference, value: Value) -> Mapped:
    at = instant(preference.timestamp)
    who = preference.wa_id or preference.user_id
    if at is None:
        return _parked("/user_preferences/timestamp", "seconds since 1970", "another value")
    ref, phone = preference_ref(who, preference.timestamp), of_whatsapp(preference.wa_id)
    contact = next(iter(value.contacts), None)
    wanted = _WANTED.get(preference.value)
    record = Message(
        ref=ref,
        updated_at=at,
        direction=Direction.IN,
        state=MessageState.RECEIVED,
        medium="whatsapp",
        created_at=at,
        opt_out=bool(wanted),
        links=_links(None, phone),
        person=MessagePerson(
            phone=phone,
            name=contact.profile.name if contact and contact.profile else None,
            text=preference.detail,
        ),
    )
    unknown = _word_unknown("preference", preference.value, ", ".join(_WANTED))
    return Mapped(records=(record,), issues=() if wanted is not None else (unknown,))


def _links(ref: str | None, phone: str | None) -> tuple[Link, ...]:
    found = [(LinkSpace.MESSAGE, ref), (LinkSpace.PHONE, phone)]
    return tuple(Link(space, value) for space, value in found if value)


def _failed(code: int | None) -> Issue:
    return Issue(
        code="whatsapp.message_failed",
        severity=Severity.NOTE,
        pointer="/statuses/errors/code",
        expected="a message that arrives",
        found=f"{code}: {words_of(code)}" if code is not None else "no reason",
        how_to_fix="Reach the customer another way if it matters.",
    )


def _type_unknown(inner: Inner | None) -> Issue:
    found = inner.type if inner is not None else ""
    return Issue(
        code="whatsapp.type_unknown",
        severity=Severity.WARNING,
        pointer="/messages/type",
        expected="a kind of message that we know",
        found=_word(found),
        how_to_fix="Look at the message in WhatsApp; what it says is not kept.",
    )


def _phone_unknown() -> Issue:
    return Issue(
        code="whatsapp.phone_unknown",
        severity=Severity.WARNING,
        pointer="/messages/from",
        expected="a phone number",
        found="another value",
        how_to_fix="The message is kept without the customer's number; look who it is.",
    )


def _word_unknown(what: str, found: str, known: str) -> Issue:
    return Issue(
        code=f"whatsapp.{what}_unknown",
        severity=Severity.WARNING,
        pointer=f"/{what}",
        expected=f"one of {known}",
        found=_word(found),
        how_to_fix="Tell Trueup of the new word.",
    )


def _word(text: str) -> str:
    plain = text.replace("_", "").isalnum() and text.isascii() and len(text) <= 40
    return text if plain else "another word"


def _parked(pointer: str, expected: str, found: str) -> Mapped:
    issue = Issue(
        code="whatsapp.body_malformed",
        severity=Severity.ERROR,
        pointer=pointer,
        expected=expected,
        found=found,
        how_to_fix="Look at the body of the event; if WhatsApp really sends this, tell Trueup.",
    )
    return Mapped(issues=(issue,))

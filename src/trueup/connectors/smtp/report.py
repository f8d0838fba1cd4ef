"""Reads reports of mail servers: RFC 3464, and the other mails that come to the same address."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as Mail
from email.policy import compat32
from email.utils import parsedate_to_datetime

import msgspec

PARTS_MAX = 200
_MESSAGE_ID = re.compile(r"<([^<>\s]{3,250})>")
_STATUS = re.compile(r"([245])\.\d{1,3}\.\d{1,3}")
_AUTO_PRECEDENCE = frozenset(("auto_reply", "auto-reply"))
_AUTO_HEADERS = ("x-autoreply", "x-autorespond", "x-auto-response-suppress")


_TANGLED = (MessageError, LookupError, ValueError, TypeError, AttributeError, RecursionError)
"""How the standard library says that it can not make sense of a mail."""


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the mail for one recipient, in the report's own words."""

    action: str
    status: str | None
    address: str | None
    diagnostic: str | None
    attempted_at: datetime | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One report.

    Attributes:
        original_id: the Message-ID of the mail that it is about.
        reported_at: by the report's own date.
        subject: of the mail that it is about.
    """

    original_id: str | None
    reported_at: datetime | None
    recipients: tuple[Recipient, ...]
    subject: str | None = None


class Unreadable(Exception):
    """The bytes are no mail that can be read."""


def read(body: bytes) -> Report | str:
    """Return the report, or the reason why the mail is none and rightly has no effect.

    Raises:
        Unreadable: it is neither a report nor a mail of a known kind.
    """
    try:
        return _read(body)
    except _TANGLED as fault:
        raise Unreadable("a mail that can be taken apart") from fault


def _read(body: bytes) -> Report | str:
    mail = message_from_bytes(body, policy=compat32)
    parts = list(_parts(mail))
    status = next((p for p in parts if p.get_content_type() == "message/delivery-status"), None)
    if status is None:
        if is_automatic(mail):
            return "an automatic answer says nothing about delivery"
        raise Unreadable("a report with a part message/delivery-status")
    return Report(
        original_id=_original_id(mail, parts),
        reported_at=_date(_header(mail, "date")),
        recipients=tuple(_recipients(status)),
        subject=_original_subject(parts),
    )


def is_automatic(mail: Mail) -> bool:
    """Tell whether a machine answered for somebody (RFC 3834, and what came before it)."""
    said = (_header(mail, "auto-submitted") or "no").partition(";")[0].strip().lower()
    precedence = (_header(mail, "precedence") or "").strip().lower()
    return (
        said != "no"
        or precedence in _AUTO_PRECEDENCE
        or any(_header(mail, name) is not None for name in _AUTO_HEADERS)
    )


def _parts(mail: Mail) -> Iterator[Mail]:
    """Yield the mail and the parts of its own body; not those of a mail inside it."""
    waiting, count = [mail], 0
    while waiting and count < PARTS_MAX:
        part = waiting.pop(0)
        count += 1
        yield part
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting += [child for child in part.get_payload() if isinstance(child, Mail)]


def _recipients(status: Mail) -> Iterator[Recipient]:
    """Yield what is said of each recipient: the first group of fields is about the report."""
    groups = status.get_payload() if status.is_multipart() else []
    for group in [g for g in groups if isinstance(g, Mail)][:PARTS_MAX]:
        action = _header(group, "action")
        if action is None:
            continue
        found = _STATUS.search(_header(group, "status") or "")
        address = _header(group, "original-recipient") or _header(group, "final-recipient")
        yield Recipient(
            action=action.strip().lower()[:40],
            status=found[0] if found else None,
            address=_typed(address),
            diagnostic=_typed(_header(group, "diagnostic-code")),
            attempted_at=_date(_header(group, "last-attempt-date")),
        )


def _original_id(mail: Mail, parts: list[Mail]) -> str | None:
    """Return the Message-ID of the returned mail, or of what the report answers."""
    for head in _returned(parts):
        if found := _MESSAGE_ID.search(_header(head, "message-id") or ""):
            return found[1]
    for name in ("in-reply-to", "references"):
        if found := _MESSAGE_ID.search(_header(mail, name) or ""):
            return found[1]
    return None


def _original_subject(parts: list[Mail]) -> str | None:
    subjects = (_header(head, "subject") for head in _returned(parts))
    return next((text for text in subjects if text), None)


def _returned(parts: list[Mail]) -> Iterator[Mail]:
    """Yield the head of the mail that comes back with the report, whole or its headers alone."""
    for part in parts:
        kind, payload = part.get_content_type(), part.get_payload()
        if kind == "message/rfc822" and isinstance(payload, list):
            yield from [child for child in payload[:1] if isinstance(child, Mail)]
        elif kind in {"text/rfc822-headers", "message/rfc822-headers"}:
            raw = part.get_payload(decode=True)
            content = raw if isinstance(raw, bytes) else str(payload).encode(errors="replace")
            yield message_from_bytes(content.lstrip(), policy=compat32)


def _header(mail: Mail, name: str) -> str | None:
    """Return a header as text on one line; None where it is missing or can not be read."""
    value = mail.get(name)
    if value is None:
        return None
    try:
        text = str(make_header(decode_header(str(value))))
    except _TANGLED:
        text = str(value)
    clean = "".join(char if char.isprintable() else " " for char in text)
    return clean.encode(errors="replace").decode().strip()[:1000] or None


def _typed(value: str | None) -> str | None:
    """Return the value of `rfc822; mia@home.example`."""
    if value is None:
        return None
    return value.partition(";")[2].strip() or value


def _date(text: str | None) -> datetime | None:
    """Return the instant in UTC; None without a zone, or where it can not be read."""
    if text is None:
        return None
    try:
        found = parsedate_to_datetime(text)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None

"""Replies, notes, changes and new tickets.

A comment carries our own name of the command in its audit's metadata, and is looked for by it
before anything is repeated. A new ticket carries it as `external_id`; its idempotency key too, but
Zendesk forgets keys after hours, and the hub asks for days. Tags are added and taken away by calls
of their own, so that nobody's tag is lost.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import msgspec

from trueup.canon.command import ChangeTicket, CommandContent, CreateTicket, ReplyToTicket
from trueup.canon.ticket import Priority, TicketStatus
from trueup.connectors.zendesk.api import get, write
from trueup.connectors.zendesk.mapping import REF_KEY, command_ref_in
from trueup.connectors.zendesk.pull import comments_path
from trueup.connectors.zendesk.shape import MetadataShape
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused

EXTERNAL_REF = "trueup:"
SETTLES = timedelta(minutes=2)
"""A call whose reply was lost may still be at work so long: what is not found yet may come."""

SKEW = timedelta(minutes=15)
"""How far the vendor's clock may be behind ours."""

_PRIORITIES = {
    Priority.LOW: "low",
    Priority.NORMAL: "normal",
    Priority.HIGH: "high",
    Priority.URGENT: "urgent",
}
_STATUSES = {
    TicketStatus.NEW: "new",
    TicketStatus.OPEN: "open",
    TicketStatus.PENDING: "pending",
    TicketStatus.ON_HOLD: "hold",
    TicketStatus.SOLVED: "solved",
    TicketStatus.CLOSED: "closed",
}


class _Event(msgspec.Struct, gc=False):
    id: int | None = None
    type: str | None = None


class _Audit(msgspec.Struct, gc=False):
    id: int
    events: list[_Event] = []


class _Id(msgspec.Struct, gc=False):
    id: int


class _Updated(msgspec.Struct, gc=False):
    ticket: _Id
    audit: _Audit | None = None


class _Comment(msgspec.Struct, gc=False):
    id: int
    metadata: MetadataShape | None = None
    created_at: datetime | None = None


class _Meta(msgspec.Struct, gc=False):
    has_more: bool = False


class _Found(msgspec.Struct, gc=False):
    comments: list[_Comment] = []
    tickets: list[_Id] = []
    meta: _Meta = msgspec.field(default_factory=_Meta)


_UPDATED = msgspec.json.Decoder(_Updated)
_FOUND = msgspec.json.Decoder(_Found)
_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def command_request(command: Command, idempotency_key: str) -> Request:
    """Return the call that carries a command out.

    Raises:
        Refused: it can not be said to Zendesk in one call; says how it can.
    """
    content = command.content
    if isinstance(content, ReplyToTicket):
        text = {"html_body": content.html} if content.html else {"body": content.text}
        ticket = {
            "comment": {**text, "public": content.public},
            "metadata": {REF_KEY: command.ref},
        }
        return write("PUT", f"/api/v2/tickets/{_path(content.ticket_ref)}", {"ticket": ticket})
    if isinstance(content, CreateTicket):
        key = ("idempotency-key", idempotency_key)
        return write("POST", "/api/v2/tickets", {"ticket": _created(command, content)}, key)
    return _change(_changed(content))


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return what came of it: the comment's id, or the ticket's."""
    content = command.content
    if isinstance(content, ChangeTicket):
        return Receipt(state=ReceiptState.DONE, vendor_ref=content.ticket_ref)
    try:
        updated = _UPDATED.decode(reply.body)
    except _FAULTS:
        return Receipt(state=ReceiptState.UNKNOWN, code="reply_unreadable")
    if isinstance(content, CreateTicket):
        return Receipt(state=ReceiptState.DONE, vendor_ref=str(updated.ticket.id))
    events = updated.audit.events if updated.audit else []
    ids = [event.id for event in events if event.type == "Comment" and event.id is not None]
    if not ids:
        return Receipt(state=ReceiptState.UNKNOWN, code="no_comment_told")
    return Receipt(state=ReceiptState.DONE, vendor_ref=str(ids[0]))


def find_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - by our name
    """Return the call that looks whether it was done: newest comments first, or the ticket."""
    content = command.content
    if isinstance(content, CreateTicket):
        return get(f"/api/v2/tickets?external_id={quote(EXTERNAL_REF + command.ref, safe='')}")
    ref = content.ticket_ref if isinstance(content, ReplyToTicket | ChangeTicket) else ""
    return get(comments_path(_path(ref), "-created_at"))


def found(command: Command, idempotency_key: str, reply: Reply) -> Receipt:  # noqa: ARG001
    """Return DONE where our name stands at the vendor, LATER where it surely does not."""
    try:
        listed = _FOUND.decode(reply.body)
    except _FAULTS:
        return Receipt(state=ReceiptState.UNKNOWN, code="reply_unreadable")
    ids = [ticket.id for ticket in listed.tickets]
    ids += [
        comment.id
        for comment in listed.comments
        if comment.metadata and command_ref_in(comment.metadata.custom) == command.ref
    ]
    if ids:
        return Receipt(state=ReceiptState.DONE, vendor_ref=str(ids[0]))
    if _may_be_at_work(command, reply):
        return Receipt(state=ReceiptState.UNKNOWN, code="not_found_yet")
    if listed.meta.has_more and not _reaches_back(listed, command):
        return Receipt(state=ReceiptState.UNKNOWN, code="too_many_comments")
    return Receipt(state=ReceiptState.LATER, code="not_found")


def _created(command: Command, content: CreateTicket) -> dict[str, Any]:
    ticket: dict[str, Any] = {
        "subject": content.subject,
        "comment": {"body": content.text},
        "requester": {"email": content.email, "name": content.name or content.email},
        "external_id": EXTERNAL_REF + command.ref,
        "metadata": {REF_KEY: command.ref},
    }
    if content.tags:
        ticket["tags"] = list(content.tags)
    if content.priority is not None:
        ticket["priority"] = _word(_PRIORITIES, content.priority)
    return ticket


def _change(content: ChangeTicket) -> Request:
    """Add tags, take tags away, or set fields: each has its own call, and keeps others' tags."""
    path = f"/api/v2/tickets/{_path(content.ticket_ref)}"
    fields = _fields(content)
    if sum(map(bool, (content.tags_added, content.tags_removed, fields))) != 1:
        raise Refused(
            "Zendesk adds tags, takes tags away and sets fields by different calls. Order one "
            "command for each."
        )
    if any(" " in tag for tag in (*content.tags_added, *content.tags_removed)):
        raise Refused("A tag of Zendesk has no blanks: it would become several.")
    if content.tags_added:
        return write("PUT", f"{path}/tags", {"tags": list(content.tags_added)})
    if content.tags_removed:
        return write("DELETE", f"{path}/tags", {"tags": list(content.tags_removed)})
    return write("PUT", path, {"ticket": fields})


def _fields(content: ChangeTicket) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if content.status is not None:
        fields["status"] = _word(_STATUSES, content.status)
    if content.priority is not None:
        fields["priority"] = _word(_PRIORITIES, content.priority)
    if content.assignee_ref is not None:
        fields["assignee_id"] = int(_path(content.assignee_ref)) if content.assignee_ref else None
    if content.team_ref is not None:
        fields["group_id"] = int(_path(content.team_ref)) if content.team_ref else None
    return fields


def _word(words: Mapping[Any, str], value: Priority | TicketStatus) -> str:
    if value not in words:
        known = ", ".join(sorted(map(str, words)))
        raise Refused(f"Zendesk has no {value.value!r}; it knows: {known}")
    return words[value]


def _changed(content: CommandContent) -> ChangeTicket:
    if not isinstance(content, ChangeTicket):
        raise Refused(f"Zendesk can not do {content.command}.")
    return content


def _path(ref: str) -> str:
    """Accept nothing but a number: it becomes part of an address."""
    if not ref.isascii() or not ref.isdecimal():
        raise Refused("An id of Zendesk is a number.")
    return ref


def _may_be_at_work(command: Command, reply: Reply) -> bool:
    """Tell whether the lost call can be so young that the vendor is still at it."""
    try:
        now = parsedate_to_datetime(reply.headers["date"])
        return now - (command.sent_at or command.wanted_at) < SETTLES
    except (KeyError, TypeError, ValueError, OverflowError):
        return False


def _reaches_back(listed: _Found, command: Command) -> bool:
    """Tell whether the comments read go back to before the command was ordered."""
    oldest = listed.comments[-1].created_at if listed.comments else None
    if oldest is None or oldest.tzinfo is None:
        return False
    return oldest < command.wanted_at - SKEW

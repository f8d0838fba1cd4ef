"""Notes, replies, changes and new tickets.

Gorgias keeps no idempotency keys: a repeat acts again. What is made carries our own name of the
command in `external_id`, and is looked for by it before anything is repeated. What is changed is
set to a value, or added to and taken from the tags, which a repeat does not do twice.
"""

import html
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import msgspec

from trueup.canon.command import (
    ChangeTicket,
    CommandContent,
    CreateTicket,
    ReplyToTicket,
    SendMessage,
)
from trueup.canon.ticket import Priority, TicketStatus
from trueup.connectors.gorgias.api import get, write
from trueup.connectors.gorgias.pull import messages_path
from trueup.connectors.gorgias.reading import utc
from trueup.connectors.gorgias.shape import Id, SendingFaultShape
from trueup.connectors.gorgias.webhook import OUR_REF
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused

EXTERNAL_CHARS_MAX = 255
SETTLES = timedelta(minutes=2)
"""A call whose reply was lost may still be at work so long: what is not found yet may come."""

SKEW = timedelta(minutes=15)
"""How far the vendor's clock may be behind ours."""

_PRIORITIES = {
    Priority.LOW: "low",
    Priority.NORMAL: "normal",
    Priority.HIGH: "high",
    Priority.URGENT: "critical",
}
_STATUSES = {
    TicketStatus.NEW: "open",
    TicketStatus.OPEN: "open",
    TicketStatus.SOLVED: "closed",
    TicketStatus.CLOSED: "closed",
}


class _Made(msgspec.Struct, gc=False):
    id: Id
    external_id: str | None = None
    created_datetime: datetime | None = None
    sent_datetime: datetime | None = None
    failed_datetime: datetime | None = None
    last_sending_error: SendingFaultShape | str | None = None


class _Meta(msgspec.Struct, gc=False):
    next_cursor: str | None = None


class _List(msgspec.Struct, gc=False):
    data: list[_Made]
    meta: _Meta = msgspec.field(default_factory=_Meta)


_MADE = msgspec.json.Decoder(_Made)
_LIST = msgspec.json.Decoder(_List)
_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def command_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - no keys
    """Return the call that carries a command out.

    Raises:
        Refused: it can not be said to Gorgias in one call; says how it can.
    """
    content = command.content
    if isinstance(content, ReplyToTicket):
        return _note(command, content)
    if isinstance(content, SendMessage):
        return _reply(command, content)
    if isinstance(content, CreateTicket):
        return _create(command, content)
    return _change(_changed(content))


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return what came of it; a reply to a customer is sent after it was taken in."""
    content = command.content
    if isinstance(content, ChangeTicket):
        return Receipt(state=ReceiptState.DONE, vendor_ref=content.ticket_ref)
    try:
        made = _MADE.decode(reply.body)
    except _FAULTS:
        return Receipt(state=ReceiptState.UNKNOWN, code="reply_unreadable")
    return _sent(made) if isinstance(content, SendMessage) else _done(made)


def find_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - no keys
    """Return the call that looks whether it was done: newest messages first, or the ticket."""
    content = command.content
    if isinstance(content, CreateTicket):
        return get(f"/api/tickets?external_id={quote(_external(command), safe='')}&limit=1")
    return get(messages_path(_ticket_of(content), "desc"))


def found(command: Command, idempotency_key: str, reply: Reply) -> Receipt:  # noqa: ARG001
    """Return DONE where our name stands at the vendor, LATER where it surely does not."""
    try:
        listed = _LIST.decode(reply.body)
    except _FAULTS:
        return Receipt(state=ReceiptState.UNKNOWN, code="reply_unreadable")
    external = _external(command)
    for made in listed.data:
        if made.external_id == external:
            return _sent(made) if isinstance(command.content, SendMessage) else _done(made)
    if _may_be_at_work(command, reply):
        return Receipt(state=ReceiptState.UNKNOWN, code="not_found_yet")
    if listed.meta.next_cursor and not _reaches_back(listed, command):
        path = messages_path(_ticket_of(command.content), "desc", listed.meta.next_cursor)
        return Receipt(state=ReceiptState.UNKNOWN, code="too_many_messages", further=get(path))
    return Receipt(state=ReceiptState.LATER, code="not_found")


def confirm_request(command: Command, vendor_ref: str) -> Request:
    """Return the call that asks whether a reply to a customer was sent."""
    ticket = quote(_ticket_of(command.content), safe="")
    return get(f"/api/tickets/{ticket}/messages/{quote(vendor_ref, safe='')}")


def confirmed(command: Command, reply: Reply) -> Receipt:  # noqa: ARG001 - the reply tells
    """Return DONE once it was sent, REFUSED where it failed, else SUBMITTED."""
    try:
        return _sent(_MADE.decode(reply.body))
    except _FAULTS:
        return Receipt(state=ReceiptState.SUBMITTED, code="reply_unreadable")


def _note(command: Command, content: ReplyToTicket) -> Request:
    if content.public:
        raise Refused(
            "Gorgias wants the customer's address with a public reply, which ticket.reply does not "
            "carry. Order message.send with reply_to_ref = the ticket's id and to = the address."
        )
    agent = _agent(command.target)
    body: dict[str, Any] = {
        "channel": "internal-note",
        "via": "api",
        "from_agent": True,
        "public": False,
        "external_id": _external(command),
        "source": {"type": "internal-note"},
        **_texts(content.text, content.html),
    }
    if agent:
        body |= {"sender": {"email": agent}}
        body["source"]["from"] = {"address": agent}
    return write("POST", f"/api/tickets/{_path(content.ticket_ref)}/messages", body)


def _reply(command: Command, content: SendMessage) -> Request:
    agent, address = _agent(command.target), command.target.get("reply_address", "")
    if not content.reply_to_ref:
        raise Refused("message.send at Gorgias answers a ticket: reply_to_ref is its id.")
    if "@" not in content.to or content.template or content.attachments:
        raise Refused("Gorgias replies by e-mail here: an address, no template, no attachments.")
    if not agent or not address:
        raise Refused("agent_email and reply_address must be set on the connection for replies.")
    body: dict[str, Any] = {
        "channel": "email",
        "via": "api",
        "from_agent": True,
        "public": True,
        "external_id": _external(command),
        "sender": {"email": agent},
        "receiver": {"email": content.to},
        "source": {
            "type": "email",
            "from": {"address": address},
            "to": [{"address": content.to}],
        },
        **_texts(content.text, content.html),
    }
    if content.subject:
        body["subject"] = content.subject
    return write("POST", f"/api/tickets/{_path(content.reply_to_ref)}/messages", body)


def _create(command: Command, content: CreateTicket) -> Request:
    """A ticket in the customer's name: its message comes in, so nobody is written to."""
    customer = {"email": content.email} | ({"name": content.name} if content.name else {})
    message = {
        "channel": "api",
        "via": "api",
        "from_agent": False,
        "external_id": _external(command),
        "sender": customer,
        "subject": content.subject,
        **_texts(content.text, None),
    }
    body: dict[str, Any] = {
        "channel": "api",
        "via": "api",
        "from_agent": False,
        "external_id": _external(command),
        "customer": customer,
        "subject": content.subject,
        "messages": [message],
    }
    if content.tags:
        body["tags"] = [{"name": tag} for tag in content.tags]
    if content.priority is not None:
        body["priority"] = _word(_PRIORITIES, content.priority)
    return write("POST", "/api/tickets", body)


def _change(content: ChangeTicket) -> Request:
    """Add tags, take tags away, or set fields: each has its own call, and keeps others' tags."""
    path = f"/api/tickets/{_path(content.ticket_ref)}"
    fields = _fields(content)
    if sum(map(bool, (content.tags_added, content.tags_removed, fields))) != 1:
        raise Refused(
            "Gorgias adds tags, takes tags away and sets fields by different calls. Order one "
            "command for each."
        )
    if content.tags_added:
        return write("POST", f"{path}/tags", {"names": list(content.tags_added)})
    if content.tags_removed:
        return write("DELETE", f"{path}/tags", {"names": list(content.tags_removed)})
    return write("PUT", path, fields)


def _fields(content: ChangeTicket) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if content.status is not None:
        fields["status"] = _word(_STATUSES, content.status)
    if content.priority is not None:
        fields["priority"] = _word(_PRIORITIES, content.priority)
    if content.assignee_ref is not None:
        fields["assignee_user"] = _assigned(content.assignee_ref)
    if content.team_ref is not None:
        fields["assignee_team"] = _assigned(content.team_ref)
    return fields


def _assigned(ref: str) -> dict[str, int] | None:
    """An empty ref takes the ticket from whoever has it."""
    return {"id": int(_path(ref))} if ref else None


def _word(words: Mapping[Any, str], value: Priority | TicketStatus) -> str:
    if value not in words:
        known = ", ".join(sorted(map(str, words)))
        raise Refused(f"Gorgias has no {value.value!r}; it knows: {known}")
    return words[value]


def _texts(text: str, given: str | None) -> dict[str, str]:
    plain = html.escape(text).replace("\n", "<br>")
    return {"body_text": text, "body_html": given or f"<div>{plain}</div>"}


def _agent(target: Mapping[str, str]) -> str:
    return target.get("agent_email") or target.get("email", "")


def _external(command: Command) -> str:
    external = OUR_REF + command.ref
    if len(external) > EXTERNAL_CHARS_MAX:
        raise Refused("The command's name is longer than Gorgias keeps.")
    return external


def _ticket_of(content: CommandContent) -> str:
    if isinstance(content, SendMessage):
        return content.reply_to_ref or ""
    if isinstance(content, ReplyToTicket | ChangeTicket):
        return content.ticket_ref
    return ""


def _changed(content: CommandContent) -> ChangeTicket:
    if not isinstance(content, ChangeTicket):
        raise Refused(f"Gorgias can not do {content.command}.")
    return content


def _path(ref: str) -> str:
    """Accept nothing but a number: it becomes part of an address."""
    if not ref.isascii() or not ref.isdecimal():
        raise Refused("An id of Gorgias is a number.")
    return ref


def _done(made: _Made) -> Receipt:
    return Receipt(state=ReceiptState.DONE, vendor_ref=str(made.id))


def _sent(made: _Made) -> Receipt:
    ref = str(made.id)
    if made.failed_datetime is not None:
        told = made.last_sending_error
        code = told.code if isinstance(told, SendingFaultShape) else None
        return Receipt(state=ReceiptState.REFUSED, vendor_ref=ref, code=str(code or "failed"))
    if made.sent_datetime is not None:
        return Receipt(state=ReceiptState.DONE, vendor_ref=ref)
    return Receipt(state=ReceiptState.SUBMITTED, vendor_ref=ref)


def _may_be_at_work(command: Command, reply: Reply) -> bool:
    """Tell whether the lost call can be so young that the vendor is still at it."""
    try:
        now = parsedate_to_datetime(reply.headers["date"])
        return now - (command.sent_at or command.wanted_at) < SETTLES
    except (KeyError, TypeError, ValueError, OverflowError):
        return False


def _reaches_back(listed: _List, command: Command) -> bool:
    """Tell whether the messages read go back to before the command was ordered."""
    oldest = utc(listed.data[-1].created_datetime) if listed.data else None
    return oldest is not None and oldest < command.wanted_at - SKEW

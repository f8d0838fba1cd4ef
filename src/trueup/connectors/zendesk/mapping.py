"""What a body means. Pure and total; deliveries only hint, and what counts is read by the API."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from trueup.canon.customer import Customer, CustomerPerson
from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.message import Direction, Message, MessagePerson, MessageState
from trueup.canon.ticket import Priority, Ticket, TicketPerson, TicketStatus
from trueup.connectors.zendesk import fault
from trueup.connectors.zendesk.shape import (
    CommentPiece,
    CommentShape,
    TicketPiece,
    TicketShape,
    UserShape,
    ViaShape,
)
from trueup.connectors.zendesk.webhook import EVENT, TRIGGER, HookShape
from trueup.contract.connector import Fetch, Mapped, Source

REF_KEY = "trueup_ref"
"""The key in an audit's metadata under which our name of a command stands."""

STATUSES = {
    "new": TicketStatus.NEW,
    "open": TicketStatus.OPEN,
    "pending": TicketStatus.PENDING,
    "hold": TicketStatus.ON_HOLD,
    "solved": TicketStatus.SOLVED,
    "closed": TicketStatus.CLOSED,
    "deleted": TicketStatus.CLOSED,  # of the export, which tells of deletions by it
}
PRIORITIES = {
    "low": Priority.LOW,
    "normal": Priority.NORMAL,
    "high": Priority.HIGH,
    "urgent": Priority.URGENT,
}
ROLES = {"end-user": Direction.IN, "agent": Direction.OUT, "admin": Direction.OUT}
_GONE = ("ticket.soft_deleted", "ticket.permanently_deleted")
_TICKET = msgspec.json.Decoder(TicketPiece)
_COMMENT = msgspec.json.Decoder(CommentPiece)
_USER = msgspec.json.Decoder(UserShape)
_HOOK = msgspec.json.Decoder(HookShape)


def map_source(source: Source) -> Mapped:
    """Return the canonical records and the issues of one body; never raises on bad input."""
    is_hook = source.topic.startswith(EVENT) or source.topic == TRIGGER
    handler = _hint if is_hook else _HANDLERS.get(source.topic)
    if handler is None:
        return Mapped(ignored=f"nothing in the hub reads the topic {source.topic[:60]!r}")
    if (issue := fault.null_character(source.body)) is not None:
        return Mapped(issues=(issue,))
    try:
        return handler(source)
    except msgspec.ValidationError as wrong:
        return Mapped(issues=(fault.misshapen(wrong),))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        return Mapped(issues=(fault.malformed(wrong),))
    except OverflowError:
        return Mapped(issues=(fault.out_of_range(),))


def _hint(source: Source) -> Mapped:
    about = _HOOK.decode(source.body).about
    if about is None:
        return Mapped(issues=(fault.misshapen(_NO_SUBJECT),))
    if source.topic.removeprefix(EVENT) in _GONE:
        return Mapped(ignored="a deleted ticket can not be read; the export tells of it")
    kind, ref = about
    return Mapped(fetch=(Fetch(resource=f"{kind}s", ref=ref),))


_NO_SUBJECT = msgspec.ValidationError("Object missing required field `subject`")


def _exported(source: Source) -> Mapped:
    """A ticket of the export comes without its comments, which are read after it."""
    mapped = _ticket(source)
    fetch = tuple(
        Fetch(resource="comments", ref=record.ref)
        for record in mapped.records
        if not record.deleted
    )
    return msgspec.structs.replace(mapped, fetch=fetch)


def _ticket(source: Source) -> Mapped:
    piece = _TICKET.decode(source.body)
    shape, issues = piece.ticket, list[Issue]()
    ref = str(shape.id)
    requester = _named(piece.users, shape.requester_id)
    email, phone = _contact(requester)
    created_at = _utc(shape.created_at)
    rating = shape.satisfaction_rating
    record = Ticket(
        ref=ref,
        updated_at=_stamp(source, shape.updated_at, shape.created_at),
        deleted=shape.status == "deleted",
        links=(Link(LinkSpace.TICKET, ref), *_people_links(email, phone)),
        status=_status(shape, issues),
        status_code=shape.status,
        priority=_priority(shape, issues),
        medium=_medium(shape.via),
        created_at=created_at,
        assignee_ref=_ref(shape.assignee_id),
        team_ref=_ref(shape.group_id),
        customer_ref=_ref(shape.requester_id),
        satisfaction=rating.score if rating else None,
        person=TicketPerson(
            email=email,
            phone=phone,
            name=_text(requester.name) if requester else None,
            subject=_text(shape.subject),
            tags=tuple(sorted({tag.strip() for tag in shape.tags or ()} - {""})),
        ),
    )
    return Mapped(records=(record,), issues=tuple(issues))


def _status(shape: TicketShape, issues: list[Issue]) -> TicketStatus:
    if shape.status is None:
        return TicketStatus.UNKNOWN
    known = STATUSES.get(shape.status)
    if known is None:
        issues.append(fault.unknown_word("status", shape.status, str(shape.id), STATUSES))
    return known or TicketStatus.UNKNOWN


def _priority(shape: TicketShape, issues: list[Issue]) -> Priority:
    if shape.priority is None:
        return Priority.UNKNOWN
    known = PRIORITIES.get(shape.priority)
    if known is None:
        issues.append(fault.unknown_word("priority", shape.priority, str(shape.id), PRIORITIES))
    return known or Priority.UNKNOWN


def _comment(source: Source) -> Mapped:
    piece = _COMMENT.decode(source.body)
    shape, ticket_ref, issues = piece.comment, str(piece.ticket_id), list[Issue]()
    author = _named(piece.users, shape.author_id)
    direction = _direction(shape, author, issues)
    is_in = direction is Direction.IN
    to = shape.via.source.to if shape.via and shape.via.source else None
    email, phone = _contact(author) if is_in else (_text(to.address) if to else None, None)
    at = _utc(shape.created_at)
    record = Message(
        ref=str(shape.id),
        updated_at=_stamp(source, shape.created_at),
        links=(Link(LinkSpace.TICKET, ticket_ref),),
        direction=direction,
        state=MessageState.RECEIVED if is_in else MessageState.SENT,
        medium=_medium(shape.via) or "unknown",
        created_at=at,
        sent_at=None if is_in else at,
        ticket_ref=ticket_ref,
        command_ref=_command_ref(shape),
        person=MessagePerson(
            email=email if email and "@" in email else None,
            phone=phone,
            name=_text(author.name) if author and is_in else _text(to.name) if to else None,
            text=_text(shape.plain_body) or _text(shape.body),
            attachments=tuple(a.file_name for a in shape.attachments or () if a.file_name),
        ),
    )
    return Mapped(records=(record,), issues=tuple(issues))


def _direction(shape: CommentShape, author: UserShape | None, issues: list[Issue]) -> Direction:
    """Return who speaks, by the author's role; what is not public is a note."""
    if shape.public is False:
        return Direction.INTERNAL
    if author is None or author.role is None:
        return Direction.UNKNOWN
    known = ROLES.get(author.role)
    if known is None:
        issues.append(fault.unknown_word("role", author.role, str(shape.id), ROLES))
    return known or Direction.UNKNOWN


def _user(source: Source) -> Mapped:
    shape = _USER.decode(source.body)
    if shape.role in {"agent", "admin"}:
        return Mapped(ignored="one of the team is no customer")
    issues: list[Issue] = []
    if shape.role not in {"end-user", None}:
        issues.append(fault.unknown_word("role", str(shape.role), str(shape.id), ROLES))
    email, phone = _contact(shape)
    links = list(_people_links(email, phone))
    number = "" if shape.external_id is None else str(shape.external_id).strip()
    if number:
        links.append(Link(LinkSpace.CUSTOMER, number))
    record = Customer(
        ref=str(shape.id),
        updated_at=_stamp(source, shape.updated_at, shape.created_at),
        deleted=shape.active is False,
        links=tuple(links),
        created_at=_utc(shape.created_at),
        state="suspended" if shape.suspended else None,
        verified_email=shape.verified if email else None,
        locale=shape.locale,
        person=CustomerPerson(
            email=email,
            phone=phone,
            first_name=_text(shape.name),  # Zendesk keeps one name; nobody can say where it parts
            note=_text(shape.notes),
            tags=tuple(sorted({tag.strip() for tag in shape.tags or ()} - {""})),
        ),
    )
    return Mapped(records=(record,), issues=tuple(issues))


def _named(users: Sequence[UserShape] | None, user_id: int | None) -> UserShape | None:
    return next((user for user in users or () if user.id == user_id), None)


def _contact(user: UserShape | None) -> tuple[str | None, str | None]:
    return (_text(user.email), _text(user.phone)) if user else (None, None)


def _people_links(email: str | None, phone: str | None) -> tuple[Link, ...]:
    named = ((LinkSpace.EMAIL, email), (LinkSpace.PHONE, phone))
    return tuple(Link(space, value) for space, value in named if value)


def _command_ref(shape: CommentShape) -> str | None:
    """Return our own name of the command that made the comment."""
    return command_ref_in(shape.metadata.custom) if shape.metadata else None


def command_ref_in(custom: msgspec.Raw) -> str | None:
    """Return our own name in what an audit's metadata holds; others write there too."""
    try:
        told = msgspec.json.decode(custom)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    ref = told.get(REF_KEY) if isinstance(told, dict) else None
    return ref if isinstance(ref, str) else None


def _medium(via: ViaShape | None) -> str | None:
    return None if via is None or via.channel is None else str(via.channel)


def _ref(value: int | None) -> str | None:
    return None if value is None else str(value)


def _text(value: str | None) -> str | None:
    return (value or "").strip() or None


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(UTC)


def _stamp(source: Source, *told: datetime | None) -> datetime:
    """Return the first instant that is told; else when the delivery was raised or came in."""
    known = next((instant for instant in told if instant is not None), None)
    return known.astimezone(UTC) if known else source.raised_at or source.received_at


_HANDLERS: dict[str, Callable[[Source], Mapped]] = {
    "pull/ticket": _exported,
    "fetch/ticket": _ticket,
    "fetch/comment": _comment,
    "pull/user": _user,
    "fetch/user": _user,
}

"""What a body means. Pure and total; deliveries only hint, and what counts is read by the API."""

from collections.abc import Callable

import msgspec

from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.message import Direction, Message, MessagePerson, MessageState
from trueup.canon.ticket import Priority, Ticket, TicketPerson, TicketStatus
from trueup.connectors.gorgias import fault
from trueup.connectors.gorgias.reading import (
    CHANNELS,
    PHONE_MEDIA,
    name_of,
    order_links,
    people_links,
    phone_of,
    ref_of,
    text_of,
    utc,
)
from trueup.connectors.gorgias.shape import (
    HookShape,
    MessageShape,
    SendingFaultShape,
    TicketShape,
)
from trueup.connectors.gorgias.webhook import OUR_REF, TOPICS
from trueup.contract.connector import Fetch, Mapped, Source

PRIORITIES = {
    "low": Priority.LOW,
    "normal": Priority.NORMAL,
    "high": Priority.HIGH,
    "critical": Priority.URGENT,
}
STATUSES = {"open": TicketStatus.OPEN, "closed": TicketStatus.CLOSED, "new": TicketStatus.NEW}
SNOOZED = "snoozed"
"""Our status code of a ticket that is closed until a time: Gorgias says so in two fields."""

_NOTE = "internal-note"
_TICKET = msgspec.json.Decoder(TicketShape)
_MESSAGE = msgspec.json.Decoder(MessageShape)
_HOOK = msgspec.json.Decoder(HookShape)


def map_source(source: Source) -> Mapped:
    """Return the canonical records and the issues of one body; never raises on bad input."""
    handler = _HANDLERS.get(source.topic)
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
    ref = _HOOK.decode(source.body).ref
    if ref is None:
        return Mapped(issues=(fault.misshapen(_NO_TICKET),))
    return Mapped(fetch=(Fetch(resource="tickets", ref=ref),))


_NO_TICKET = msgspec.ValidationError("Object missing required field `ticket_id`")


def _listed(source: Source) -> Mapped:
    """A ticket of a list lacks its messages and its customer's data: it is read whole."""
    shape = _TICKET.decode(source.body)
    return Mapped(fetch=(Fetch(resource="tickets", ref=str(shape.id)),))


def _ticket(source: Source) -> Mapped:
    shape = _TICKET.decode(source.body)
    issues: list[Issue] = []
    ref = str(shape.id)
    customer = shape.customer
    email, phone = text_of(customer.email if customer else None), phone_of(customer)
    channels = (customer.channels if customer else None) or []
    strange = {each.type for each in channels if each.type and each.type not in CHANNELS}
    issues += fault.unknown_channels(strange, ref, CHANNELS)
    status, code = _status(shape, issues)
    survey = shape.satisfaction_survey
    created_at = utc(shape.created_datetime)
    record = Ticket(
        ref=ref,
        updated_at=utc(shape.updated_datetime)
        or created_at
        or source.raised_at
        or source.received_at,
        deleted=shape.trashed_datetime is not None,
        links=(
            Link(LinkSpace.TICKET, ref),
            *order_links(shape.meta, customer),
            *people_links(email, phone),
        ),
        status=status,
        status_code=code,
        priority=_priority(shape, issues),
        medium=shape.channel,
        created_at=created_at,
        closed_at=utc(shape.closed_datetime) if status is TicketStatus.CLOSED else None,
        last_customer_message_at=utc(shape.last_received_message_datetime),
        assignee_ref=ref_of(shape.assignee_user.id if shape.assignee_user else None)
        or ref_of(shape.assignee_user_id),
        team_ref=ref_of(shape.assignee_team.id if shape.assignee_team else None)
        or ref_of(shape.assignee_team_id),
        customer_ref=ref_of(customer.id if customer else None),
        satisfaction=str(survey.score) if survey and survey.score is not None else None,
        spam=bool(shape.spam),
        person=TicketPerson(
            email=email,
            phone=phone,
            name=name_of(customer),
            subject=text_of(shape.subject),
            tags=tuple(sorted({t for each in shape.tags or () if (t := text_of(each.name))})),
        ),
    )
    return Mapped(records=(record,), issues=tuple(issues))


def _status(shape: TicketShape, issues: list[Issue]) -> tuple[TicketStatus, str | None]:
    """Return whose turn it is: a closed ticket that is snoozed only waits."""
    word = shape.status
    if word is None:
        return TicketStatus.UNKNOWN, None
    status = STATUSES.get(word.lower())
    if status is None:
        issues.append(fault.unknown_word("status", word, str(shape.id), STATUSES))
        return TicketStatus.UNKNOWN, word
    if shape.snooze_datetime is not None and status is TicketStatus.CLOSED:
        return TicketStatus.ON_HOLD, SNOOZED
    unseen = shape.opened_datetime is None and not shape.from_agent
    if status is TicketStatus.OPEN and unseen:
        return TicketStatus.NEW, word
    return status, word


def _priority(shape: TicketShape, issues: list[Issue]) -> Priority:
    if shape.priority is None:
        return Priority.UNKNOWN
    known = PRIORITIES.get(shape.priority.lower())
    if known is None:
        issues.append(fault.unknown_word("priority", shape.priority, str(shape.id), PRIORITIES))
    return known or Priority.UNKNOWN


def _message(source: Source) -> Mapped:
    shape = _MESSAGE.decode(source.body)
    ticket_ref = str(shape.ticket_id)
    direction = _direction(shape)
    state, error_code = _state(shape, direction)
    stamps = (
        *(shape.created_datetime, shape.sent_datetime, shape.failed_datetime),
        *(shape.opened_datetime, shape.deleted_datetime),
    )
    told = [at for stamp in stamps if (at := utc(stamp)) is not None]
    links = [Link(LinkSpace.TICKET, ticket_ref)]
    if text_of(shape.message_id):
        links.append(Link(LinkSpace.MESSAGE, str(shape.message_id)))
    record = Message(
        ref=str(shape.id),
        updated_at=max(told, default=source.raised_at or source.received_at),
        deleted=shape.deleted_datetime is not None,
        links=(*links, *order_links(shape.meta)),
        direction=direction,
        state=state,
        medium=shape.channel or "unknown",
        created_at=utc(shape.created_datetime),
        sent_at=utc(shape.sent_datetime),
        read_at=utc(shape.opened_datetime) if state is MessageState.READ else None,
        ticket_ref=ticket_ref,
        error_code=error_code,
        command_ref=_command_ref(shape),
        person=_message_person(shape, direction),
    )
    return Mapped(records=(record,))


def _direction(shape: MessageShape) -> Direction:
    travels = shape.source.type if shape.source else None
    if shape.public is False or _NOTE in {shape.channel, travels}:
        return Direction.INTERNAL
    if shape.from_agent is None:
        return Direction.UNKNOWN
    return Direction.OUT if shape.from_agent else Direction.IN


def _state(shape: MessageShape, direction: Direction) -> tuple[MessageState, str | None]:
    """Return how far a message has come, and the code where it failed."""
    if direction is Direction.IN:
        return MessageState.RECEIVED, None
    if shape.failed_datetime is not None:
        told = shape.last_sending_error
        code = told.code if isinstance(told, SendingFaultShape) else None
        return MessageState.FAILED, "failed" if code is None else str(code)
    if direction is Direction.INTERNAL:
        return MessageState.SENT, None
    if direction is Direction.OUT and shape.opened_datetime is not None:
        return MessageState.READ, None
    if shape.sent_datetime is not None:
        return MessageState.SENT, None
    return MessageState.QUEUED, None


def _command_ref(shape: MessageShape) -> str | None:
    """Return our own name of the command, where we made it; others use the field too."""
    external = shape.external_id or ""
    return external.removeprefix(OUR_REF) if external.startswith(OUR_REF) else None


def _message_person(shape: MessageShape, direction: Direction) -> MessagePerson:
    """Return what is personal: the customer's address, whichever end it is at."""
    is_in = direction is Direction.IN
    person = shape.sender if is_in else shape.receiver
    source = shape.source
    ends = ([source.sender] if is_in else source.to or []) if source else []
    address = text_of(ends[0].address) if ends and ends[0] else None
    is_mail = address is not None and "@" in address
    is_phone = address is not None and shape.channel in PHONE_MEDIA
    return MessagePerson(
        email=text_of(person.email if person else None) or (address if is_mail else None),
        phone=address if is_phone else phone_of(person),
        name=name_of(person),
        subject=text_of(shape.subject),
        text=text_of(shape.stripped_text) or text_of(shape.body_text),
        attachments=tuple(each.name for each in shape.attachments or () if each.name),
    )


_HANDLERS: dict[str, Callable[[Source], Mapped]] = {
    **dict.fromkeys(TOPICS, _hint),
    "pull/ticket": _listed,
    "fetch/ticket": _ticket,
    "fetch/message": _message,
}

"""The bodies as Gorgias writes them, as far as Trueup reads them. Unknown fields are skipped."""

from datetime import datetime
from typing import Annotated

import msgspec

Id = (
    Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    | Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,19}$")]
)
Text = Annotated[str, msgspec.Meta(max_length=2_000_000)]
Word = Annotated[str, msgspec.Meta(max_length=255)]
NOTHING = msgspec.Raw(b"null")
"""What is not told; a raw value can not be None."""


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One object of a body."""


class ChannelShape(Shape, frozen=True, kw_only=True):
    """One address of a customer: `type` is "email", "phone"..."""

    type: Word | None = None
    address: Word | None = None
    preferred: bool | None = None


class PersonShape(Shape, frozen=True, kw_only=True):
    """A customer or one of the team."""

    id: Id | None = None
    email: Word | None = None
    name: Word | None = None
    firstname: Word | None = None
    lastname: Word | None = None
    channels: list[ChannelShape] | None = None
    integrations: msgspec.Raw = NOTHING


class TeamShape(Shape, frozen=True, kw_only=True):
    """A team, of which only the id counts."""

    id: Id | None = None


class TagShape(Shape, frozen=True, kw_only=True):
    """A tag."""

    name: Word | None = None


class SurveyShape(Shape, frozen=True, kw_only=True):
    """What the customer thought of it: 1 to 5."""

    score: int | None = None


class TicketShape(Shape, frozen=True, kw_only=True):
    """One ticket; of a list it has no messages, and so it is read without them everywhere."""

    id: Id
    status: Word | None = None
    priority: Word | None = None
    channel: Word | None = None
    subject: Text | None = None
    spam: bool | None = None
    from_agent: bool | None = None
    customer: PersonShape | None = None
    assignee_user: PersonShape | None = None
    assignee_user_id: Id | None = None
    assignee_team: TeamShape | None = None
    assignee_team_id: Id | None = None
    tags: list[TagShape] | None = None
    satisfaction_survey: SurveyShape | None = None
    meta: msgspec.Raw = NOTHING
    created_datetime: datetime | None = None
    updated_datetime: datetime | None = None
    opened_datetime: datetime | msgspec.UnsetType | None = msgspec.UNSET
    closed_datetime: datetime | None = None
    snooze_datetime: datetime | None = None
    trashed_datetime: datetime | None = None
    last_received_message_datetime: datetime | None = None


class AddressShape(Shape, frozen=True, kw_only=True):
    """Where a message goes or comes from: an e-mail address, a phone number..."""

    name: Word | None = None
    address: Word | None = None


class SourceShape(Shape, frozen=True, kw_only=True):
    """How a message travels."""

    type: Word | None = None
    sender: AddressShape | None = msgspec.field(default=None, name="from")
    to: list[AddressShape] | None = None


class AttachmentShape(Shape, frozen=True, kw_only=True):
    """A file, of which only the name is kept."""

    name: Word | None = None


class SendingFaultShape(Shape, frozen=True, kw_only=True):
    """Why a message was not sent. Its text may repeat an address, so only the code is read."""

    code: Word | int | None = None


class MessageShape(Shape, frozen=True, kw_only=True):
    """One message of a ticket."""

    id: Id
    ticket_id: Id
    message_id: Word | None = None
    external_id: Word | None = None
    channel: Word | None = None
    public: bool | None = None
    from_agent: bool | None = None
    subject: Text | None = None
    body_text: Text | None = None
    stripped_text: Text | None = None
    source: SourceShape | None = None
    sender: PersonShape | None = None
    receiver: PersonShape | None = None
    attachments: list[AttachmentShape] | None = None
    last_sending_error: SendingFaultShape | Word | None = None
    meta: msgspec.Raw = NOTHING
    created_datetime: datetime | None = None
    sent_datetime: datetime | None = None
    failed_datetime: datetime | None = None
    opened_datetime: datetime | None = None
    deleted_datetime: datetime | None = None


class _TicketOfHook(Shape, frozen=True, kw_only=True):
    id: Id | None = None


class HookShape(Shape, frozen=True, kw_only=True):
    """A delivery of an HTTP integration, in the form that `hooks` sets up."""

    event: str = ""
    ticket_id: Id | None = None
    ticket: _TicketOfHook | None = None

    @property
    def ref(self) -> str | None:
        """The ticket that it hints at."""
        named = self.ticket_id
        if named is None and self.ticket is not None:
            named = self.ticket.id
        return None if named is None else str(named)

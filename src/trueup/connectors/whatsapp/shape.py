"""The shapes of what WhatsApp tells, as far as they are read."""

from typing import Annotated, Any

import msgspec

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=250)]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Unknown fields are let through: Meta adds them without notice."""


class Text(Shape, frozen=True, kw_only=True):
    """A text."""

    body: str = ""


class Media(Shape, frozen=True, kw_only=True):
    """A medium: it stays at Meta, and is had by its id."""

    id: str | None = None
    caption: str | None = None
    filename: str | None = None


class Reaction(Shape, frozen=True, kw_only=True):
    """A sign under a message; none where it was taken back."""

    message_id: Ref | None = None
    emoji: str | None = None


class Place(Shape, frozen=True, kw_only=True):
    """A place; its coordinates are not kept."""

    name: str | None = None
    address: str | None = None


class Button(Shape, frozen=True, kw_only=True):
    """The answer of a template's button."""

    payload: str | None = None
    text: str | None = None


class Choice(Shape, frozen=True, kw_only=True):
    """The answer of an interactive message."""

    id: str | None = None
    title: str | None = None
    response: str | None = None
    body: str | None = None
    name: str | None = None


class Interactive(Shape, frozen=True, kw_only=True):
    """What was chosen."""

    type: str = ""
    button_reply: Choice | None = None
    list_reply: Choice | None = None
    nfm_reply: Choice | None = None
    call_permission_reply: Choice | None = None


class Order(Shape, frozen=True, kw_only=True):
    """A basket out of the catalogue; an order of the shop only once the shop has it."""

    text: str | None = None
    product_items: tuple[msgspec.Raw, ...] = ()


class Told(Shape, frozen=True, kw_only=True):
    """A system message."""

    body: str | None = None


class Revoked(Shape, frozen=True, kw_only=True):
    """A message that was taken back."""

    original_message_id: Ref


class Fault(Shape, frozen=True, kw_only=True):
    """What went wrong."""

    code: int


class Inner(Shape, frozen=True, kw_only=True):
    """What a message says, by its type."""

    type: str = ""
    text: Text | None = None
    image: Media | None = None
    video: Media | None = None
    audio: Media | None = None
    document: Media | None = None
    sticker: Media | None = None
    reaction: Reaction | None = None
    location: Place | None = None
    contacts: tuple[msgspec.Raw, ...] = ()
    button: Button | None = None
    interactive: Interactive | None = None
    order: Order | None = None
    system: Told | None = None
    errors: tuple[Fault, ...] = ()


class Edited(Shape, frozen=True, kw_only=True):
    """A message that was changed, and what it says now."""

    original_message_id: Ref
    message: Inner


class Incoming(Inner, frozen=True, kw_only=True):
    """A message of a customer."""

    id: Ref
    timestamp: str
    sender: str | None = msgspec.field(default=None, name="from")
    edit: Edited | None = None
    revoke: Revoked | None = None


class Status(Shape, frozen=True, kw_only=True):
    """What became of a message of ours."""

    id: Ref
    status: str
    timestamp: str
    type: str | None = None
    recipient_id: str | None = None
    recipient_type: str | None = None
    recipient_participant_id: str | None = None
    biz_opaque_callback_data: str | None = None
    errors: tuple[Fault, ...] = ()


class Preference(Shape, frozen=True, kw_only=True):
    """Whether a customer wants marketing."""

    value: str
    timestamp: int | str
    wa_id: str | None = None
    user_id: str | None = None
    category: str | None = None
    detail: str | None = None


class Profile(Shape, frozen=True, kw_only=True):
    """What a customer calls themself."""

    name: str | None = None


class Contact(Shape, frozen=True, kw_only=True):
    """Who wrote, or was written to."""

    profile: Profile | None = None
    wa_id: str | None = None


class Value(Shape, frozen=True, kw_only=True):
    """What changed: one message, one status or one preference, once a delivery was split."""

    contacts: tuple[Contact, ...] = ()
    messages: tuple[Incoming, ...] = ()
    statuses: tuple[Status, ...] = ()
    user_preferences: tuple[Preference, ...] = ()
    event: str | None = None
    message_template_name: str | None = None
    message_template_language: str | None = None
    message_template_id: int | str | None = None
    new_quality_score: str | None = None
    new_category: str | None = None
    reason: str | None = None


class Change(Shape, frozen=True, kw_only=True):
    """A change; its field is the topic."""

    field: str
    value: Value


class Entry(Shape, frozen=True, kw_only=True):
    """The changes of one account."""

    changes: tuple[Change, ...]


class Delivery(Shape, frozen=True, kw_only=True):
    """What comes to our address."""

    entry: tuple[Entry, ...]


class RawChange(Shape, frozen=True, kw_only=True):
    """A change whose content is not looked at."""

    field: str
    value: dict[str, msgspec.Raw]


class RawEntry(Shape, frozen=True, kw_only=True):
    """An entry whose changes are not looked at."""

    id: Any = None
    changes: tuple[RawChange, ...]


class RawDelivery(Shape, frozen=True, kw_only=True):
    """A delivery that is only taken apart."""

    entry: tuple[RawEntry, ...]
    object: Any = None

"""The shapes of what Slack says, as far as they are read."""

from typing import Annotated

import msgspec

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")]
Stamp = Annotated[str, msgspec.Meta(pattern=r"^\d{1,12}\.\d{1,9}$")]
TEXT_CHARS_MAX = 40_000

METADATA_TYPE = "trueup_message"
"""How our metadata is told from others'."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Unknown fields are let through: Slack adds them without notice."""


class Payload(Shape, frozen=True, kw_only=True):
    """What our metadata holds."""

    ref: str | None = None


class Metadata(Shape, frozen=True, kw_only=True):
    """What an app hides in a message for apps."""

    event_type: str = ""
    event_payload: msgspec.Raw = msgspec.Raw(b"{}")


class File(Shape, frozen=True, kw_only=True):
    """A file of a message; it stays at Slack."""

    id: str | None = None
    name: str | None = None


class Said(Shape, frozen=True, kw_only=True):
    """A message, as it stands in an event, in a history and in a reply."""

    ts: Stamp | None = None
    text: str | None = None
    user: str | None = None
    username: str | None = None
    bot_id: str | None = None
    app_id: str | None = None
    thread_ts: Stamp | None = None
    files: tuple[File, ...] | None = None
    metadata: Metadata | None = None


class Event(Said, frozen=True, kw_only=True):
    """An event; of kind message: what was said, or what became of it."""

    type: str
    subtype: str | None = None
    channel: Ref | None = None
    event_ts: Stamp | None = None
    deleted_ts: Stamp | None = None
    message: Said | None = None


class Envelope(Shape, frozen=True, kw_only=True):
    """What comes to our address."""

    type: str = ""
    event: Event
    event_id: str | None = None
    event_time: int | None = None


class Answer(Shape, frozen=True, kw_only=True):
    """What every method answers with; what is not of its kind is missing."""

    ok: bool
    error: str | None = None
    needed: str | None = None
    channel: str | None = None
    ts: Stamp | None = None
    team: str | None = None
    team_id: str | None = None
    user_id: str | None = None
    url: str | None = None
    messages: tuple[Said, ...] | None = None
    has_more: bool = False


def ref_in(metadata: Metadata | None) -> str | None:
    """Return our own name of the command that made a message; None where it is not ours."""
    if metadata is None or metadata.event_type != METADATA_TYPE:
        return None
    try:
        return msgspec.json.decode(metadata.event_payload, type=Payload).ref
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None

"""What an event means: something was said, changed or taken back in a channel. Pure."""

from datetime import UTC, datetime

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.canon.link import Link, LinkSpace
from trueup.canon.message import Direction, Message, MessagePerson, MessageState
from trueup.connectors.slack.shape import Envelope, Event, Said, ref_in
from trueup.contract.connector import Mapped, Source

_SAID = frozenset(
    (None, "bot_message", "file_share", "me_message", "thread_broadcast", "document_mention")
)
_ABOUT_THE_CHANNEL = frozenset(
    (
        *("channel_join", "channel_leave", "channel_topic", "channel_purpose", "channel_name"),
        *("channel_archive", "channel_unarchive", "channel_convert_to_private"),
        *("channel_posting_permissions", "group_join", "group_leave", "group_topic"),
        *("group_purpose", "group_name", "group_archive", "group_unarchive", "bot_add"),
        *("bot_remove", "pinned_item", "unpinned_item", "ekm_access_denied", "reminder_add"),
        *("message_replied", "reply_broadcast", "file_mention", "file_comment", "tombstone"),
        *("assistant_app_thread", "huddle_thread", "reminder_delete", "sh_room_created"),
    )
)
_GONE = frozenset(("app_uninstalled", "tokens_revoked"))
_LATEST_S = 253_402_300_799


def map_source(source: Source) -> Mapped:
    """Return the message, or why there is none; never raises on bad input."""
    if source.topic in _GONE:
        return _gone(source)
    if source.topic != "message":
        return Mapped(ignored=f"nothing in the hub reads the event {source.topic[:60]!r}")
    if b"\\u0000" in source.body:
        return _parked("text without the character U+0000", "U+0000")
    try:
        event = msgspec.json.decode(source.body, type=Envelope).event
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        return _parked("an event of Slack's in JSON", _kind_of(fault))
    if event.type != "message" or event.channel is None:
        return _parked("a message with its channel", "another event, or no channel")
    return _message(event, event.channel, source)


def _message(event: Event, channel: str, source: Source) -> Mapped:
    if event.subtype == "message_deleted":
        return _deleted(event, channel, source)
    if event.subtype == "message_changed":
        if event.message is None:
            return _parked("what the message became", "nothing")
        return _said(event.message, event, channel, source)
    if event.subtype in _ABOUT_THE_CHANNEL:
        return Mapped(ignored="it tells of the channel; nobody said anything")
    mapped = _said(event, event, channel, source)
    if event.subtype in _SAID or not mapped.records:
        return mapped
    return msgspec.structs.replace(mapped, issues=(_unknown_subtype(event.subtype or ""),))


def _said(said: Said, event: Event, channel: str, source: Source) -> Mapped:
    at = _instant(said.ts)
    if said.ts is None or at is None:
        return _parked("the message's own time (ts)", "none that can be read")
    is_bot = said.bot_id is not None
    ref = f"{channel}:{said.ts}"
    record = Message(
        ref=ref,
        updated_at=_instant(event.event_ts) or source.raised_at or at,
        direction=Direction.OUT if is_bot else Direction.INTERNAL,
        # What stands in the channel has arrived.
        state=MessageState.DELIVERED if is_bot else MessageState.RECEIVED,
        medium="slack",
        created_at=at,
        sent_at=at if is_bot else None,
        delivered_at=at if is_bot else None,
        command_ref=ref_in(said.metadata),
        links=(Link(LinkSpace.MESSAGE, ref),),
        person=MessagePerson(
            name=said.username or said.user,
            text=said.text or None,
            attachments=tuple(f.name or f.id or "" for f in said.files or ()),
        ),
    )
    return Mapped(records=(record,))


def _deleted(event: Event, channel: str, source: Source) -> Mapped:
    at = _instant(event.deleted_ts)
    if event.deleted_ts is None or at is None:
        return _parked("which message was taken back (deleted_ts)", "nothing")
    ref = f"{channel}:{event.deleted_ts}"
    record = Message(
        ref=ref,
        updated_at=_instant(event.event_ts) or source.raised_at or at,
        direction=Direction.UNKNOWN,
        state=MessageState.UNKNOWN,
        medium="slack",
        created_at=at,
        deleted=True,
        links=(Link(LinkSpace.MESSAGE, ref),),
    )
    return Mapped(records=(record,))


def _gone(source: Source) -> Mapped:
    try:
        msgspec.json.decode(source.body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        return _parked("an event of Slack's in JSON", _kind_of(fault))
    issue = Issue(
        code="connection.uninstalled",
        severity=Severity.WARNING,
        expected="an app that is installed",
        found="the app was removed, or its token was revoked",
        how_to_fix="Install the app in the workspace again and store its new token.",
    )
    return Mapped(issues=(issue,))


def _unknown_subtype(subtype: str) -> Issue:
    return Issue(
        code="slack.subtype_unknown",
        severity=Severity.WARNING,
        pointer="/event/subtype",
        expected="a kind of message that we know",
        found=subtype[:60] if subtype.replace("_", "").isalnum() else "another word",
        how_to_fix="Look at the message; tell Trueup of the new kind.",
    )


def _parked(expected: str, found: str) -> Mapped:
    issue = Issue(
        code="slack.body_malformed",
        severity=Severity.ERROR,
        expected=expected,
        found=found,
        how_to_fix="Look at the body of the event; if Slack really sends this, tell Trueup.",
    )
    return Mapped(issues=(issue,))


def _kind_of(fault: Exception) -> str:
    if isinstance(fault, RecursionError):
        return "deeper nesting than anything needs"
    return str(fault)[:200] if isinstance(fault, msgspec.ValidationError) else "other bytes"


def _instant(stamp: str | None) -> datetime | None:
    """Return the instant of a stamp, to the microsecond, as it stands in it."""
    if stamp is None:
        return None
    seconds, _, rest = stamp.partition(".")
    if int(seconds) > _LATEST_S:
        return None
    at = datetime.fromtimestamp(int(seconds), UTC)
    return at.replace(microsecond=int(rest.ljust(6, "0")[:6]))

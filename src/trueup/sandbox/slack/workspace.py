"""One workspace with our app in it: channels, messages, history with metadata, signed events."""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import Bucket, Vendor, route
from trueup.sandbox.webhooks import Delivery, Event

TOKEN = "xoxb-sandbox"  # noqa: S105 - the sandbox's public token
SCOPES = "chat:write,channels:history,groups:history"
_TEXT_CHARS_MAX = 40_000
_BLOCKS_MAX = 50
_PAGE_MAX = 999


class Channel(msgspec.Struct, kw_only=True):
    """One channel; `messages` oldest first, as Slack keeps them."""

    id: str
    member: bool = True
    archived: bool = False
    messages: list[dict[str, Any]] = []


class Workspace(Vendor):
    """A workspace.

    Args:
        clock: passes for limits and stamps.
        seed: of ids and faults.
        scopes: that were granted to the app.
    """

    scheme = VENDOR_SIGNATURES["slack"].scheme
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (50, 50 / 60)}
    retry_delays_s = (1, 60, 300)

    def __init__(self, clock: Clock | None = None, *, seed: int = 0, scopes: str = SCOPES) -> None:
        super().__init__(clock, seed=seed)
        self.scopes = scopes
        self.token = TOKEN
        self.channels: dict[str, Channel] = {}
        self._paces: dict[str, Bucket] = {}
        self._count = 0
        self._events = 0

    # -- what people do ------------------------------------------------------------------------

    def open_channel(self, channel_id: str, *, member: bool = True) -> Channel:
        """Make a channel, with our app in it or not."""
        self.channels[channel_id] = Channel(id=channel_id, member=member, messages=[])
        return self.channels[channel_id]

    def say(self, channel_id: str, text: str, user: str = "U0HUMAN00") -> str:
        """Let a person say something; returns its ts."""
        message = {"type": "message", "user": user, "text": text, "ts": self._ts()}
        return self._keep(self.channels[channel_id], message)

    def change(self, channel_id: str, ts: str, text: str) -> None:
        """Let a person change what was said."""
        message = self._find(channel_id, ts)
        message["text"] = text
        now = self._ts()
        self._tell(
            {"subtype": "message_changed", "channel": channel_id, "ts": now, "event_ts": now}
            | {"hidden": True, "message": message}
        )

    def take_back(self, channel_id: str, ts: str) -> None:
        """Let a person delete what was said."""
        channel = self.channels[channel_id]
        channel.messages.remove(self._find(channel_id, ts))
        now = self._ts()
        self._tell(
            {"subtype": "message_deleted", "channel": channel_id, "ts": now, "event_ts": now}
            | {"hidden": True, "deleted_ts": ts}
        )

    def remove_app(self) -> Event:
        """Let an administrator remove our app."""
        self.token = ""
        return self._emit({"type": "app_uninstalled"})

    def challenge(self) -> bytes:
        """Return the body by which Slack tries an address."""
        return msgspec.json.encode(
            {"token": "unused", "challenge": self.new_code(40), "type": "url_verification"}
        )

    # -- the API -------------------------------------------------------------------------------

    def refuse(self, asked: Asked) -> Reply | None:
        """Answer a wrong token as Slack does: with 200."""
        given = asked.headers.get("authorization", "")
        if not given:
            return _no("not_authed")
        return None if given == f"Bearer {self.token}" else _no("invalid_auth")

    def limited(self, bucket: Bucket) -> Reply:
        """Answer a call over the limit; whole seconds, rounded up."""
        wait_s = max(1, -int(-bucket.wait_s(self.now()) // 1))
        body = {"ok": False, "error": "ratelimited"}
        return reply_json(429, body, {"Retry-After": str(wait_s)})

    def failed(self, status: int) -> Reply:
        """Answer as Slack does when it fails inside."""
        return reply_json(status, {"ok": False, "error": "internal_error"})

    @route("GET", "/api/auth.test", scope="auth.test")
    def auth_test(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Say whose token it is."""
        del asked, places
        body = {
            "ok": True,
            "url": "https://sandbox.slack.com/",
            "team": "Sandbox",
            "user": "trueup",
            "team_id": "T0SANDBOX",
            "user_id": "U0TRUEUP0",
        }
        return reply_json(200, body, {"X-OAuth-Scopes": self.scopes})

    @route("POST", "/api/chat.postMessage", scope="message.send")
    def post(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Post a message."""
        del places
        form = asked.form()
        channel = self.channels.get(form.get("channel", ""))
        wrong = self._wrong(channel, form)
        if wrong is not None or channel is None:
            return _no(wrong or "channel_not_found")
        pace = self._paces.setdefault(channel.id, Bucket(capacity=1, refill_per_s=1))
        if not pace.take(self.now()):
            self.over_limit += 1
            return self.limited(pace)
        message: dict[str, Any] = {
            "type": "message",
            "subtype": "bot_message",
            "text": form.get("text", ""),
            "ts": self._ts(),
            "bot_id": "B0TRUEUP0",
            "app_id": "A0TRUEUP0",
        }
        if "blocks" in form:
            message["blocks"] = msgspec.json.decode(form["blocks"])
        if "metadata" in form:
            message["metadata"] = msgspec.json.decode(form["metadata"])
        if "thread_ts" in form:
            message["thread_ts"] = form["thread_ts"]
        ts = self._keep(channel, message)
        return reply_json(200, {"ok": True, "channel": channel.id, "ts": ts, "message": message})

    @route("GET", "/api/conversations.history", scope="conversations.history")
    def history(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Give what stands in the channel itself, newest first."""
        del places
        return self._page(asked, None)

    @route("GET", "/api/conversations.replies", scope="conversations.replies")
    def replies(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Give what stands in a thread, oldest first."""
        del places
        return self._page(asked, dict(asked.query).get("ts", ""))

    def _page(self, asked: Asked, thread: str | None) -> Reply:
        query = dict(asked.query)
        channel = self.channels.get(query.get("channel", ""))
        if channel is None:
            return _no("channel_not_found")
        if not channel.member:
            return _no("not_in_channel")
        oldest = query.get("oldest", "0")
        found = [m for m in channel.messages if float(m["ts"]) >= float(oldest)]
        if thread is None:
            found = [m for m in reversed(found) if m.get("thread_ts", m["ts"]) == m["ts"]]
        else:
            found = [m for m in found if thread in {m.get("thread_ts"), m["ts"]}]
        if query.get("include_all_metadata") != "true":
            found = [{k: v for k, v in m.items() if k != "metadata"} for m in found]
        limit = min(int(query.get("limit", "100")), _PAGE_MAX)
        body = {"ok": True, "messages": found[:limit], "has_more": len(found) > limit}
        return reply_json(200, body)

    def _wrong(self, channel: Channel | None, form: Mapping[str, str]) -> str | None:
        """Return Slack's word for what is wrong with a post; None where nothing is."""
        if channel is None:
            return "channel_not_found"
        text, blocks, thread = form.get("text", ""), form.get("blocks", "[]"), form.get("thread_ts")
        known = {m["ts"] for m in channel.messages}
        faults = (
            ("not_in_channel", not channel.member),
            ("is_archived", channel.archived),
            ("no_text", not text.strip() and blocks == "[]"),
            ("msg_too_long", len(text) > _TEXT_CHARS_MAX),
            ("invalid_blocks", not _can_be_shown(blocks)),
            ("thread_not_found", thread is not None and thread not in known),
        )
        return next((word for word, wrong in faults if wrong), None)

    def _keep(self, channel: Channel, message: dict[str, Any]) -> str:
        channel.messages.append(message)
        ts = str(message["ts"])
        if channel.member:
            self._tell({**message, "channel": channel.id, "event_ts": ts})
        return ts

    def _find(self, channel_id: str, ts: str) -> dict[str, Any]:
        return next(m for m in self.channels[channel_id].messages if m["ts"] == ts)

    def _ts(self) -> str:
        self._count += 1
        return f"{int(self.now().timestamp())}.{self._count:06d}"

    # -- events --------------------------------------------------------------------------------

    def _tell(self, event: dict[str, Any]) -> None:
        self._emit({"type": "message", **event})

    def _emit(self, event: dict[str, Any]) -> Event:
        self._events += 1
        body = {
            "token": "unused",
            "team_id": "T0SANDBOX",
            "api_app_id": "A0TRUEUP0",
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{self._events:08d}",
            "event_time": int(self.now().timestamp()),
        }
        return self.emit(str(event["type"]), body)

    def event_headers(self, delivery: Delivery) -> dict[str, str]:
        """Number the repeats of a delivery."""
        tries = delivery.failures
        return (
            {"x-slack-retry-num": str(tries), "x-slack-retry-reason": "http_error"} if tries else {}
        )


def _no(error: str) -> Reply:
    return reply_json(200, {"ok": False, "error": error})


def _can_be_shown(coded: str) -> bool:
    try:
        blocks = msgspec.json.decode(coded, type=list[dict[str, Any]])
    except msgspec.MsgspecError:
        return False
    longest = {"header": 150, "section": 3_000}
    return len(blocks) <= _BLOCKS_MAX and all(
        len(str((block.get("text") or {}).get("text", "")))
        <= longest.get(str(block["type"]), 3_000)
        for block in blocks
        if "type" in block
    )

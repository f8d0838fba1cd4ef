"""The whole account: everything else, and the queue that notifications go to.

The queue delivers at least once and in no order: a message that was received is hidden for a while,
and comes again unless it is deleted; some come twice from the start.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote
from xml.sax.saxutils import escape

import msgspec

from trueup.sandbox.amazon.base import stamp
from trueup.sandbox.amazon.documents import Documents
from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply
from trueup.sandbox.vendor import route

_SMALL = frozenset(("REPORT_PROCESSING_FINISHED", "FEED_PROCESSING_FINISHED"))


class Message(msgspec.Struct, kw_only=True):
    """One message; `handles` are those by which it may be deleted."""

    body: str
    seen_from: datetime
    handles: set[str] = set()
    receives: int = 0


class Amazon(Documents):
    """One seller's account at the simulated Amazon.

    Attributes:
        twice: the chance (0 to 1) that a notification is sent twice.
        lost: the chance that it is not sent at all.
    """

    key_id: ClassVar[str] = "AKIDSANDBOX"
    secret_key: ClassVar[str] = "sandbox-queue-secret"  # noqa: S105 - the sandbox's public one

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.messages: list[Message] = []
        self.twice = 0.0
        self.lost = 0.0
        self.notified = 0

    def settings(self, base_url: str) -> dict[str, str]:
        """Return the settings of a connection to this account."""
        return {
            "region": "eu",
            "seller_id": self.seller_id,
            "marketplace_ids": self.marketplace,
            "client_id": self.client_id,
            "api_base": base_url,
            "queue_url": f"{base_url}/queue/000000000000/notifications",
            "aws_access_key_id": self.key_id,
        }

    def secrets(self) -> dict[str, str]:
        """Return its secrets."""
        return {
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
            "aws_secret_access_key": self.secret_key,
        }

    def notify(self, kind: str, payload: dict[str, Any]) -> None:
        """Put a notification into the queue."""
        self.notified += 1
        meta = {
            "ApplicationId": "app-sandbox",
            "SubscriptionId": f"sub-{kind}",
            "PublishTime": stamp(self.now()),
            "NotificationId": self.new_uuid(),
        }
        body: dict[str, Any] = {
            "NotificationVersion": "1.0",
            "NotificationType": kind,
            "PayloadVersion": "1.0",
            "EventTime": stamp(self.now()),
            "Payload": payload,
            "NotificationMetadata": meta,
        }
        if kind in _SMALL:
            body = {name[:1].lower() + name[1:]: value for name, value in body.items()}
            body["notificationMetadata"] = {k[:1].lower() + k[1:]: v for k, v in meta.items()}
        if self.random.random() < self.lost:
            return
        copies = 2 if self.random.random() < self.twice else 1
        text = msgspec.json.encode(body).decode()
        self.messages += [Message(body=text, seen_from=self.now()) for _ in range(copies)]

    # -- the queue ---------------------------------------------------------------------------------

    @route("POST", "/queue/{account}/{name}", scope="queue")
    def queue(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Answer a call to the queue: receive or delete."""
        del places
        if not self._is_signed(asked):
            return _failed(403, "SignatureDoesNotMatch")
        form = asked.form()
        if form.get("Action") == "ReceiveMessage":
            return self._receive(form)
        if form.get("Action") == "DeleteMessageBatch":
            return self._delete(form)
        return _failed(400, "InvalidAction")

    def _receive(self, form: Mapping[str, str]) -> Reply:
        visible = [each for each in self.messages if each.seen_from <= self.now()]
        self.random.shuffle(visible)
        hidden_s = float(form.get("VisibilityTimeout", "30"))
        parts = []
        for message in visible[: int(form.get("MaxNumberOfMessages", "1"))]:
            handle = self.new_code(40)
            message.handles.add(handle)
            message.receives += 1
            message.seen_from = self.now() + timedelta(seconds=hidden_s)
            parts.append(
                f"<Message><MessageId>{self.new_uuid()}</MessageId>"
                f"<ReceiptHandle>{handle}</ReceiptHandle>"
                f"<Body>{escape(message.body)}</Body></Message>"
            )
        return _answer("ReceiveMessage", "".join(parts))

    def _delete(self, form: Mapping[str, str]) -> Reply:
        given = {value for name, value in form.items() if name.endswith(".ReceiptHandle")}
        self.messages = [each for each in self.messages if not each.handles & given]
        ids = [value for name, value in form.items() if name.endswith(".Id")]
        parts = [
            f"<DeleteMessageBatchResultEntry><Id>{escape(ref)}</Id></DeleteMessageBatchResultEntry>"
            for ref in ids
        ]
        return _answer("DeleteMessageBatch", "".join(parts))

    def _is_signed(self, asked: Asked) -> bool:
        """Check a signature of version 4 in the query, by AWS's rules and code of our own."""
        query = dict(asked.query)
        given = query.pop("X-Amz-Signature", "")
        key_id, _, scope = query.get("X-Amz-Credential", "").partition("/")
        if key_id != self.key_id or scope.count("/") != 3:
            return False
        pairs = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in query.items())
        canonical = "\n".join(
            (
                asked.method,
                asked.path,
                "&".join(f"{name}={value}" for name, value in pairs),
                f"host:{asked.headers['host']}\n",
                "host",
                hashlib.sha256(asked.body).hexdigest(),
            )
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{query.get('X-Amz-Date', '')}\n{scope}\n{digest}"
        key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.compare_digest(hmac.new(key, text.encode(), "sha256").hexdigest(), given)


def _answer(action: str, inner: str) -> Reply:
    body = (
        f'<?xml version="1.0"?><{action}Response xmlns="http://queue.amazonaws.com/doc/2012-11-05/">'
        f"<{action}Result>{inner}</{action}Result>"
        f"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
    )
    return Reply(body=body.encode(), content_type="text/xml")


def _failed(status: int, code: str) -> Reply:
    body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>"
    return Reply(status=status, body=body.encode(), content_type="text/xml")

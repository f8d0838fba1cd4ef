"""A Twilio account: messages by number and by day, their statuses, and customers who write back."""

import base64
import math
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

import msgspec

from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import Bucket, Vendor, route
from trueup.sandbox.webhooks import Delivery

__all__ = ["ACCOUNT", "SENDER", "TOKEN", "Account", "Sms"]

ACCOUNT = "AC" + "0" * 32
TOKEN = "sandbox-auth-token"  # noqa: S105 - the sandbox's public token
SENDER = "+15005550006"
_BODY_CHARS_MAX = 1600
_PRICE = "-0.00750"
_ROOT = f"/2010-04-01/Accounts/{ACCOUNT}"
_STOPS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit"})
_STARTS = frozenset({"start", "unstop", "yes"})


class Sms(msgspec.Struct, kw_only=True):
    """One message, and how far it came."""

    sid: str
    sender: str
    to: str
    body: str
    direction: str
    status: str
    made_at: datetime
    updated_at: datetime
    sent_at: datetime | None = None
    error_code: int | None = None
    status_url: str | None = None


class Account(Vendor):
    """One account with one number.

    Attributes:
        messages: all, oldest first.
        unreachable: numbers that messages do not arrive at.
        silent: numbers whose carrier tells no delivery.
        stopped: customers who want no more; Twilio itself keeps messages from them.
        tells_wishes: it says itself what STOP and START mean.
    """

    scheme = VENDOR_SIGNATURES["twilio"].scheme
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (20, 10)}
    retry_delays_s = (15, 60)
    webhook_secret = TOKEN
    tells_wishes = False

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.messages: list[Sms] = []
        self.unreachable: set[str] = set()
        self.silent: set[str] = set()
        self.stopped: set[str] = set()

    # -- what people do ------------------------------------------------------------------------

    def write(self, number: str, text: str) -> Sms:
        """Let a customer write."""
        word = text.strip().lower()
        self.stopped |= {number} if word in _STOPS else set()
        self.stopped -= {number} if word in _STARTS else set()
        sms = self._add(sender=number, to=SENDER, body=text, direction="inbound", status="received")
        sms.sent_at = sms.made_at
        told = {**self._form(sms), "Body": text, "SmsStatus": "received", "NumMedia": "0"}
        if self.tells_wishes and word in _STOPS | _STARTS:
            told["OptOutType"] = "STOP" if word in _STOPS else "START"
        self.emit("received", urlencode(told).encode())
        return sms

    def tell(self, number: str, text: str) -> Sms:
        """Let the brand write by hand, from the console."""
        return self._add(
            sender=SENDER, to=number, body=text, direction="outbound-api", status="queued"
        )

    def deliver_all(self) -> None:
        """Let every message arrive that can, and the others fail."""
        for sms in [each for each in self.messages if each.status in {"queued", "sent"}]:
            if sms.status == "queued":
                sms.sent_at = self.now()
                self.progress(sms, "sent")
            if sms.to in self.unreachable:
                self.progress(sms, "undelivered", code=30003)
            elif sms.to not in self.silent:
                self.progress(sms, "delivered")

    def progress(self, sms: Sms, status: str, *, code: int | None = None) -> None:
        """Let a message come further, as its callbacks tell."""
        sms.status, sms.error_code, sms.updated_at = status, code, self.now()
        told = {**self._form(sms), "MessageStatus": status, "SmsStatus": status}
        if code is not None:
            told["ErrorCode"] = str(code)
        self.emit("status", urlencode(told).encode())

    # -- the line ------------------------------------------------------------------------------

    def event_headers(self, delivery: Delivery) -> dict[str, str]:  # noqa: ARG002 - the same for all
        """Return that a form is sent."""
        return {"content-type": "application/x-www-form-urlencoded"}

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for account and token."""
        pair = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        known = asked.headers.get("authorization") == f"Basic {pair}"
        return None if known else _fault(401, 20003)

    def limited(self, bucket: Bucket) -> Reply:
        """Answer a call too many."""
        wait_s = math.ceil(bucket.wait_s(self.now()))
        body = {"code": 20429, "message": "Too Many Requests", "status": 429}
        return reply_json(429, body, {"Retry-After": str(wait_s)})

    def failed(self, status: int) -> Reply:
        """Answer as Twilio does when it fails inside."""
        return _fault(status, 20003 if status == 401 else 20500)

    @route("GET", f"{_ROOT}.json", scope="account")
    def account(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Say which account it is."""
        return reply_json(
            200, {"sid": ACCOUNT, "friendly_name": "Example Atelier", "status": "active"}
        )

    @route("POST", f"{_ROOT}/Messages.json", scope="send")
    def send(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Take a message in."""
        wish = asked.form()
        code = self._wrong(wish)
        if code is not None:
            return _fault(400, code)
        sms = self._add(
            sender=wish.get("From") or SENDER,
            to=wish["To"],
            body=wish["Body"],
            direction="outbound-api",
            status="queued",
        )
        sms.status_url = wish.get("StatusCallback")
        return reply_json(201, self._body(sms))

    @route("GET", f"{_ROOT}/Messages.json", scope="list")
    def list_messages(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """List messages, newest first; a day leaves out what was not sent yet."""
        query = dict(asked.query)
        since, to = query.get("DateSent>"), query.get("To")
        found = [each for each in reversed(self.messages) if to is None or each.to == to]
        if since is not None:
            sent = [each for each in found if each.sent_at is not None]
            found = [e for e in sent if e.sent_at and e.sent_at.date().isoformat() >= since]
        if token := query.get("PageToken"):
            sids = [each.sid for each in found]
            found = found[sids.index(token.removeprefix("PA")) + 1 :]
        size = min(int(query.get("PageSize", "50")), 1000)
        page = found[:size]
        following = None
        if len(found) > size:
            more = urlencode({**query, "PageToken": f"PA{page[-1].sid}"})
            following = f"{_ROOT}/Messages.json?{more}"
        bodies = [self._body(each) for each in page]
        return reply_json(200, {"messages": bodies, "next_page_uri": following, "page": 0})

    @route("GET", _ROOT + "/Messages/{file}", scope="read")
    def message(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - a route
        """Read one message."""
        sid = places["file"].removesuffix(".json")
        found = [each for each in self.messages if each.sid == sid]
        if not found:
            return _fault(404, 20404)
        now = {"Date": format_datetime(self.now(), usegmt=True)}
        return reply_json(200, self._body(found[0]), now)

    def _wrong(self, wish: Mapping[str, str]) -> int | None:
        """Return Twilio's code for what is wrong; None where nothing is."""
        to, body = wish.get("To", ""), wish.get("Body", "")
        if not to.startswith("+") or not to[1:].isdigit():
            return 21211
        if not body:
            return 21602
        if len(body) > _BODY_CHARS_MAX:
            return 21617
        if not wish.get("MessagingServiceSid") and wish.get("From") != SENDER:
            return 21606
        return 21610 if to in self.stopped else None

    def _add(self, **given: Any) -> Sms:  # noqa: ANN401 - the fields of a message
        now = self.now()
        sid = f"SM{len(self.messages) + 1:032x}"
        sms = Sms(sid=sid, made_at=now, updated_at=now, **given)
        self.messages.append(sms)
        return sms

    def _form(self, sms: Sms) -> dict[str, str]:
        sid = {"MessageSid": sms.sid, "SmsSid": sms.sid, "AccountSid": ACCOUNT}
        return {**sid, "From": sms.sender, "To": sms.to, "ApiVersion": "2010-04-01"}

    def _body(self, sms: Sms) -> dict[str, Any]:
        is_ended = sms.status in {"delivered", "undelivered", "received"}
        return {
            "sid": sms.sid,
            "account_sid": ACCOUNT,
            "messaging_service_sid": None,
            "from": sms.sender,
            "to": sms.to,
            "body": sms.body,
            "direction": sms.direction,
            "status": sms.status,
            "error_code": sms.error_code,
            "error_message": None,
            "num_segments": "1",
            "num_media": "0",
            "price": _PRICE if is_ended else None,
            "price_unit": "USD",
            "date_created": _stamp(sms.made_at),
            "date_sent": None if sms.sent_at is None else _stamp(sms.sent_at),
            "date_updated": _stamp(sms.updated_at),
            "uri": f"{_ROOT}/Messages/{sms.sid}.json",
        }


def _stamp(at: datetime) -> str:
    return format_datetime(at)


def _fault(status: int, code: int) -> Reply:
    body = {"code": code, "message": "refused", "status": status}
    return reply_json(status, body | {"more_info": f"https://www.twilio.com/docs/errors/{code}"})

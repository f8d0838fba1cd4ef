"""One WhatsApp number: templates, customers' windows, statuses that come later, signed updates."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec

from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import Bucket, Vendor, route
from trueup.sandbox.webhooks import Event

TOKEN = "EAA-sandbox"  # noqa: S105 - the sandbox's public token
NUMBER_ID = "300200101"
WINDOW = timedelta(hours=24)
VERSION = "v25.0"


class Sent(msgspec.Struct, kw_only=True):
    """One message that was taken in, and how far it came."""

    id: str
    to: str
    body: dict[str, Any]
    states: list[str] = []


class Account(Vendor):
    """A number at Meta.

    Attributes:
        templates: name and language -> how many variables the body takes.
        unreachable: numbers without WhatsApp.
        written_at: when each customer wrote last.
        sent: every message that was taken in.
    """

    scheme = VENDOR_SIGNATURES["whatsapp"].scheme
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"message.send": (80, 80)}
    retry_delays_s = (1, 30, 300, 3600)

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.token = TOKEN
        self.verify_token = "sandbox-verify-token"  # noqa: S105 - the sandbox's public token
        self.templates: dict[tuple[str, str], int] = {}
        self.paused: set[str] = set()
        self.unreachable: set[str] = set()
        self.written_at: dict[str, datetime] = {}
        self.sent: list[Sent] = []
        self._count = 0

    # -- what people do ------------------------------------------------------------------------

    def write(self, number: str, text: str) -> str:
        """Let a customer write; opens their window. Returns the message's id."""
        self.written_at[number] = self.now()
        return self._incoming(number, {"type": "text", "text": {"body": text}})

    def press(self, number: str, payload: str, label: str) -> str:
        """Let a customer press a button of a template."""
        self.written_at[number] = self.now()
        return self._incoming(
            number, {"type": "button", "button": {"payload": payload, "text": label}}
        )

    def progress(self, message_id: str, *states: str, code: int | None = None) -> None:
        """Let a message come further, as its statuses tell."""
        message = next(each for each in self.sent if each.id == message_id)
        for state in states:
            message.states.append(state)
            status: dict[str, Any] = {
                "id": message.id,
                "status": state,
                "timestamp": self._stamp(),
                "recipient_id": message.to.removeprefix("+"),
            }
            if ref := message.body.get("biz_opaque_callback_data"):
                status["biz_opaque_callback_data"] = ref
            if code is not None:
                status["errors"] = [{"code": code, "title": "fault"}]
            self._tell("messages", {"statuses": [status]})

    def deliver_all(self) -> None:
        """Let every message arrive that can, and the others fail."""
        for message in self.sent:
            if message.states:
                continue
            if message.to in self.unreachable:
                self.progress(message.id, "failed", code=131026)
            else:
                self.progress(message.id, "sent", "delivered")

    def take(self, to: str, body: dict[str, Any]) -> Sent:
        """Take a message in."""
        message = Sent(id=f"wamid.OUT{self._next()}", to=to, body=body, states=[])
        self.sent.append(message)
        return message

    def tell_news(self) -> None:
        """Tell of a customer's wish, of a template and of the account."""
        now = int(self.now().timestamp())
        template = {
            "message_template_id": 5501,
            "message_template_name": "parcel_late",
            "message_template_language": "en_US",
        }
        wish = {"wa_id": "491701234567", "category": "marketing_messages", "timestamp": now}
        news: dict[str, dict[str, Any]] = {
            "user_preferences": {
                "user_preferences": [wish | {"value": "stop", "detail": "no more"}]
            },
            "message_template_status_update": template | {"event": "PAUSED", "reason": "NONE"},
            "message_template_quality_update": template
            | {"previous_quality_score": "GREEN", "new_quality_score": "YELLOW"},
            "template_category_update": template | {"new_category": "MARKETING"},
            "account_update": {"event": "ACCOUNT_VIOLATION"},
        }
        for field, value in news.items():
            self._tell(field, value)

    # -- the API -------------------------------------------------------------------------------

    def refuse(self, asked: Asked) -> Reply | None:
        """Answer a wrong token."""
        known = asked.headers.get("authorization") == f"Bearer {self.token}"
        return None if known else _fault(401, 190)

    def limited(self, bucket: Bucket) -> Reply:
        """Answer a call over the limit: Meta does not say how long to wait."""
        del bucket
        return _fault(400, 130429)

    def failed(self, status: int) -> Reply:
        """Answer as Meta does when it fails inside."""
        return _fault(status, 190 if status in {401, 403} else 131000 if status >= 500 else 100)

    @route("GET", f"/{VERSION}/{NUMBER_ID}", scope="number")
    def number(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Say which number it is."""
        del asked, places
        body = {"id": NUMBER_ID, "display_phone_number": "+49 30 555000"}
        return reply_json(200, body | {"verified_name": "Sandbox", "quality_rating": "GREEN"})

    @route("POST", f"/{VERSION}/{NUMBER_ID}/messages", scope="message.send")
    def send(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Take a message in."""
        del places
        body = asked.json()
        to = str(body.get("to", ""))
        code = self._wrong(body, to)
        if code is not None:
            return _fault(400, code)
        message = self.take(to, body)
        found = {
            "messaging_product": "whatsapp",
            "contacts": [{"input": to, "wa_id": to.removeprefix("+")}],
            "messages": [{"id": message.id, "message_status": "accepted"}],
        }
        return reply_json(200, found)

    def _wrong(self, body: Mapping[str, Any], to: str) -> int | None:
        """Return Meta's code for what is wrong; None where nothing is."""
        if body.get("messaging_product") != "whatsapp" or not to.removeprefix("+").isdigit():
            return 100
        if body.get("type") == "template":
            return self._wrong_template(body.get("template") or {})
        if body.get("type") != "text" or not (body.get("text") or {}).get("body"):
            return 131008
        written_at = self.written_at.get(to)
        is_open = written_at is not None and self.now() - written_at < WINDOW
        return None if is_open else 131047

    def _wrong_template(self, template: Mapping[str, Any]) -> int | None:
        name, language = template.get("name"), (template.get("language") or {}).get("code")
        wanted = self.templates.get((str(name), str(language)))
        if wanted is None:
            return 132001
        if name in self.paused:
            return 132015
        parts = template.get("components", [])
        given = sum(len(part["parameters"]) for part in parts if part["type"] == "body")
        return None if given == wanted else 132000

    # -- updates -------------------------------------------------------------------------------

    def bundle(self, events: list[Event]) -> bytes:
        """Return one delivery that holds the changes of several, as Meta bundles them."""
        entries = [msgspec.json.decode(event.body)["entry"][0] for event in events]
        changes = [change for entry in entries for change in entry["changes"]]
        return msgspec.json.encode(
            {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}
        )

    def challenge(self, token: str | None = None) -> dict[str, str]:
        """Return the query by which Meta tries an address."""
        return {
            "hub.mode": "subscribe",
            "hub.challenge": str(self.random.getrandbits(31)),
            "hub.verify_token": self.verify_token if token is None else token,
        }

    def _incoming(self, number: str, message: dict[str, Any]) -> str:
        ref, wa_id = f"wamid.IN{self._next()}", number.removeprefix("+")
        whole = {"from": wa_id, "id": ref, "timestamp": self._stamp(), **message}
        contact = {"profile": {"name": "Sandbox Customer"}, "wa_id": wa_id}
        self._tell("messages", {"contacts": [contact], "messages": [whole]})
        return ref

    def _tell(self, field: str, value: dict[str, Any]) -> None:
        metadata = {"display_phone_number": "4930555000", "phone_number_id": NUMBER_ID}
        whole = {"messaging_product": "whatsapp", "metadata": metadata, **value}
        changes = [{"field": field, "value": whole}]
        self.emit(
            field,
            {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]},
        )

    def _stamp(self) -> str:
        return str(int(self.now().timestamp()))

    def _next(self) -> int:
        self._count += 1
        return self._count


def _fault(status: int, code: int) -> Reply:
    error = {"message": f"(#{code}) fault", "type": "OAuthException", "code": code}
    return reply_json(status, {"error": error | {"fbtrace_id": "A1"}})

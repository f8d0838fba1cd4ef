"""One account at a simulated Gorgias: its API, its people, and its unsigned hooks.

Quirks kept: cursors that grow old, lists without messages, a sending that comes after the taking
in, tags with calls of their own, no idempotency keys, and a budget of 40 calls in 20 seconds.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import msgspec

from trueup.sandbox.clock import Clock
from trueup.sandbox.gorgias.model import Customer, Message, Ticket, stamp
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import Bucket, Vendor, route
from trueup.sandbox.webhooks import Event, Subscription

EMAIL, API_KEY = "ops@shop.example", "sandbox-key"
CURSOR_LIVES = timedelta(hours=1)
_TRIGGER_OF_FORM = {
    "ticket_id": "{{ticket.id}}",
    "updated": "{{ticket.updated_datetime}}",
    "last_message": "{{ticket.last_message_datetime}}",
}


class Gorgias(Vendor):
    """The account; its API user is `EMAIL` with `API_KEY`."""

    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (40, 2.0)}
    domain = "north"

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.tickets: dict[int, Ticket] = {}
        self.forms: dict[int, dict[str, Any]] = {}
        self.tokens: set[str] = set()
        self.stale = False
        self._next_id = 1000

    # -- people --------------------------------------------------------------------------------

    def write_in(
        self,
        email: str,
        text: str,
        *,
        ticket_id: int | None = None,
        **facts: Any,  # noqa: ANN401 - fields of a ticket
    ) -> Ticket:
        """Let a customer write, in a new ticket or in one that exists."""
        now = self.now()
        if ticket_id is None:
            phone, orders = facts.pop("phone", None), facts.pop("orders", ())
            name = facts.pop("name", "Ada Moss")
            customer = Customer(self.new_id(), email, name, phone=phone, orders=orders)
            late = facts.pop("late", timedelta())
            ticket = Ticket(
                self.new_id(), customer, facts.pop("subject", "Where is it?"), now, now, now + late
            )
            for key, value in facts.items():
                setattr(ticket, key, value)
            self.tickets[ticket.id] = ticket
        else:
            ticket = self.tickets[ticket_id]
            ticket.status, ticket.snoozed_until = "open", None
        ends = {"from": {"address": email}, "to": [{"address": "support@shop.example"}]}
        self._add(
            ticket,
            Message(
                self.new_id(),
                ticket.id,
                now,
                text,
                sender=ticket.customer.view(full=False),
                source={"type": ticket.channel, **ends},
                channel=ticket.channel,
                sent_at=now,
            ),
        )
        ticket.heard_at = now
        self.tell("ticket-created" if ticket_id is None else "ticket-message-created", ticket)
        return ticket

    def change(self, ticket_id: int, **facts: Any) -> Ticket:  # noqa: ANN401 - as above
        """Let one of the team change a ticket by hand, such as `status` or `tags`."""
        ticket = self.tickets[ticket_id]
        for key, value in facts.items():
            setattr(ticket, key, value)
        self._touch(ticket)
        self.tell("ticket-updated", ticket)
        return ticket

    def wake(self, ticket_id: int) -> None:
        """Let a snoozed ticket's time come."""
        ticket = self.tickets[ticket_id]
        ticket.status, ticket.snoozed_until = "open", None
        self._touch(ticket)
        self.tell("ticket-self-unsnoozed", ticket)

    def answer_by_hand(self, ticket_id: int, text: str) -> Message:
        """Let one of the team reply."""
        ticket = self.tickets[ticket_id]
        ticket.opened_at = ticket.opened_at or self.now()
        ends: dict[str, Any] = {
            "from": {"address": "support@shop.example"},
            "to": [{"address": ticket.customer.email}],
        }
        message = Message(
            self.new_id(),
            ticket.id,
            self.now(),
            text,
            from_agent=True,
            source={"type": "email", **ends},
            sender={"id": 7, "name": "Kim"},
            receiver=ticket.customer.view(full=False),
            sent_at=self.now(),
        )
        self._add(ticket, message)
        self.tell("ticket-message-created", ticket)
        return message

    def send_waiting(self, *, fail: bool = False) -> int:
        """Send what waits to be sent, or let it bounce; returns how many."""
        count = 0
        for ticket in self.tickets.values():
            for message in ticket.messages:
                if message.from_agent and not (message.sent_at or message.failed_at):
                    setattr(message, "failed_at" if fail else "sent_at", self.now())
                    self._touch(ticket)
                    self.tell("ticket-message-failed" if fail else "ticket-updated", ticket)
                    count += 1
        return count

    # -- the API: credentials, budget ----------------------------------------------------------

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for the key or for a token that is live."""
        if asked.path == "/oauth/token":
            return None
        given = asked.headers.get("authorization", "")
        pair = base64.b64encode(f"{EMAIL}:{API_KEY}".encode()).decode()
        known = given == f"Basic {pair}" or given.removeprefix("Bearer ") in self.tokens
        return None if known and not self.stale else _error(401, "unauthorized")

    def limit_headers(self, scope: str, bucket: Bucket) -> dict[str, str]:  # noqa: ARG002
        """Return what replies say of the window, and the vendor's clock."""
        made = bucket.capacity - int(bucket.left(self.now()))
        told = f"{made:g}/{bucket.capacity:g}"
        date = format_datetime(self.now(), usegmt=True)
        return {"X-Gorgias-Account-Api-Call-Limit": told, "Date": date}

    def limited(self, bucket: Bucket) -> Reply:
        """Return the reply to a call over the limit."""
        wait_s = max(1, round(bucket.wait_s(self.now()) + 0.5))
        reply = _error(429, "too many requests")
        return msgspec.structs.replace(reply, headers={"Retry-after": str(wait_s)})

    @route("GET", "/api/account", scope="account")
    def account(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Tell whose account it is."""
        return reply_json(200, {"domain": self.domain, "status": {"status": "active"}})

    # -- the API: tickets ----------------------------------------------------------------------

    @route("GET", "/api/tickets", scope="tickets.list")
    def list_tickets(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List tickets."""
        query = dict(asked.query)
        wanted = {int(value) for key, value in asked.query if key == "ticket_ids"}
        seen = [t for t in self.tickets.values() if t.visible_at <= self.now()]
        if wanted:
            seen = [ticket for ticket in seen if ticket.id in wanted]
        if "external_id" in query:
            seen = [ticket for ticket in seen if ticket.external_id == query["external_id"]]
        field, _, way = query.get("order_by", "created_datetime:desc").partition(":")
        key = _by_update if field == "updated_datetime" else _by_creation
        return self._page(asked, seen, key, way, lambda ticket: ticket.view(full=False))

    @route("POST", "/api/tickets", scope="ticket.create")
    def create_ticket(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Make a ticket out of its first message."""
        body = asked.json()
        if not body.get("messages"):
            return _error(400, "messages is required")
        who = body.get("customer") or {"email": "unknown@shop.example"}
        if "@" not in who.get("email", ""):
            return _error(400, "customer.email is no address")
        text = str(body["messages"][0].get("body_text", ""))
        ticket = self.write_in(
            who["email"],
            text,
            name=who.get("name", who["email"]),
            subject=body.get("subject", ""),
            external_id=body.get("external_id"),
            channel=body.get("channel", "api"),
            tags=[tag["name"] for tag in body.get("tags", ())],
            priority=body.get("priority"),
        )
        ticket.messages[0].external_id = body["messages"][0].get("external_id")
        return reply_json(201, ticket.view())

    @route("GET", "/api/tickets/{id}", scope="ticket")
    def read_ticket(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Tell one ticket with its messages."""
        ticket = self._ticket(places)
        return reply_json(200, ticket.view()) if ticket else _error(404, "not found")

    @route("PUT", "/api/tickets/{id}", scope="ticket.change")
    def update_ticket(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Set fields of a ticket; tags that come along are all that it has then."""
        ticket, body = self._ticket(places), asked.json()
        if ticket is None:
            return _error(404, "not found")
        if body.get("status", "open") not in {"open", "closed"}:
            return _error(400, "status is open or closed")
        if body.get("priority", "low") not in {"low", "normal", "high", "critical"}:
            return _error(400, "priority is low, normal, high or critical")
        for key in ("status", "priority", "subject", "external_id", "spam"):
            if key in body:
                setattr(ticket, key, body[key])
        for key, name in (("assignee_user", "assignee"), ("assignee_team", "team")):
            if key in body:
                setattr(ticket, name, (body[key] or {}).get("id"))
        if "tags" in body:
            ticket.tags = [tag["name"] for tag in body["tags"]]
        if "status" in body:
            ticket.closed_at = self.now() if body["status"] == "closed" else None
            ticket.snoozed_until = None
        self._touch(ticket)
        self.tell("ticket-updated", ticket)
        return reply_json(202, ticket.view(full=False))

    @route("POST", "/api/tickets/{id}/tags", scope="ticket.change")
    def add_tags(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Add tags; those that are there stay."""
        names = asked.json().get("names", [])
        return self._retag(places, lambda tags: tags + [n for n in names if n not in tags])

    @route("DELETE", "/api/tickets/{id}/tags", scope="ticket.change")
    def remove_tags(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Take tags away; the others stay."""
        names = set(asked.json().get("names", []))
        return self._retag(places, lambda tags: [name for name in tags if name not in names])

    # -- the API: messages ---------------------------------------------------------------------

    @route("GET", "/api/messages", scope="messages")
    def list_messages(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List messages, of one ticket or of all."""
        query = dict(asked.query)
        wanted = int(query.get("ticket_id", 0))
        found = [m for t in self.tickets.values() for m in t.messages if wanted in {0, t.id}]
        _, _, way = query.get("order_by", "created_datetime:desc").partition(":")
        return self._page(asked, found, _by_creation, way, Message.view)

    @route("POST", "/api/tickets/{id}/messages", scope="message.create")
    def create_message(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Take a message in; one for the customer is sent later, by `send_waiting`."""
        ticket, body = self._ticket(places), asked.json()
        if ticket is None:
            return _error(404, "not found")
        missing = [key for key in ("channel", "from_agent", "via") if key not in body]
        is_note = body.get("channel") == "internal-note"
        if missing or not (is_note or body.get("source", {}).get("to")):
            return _error(400, f"missing: {', '.join(missing) or 'source.to'}")
        message = Message(
            self.new_id(),
            ticket.id,
            self.now(),
            str(body.get("body_text", "")),
            channel=body["channel"],
            from_agent=bool(body["from_agent"]),
            public=not is_note,
            external_id=body.get("external_id"),
            sender=body.get("sender"),
            receiver=body.get("receiver"),
            source=body.get("source", {}),
            subject=body.get("subject"),
            sent_at=self.now() if is_note else None,
        )
        self._add(ticket, message)
        self.tell("ticket-message-created", ticket)
        return reply_json(201, message.view())

    @route("GET", "/api/tickets/{id}/messages/{message}", scope="message")
    def read_message(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Tell one message."""
        ticket = self._ticket(places)
        for message in ticket.messages if ticket else ():
            if str(message.id) == places["message"]:
                return reply_json(200, message.view())
        return _error(404, "not found")

    # -- the API: HTTP integrations ------------------------------------------------------------

    @route("GET", "/api/integrations", scope="integrations")
    def list_integrations(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List HTTP integrations."""
        data = [self._integration(each) for each in self.desk.subscriptions.values()]
        return reply_json(200, {"object": "list", "data": data, "meta": {"next_cursor": None}})

    @route("POST", "/api/integrations", scope="integration.create")
    def create_integration(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Make an HTTP integration for the one trigger that it names."""
        http = asked.json()["http"]
        (topic,) = [name for name, on in http["triggers"].items() if on]
        subscription = self.subscribe(topic, http["url"])
        self.forms[subscription.id] = http["form"]
        return reply_json(201, self._integration(subscription))

    @route("DELETE", "/api/integrations/{id}", scope="integration.delete")
    def delete_integration(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Remove an HTTP integration."""
        known = self.desk.subscriptions.pop(int(places["id"]), None)
        return Reply(status=204) if known else _error(404, "not found")

    # -- the API: OAuth ------------------------------------------------------------------------

    @route("POST", "/oauth/token", scope="oauth")
    def hand_out(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Hand out an access token for a code or a refresh token."""
        form = asked.form()
        good = form.get("code") == "good-code" or form.get("refresh_token") == "good-refresh"
        if not good or not asked.headers.get("authorization", "").startswith("Basic "):
            return reply_json(400, {"error": "invalid_grant"})
        token = self.new_code()
        self.tokens.add(token)
        told = {"access_token": token, "expires_in": 86_400, "token_type": "Bearer"}
        return reply_json(200, told | {"refresh_token": "good-refresh", "scope": "tickets:read"})

    # -- hooks ---------------------------------------------------------------------------------

    def tell(self, trigger: str, ticket: Ticket) -> None:
        """Send a hook to each integration with this trigger, in the integration's own form."""
        for sink in self.sinks:
            sink(self._event(trigger, {"event": trigger, **_TRIGGER_OF_FORM}, ticket))
        for subscription in self.desk.wanted(trigger):
            form = self.forms.get(subscription.id, {"event": trigger, **_TRIGGER_OF_FORM})
            event = self._event(trigger, form, ticket)
            self.desk.accept(event, subscription, self.new_uuid(), self.now())

    def _event(self, trigger: str, form: Mapping[str, str], ticket: Ticket) -> Event:
        values = {
            "{{ticket.id}}": str(ticket.id),
            "{{ticket.updated_datetime}}": stamp(ticket.updated_at) or "",
            "{{ticket.last_message_datetime}}": stamp(ticket.last_message_at) or "",
        }
        body = {key: values.get(value, value) for key, value in form.items()}
        return Event(
            topic=trigger,
            body=msgspec.json.encode(body),
            event_id=self.new_uuid(),
            triggered_at=self.now(),
        )

    # -- inside --------------------------------------------------------------------------------

    def new_id(self) -> int:
        """Return the next id."""
        self._next_id += 1
        return self._next_id

    def _ticket(self, places: Mapping[str, str]) -> Ticket | None:
        ref = places["id"]
        return self.tickets.get(int(ref)) if ref.isdecimal() else None

    def _touch(self, ticket: Ticket) -> None:
        ticket.updated_at = max(self.now(), ticket.updated_at + timedelta(microseconds=1))

    def _add(self, ticket: Ticket, message: Message) -> None:
        ticket.messages.append(message)
        self._touch(ticket)

    def _retag(self, places: Mapping[str, str], change: Callable[[list[str]], list[str]]) -> Reply:
        ticket = self._ticket(places)
        if ticket is None:
            return _error(404, "not found")
        tags = change(ticket.tags)
        if tags != ticket.tags:
            ticket.tags = tags
            self._touch(ticket)
            self.tell("ticket-updated", ticket)
        return Reply(status=202)

    def _integration(self, subscription: Subscription) -> dict[str, Any]:
        http = {
            "url": subscription.uri,
            "method": "POST",
            "form": self.forms.get(subscription.id, {}),
            "triggers": {subscription.topic: True},
        }
        return {"id": subscription.id, "name": "Trueup", "type": "http", "http": http}

    def _page(
        self,
        asked: Asked,
        rows: list[Any],
        key: Callable[[Any], tuple[datetime, int]],
        way: str,
        view: Callable[[Any], dict[str, Any]],
    ) -> Reply:
        """Give a page after a cursor, which holds the last row's key and grows old."""
        query = dict(asked.query)
        limit = int(query.get("limit", 30))
        if not 1 <= limit <= 100:
            return _error(400, "limit is 1 to 100")
        newest_first = way != "asc"
        rows = sorted(rows, key=key, reverse=newest_first)
        if "cursor" in query:
            at, row_id, made = base64.b64decode(query["cursor"]).decode().split("|")
            if self.now() - datetime.fromisoformat(made) > CURSOR_LIVES:
                return _error(400, "the cursor is too old")
            last = datetime.fromisoformat(at), int(row_id)
            rows = [r for r in rows if (key(r) < last if newest_first else key(r) > last)]
        shown = rows[:limit]
        following = None
        if len(rows) > limit:
            at_last, id_last = key(shown[-1])
            place = f"{at_last.isoformat()}|{id_last}|{self.now().isoformat()}"
            following = base64.b64encode(place.encode()).decode()
        meta = {"prev_cursor": None, "next_cursor": following}
        body = {"object": "list", "data": [view(row) for row in shown], "meta": meta}
        return reply_json(200, body)


def _by_update(ticket: Ticket) -> tuple[datetime, int]:
    return ticket.updated_at, ticket.id


def _by_creation(row: Ticket | Message) -> tuple[datetime, int]:
    return row.created_at, row.id


def _error(status: int, message: str) -> Reply:
    return reply_json(status, {"error": {"msg": message}})

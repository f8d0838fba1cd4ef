"""One account at a simulated Zendesk: its API, its people, and its signed webhooks.

Quirks kept: a visitor is answered with 200 by `users/me`; the export is asked ten times a minute,
never about the last minute, and orders by when an entry was written; keys are known for new tickets
alone and for two hours; an update may ask to be safe; deleted tickets are told by the export alone.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import msgspec

from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import Bucket, Vendor, route
from trueup.sandbox.webhooks import Delivery
from trueup.sandbox.zendesk.model import Comment, Ticket, User, stamp

EMAIL, API_TOKEN = "bot@shop.example", "sandbox-token"
KEY_LIVES = timedelta(hours=2)
_WORDS: dict[str, set[str | None]] = {
    "status": {"new", "open", "pending", "hold", "solved", "closed"},
    "priority": {"low", "normal", "high", "urgent", None},
}


class Zendesk(Vendor):
    """The account; its API user is the agent `EMAIL` with `API_TOKEN`."""

    scheme = VENDOR_SIGNATURES["zendesk"].scheme
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "all": (200, 200 / 60),
        "export.tickets": (10, 10 / 60),
        "export.users": (10, 10 / 60),
    }

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.tickets: dict[int, Ticket] = {}
        self.users: dict[int, User] = {}
        self.stale = False
        self.tokens: set[str] = set()
        self._keys: dict[str, tuple[datetime, bytes, Reply]] = {}
        self._next_id = 5000
        self.agent = self._person(EMAIL, "Bot", role="agent")

    # -- people --------------------------------------------------------------------------------

    def write_in(
        self,
        email: str,
        text: str,
        *,
        ticket_id: int | None = None,
        late: timedelta = timedelta(),
        **facts: Any,  # noqa: ANN401 - fields of a ticket
    ) -> Ticket:
        """Let a customer write; `late`: how long the export takes to tell of it."""
        now = self.now()
        user = next((u for u in self.users.values() if u.email == email), None)
        phone, name = facts.pop("phone", None), facts.pop("name", "Ada Moss")
        user = user or self._person(email, name, phone=phone)
        if ticket_id is None:
            subject = facts.pop("subject", "Where is it?")
            ticket = Ticket(self.new_id(), user, subject, now, now, now)
            for key, value in facts.items():
                setattr(ticket, key, value)
            self.tickets[ticket.id] = ticket
        else:
            ticket = self.tickets[ticket_id]
            ticket.status = "open"
        ticket.comments.append(Comment(self.new_id(), user, text, now))
        self._touch(ticket, late)
        self._tell("ticket.created" if ticket_id is None else "ticket.comment_added", ticket)
        return ticket

    def change(self, ticket_id: int, **facts: Any) -> Ticket:  # noqa: ANN401 - as above
        """Let one of the team change a ticket by hand."""
        ticket = self.tickets[ticket_id]
        for key, value in facts.items():
            setattr(ticket, key, value)
        self._touch(ticket)
        self._tell("ticket.soft_deleted" if ticket.gone else "ticket.status_changed", ticket)
        return ticket

    # -- the API: credentials, budget ----------------------------------------------------------

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for the token; a visitor gets on to `users/me`, as at the real one."""
        if asked.path in {"/oauth/tokens", "/api/v2/users/me"} or self._is_known(asked):
            return None
        return reply_json(401, {"error": "Couldn't authenticate you"})

    def limit_headers(self, scope: str, bucket: Bucket) -> dict[str, str]:  # noqa: ARG002
        """Return what replies say: always the account's budget, and the vendor's clock."""
        account = self.buckets["all"]
        left = int(account.left(self.now()))
        return {
            "x-rate-limit": f"{account.capacity:g}",
            "x-rate-limit-remaining": str(left),
            "date": format_datetime(self.now(), usegmt=True),
        }

    def limited(self, bucket: Bucket) -> Reply:
        """Return the reply to a call over the limit."""
        wait_s = max(1, round(bucket.wait_s(self.now()) + 0.5))
        return reply_json(429, {"error": "APIRateLimitExceeded"}, {"Retry-After": str(wait_s)})

    def event_headers(self, delivery: Delivery) -> dict[str, str]:
        """Return the delivery's own id, the same at each try."""
        return {"x-zendesk-webhook-invocation-id": delivery.webhook_id}

    @route("GET", "/api/v2/users/me", scope="me")
    def me(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Tell who asks; nobody, where the credentials are wrong."""
        if self._is_known(asked):
            return reply_json(200, {"user": self.agent.view()})
        return reply_json(200, {"user": {"id": None, "name": "Anonymous user", "role": "end-user"}})

    # -- the API: exports ----------------------------------------------------------------------

    @route("GET", "/api/v2/incremental/tickets/cursor", scope="export.tickets")
    def export_tickets(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Export tickets, their requesters beside them where `include=users`."""
        rows = [(t.generated_at, t.id, t) for t in self.tickets.values()]
        shown, tail, refusal = self._export(asked, rows)
        if refusal is not None:
            return refusal
        body: dict[str, Any] = {"tickets": [row.view() for row in shown], **tail}
        if dict(asked.query).get("include") == "users":
            body["users"] = _views({row.requester.id: row.requester for row in shown}.values())
        return reply_json(200, body)

    @route("GET", "/api/v2/incremental/users/cursor", scope="export.users")
    def export_users(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Export people."""
        rows = [(u.updated_at, u.id, u) for u in self.users.values()]
        shown, tail, refusal = self._export(asked, rows)
        return refusal or reply_json(200, {"users": _views(shown), **tail})

    # -- the API: tickets ----------------------------------------------------------------------

    @route("GET", "/api/v2/tickets", scope="tickets.list")
    def list_tickets(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """List tickets by their external id."""
        wanted = dict(asked.query).get("external_id")
        found = [t for t in self.tickets.values() if not t.gone and t.external_id == wanted]
        return reply_json(200, {"tickets": _views(found), "count": len(found)})

    @route("POST", "/api/v2/tickets", scope="ticket.create")
    def create_ticket(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Make a ticket; one key makes one for two hours."""
        key = asked.headers.get("idempotency-key", "")
        known = self._keys.get(key)
        if known and self.now() - known[0] < KEY_LIVES:
            if known[1] != asked.body:
                return reply_json(400, {"error": "IdempotencyKeyParameterMismatch"})
            return msgspec.structs.replace(known[2], headers={"x-idempotency-lookup": "hit"})
        wish = asked.json()["ticket"]
        who = wish.get("requester") or {}
        if not wish.get("comment") or not who.get("name") or "@" not in who.get("email", ""):
            return reply_json(422, {"error": "RecordInvalid"})
        ticket = self.write_in(
            who["email"],
            wish["comment"]["body"],
            name=who["name"],
            subject=wish.get("subject", ""),
            external_id=wish.get("external_id"),
            channel="api",
            tags=list(wish.get("tags", ())),
            priority=wish.get("priority"),
        )
        ticket.comments[0].custom = wish.get("metadata", {})
        reply = reply_json(201, {"ticket": ticket.view(), "audit": self._audit(ticket.comments)})
        if key:
            self._keys[key] = (self.now(), asked.body, reply)
        return reply

    @route("GET", "/api/v2/tickets/{id}", scope="ticket")
    def read_ticket(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Tell one ticket."""
        ticket = self._ticket(places)
        if ticket is None:
            return _not_found()
        body: dict[str, Any] = {"ticket": ticket.view()}
        if dict(asked.query).get("include") == "users":
            body["users"] = _views([ticket.requester, self.agent])
        return reply_json(200, body)

    @route("PUT", "/api/v2/tickets/{id}", scope="ticket.update")
    def update_ticket(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Set fields and add a comment; a safe update compares the stamp first."""
        ticket, wish = self._ticket(places), asked.json()["ticket"]
        if ticket is None:
            return _not_found()
        if wish.get("safe_update") and wish.get("updated_stamp") != stamp(ticket.updated_at):
            return reply_json(409, {"error": "UpdateConflict"})
        wrong = [key for key, words in _WORDS.items() if key in wish and wish[key] not in words]
        if wrong or ticket.status == "closed":
            return reply_json(422, {"error": "RecordInvalid", "details": {k: [] for k in wrong}})
        for key in ("status", "priority", "assignee_id", "group_id", "tags", "subject"):
            if key in wish:
                setattr(ticket, key, wish[key])
        added = self._commented(ticket, wish)
        self._touch(ticket)
        self._tell("ticket.comment_added" if added else "ticket.status_changed", ticket)
        return reply_json(200, {"ticket": ticket.view(), "audit": self._audit(added)})

    @route("GET", "/api/v2/tickets/{id}/comments", scope="comments")
    def list_comments(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """List comments by cursor."""
        ticket, query = self._ticket(places), dict(asked.query)
        if ticket is None:
            return _not_found()
        rows = sorted(ticket.comments, key=lambda c: (c.created_at, c.id))
        if query.get("sort") == "-created_at":
            rows.reverse()
        start, size = int(query.get("page[after]", "0")), int(query.get("page[size]", "100"))
        shown = rows[start : start + size]
        users = {c.author.id: c.author for c in shown}.values()
        more = start + size < len(rows)
        meta = {"has_more": more, "after_cursor": str(start + len(shown))}
        return reply_json(200, {"comments": _views(shown), "users": _views(users), "meta": meta})

    @route("PUT", "/api/v2/tickets/{id}/tags", scope="ticket.tags")
    def add_tags(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Add tags; those that are there stay."""
        names = asked.json()["tags"]
        return self._retag(places, lambda tags: tags + [n for n in names if n not in tags])

    @route("DELETE", "/api/v2/tickets/{id}/tags", scope="ticket.tags")
    def remove_tags(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Take tags away; the others stay."""
        names = set(asked.json()["tags"])
        return self._retag(places, lambda tags: [name for name in tags if name not in names])

    @route("GET", "/api/v2/users/{id}", scope="user")
    def read_user(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Tell one person."""
        user = self.users.get(int(places["id"])) if places["id"].isdecimal() else None
        return reply_json(200, {"user": user.view()}) if user else _not_found()

    @route("POST", "/oauth/tokens", scope="oauth")
    def hand_out(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        """Hand out an access token for a code."""
        if asked.form().get("code") != "good-code":
            return reply_json(400, {"error": "invalid_grant"})
        token = self.new_code()
        self.tokens.add(token)
        told = {"access_token": token, "token_type": "bearer", "scope": "tickets:read"}
        return reply_json(200, told)

    # -- inside --------------------------------------------------------------------------------

    def new_id(self) -> int:
        """Return the next id."""
        self._next_id += 1
        return self._next_id

    def _person(
        self, email: str, name: str, *, role: str = "end-user", phone: str | None = None
    ) -> User:
        user = User(self.new_id(), email, name, self.now(), self.now(), role=role, phone=phone)
        self.users[user.id] = user
        return user

    def _is_known(self, asked: Asked) -> bool:
        given = asked.headers.get("authorization", "")
        pair = base64.b64encode(f"{EMAIL}/token:{API_TOKEN}".encode()).decode()
        is_token = given.removeprefix("Bearer ") in self.tokens
        return not self.stale and (given == f"Basic {pair}" or is_token)

    def _ticket(self, places: Mapping[str, str]) -> Ticket | None:
        ref = places["id"]
        ticket = self.tickets.get(int(ref)) if ref.isdecimal() else None
        return None if ticket is None or ticket.gone else ticket

    def _touch(self, ticket: Ticket, late: timedelta = timedelta()) -> None:
        ticket.updated_at = self.now()
        ticket.generated_at = self.now() + late

    def _commented(self, ticket: Ticket, wish: dict[str, Any]) -> list[Comment]:
        comment = wish.get("comment")
        if not comment:
            return []
        text = comment.get("body") or comment.get("html_body", "")
        made = Comment(
            self.new_id(),
            self.agent,
            text,
            self.now(),
            public=comment.get("public", True),
            channel="api",
            custom=wish.get("metadata", {}),
        )
        ticket.comments.append(made)
        return [made]

    def _audit(self, comments: list[Comment]) -> dict[str, Any]:
        events = [{"id": c.id, "type": "Comment", "public": c.public} for c in comments]
        custom = comments[0].custom if comments else {}
        metadata = {"system": {}, "custom": custom}
        return {"id": self.new_id(), "events": events, "metadata": metadata}

    def _retag(self, places: Mapping[str, str], change: Callable[[list[str]], list[str]]) -> Reply:
        ticket = self._ticket(places)
        if ticket is None:
            return _not_found()
        tags = change(ticket.tags)
        if tags != ticket.tags:
            ticket.tags = tags
            self._touch(ticket)
            self._tell("ticket.tags_changed", ticket)
        return reply_json(200, {"tags": tags})

    def _tell(self, event: str, ticket: Ticket) -> None:
        topic = f"zen:event-type:{event}"
        body = {
            "type": topic,
            "account_id": 12514403,
            "id": self.new_uuid(),
            "time": self.now().isoformat(),
            "zendesk_event_version": "2022-11-06",
            "subject": f"zen:ticket:{ticket.id}",
            "detail": {"id": str(ticket.id), "status": ticket.status.upper()},
            "event": {},
        }
        self.emit(topic, body)

    def _export(
        self, asked: Asked, rows: list[tuple[datetime, int, Any]]
    ) -> tuple[list[Any], dict[str, Any], Reply | None]:
        """Give a page of what was written until a minute ago, in that order."""
        query = dict(asked.query)
        if "cursor" in query:
            at, row_id = base64.b64decode(query["cursor"]).decode().split("|")
            after = (datetime.fromisoformat(at), int(row_id))
        else:
            start_at = datetime.fromtimestamp(int(query["start_time"]), UTC)
            if start_at > self.now() - timedelta(minutes=1):
                return [], {}, reply_json(422, {"error": "StartTimeTooRecent"})
            after = (start_at, -1)
        told = [row for row in rows if row[0] <= self.now() - timedelta(minutes=1)]
        left = sorted(row for row in told if (row[0], row[1]) > after)
        size = min(int(query.get("per_page", "1000")), 1000)
        shown = left[:size]
        last = (shown[-1][0], shown[-1][1]) if shown else after
        place = base64.b64encode(f"{last[0].isoformat()}|{last[1]}".encode()).decode()
        tail = {"after_cursor": place, "end_of_stream": len(left) <= size}
        return [row[2] for row in shown], tail, None


def _views(things: Iterable[Any]) -> list[dict[str, Any]]:
    return [thing.view() for thing in things]


def _not_found() -> Reply:
    return reply_json(404, {"error": "RecordNotFound", "description": "Not found"})

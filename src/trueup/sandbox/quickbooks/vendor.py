"""Intuit on the line: tokens that rotate, companies, and webhooks about all of them at once."""

import base64
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from email.utils import format_datetime
from typing import Any, ClassVar, Final

import msgspec

from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply
from trueup.sandbox.quickbooks.query import BadQueryError, changed_at, parse_query, run_query
from trueup.sandbox.vendor import Bucket, Vendor, route
from trueup.sandbox.webhooks import Event

Row = dict[str, Any]
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105 - the sandbox's public secret
REALM = "9341450000000001"
TOKEN_LIFETIME_S = 3600
_CHANGES_MAX: Final = 1000
_LOOK_BACK: Final = timedelta(days=30)
_HERE: Final = timezone(timedelta(hours=-8))
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{1,50}")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Company(msgspec.Struct):
    """One company: its entities by name and id, and what was deleted."""

    realm: str
    name: str
    entities: dict[str, dict[str, Row]] = msgspec.field(default_factory=dict)
    deleted: list[tuple[str, Row]] = msgspec.field(default_factory=list)
    answered: dict[str, Reply] = msgspec.field(default_factory=dict)
    last_id: int = 0


class Intuit(Vendor):
    """The app's companies; all share its webhooks."""

    scheme = VENDOR_SIGNATURES["quickbooks"].scheme
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (500, 500 / 60)}
    retry_delays_s: ClassVar[tuple[float, ...]] = (10, 20, 30, 300, 1200, 7200, 14_400, 21_600)

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.companies = {REALM: Company(realm=REALM, name="Sandbox Yarns Inc")}
        self._codes: dict[str, str] = {}
        self._refresh: dict[str, str] = {}
        self._access: dict[str, tuple[str, datetime]] = {}
        self.locked_until = ""

    # -- what happens in it ----------------------------------------------------------------------

    def open_company(self, realm: str, name: str) -> Company:
        """Add a company."""
        self.companies[realm] = Company(realm=realm, name=name)
        return self.companies[realm]

    def consent(self, realm: str = REALM) -> dict[str, str]:
        """Return the query of the callback after a person let the app in."""
        code = self.new_code()
        self._codes[code] = realm
        return {"code": code, "realmId": realm}

    def let_in(self, realm: str = REALM) -> tuple[str, str]:
        """Return an access token and a refresh token, as after a callback."""
        access, refresh = self.new_code(32), self.new_code(32)
        self._access[access] = (realm, self.now() + timedelta(seconds=TOKEN_LIFETIME_S))
        self._refresh[refresh] = realm
        return access, refresh

    def put(self, name: str, fields: Row, *, realm: str = REALM, at: datetime | None = None) -> Row:
        """Make or change an entity; `at`: when it is stamped, where that is not now."""
        company = self.companies[realm]
        stamp = self._stamp(at or self.now())
        rows = company.entities.setdefault(name, {})
        number = fields.get("Id") or ""
        if not number:
            company.last_id += 1
            number = str(company.last_id)
        known = rows.get(number, {"MetaData": {"CreateTime": stamp}, "SyncToken": "-1"})
        row = known | fields | {"Id": number, "domain": "QBO", "sparse": False}
        row["MetaData"] = known["MetaData"] | {"LastUpdatedTime": stamp}
        row["SyncToken"] = str(int(known["SyncToken"]) + 1)
        rows[number] = row
        return row

    def delete(self, name: str, number: str, *, realm: str = REALM) -> None:
        """Delete an entity; changes go on telling of it for a month."""
        company = self.companies[realm]
        del company.entities[name][number]
        meta = {"LastUpdatedTime": self._stamp(self.now())}
        gone = {"Id": number, "status": "Deleted", "domain": "QBO", "MetaData": meta}
        company.deleted.append((name, gone))

    def tell(self, *events: tuple[str, str, str], realms: Mapping[str, str] | None = None) -> Event:
        """Send events (entity, operation, id) in one delivery; `realms`: whose some ids are."""
        body = [
            {
                "specversion": "1.0",
                "id": self.new_uuid(),
                "source": "intuit.sandbox",
                "type": f"qbo.{name.lower()}.{operation}.v1",
                "time": self.now().isoformat().replace("+00:00", "Z"),
                "intuitentityid": number,
                "intuitaccountid": (realms or {}).get(number, REALM),
                "data": {},
            }
            for name, operation, number in events
        ]
        return self.emit("cloudevents", body)

    def expire_tokens(self) -> None:
        """Let every access token be out of date."""
        self._access.clear()

    # -- the line --------------------------------------------------------------------------------

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for a live token of the company in the address."""
        if asked.parts[:1] == ("oauth2",):
            return None
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        realm, ends_at = self._access.get(token, ("", self.now()))
        if not realm or ends_at <= self.now():
            fault = {"error": [{"message": "message=AuthenticationFailed", "code": "3200"}]}
            return self._reply(401, {"fault": fault | {"type": "AUTHENTICATION"}})
        if len(asked.parts) < 3 or asked.parts[2] != realm:
            return self._fault(403, "3100", "ApplicationAuthorizationFailed", "SERVICE")
        if dict(asked.query).get("minorversion") != "75":
            return self._fault(400, "2010", "Unsupported minor version", "ValidationFault")
        return None

    def limited(self, bucket: Bucket) -> Reply:
        """Return QuickBooks' reply to a call over the limit; it names no wait."""
        del bucket
        return self._fault(429, "003001", "message=ThrottleExceeded; errorCode=003001", "SERVICE")

    def failed(self, status: int) -> Reply:
        """Return the reply of a fault with a status."""
        return self._fault(status, "10000", "An application error has occurred", "SystemFault")

    @route("POST", "/oauth2/v1/tokens/bearer", scope="token")
    def give_token(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - as routes are called
        """Hand out tokens; the refresh token that was used is good no more."""
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {pair}":
            return self._reply(401, {"error": "invalid_client"})
        form = asked.form()
        if form.get("grant_type") == "authorization_code":
            realm = self._codes.pop(form.get("code", ""), "")
        else:
            realm = self._refresh.pop(form.get("refresh_token", ""), "")
        if not realm:
            return self._reply(400, {"error": "invalid_grant"})
        access, refresh = self.let_in(realm)
        told = {"token_type": "bearer", "access_token": access, "refresh_token": refresh}
        lives = {"expires_in": TOKEN_LIFETIME_S, "x_refresh_token_expires_in": 8_726_400}
        return self._reply(200, told | lives)

    @route("GET", "/v3/company/{realm}/query")
    def a_query(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Answer a query."""
        company = self.companies[places["realm"]]
        try:
            query = parse_query(dict(asked.query).get("query", ""))
        except BadQueryError as error:
            return self._fault(400, error.args[0], error.args[1], "ValidationFault")
        rows = list(company.entities.get(query.entity, {}).values())
        return self._reply(200, {"QueryResponse": run_query(query, rows), "time": self._time()})

    @route("GET", "/v3/company/{realm}/cdc")
    def b_changes(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Tell what changed, and what was deleted."""
        company, query = self.companies[places["realm"]], dict(asked.query)
        since = datetime.fromisoformat(query["changedSince"])
        if since < self.now() - _LOOK_BACK:
            return self._fault(400, "4002", "changedSince is too far back", "ValidationFault")
        answers = []
        for name in query["entities"].split(","):
            rows = [*company.entities.get(name, {}).values()]
            rows += [row for kind, row in company.deleted if kind == name]
            changed = sorted((row for row in rows if changed_at(row) >= since), key=changed_at)
            answers.append({name: changed[:_CHANGES_MAX]} if changed else {})
        told = {"CDCResponse": [{"QueryResponse": answers}], "time": self._time()}
        return self._reply(200, told)

    @route("POST", "/v3/company/{realm}/journalentry", scope="journal.post")
    def c_post(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Make a journal entry; the same `requestid` gets the first answer."""
        company, key = self.companies[places["realm"]], dict(asked.query).get("requestid", "")
        if not _REQUEST_ID.fullmatch(key):
            return self._fault(400, "2020", "requestid is missing or too long", "ValidationFault")
        known = company.answered.get(key)
        if known is not None:
            return msgspec.structs.replace(known, headers=known.headers | {"intuit-replayed": "1"})
        reply = self._entry(company, msgspec.json.decode(asked.body))
        if reply.status < 300:
            company.answered[key] = reply
        return reply

    @route("GET", "/v3/company/{realm}/{entity}/{number}")
    def d_read(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - as routes are called
        """Read one entity."""
        company = self.companies[places["realm"]]
        if places["entity"] == "companyinfo":
            told = {"CompanyName": company.name, "Country": "US"}
            return self._reply(200, {"CompanyInfo": told, "time": self._time()})
        for name, rows in company.entities.items():
            if name.lower() == places["entity"] and places["number"] in rows:
                return self._reply(200, {name: rows[places["number"]], "time": self._time()})
        return self._fault(400, "610", "Object Not Found", "ValidationFault")

    # -- the work --------------------------------------------------------------------------------

    def _entry(self, company: Company, body: Row) -> Reply:
        number = body.get("DocNumber", "")
        lines = [(x["JournalEntryLineDetail"], Decimal(str(x["Amount"]))) for x in body["Line"]]
        signs = {"Debit": 1, "Credit": -1}
        accounts = company.entities.get("Account", {})
        entries = company.entities.get("JournalEntry", {}).values()
        if len(number) > 21:
            return self._fault(400, "2050", "Length exceeds limit", "ValidationFault")
        if sum(signs[detail["PostingType"]] * amount for detail, amount in lines):
            return self._fault(400, "6000", "Debits and credits differ", "ValidationFault")
        if any(detail["AccountRef"]["value"] not in accounts for detail, _ in lines):
            return self._fault(400, "2500", "Invalid Reference Id", "ValidationFault")
        if number and any(row.get("DocNumber") == number for row in entries):
            return self._fault(400, "6140", "Duplicate Document Number Error", "ValidationFault")
        if body["TxnDate"] <= self.locked_until:
            return self._fault(400, "6200", "Account Period Closed", "ValidationFault")
        for place, line in enumerate(body["Line"]):
            line["Id"] = str(place)
        row = self.put("JournalEntry", body, realm=company.realm)
        return self._reply(200, {"JournalEntry": row, "time": self._time()})

    def _fault(self, status: int, code: str, message: str, kind: str) -> Reply:
        error = {"Message": message, "Detail": f"{message}.", "code": code, "element": ""}
        fault = {"Error": [error], "type": kind}
        return self._reply(status, {"Fault": fault, "time": self._time()})

    def _reply(self, status: int, body: object) -> Reply:
        headers = {"Date": format_datetime(self.now(), usegmt=True)}
        return Reply(status=status, body=_ENCODER.encode(body), headers=headers)

    def _time(self) -> str:
        return self.now().astimezone(_HERE).isoformat(timespec="milliseconds")

    def _stamp(self, at: datetime) -> str:
        return at.astimezone(_HERE).isoformat(timespec="seconds")

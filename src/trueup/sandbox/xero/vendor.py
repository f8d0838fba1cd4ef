"""Xero on the line: tokens that rotate, manual journals, and limits by the minute."""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final

import msgspec

from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply
from trueup.sandbox.vendor import Bucket, Vendor, route

Row = dict[str, Any]
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105 - the sandbox's public secret
TENANT = "45e4708e-d862-4111-ab3a-dd8cd03913e1"
TOKEN_LIFETIME_S = 1800
_PAGE_SIZE_MAX: Final = 1000
_WHERE: Final = re.compile(r"Date==DateTime\((\d{4}),\s*(\d{2}),\s*(\d{2})\)")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Xero(Vendor):
    """One organisation that let one app in.

    Attributes:
        accounts: ids of its accounts, by code.
        journals: its manual journals by id.
        locked_until: nothing is posted up to this day.
    """

    key_header: ClassVar[str] = "idempotency-key"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (60, 1.0)}

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.accounts: dict[str, str] = {}
        self.journals: dict[str, Row] = {}
        self.locked_until = date.min
        self._codes: set[str] = set()
        self._refresh: set[str] = set()
        self._access: dict[str, datetime] = {}

    # -- what happens in it ----------------------------------------------------------------------

    def open_account(self, code: str) -> str:
        """Add an account; returns its id."""
        self.accounts[code] = self.new_uuid()
        return self.accounts[code]

    def consent(self) -> dict[str, str]:
        """Return the query of the callback after a person let the app in."""
        code = self.new_code()
        self._codes.add(code)
        return {"code": code}

    def let_in(self) -> tuple[str, str]:
        """Return an access token and a refresh token, as after a callback."""
        access, refresh = self.new_code(32), self.new_code(32)
        self._access[access] = self.now() + timedelta(seconds=TOKEN_LIFETIME_S)
        self._refresh.add(refresh)
        return access, refresh

    def book(self, narration: str, lines: list[Row], *, on: date, status: str = "POSTED") -> Row:
        """Let somebody make a journal by hand."""
        row = {"Narration": narration, "JournalLines": lines, "Status": status}
        return self._keep(row | {"Date": on.isoformat(), "LineAmountTypes": "NoTax"})

    def change(self, number: str, **fields: object) -> Row:
        """Let somebody change a journal, such as its status."""
        self.journals[number] |= fields | {"UpdatedDateUTC": self._stamp(self.now())}
        return self.journals[number]

    # -- the line --------------------------------------------------------------------------------

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for a live token, and for the organisation where it is about one."""
        if asked.parts[:2] == ("connect", "token"):
            return None
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self._access.get(token, self.now()) <= self.now():
            return self._reply(401, {"Title": "Unauthorized", "Detail": "TokenExpired"})
        wanted = asked.headers.get("xero-tenant-id")
        if asked.parts[:1] == ("api.xro",) and wanted != TENANT:
            return self._reply(403, {"Title": "Forbidden", "Detail": "AuthenticationUnsuccessful"})
        return None

    def limit_headers(self, scope: str, bucket: Bucket) -> dict[str, str]:
        """Return what Xero says of what is left."""
        del scope
        return {"x-minlimit-remaining": str(int(bucket.left(self.now())))}

    def limited(self, bucket: Bucket) -> Reply:
        """Return Xero's reply to a call over the limit."""
        wait_s = int(bucket.wait_s(self.now())) + 1
        headers = {"retry-after": str(wait_s), "x-rate-limit-problem": "minute"}
        return Reply(status=429, body=b"", headers=headers)

    def failed(self, status: int) -> Reply:
        """Return the reply of a fault with a status."""
        return self._reply(status, {"Title": "An error occurred", "Status": status})

    @route("POST", "/connect/token", scope="token")
    def give_token(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - as routes are called
        """Hand out tokens; the refresh token that was used is good no more."""
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        form = asked.form()
        if asked.headers.get("authorization") != f"Basic {pair}":
            return self._reply(401, {"error": "invalid_client"})
        by_code = form.get("grant_type") == "authorization_code"
        known = self._codes if by_code else self._refresh
        given = form.get("code" if by_code else "refresh_token", "")
        if given not in known:
            return self._reply(400, {"error": "invalid_grant"})
        known.remove(given)
        access, refresh = self.let_in()
        told = {"token_type": "Bearer", "access_token": access, "refresh_token": refresh}
        return self._reply(200, told | {"expires_in": TOKEN_LIFETIME_S})

    @route("GET", "/connections")
    def connections(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - as routes are called
        """Tell which organisations let the app in."""
        tenant = {"tenantId": TENANT, "tenantType": "ORGANISATION", "tenantName": "Sandbox Yarns"}
        return self._reply(200, [tenant])

    @route("GET", "/api.xro/2.0/ManualJournals")
    def a_list(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - as routes are called
        """Tell a page of journals by id, those that changed since an instant, or of a day."""
        query = dict(asked.query)
        if query.get("order") != "ManualJournalID ASC":
            return self._invalid("QueryParseException", "the order is not known here")
        rows = [row for _, row in sorted(self.journals.items())]
        since = asked.headers.get("if-modified-since")
        if since is not None:
            at = datetime.fromisoformat(since).replace(tzinfo=UTC)
            rows = [row for row in rows if self._at(row["UpdatedDateUTC"]) >= at]
        if "where" in query:
            found = _WHERE.fullmatch(query["where"])
            if found is None:
                return self._invalid("QueryParseException", "the filter is not known here")
            year, month, day = (int(part) for part in found.groups())
            wanted = self._stamp(datetime(year, month, day, tzinfo=UTC))
            rows = [row for row in rows if row["Date"] == wanted]
        page, size = int(query.get("page", "1")), int(query.get("pageSize", "100"))
        if page < 1 or not 1 <= size <= _PAGE_SIZE_MAX:
            return self._invalid("QueryParseException", "the page is out of range")
        pages = {"page": page, "pageSize": size, "itemCount": len(rows)}
        pages["pageCount"] = -(-len(rows) // size)
        return self._told(rows[(page - 1) * size : page * size], pagination=pages)

    @route("GET", "/api.xro/2.0/ManualJournals/{number}")
    def b_read(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - as routes are called
        """Read one journal."""
        row = self.journals.get(places["number"])
        return self._reply(404, {"Title": "Not Found"}) if row is None else self._told([row])

    @route("PUT", "/api.xro/2.0/ManualJournals", scope="journal.post")
    def c_post(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - as routes are called
        """Make a journal, if it can be posted."""
        [wanted] = msgspec.json.decode(asked.body)["ManualJournals"]
        lines = wanted["JournalLines"]
        sums = sum((Decimal(str(line["LineAmount"])) for line in lines), Decimal(0))
        for line in lines:
            code = line.get("AccountCode") or self._code_of(line.get("AccountID", ""))
            if code not in self.accounts:
                return self._invalid("ValidationException", f"Account code '{code}' is not valid")
            line |= {"AccountCode": code, "AccountID": self.accounts[code], "IsBlank": False}
        if sums:
            told = f"The total debits must equal total credits; they differ by {sums}"
            return self._invalid("ValidationException", told)
        if date.fromisoformat(wanted["Date"]) <= self.locked_until:
            told = "The date falls within a locked period"
            return self._invalid("ValidationException", told)
        return self._told([self._keep(wanted)])

    # -- the work --------------------------------------------------------------------------------

    def _keep(self, wanted: Row) -> Row:
        number = self.new_uuid()
        day = datetime.combine(date.fromisoformat(wanted["Date"]), datetime.min.time(), UTC)
        stamps = {"Date": self._stamp(day), "UpdatedDateUTC": self._stamp(self.now())}
        self.journals[number] = wanted | stamps | {"ManualJournalID": number}
        return self.journals[number]

    def _code_of(self, account_id: str) -> str:
        return next((code for code, known in self.accounts.items() if known == account_id), "")

    def _told(self, rows: list[Row], **more: object) -> Reply:
        head = {"Id": self.new_uuid(), "Status": "OK", "DateTimeUTC": self._stamp(self.now())}
        return self._reply(200, head | more | {"ManualJournals": rows})

    def _invalid(self, kind: str, message: str) -> Reply:
        told = {"ErrorNumber": 10, "Type": kind, "Message": "A validation exception occurred"}
        errors = {"Elements": [{"ValidationErrors": [{"Message": message}]}]}
        return self._reply(400, told | errors)

    def _reply(self, status: int, body: object) -> Reply:
        return Reply(status=status, body=_ENCODER.encode(body), headers={})

    def _stamp(self, at: datetime) -> str:
        return f"/Date({int(at.timestamp() * 1000)}+0000)/"

    def _at(self, stamp: str) -> datetime:
        return datetime.fromtimestamp(int(stamp[6:].partition("+")[0]) / 1000, UTC)

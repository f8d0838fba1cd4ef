"""What a connector is: pure functions over bytes, requests and replies.

A connector never opens a socket and never sees the database: it says what a body means, which
request to send next and what a reply means, testable against recorded traffic; rooms do the rest.

Modules of a connector folder and the protocols they satisfy:

========================  ==============================================================
`webhook.py`              `WebhookModule`: whose delivery is it, and about what
`mapping.py`              `MappingModule`: what does a body mean
`api.py`                  `ApiModule`: how the vendor is spoken to, and what its replies say
`auth.py`                 `AuthModule`: how a person lets us in, and how tokens are had (OAuth)
`pull.py`                 `PullModule`: pages since a cursor, bulk export, single records
`hooks.py`                `HooksModule`: which webhooks exist at the vendor
`actions.py`              `ActionsModule`: intents to requests, replies to receipts
`commands.py`             `CommandsModule`: commands to requests, replies to receipts
`files.py`                `FilesModule`: imported files to records
`bodies.py`               `FORMS` (`contract.envelope`): what else a person may hand in
========================  ==============================================================
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from trueup.canon.command import CommandContent
from trueup.canon.issue import Issue
from trueup.canon.record import Record
from trueup.contract.grant import Grant, Token


class Identified(msgspec.Struct, frozen=True, kw_only=True):
    """What a delivery is, read without understanding it.

    Attributes:
        external_id: the vendor's id of this delivery, the same in every repeat of it.
        topic: the vendor's topic, such as "orders/create".
        entity: as `Record.entity()` of what it becomes ("order/1001"); empty: parked, unread.
        raised_at: when the vendor raised it; orders two changes in one second.
        occurred_at: the record's own last-change stamp, if it could be read cheaply.
    """

    external_id: str
    topic: str
    entity: str
    raised_at: datetime | None = None
    occurred_at: datetime | None = None


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One record's own bytes out of a page, a bulk export or a file with many."""

    topic: str
    body: bytes


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One event as the mapping sees it.

    Attributes:
        topic, raised_at: as identified.
        body: the bytes as received.
        received_at: when the hub took it in.
        settings: of the connection, for what its owner declares (stop words, a time zone); never a
            secret. The same body under other settings may mean something else.
    """

    topic: str
    body: bytes
    received_at: datetime
    raised_at: datetime | None = None
    settings: Mapping[str, str] = {}


class Fetch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A wish to read one record from the vendor because the event only hints at it.

    `place` is the vendor's cursor or address where a reading takes several calls; never stored.
    """

    resource: str
    ref: str
    place: str | None = None


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """What a body means.

    Attributes:
        records: canonical records; the first is the event's own.
        issues: what is wrong or surprising; one of severity error parks the event.
        fetch: records that must be read from the vendor before they count.
        ignored: why a body rightly has no effect ("a theme is not commerce"), else None.
    """

    records: tuple[Record, ...] = ()
    issues: tuple[Issue, ...] = ()
    fetch: tuple[Fetch, ...] = ()
    ignored: str | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call to the vendor; authorised and sent by the room that asked for it.

    Attributes:
        method: of HTTP; "SEND" where the manifest's transport is SMTP.
        path: below the connection's base URL, from "/" on; or an https URL that was handed out.
        cost: what the call is expected to cost in the units of the manifest's limit.
        writes: the call changes something at the vendor.
        scope: which of the manifest's limits it counts against.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    cost: float = 1.0
    writes: bool = False
    scope: str = "all"

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path.partition('?')[0]})"  # headers carry secrets


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The vendor's answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What the vendor's reply says is left of its rate limit.

    `at_most`: it counts by windows, so that what is left bounds our own pace and never raises it.
    """

    available: float
    capacity: float
    refill_per_s: float
    at_most: bool = False
    actual_cost: float | None = None


class ReceiptState(StrEnum):
    """What came of one intent."""

    DONE = "done"
    LATER = "later"  # not done; may be tried again with a new key
    REFUSED = "refused"  # not done; will never be
    UNKNOWN = "unknown"  # nobody can say; read back first
    SUBMITTED = "submitted"  # taken in by the vendor, which has yet to say that it was done


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the vendor says came of one intent.

    Attributes:
        observed: the value that stands at the vendor, where the reply tells (stock: units).
        code: the vendor's own word for a refusal.
        again_now: the intent may be tried again at once, from fresh facts.
        further: where something was looked for and this page does not tell: the call that reads on.
        tells: of a command that was done: records that the reply holds, taken in as if read.
    """

    state: ReceiptState
    vendor_ref: str | None = None
    observed: int | None = None
    code: str | None = None
    message: str | None = None
    after_s: float | None = None
    again_now: bool = False
    further: Request | None = None
    tells: tuple[Piece, ...] = ()


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a vendor is with a batch that it took in.

    Attributes:
        request: what must be asked next to know it.
        receipts: one per intent once it is done, None before; SUBMITTED is to be read back.
    """

    request: Request | None = None
    receipts: tuple[Receipt, ...] | None = None


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """One wish to change something at the vendor.

    Attributes:
        kind, key: an action of the manifest, such as "stock.set", and what it is about (the SKU).
        value, expected: what shall stand there (stock: units, >= 0); what is believed to, or None.
        target: the vendor's own ids that the action needs.
        lowers: `expected - value` units are taken off whatever stands there, because it changes
            faster than it can be compared; only where the action can (`lowers` in the manifest).
    """

    kind: str
    key: str
    value: int
    expected: int | None
    target: Mapping[str, str]
    lowers: bool = False


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be done once at the vendor; unlike an intent, a newer one does not replace it.

    Attributes:
        kind: an action of the manifest with the form "command", such as "message.send".
        key: what it is about, such as "ticket/77"; commands of one key are carried out in turn.
        ref: our own name of it, the same for ever; what a vendor without keys is searched by.
        content: what shall be done.
        target: the connection's settings, for what an account is set up to do (sender, account).
        wanted_at: when it was ordered.
        sent_at: when its last call left; None before the first.
    """

    kind: str
    key: str
    ref: str
    content: CommandContent
    wanted_at: datetime
    sent_at: datetime | None = None
    target: Mapping[str, str] = {}


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook subscription at the vendor."""

    ref: str
    topic: str
    url: str
    api_version: str | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a pull.

    Attributes:
        pieces: one per record, oldest change first.
        next_cursor: opaque; None on the last page.
        latest_at: the newest last-change stamp on the page.
        then: of a fetch: what must be read next before it is whole.
    """

    pieces: tuple[Piece, ...]
    next_cursor: str | None = None
    latest_at: datetime | None = None
    then: Fetch | None = None


class BulkState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a bulk export is.

    Attributes:
        state: "running", "done" or "failed".
        count: records so far, as the vendor counts.
        url: of the result, once done; None where there is nothing to export.
    """

    state: str
    count: int = 0
    url: str | None = None
    reason: str | None = None


class WebhookModule(Protocol):
    """Whose delivery is it, and about what. Pure; never raises on hostile input."""

    def identify(self, headers: Mapping[str, str], body: bytes) -> Identified:
        """Return what the delivery is; header names are lower case."""

    def split(self, topic: str, body: bytes) -> Sequence[Piece]:
        """Return one piece per record of a body that may hold many (verbatim bytes)."""

    def identify_piece(self, piece: Piece) -> Identified:
        """Return what a piece is; the same bytes under one topic have the same external id."""

    def answer_challenge(
        self, secrets: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> str | None:
        """Return what proves the address to the vendor; None where this is no challenge.

        `secrets` holds the settings too; the body of a POST was verified before.
        """


class MappingModule(Protocol):
    """What does a body mean. Pure: same source, same answer, for ever."""

    def map_source(self, source: Source) -> Mapped:
        """Return the canonical records and the issues of one body; never raises on bad input."""


class ApiModule(Protocol):
    """How the vendor is spoken to. Pure."""

    def base_url(self, settings: Mapping[str, str]) -> str:
        """Return the address below which the connection's API lies."""

    def authorise(self, request: Request, secrets: Mapping[str, str]) -> Request:
        """Return the request with the connection's credentials.

        `secrets` holds the connection's settings too, for a vendor that wants a user's name or
        the account's number in each call.
        """

    def judge(self, reply: Reply) -> None:
        """Raise the `ConnectorError` that the reply means as a whole, if it means one."""

    def budget(self, reply: Reply) -> Budget | None:
        """Return what the reply says of the rate limit; None if it says nothing."""

    def check_request(self) -> Request:
        """Return a harmless call that proves the credentials (test before save)."""

    def checked(self, reply: Reply) -> Mapping[str, str]:
        """Return what the check learnt: account name, granted scopes, currency, time zone."""


class AuthModule(Protocol):
    """How a person lets us in, and how tokens are had. Pure; `trueup.contract.oauth` has parts.

    Only where the manifest's schemes name "oauth2" or "oauth2_client"; `authorise_url` and
    `callback_code` where they name "oauth2". An address of a sandbox (the setting `api_base`)
    replaces the vendor's, also here. A vendor whose callback tells a setting, such as the company's
    number, has `callback_settings(query)` as well, called after `callback_code`.
    """

    def authorise_url(
        self, settings: Mapping[str, str], secrets: Mapping[str, str], state: str, redirect_uri: str
    ) -> str:
        """Return where a person is sent to let us in; raises `ConfigError` for what is missing."""

    def callback_code(
        self, settings: Mapping[str, str], secrets: Mapping[str, str], query: Mapping[str, str]
    ) -> str:
        """Return the code of a callback, its signature checked where the vendor signs.

        The room has compared `state` before, and refused what comes twice and a denial. Raises
        `Refused` where it is not of this vendor or this account, or has no code.
        """

    def token_request(
        self, settings: Mapping[str, str], secrets: Mapping[str, str], grant: Grant
    ) -> Request:
        """Return the call that asks for a token, at an absolute address, with its credentials."""

    def token(self, reply: Reply) -> Token:
        """Return the token of a reply that the room has judged; raises `ContractBroken`."""


class PullModule(Protocol):
    """Pages since a cursor, bulk export and single records. Pure."""

    def page_request(self, resource: str, since: datetime | None, cursor: str | None) -> Request:
        """Return the call for the next page of records changed at or after `since`."""

    def page(self, resource: str, reply: Reply) -> Page:
        """Return the page that the reply holds."""

    def fetch_request(self, fetch: Fetch) -> Request:
        """Return the call that reads one record."""

    def fetched(self, fetch: Fetch, reply: Reply) -> Page:
        """Return the record's pieces; none where the vendor no longer has it."""

    def batches(self, numbers: Sequence[str]) -> Sequence[Fetch]:
        """Return as few fetches as can ask for all these (tracking) numbers, where `by_ref`."""

    def begin(self, numbers: Sequence[str]) -> Sequence[Fetch]:
        """Return fetches that begin to follow these and read them, where a `begin_setting` is."""

    def count_request(self, resource: str, since: datetime | None) -> Request | None:
        """Return the call that asks how many records there are, if the vendor can tell."""

    def count(self, resource: str, reply: Reply) -> int:
        """Return the vendor's own count."""

    def bulk_request(self, resource: str, since: datetime | None) -> Request:
        """Return the call that starts a bulk export."""

    def bulk_started(self, reply: Reply) -> str:
        """Return the vendor's id of the export that was started."""

    def bulk_status_request(self, bulk_ref: str) -> Request:
        """Return the call that asks how far the export is."""

    def bulk_state(self, reply: Reply) -> BulkState:
        """Return how far the export is."""

    def bulk_pieces(self, resource: str, lines: Iterable[bytes]) -> Iterator[Piece]:
        """Yield one piece per record of the export, its children folded in; streams."""


class HooksModule(Protocol):
    """Which webhooks exist at the vendor. Pure."""

    def list_request(self, cursor: str | None) -> Request:
        """Return the call that lists our subscriptions."""

    def listed(self, reply: Reply) -> tuple[tuple[Hook, ...], str | None]:
        """Return the subscriptions and the next cursor."""

    def create_request(self, topic: str, url: str) -> Request:
        """Return the call that subscribes a topic."""

    def created(self, reply: Reply) -> Hook:
        """Return the new subscription; raises `Refused` with the vendor's reason."""

    def delete_request(self, hook: Hook) -> Request:
        """Return the call that removes a subscription."""


class ActionsModule(Protocol):
    """Intents to requests, replies to receipts. Pure."""

    def request(self, intents: Sequence[Intent], idempotency_key: str) -> Request:
        """Return one call for up to the manifest's `bulk_max` intents of one kind."""

    def next_request(
        self, intents: Sequence[Intent], idempotency_key: str, replies: Sequence[Reply]
    ) -> Request | None:
        """Return the next call of an action with steps, after these replies; None when done."""

    def receipts(self, intents: Sequence[Intent], reply: Reply) -> Sequence[Receipt]:
        """Return one receipt per intent, in their order, from the (last) reply."""

    def batch_progress(
        self, intents: Sequence[Intent], vendor_ref: str, replies: Sequence[Reply]
    ) -> Progress:
        """Return how far a batch is, after these replies, where `batch_confirm` is "ask"."""

    def read_request(self, intents: Sequence[Intent]) -> Request:
        """Return the call that reads what stands at the vendor now, of up to `read_max`."""

    def read(self, intents: Sequence[Intent], reply: Reply) -> Sequence[int | None]:
        """Return the value that stands at the vendor per intent; None where it is gone."""


class CommandsModule(Protocol):
    """Commands to requests, replies to receipts. Pure.

    The loader asks for functions only where an action needs them: `find_request` and `found` for
    "lookup" and `looked_for`, `confirm_request`, `confirmed` for "ask", `next_request` for steps.
    """

    def command_request(self, command: Command, idempotency_key: str) -> Request:
        """Return the call that carries a command out; the key is the same in every repeat.

        Raises:
            Refused: it can not be said to this vendor; names what and how to mend it.
        """

    def next_request(
        self, command: Command, idempotency_key: str, replies: Sequence[Reply]
    ) -> Request | None:
        """Return the next call of a command with steps, after these replies; None when done."""

    def command_receipt(self, command: Command, reply: Reply) -> Receipt:
        """Return what came of it, from the (last) reply; `vendor_ref`: what was made or changed."""

    def find_request(self, command: Command, idempotency_key: str) -> Request:
        """Return the call that looks whether the vendor carried it out already."""

    def found(self, command: Command, idempotency_key: str, reply: Reply) -> Receipt:
        """Return DONE with the vendor's id, LATER where it surely was not done, else UNKNOWN.

        Where only another page can tell, `further` is the call for it; its reply is asked likewise.
        """

    def confirm_request(self, command: Command, vendor_ref: str) -> Request:
        """Return the call that asks what became of a submitted command."""

    def confirmed(self, command: Command, reply: Reply) -> Receipt:
        """Return DONE, REFUSED, or SUBMITTED while the vendor is still at it."""


class FilesModule(Protocol):
    """Imported files to records. Pure."""

    def read_file(self, format_name: str, content: bytes) -> Sequence[Piece]:
        """Return one piece per record, for `mapping`; a file is taken whole or not at all.

        Raises:
            ConfigError: the file is not of this format: line, column, expected, found.
        """

    def read_table(self, format_name: str, content: bytes, columns: str) -> Sequence[Piece]:
        """Return the same of a table whose columns are declared; only where a format has a field.

        `columns` is TOML as `contract.columns` reads it; empty where nobody declared any.
        """

"""The rules that run against a simulated vendor can fail: each is shown a connector that errs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import msgspec
import pytest

import trueup
from trueup.contract.connector import (
    Command,
    Mapped,
    Page,
    Receipt,
    ReceiptState,
    Reply,
    Request,
    Source,
)
from trueup.contract.loader import ConnectorFolder, load_connector
from trueup.errors import AuthExpired, RateLimited
from trueup.quality.check import RULES, run_rule
from trueup.quality.subject import Subject
from trueup.sandbox.stripe.vendor import API_KEY

CONNECTORS = Path(trueup.__file__).parent / "connectors"
SHOPIFY = load_connector(CONNECTORS / "shopify")
STRIPE = load_connector(CONNECTORS / "stripe")
BY_ID = {rule.id: rule for rule in RULES}
TODAY = datetime.now(UTC).date()
Err = Callable[[Any], Callable[..., Any]]


def erring(folder: ConnectorFolder, module: str, function: str, err: Err) -> Subject:
    """Return the connector with one function replaced; `err` gets the good one."""
    good = folder.modules[module]
    bad = ModuleType(good.__name__)
    vars(bad).update(vars(good))
    setattr(bad, function, err(getattr(good, function)))
    modules = MappingProxyType({**folder.modules, module: bad})
    return Subject(msgspec.structs.replace(folder, modules=modules), today=TODAY)


def without_key(good: Any) -> Callable[..., Any]:
    return lambda intents, _key: good(intents, "always")


def new_key(good: Any) -> Callable[..., Any]:
    count = iter(range(10_000))
    return lambda intents, key: good(intents, f"{key}-{next(count)}")


def uncompared(good: Any) -> Callable[..., Any]:
    return lambda intents, key: good(
        [msgspec.structs.replace(each, expected=None) for each in intents], key
    )


def always_done(good: Any) -> Callable[..., Any]:
    del good
    return lambda intents, _reply: [Receipt(state=ReceiptState.DONE, observed=1) for _ in intents]


def nothing_there(good: Any) -> Callable[..., Any]:
    del good
    return lambda intents, _reply: [0 for _ in intents]


def never_judging(good: Any) -> Callable[..., Any]:
    del good
    return lambda _reply: None


def in_a_hurry(good: Any) -> Callable[..., Any]:
    def judge(reply: Reply) -> None:
        try:
            good(reply)
        except RateLimited as fault:
            raise RateLimited(after_s=0.01) from fault

    return judge


def hopeful(good: Any) -> Callable[..., Any]:
    def judge(reply: Reply) -> None:
        try:
            good(reply)
        except AuthExpired as fault:
            raise RateLimited(after_s=1) from fault

    return judge


def free(good: Any) -> Callable[..., Any]:
    def request(*args: Any) -> Request:
        made: Request = good(*args)
        return msgspec.structs.replace(made, cost=0.0)

    return request


def forgetful(good: Any) -> Callable[..., Any]:
    def page(resource: str, reply: Reply) -> Page:
        made: Page = good(resource, reply)
        return msgspec.structs.replace(made, pieces=made.pieces[1:])

    return page


def exporting_less(good: Any) -> Callable[..., Any]:
    return lambda resource, lines: list(good(resource, lines))[1:]


def arrival_stamped(good: Any) -> Callable[..., Any]:
    """Leave the vendor's own stamp aside: what came last counts."""

    def mapped(source: Source) -> Mapped:
        made: Mapped = good(source)
        at = source.received_at
        records = tuple(msgspec.structs.replace(record, updated_at=at) for record in made.records)
        return msgspec.structs.replace(made, records=records)

    return mapped


def secret_in_body(good: Any) -> Callable[..., Any]:
    return lambda intents, key: msgspec.structs.replace(good(intents, key), body=b"shpat_sandbox 3")


def quiet(good: Any) -> Callable[..., Any]:
    return lambda intents, key: msgspec.structs.replace(good(intents, key), writes=False)


def listing_none(good: Any) -> Callable[..., Any]:
    del good
    return lambda _reply: ((), None)


def token_in_path(good: Any) -> Callable[..., Any]:
    def authorise(request: Request, secrets: Mapping[str, str]) -> Request:
        made: Request = good(request, secrets)
        return msgspec.structs.replace(made, path=f"{made.path}?t={secrets['access_token']}")

    return authorise


def nameless(good: Any) -> Callable[..., Any]:
    """Give each call another name and key, so that nothing keeps a repeat from acting twice."""
    count = iter(range(10_000))

    def request(command: Command, key: str) -> Request:
        other = msgspec.structs.replace(command, ref=f"{command.ref}-{next(count)}")
        made: Request = good(other, key)
        return made

    return request


def never_found(good: Any) -> Callable[..., Any]:
    del good
    return lambda _command, _key, _reply: Receipt(state=ReceiptState.LATER)


def found_at_once(good: Any) -> Callable[..., Any]:
    del good
    return lambda _command, _key, _reply: Receipt(state=ReceiptState.DONE, vendor_ref="re_1")


def all_done(good: Any) -> Callable[..., Any]:
    def receipt(command: Command, reply: Reply) -> Receipt:
        made: Receipt = good(command, reply)
        return msgspec.structs.replace(made, state=ReceiptState.DONE, vendor_ref="re_1")

    return receipt


def wordless(good: Any) -> Callable[..., Any]:
    def receipt(command: Command, reply: Reply) -> Receipt:
        made: Receipt = good(command, reply)
        return msgspec.structs.replace(made, code=None)

    return receipt


def confirmed_at_once(good: Any) -> Callable[..., Any]:
    del good
    return lambda _command, _reply: Receipt(state=ReceiptState.DONE, vendor_ref="re_1")


def all_submitted(good: Any) -> Callable[..., Any]:
    del good
    return lambda _command, _reply: Receipt(state=ReceiptState.SUBMITTED, vendor_ref="re_1")


def silent(good: Any) -> Callable[..., Any]:
    return lambda command, key: msgspec.structs.replace(good(command, key), writes=False)


def shown_key(good: Any) -> Callable[..., Any]:
    return lambda command, key: msgspec.structs.replace(
        good(command, key), headers=(("authorization", f"Bearer {API_KEY}"),)
    )


def reading_from_now_on(good: Any) -> Callable[..., Any]:
    """Leave the overlap aside."""

    def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
        later = None if since is None else since + timedelta(days=1)
        made: Request = good(resource, later, cursor)
        return made

    return page_request


def talkative(good: Any) -> Callable[..., Any]:
    return lambda source: msgspec.structs.replace(good(source), ignored=repr(source.body))


ERRING: dict[str, Sequence[tuple[str, str, Err]]] = {
    "actions-idempotent": [
        ("actions", "request", without_key),
        ("actions", "request", new_key),
        ("actions", "request", quiet),
    ],
    "dry-run": [("actions", "request", secret_in_body)],
    "read-back": [("actions", "read", nothing_there), ("actions", "receipts", always_done)],
    "compared-before-set": [
        ("actions", "request", uncompared),
        ("actions", "receipts", always_done),
    ],
    "unknown-outcome": [("actions", "request", quiet), ("actions", "request", new_key)],
    "undone-as-declared": [("actions", "request", without_key)],
    "snapshot-true": [("pull", "page", forgetful)],
    "pages-resumable": [("pull", "page", forgetful)],
    "bulk-equals-pages": [("pull", "bulk_pieces", exporting_less)],
    "gap-recovered": [("pull", "page", forgetful)],
    "hooks-round-trip": [("hooks", "listed", listing_none)],
    "order-independent": [("mapping", "map_source", arrival_stamped)],
    "error-table": [("api", "judge", never_judging), ("api", "judge", hopeful)],
    "retry-after": [("api", "judge", never_judging), ("api", "judge", in_a_hurry)],
    "auth-expiry": [("api", "judge", never_judging), ("api", "judge", hopeful)],
    "connection-tried": [("api", "judge", never_judging)],
    "limits-obeyed": [("api", "budget", never_judging), ("pull", "page_request", free)],
    "secrets-redacted": [("api", "authorise", token_in_path)],
    "cursor-safe": [("pull", "page_request", reading_from_now_on)],
    "personal-held-live": [("mapping", "map_source", talkative)],
}
ERRING_COMMANDS: dict[str, Sequence[tuple[str, str, Err]]] = {
    "commands-once": [
        ("commands", "command_request", nameless),
        ("commands", "found", found_at_once),
        ("api", "judge", never_judging),
    ],
    "lookup-true": [("commands", "found", never_found), ("commands", "found", found_at_once)],
    "refusals-told": [
        ("commands", "command_receipt", all_done),
        ("commands", "command_receipt", wordless),
    ],
    "submitted-told-apart": [
        ("commands", "command_receipt", all_done),
        ("commands", "confirmed", confirmed_at_once),
        ("commands", "confirmed", all_submitted),
    ],
    "commands-shown": [
        ("commands", "command_request", silent),
        ("commands", "command_request", nameless),
        ("commands", "command_request", shown_key),
    ],
}
CASES = [
    (folder, rule_id, *each, f"{rule_id}: {each[1]} {each[2].__name__}")
    for folder, erring_ones in ((SHOPIFY, ERRING), (STRIPE, ERRING_COMMANDS))
    for rule_id, listed in erring_ones.items()
    for each in listed
]


@pytest.mark.parametrize(
    ("folder", "rule_id", "module", "function", "err"),
    [case[:5] for case in CASES],
    ids=[case[5] for case in CASES],
)
def test_a_rule_sees_a_connector_that_errs(
    folder: ConnectorFolder, rule_id: str, module: str, function: str, err: Err
) -> None:
    found = run_rule(BY_ID[rule_id], erring(folder, module, function, err), ())
    assert found.outcome == "failed", found.found


def test_every_rule_about_the_line_or_the_vendor_has_a_connector_that_errs() -> None:
    shown = {
        *ERRING,
        *ERRING_COMMANDS,
        "timeouts-told-apart",  # these two are the hub's own, for all alike
        "human-asked-once",
    }
    about = {rule.id for rule in RULES if {"api", "twin"} & set(rule.needs)}
    assert about <= shown

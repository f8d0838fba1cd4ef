"""`trueup show`: everything the hub knows of one thing, in the order in which it happened."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import psycopg
import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.plain import open_row, plain_record
from trueup.cli.session import FOUND_PROBLEMS, fail, out, print_json, run
from trueup.db.rows import Row
from trueup.govern.persons import read_keys
from trueup.intake.claim import load_events
from trueup.intake.model import Event
from trueup.intake.reads import fates_of_events, issues_of_events, issues_of_ref
from trueup.kernel.clock import SystemClock
from trueup.ledger.outlook import outlooks_of
from trueup.ledger.reads import list_balances, list_movements, list_sites, postings_of_events
from trueup.outbox.followed import commands_about, messages_sent
from trueup.outbox.offers import read_offers
from trueup.outbox.reads import calls_of_sku, list_intents
from trueup.reconcile.paid import find_paid
from trueup.records.customers import find_customer
from trueup.records.listings import list_listings
from trueup.records.owners import merge_tellings, read_tellings
from trueup.records.reads import (
    find_records,
    records_of_events,
    records_of_persons,
    related_records,
    versions_of_record,
)
from trueup.records.understand import understand
from trueup.session import Session

Conn = psycopg.AsyncConnection[Any]
Found = dict[str, Any]

_CALLS_SHOWN = 10


class Noun(StrEnum):
    """What can be shown."""

    ORDER = "order"
    SKU = "sku"
    CUSTOMER = "customer"
    EVENT = "event"
    PRODUCT = "product"
    SHIPMENT = "shipment"
    PARCEL = "parcel"
    TICKET = "ticket"
    MESSAGE = "message"
    PAYMENT = "payment"
    PAYOUT = "payout"
    INVOICE = "invoice"


def show(
    noun: Annotated[Noun, typer.Argument(help="What kind of thing.")],
    ref: Annotated[
        str,
        typer.Argument(help="Its id at the vendor; an order's number, a SKU, an e-mail, an event."),
    ],
    masked: Annotated[bool, typer.Option("--masked", help="Leave out what is personal.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one thing: its versions, events, postings, calls and issues, oldest first."""

    async def work(session: Session) -> list[Found]:
        async with session.connection() as conn:
            look = _LOOKS.get(noun)
            if look is not None:
                return await look(conn, session, ref, masked)
            return await _records(conn, session, noun.value, ref, masked=masked)

    found = run(work, config_path=config, as_json=as_json)
    if not found:
        message = f"There is no {noun.value} {ref!r}."
        fail("show.not_found", message, as_json=as_json, status=FOUND_PROBLEMS)
    if as_json:
        print_json({"kind": noun.value, "ref": ref, "found": found})
        return
    for one in found:
        _print(one)


async def _records(
    conn: Conn, session: Session, kind: str, ref: str, *, masked: bool
) -> list[Found]:
    rows = await find_records(conn, kind, ref, vault=session.hub.vault)
    found: list[Found] = []
    shown: set[int] = set()
    for row in rows:
        if row["record_id"] not in shown:
            near = await related_records(conn, [row["record_id"]])
            # Two shops' orders of one number are two things; what is related is shown once.
            shown |= {each["record_id"] for each in near}
            found.append(await timeline(conn, session, row, near, masked=masked))
    return found


async def timeline(
    conn: Conn,
    session: Session,
    row: Mapping[str, Any],
    near: Sequence[Row],
    *,
    masked: bool,
) -> Found:
    """Return what all systems tell of one thing, as one story, oldest first.

    Args:
        conn: any session.
        session: opens what is personal.
        row: the record that was asked for.
        near: it and the records that are about the same.
        masked: leave out what is personal.
    """
    connection_id = row["connection_id"]
    commands = await commands_about(conn, near)
    near = [*near, *await messages_sent(conn, commands, near)]
    records = [
        {"connection": _name(session, each["connection_id"])}
        | await open_row(conn, session, each, masked=masked)
        for each in near
    ]
    versions: list[Found] = []
    for each in near:
        for version in await versions_of_record(conn, each["record_id"]):
            told = {"record": f"{each['kind']}/{each['ref']}", "stale": version["stale"]}
            versions.append({"event_id": version["event_id"], **told})
    event_ids = sorted({version["event_id"] for version in versions})
    events = {event.event_id: event for event in await load_events(conn, event_ids)}
    skus = sorted({line["sku"] for r in records for line in r.get("lines", ()) if line.get("sku")})
    calls = [
        call | {"sku": sku}
        for sku in skus
        for call in await calls_of_sku(conn, sku, count=_CALLS_SHOWN)
    ]
    issues = await issues_of_events(conn, event_ids)
    postings = await postings_of_events(conn, event_ids)
    moments = [
        _moment(events[event_id], versions, postings, issues)
        | {"connection": _name(session, events[event_id].connection_id)}
        for event_id in event_ids
    ]
    return {
        "connection": _name(session, connection_id),
        "entity": row["entity"],
        "records": records,
        "timeline": sorted(moments, key=lambda moment: (moment["at"], moment["event_id"])),
        "calls": calls,
        "commands": commands,
        "issues": issues,
    }


def _moment(
    event: Event, versions: list[Found], postings: list[Found], issues: list[Found]
) -> Found:
    """Return what one event did."""

    def of_event(rows: list[Found]) -> list[Found]:
        return [
            {name: value for name, value in row.items() if name != "event_id"}
            for row in rows
            if row["event_id"] == event.event_id
        ]

    return {
        "at": event.raised_at or event.received_at,
        "event_id": event.event_id,
        "topic": event.topic,
        "origin": event.origin,
        "received_at": event.received_at,
        "versions": of_event(versions),
        "postings": of_event(postings),
        "issues": of_event(issues),
    }


async def _sku(conn: Conn, session: Session, ref: str, masked: bool) -> list[Found]:  # noqa: ARG001 - one of a table of looks
    balances = await list_balances(conn, sku=ref)
    listings = await list_listings(conn, ref)
    if not balances and not listings:
        return []
    intents = await list_intents(conn, sku=ref)
    movements = await list_movements(conn, ref)
    for row in intents:
        row["connection"] = _name(session, row["connection_id"])
    names = session.hub.names()
    offers = await read_offers(conn, ref, now=SystemClock().now(), names=names)
    outlook = await outlooks_of(conn, [ref])
    return [
        {
            "sku": ref,
            "balance": balances[0] if balances else None,
            "fields": await _owned_fields(conn, session, ref),
            "sites": await list_sites(conn, ref),
            "listings": [
                {"connection": _name(session, each.connection_id), **msgspec.to_builtins(each)}
                for each in listings
            ],
            "intents": intents,
            "offers": msgspec.to_builtins(offers),
            "outlook": outlook[0] if outlook else None,
            "timeline": list(reversed(movements)),
            "calls": await calls_of_sku(conn, ref),
            "issues": await issues_of_ref(conn, f"sku/{ref}"),
        }
    ]


async def _owned_fields(conn: Conn, session: Session, sku: str) -> list[Found]:
    """Return each field of a SKU by its owner, with those who say otherwise."""
    tellings = (await read_tellings(conn, [sku]))[sku]
    return [
        {
            "field": owned.field,
            "value": owned.value,
            "owner": None if owned.owner is None else _name(session, owned.owner),
            "others": {_name(session, number): value for number, value in owned.others},
        }
        for owned in merge_tellings(tellings, session.hub.owners())
    ]


async def _customer(conn: Conn, session: Session, ref: str, masked: bool) -> list[Found]:
    """Return whoever has this e-mail, phone or id, with all that every system tells of them."""
    found = await find_customer(conn, session.hub.vault, session.hub.keys, ref)
    if found is None:
        return []
    rows = await records_of_persons(conn, found.persons)
    records = [
        {"connection": _name(session, row["connection_id"])}
        | await open_row(conn, session, row, masked=masked)
        for row in rows
    ]
    return [
        {
            "customer": found.persons[0].hex(),
            "persons": [person.hex() for person in found.persons],
            "systems": sorted({record["connection"] for record in records}),
            "joined_by": [
                {
                    "name": join.namespace,
                    "digest": join.digest.hex(),
                    "left": join.left.hex(),
                    "right": join.right.hex(),
                    "since": join.since,
                }
                for join in found.joins
            ],
            "shared_by_too_many": [{"name": n, "persons": count} for n, count in found.shared],
            "cuts": [
                {
                    "name": cut["namespace"],
                    "digest": bytes(cut["digest"]).hex(),
                    "of": bytes(cut["person"]).hex() or "everybody",
                    "reason": cut["reason"],
                    "cut_at": cut["cut_at"],
                }
                for cut in found.cuts
            ],
            "records": records,
        }
    ]


async def _event(conn: Conn, session: Session, ref: str, masked: bool) -> list[Found]:
    if not (ref.isascii() and ref.isdecimal() and len(ref) < 18):
        return []
    event_ids = [int(ref)]
    events = await load_events(conn, event_ids)
    if not events:
        return []
    event = events[0]
    folder = session.hub.reader_of(event.connection_id, event.topic)
    persons = [bytes(event.person)] if event.person is not None else []
    keys = await read_keys(conn, session.hub.vault, persons) if persons else {}
    settings = session.hub.settings_of(event.connection_id)
    understood = (
        None
        if folder is None
        else understand(session.hub.vault, folder, event, keys, settings=settings)
    )
    records = await records_of_events(conn, event_ids)
    fates = await fates_of_events(conn, event_ids)
    dark = understood is None or understood.event_key is None
    body = "erased" if dark or understood is None else _readable(understood.source.body)
    if folder is None:
        body = "its connection is gone"
    mapped = understood.mapped if understood is not None else None
    return [
        {
            "event_id": event.event_id,
            "connection": _name(session, event.connection_id),
            "external_id": event.external_id,
            "topic": event.topic,
            "entity": event.entity,
            "origin": event.origin,
            "raised_at": event.raised_at,
            "received_at": event.received_at,
            "fate": fates[0] if fates else {"queued": False, "cause": None},
            "ignored": mapped.ignored if mapped else None,
            "body": "masked" if masked else body,
            "means": []
            if masked or mapped is None
            else [plain_record(record) for record in mapped.records],
            "records": [await open_row(conn, session, row, masked=masked) for row in records],
            "postings": await postings_of_events(conn, event_ids),
            "issues": await issues_of_events(conn, event_ids),
        }
    ]


_OF_PAYOUT = (
    *("standing", "amount", "currency", "on", "why", "evidence", "match_ref", "by", "off"),
)


async def _payout(conn: Conn, session: Session, ref: str, masked: bool) -> list[Found]:
    """Show what a payout is made of, how far its way to the bank is known, and its story."""
    names = session.hub.names()
    wanted, middle, bare = ref.partition("/payout/")
    connections = [wanted] if middle else sorted(names.values())
    today = SystemClock().now().date()
    stories = {
        (story["connection"], story["entity"].removeprefix("payout/")): story
        for story in await _records(conn, session, Noun.PAYOUT.value, bare or ref, masked=masked)
    }
    found: list[Found] = []
    for connection in connections:
        whole = await find_paid(conn, names, connection, bare or ref, today=today)
        if whole is None:
            continue
        story = stories.get((connection, whole.ref), {"connection": connection, "records": []})
        row = {} if whole.row is None else msgspec.structs.asdict(whole.row)
        found.append(
            {"connection": connection, "payout": whole.name}
            | {name: row.get(name) for name in _OF_PAYOUT}
            | {"entered": whole.entered}
            | {
                name: [msgspec.structs.asdict(each) for each in getattr(whole, name)]
                for name in ("sums", "entries", "lines")
            }
            | {name: value for name, value in story.items() if name != "connection"}
        )
    return found


def _readable(body: bytes) -> object:
    """Return the body as JSON where it is, else as text."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body.decode(errors="replace")


def _name(session: Session, connection_id: int) -> str:
    connection = session.hub.connections.get(connection_id)
    return str(connection_id) if connection is None else connection.name


_LOOKS: dict[Noun, Callable[[Conn, Session, str, bool], Coroutine[Any, Any, list[Found]]]] = {
    Noun.SKU: _sku,
    Noun.CUSTOMER: _customer,
    Noun.EVENT: _event,
    Noun.PAYOUT: _payout,
}


def _print(found: Found) -> None:
    """Print scalars as lines and lists as tables, in their order."""
    for name, value in found.items():
        if name == "records":
            for record in value:
                out.print(f"[bold]{record['kind']} {escape(record['ref'])}[/]", highlight=False)
                out.print_json(data=msgspec.to_builtins(record, enc_hook=str))
        elif isinstance(value, list) and value:
            out.print(_table(name, value))
        elif not isinstance(value, list):
            out.print(f"[bold]{name}[/] {escape(_cell(value))}", highlight=False, soft_wrap=True)


def _table(name: str, rows: list[Found]) -> Table:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = Table(*columns, title=name, title_justify="left")
    for row in rows:
        table.add_row(*(escape(_cell(row.get(column))) for column in columns))
    return table


def _cell(value: object) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(part)}" for name, part in value.items())
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return "\n".join(" ".join(str(part) for part in each.values() if part) for each in value)
    return str(value)

"""Rules about histories: repeated, reordered, lost, replayed, paged or exported, all end alike."""

import os
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from trueup.canon.record import encode
from trueup.contract.connector import Page, Piece, Source
from trueup.contract.signature_scheme import QueuePull, SignatureScheme
from trueup.kernel.ids import sha256
from trueup.quality.exchange import Exchange, Meaning, distinct
from trueup.quality.rule import Verdict, exempt, verdict
from trueup.quality.subject import RAISED_AT, RECEIVED_AT, Subject, plain
from trueup.records.merge import merge, take_apart
from trueup.records.model import Stored

HISTORIES: Final = 25
ORDERS: Final = 12
_DIGEST_S_MAX: Final = 30

State = dict[tuple[str, str], bytes]


def order_independent(subject: Subject) -> Verdict:
    """Merge the same facts in many orders with repeats; every history ends in the same records.

    The facts are the samples and, where there is a simulated vendor, a day's webhooks of it.
    """
    told = _sample_sources(subject)
    faults = _shuffled(subject, told, "samples")
    count = len(told)
    if subject.has("twin") and subject.has("webhook"):
        exchange = Exchange(subject)
        exchange.subscribe()
        exchange.twin.happen(ORDERS)
        heard = exchange.heard()
        # What a hook leads to is read at once; both then arrive in any order.
        day = [source for each in heard for source, _ in exchange.told(each)]
        faults += _shuffled(subject, day, "a day's webhooks")
        count += len(day)
    return verdict(faults, f"{count} bodies in {HISTORIES} orders with repeats, one end")


def _shuffled(subject: Subject, told: Sequence[Source], what: str) -> list[str]:
    expected = _arrived(subject, told)
    chance = random.Random(7)  # noqa: S311 - a seed, no secret
    for turn in range(HISTORIES):
        history = [*told, *chance.sample(list(told), len(told) // 3)]
        chance.shuffle(history)
        found = _arrived(subject, history)
        if found != expected:
            keys = [key for key in expected if found.get(key) != expected[key]]
            return [f"{what}, history {turn}: {keys[0][0]} {keys[0][1]} ends differently"]
    return []


def _arrived(subject: Subject, history: Sequence[Source]) -> State:
    """Map and merge bodies as they arrive, one a second."""
    arrivals = [
        msgspec.structs.replace(source, received_at=RECEIVED_AT + timedelta(seconds=second))
        for second, source in enumerate(history)
    ]
    return _fold((source, subject.folder.mapping.map_source(source)) for source in arrivals)


def gap_recovered(subject: Subject) -> Verdict:
    """Lose every webhook of a day and poll: no record is missing, and each says the same.

    A vendor without a list is asked by reference, as the hub does: what other systems name of it.
    """
    if isinstance(_scheme(subject), QueuePull):
        return exempt("they lie in a queue that is polled until each is taken out")
    exchange = Exchange(subject)
    exchange.subscribe()
    exchange.twin.happen(ORDERS)
    told = _fold(meaning for each in exchange.heard() for meaning in exchange.told(each))
    polled: list[Meaning] = []
    for resource in subject.folder.manifest.pull:
        pieces = [p for page in exchange.pages(resource.resource) for p in page.pieces]
        listed = {ref for piece in pieces for ref in _refs(exchange, piece)}
        unlisted = [ref for _, ref in told if ref not in listed]
        if resource.by_ref and unlisted:
            asked = subject.folder.pull.batches(unlisted)
            pieces += [piece for fetch in asked for piece in exchange.fetch(fetch)]
        polled += [m for piece in pieces for m in exchange.told(exchange.source_of(piece))]
    healed = _fold(polled)
    faults = [
        f"{kind} {ref} is {'another' if (kind, ref) in healed else 'missing'}"
        for (kind, ref), body in told.items()
        if not _agree(body, healed.get((kind, ref)))
    ]
    faults += [] if told else ["the simulated vendor's webhooks mean nothing"]
    return verdict(faults, f"{len(told)} records of a day's webhooks, all healed by polls")


def _refs(exchange: Exchange, piece: Piece) -> list[str]:
    meanings = exchange.told(exchange.source_of(piece))
    return [record.ref for _, mapped in meanings for record in mapped.records]


def cursor_safe(subject: Subject) -> Verdict:
    """Let things happen that a poll does not see yet, and poll again from its newest stamp.

    What committed late lies behind the newest stamp; only the overlap brings it back.
    """
    faults, told = [], []
    exchange = Exchange(subject)
    exchange.twin.happen(1)
    for resource in subject.folder.manifest.pull:
        if not resource.cursor:
            continue
        name = resource.resource
        known = distinct(_pieces(exchange, name))
        began_at = exchange.twin.now()
        exchange.twin.happen(2)
        pages = exchange.pages(name)
        stamps = [page.latest_at for page in pages if page.latest_at is not None]
        if not stamps:
            told.append(f"{name} has no stamps")
            continue
        if not resource.overlap_s:
            faults.append(f"{name} is polled from its newest stamp on, without an overlap")
            continue
        since = max(stamps) - timedelta(seconds=resource.overlap_s)
        late = [
            piece
            for page in pages
            for piece in page.pieces
            if distinct([piece]) - known and (since <= began_at or _stamp(exchange, piece) >= since)
        ]
        again = distinct(_pieces(exchange, name, since))
        missing = len(distinct(late) - again)
        if missing:
            faults.append(f"{name}: {missing} of {len(late)} late ones are not read again")
        told.append(f"{len(late)} late {name} found by {resource.overlap_s} s")
    return verdict(faults, "; ".join(told))


def _pieces(exchange: Exchange, resource: str, since: datetime | None = None) -> list[Piece]:
    return [piece for page in exchange.pages(resource, since) for piece in page.pieces]


def _stamp(exchange: Exchange, piece: Piece) -> datetime:
    """Return when a piece last changed, as far as it says so; else long ago."""
    source = exchange.source_of(piece)
    records = exchange.folder.mapping.map_source(source).records
    stamps = [record.updated_at for record in records[:1] if record.updated_at is not None]
    return stamps[0] if stamps else datetime.min.replace(tzinfo=UTC)


def replay_identical(subject: Subject) -> Verdict:
    """Map all samples backwards, and again in another process with other hashes."""
    forward = samples_digest(subject)
    backward = samples_digest(subject, backwards=True)
    faults = [] if forward == backward else ["another order of mapping changes the answers"]
    elsewhere = _digest_elsewhere(subject)
    if elsewhere != forward:
        faults.append("another process answers differently")
    return verdict(faults, f"sha256 {forward[:12]}, in both orders and in two processes")


def samples_digest(subject: Subject, *, backwards: bool = False) -> str:
    """Return one digest of what all samples mean."""
    cases = list(subject.cases)
    told = {}
    for case in reversed(cases) if backwards else cases:
        mapped = [each.mapped for each in subject.walk(case)]
        told[str(case)] = msgspec.json.encode([plain(each) for each in mapped])
    return sha256(b"\n".join(told[str(case)] for case in cases)).hex()


def _digest_elsewhere(subject: Subject) -> str:
    environment = os.environ | {"PYTHONHASHSEED": "4711", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(  # noqa: S603 - our own module, with our own arguments
        [
            sys.executable,
            "-m",
            "trueup.quality.digest",
            str(subject.folder.folder),
            subject.package,
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_DIGEST_S_MAX,
        check=False,
    )
    return done.stdout.strip() or done.stderr[-200:]


def pages_resumable(subject: Subject) -> Verdict:
    """Walk through all pages, ask for each again, and compare with the vendor's own count."""
    exchange = Exchange(subject)
    exchange.twin.happen(ORDERS)
    pull, faults, told = subject.folder.pull, [], []
    for resource in [each.resource for each in subject.folder.manifest.pull]:
        pages = exchange.pages(resource)
        if _is_queue(subject, pages):
            told.append(f"{resource} is a queue, out of which each is taken once")
            continue
        cursor = None
        for page in pages:
            again = pull.page(resource, exchange.patient(pull.page_request(resource, None, cursor)))
            faults += [] if again == page else [f"{resource}: a page is another when asked again"]
            cursor = page.next_cursor
        pieces = [piece for page in pages for piece in page.pieces]
        if len(distinct(pieces)) != len(pieces):
            faults.append(f"{resource}: a record comes twice")
        request = pull.count_request(resource, None)
        counted = None if request is None else pull.count(resource, exchange.patient(request))
        if counted not in {None, len(pieces)}:
            faults.append(f"{resource}: {len(pieces)} read, the vendor counts {counted}")
        told.append(f"{len(pieces)} {resource}")
    return verdict(faults, ", ".join(told))


def _is_queue(subject: Subject, pages: Sequence[Page]) -> bool:
    """Tell whether a resource is the queue in which the webhooks lie."""
    webhook = subject.folder.manifest.webhook
    if webhook is None or not isinstance(webhook.scheme, QueuePull):
        return False
    topics = {topic.topic for topic in webhook.topics}
    return all(piece.topic in topics for page in pages for piece in page.pieces)


def bulk_equals_pages(subject: Subject) -> Verdict:
    """Read each resource by export and by pages; the records are the same."""
    exchange = Exchange(subject)
    exchange.twin.happen(ORDERS)
    faults, count = [], 0
    for resource in subject.folder.manifest.pull:
        if not resource.bulk:
            continue
        pieces = [p for page in exchange.pages(resource.resource) for p in page.pieces]
        paged = _own(_meaning(exchange, piece) for piece in pieces)
        exported = _own(_meaning(exchange, p) for p in exchange.export(resource.resource))
        count += len(exported)
        if paged != exported or not exported:
            faults.append(f"{resource.resource}: {len(exported)} exported, {len(paged)} paged")
    return verdict(faults, f"{count} records alike by both ways")


def snapshot_true(subject: Subject) -> Verdict:
    """Read the whole state that reconciliation compares, and find the vendor's number in it."""
    exchange = Exchange(subject)
    exchange.twin.happen(ORDERS)
    snapshots = [each.resource for each in subject.folder.manifest.pull if each.snapshot]
    levels = [
        getattr(record, "available", None)
        for resource in snapshots
        for page in exchange.pages(resource)
        for piece in page.pieces
        for record in _meaning(exchange, piece)[1].records
        if record.kind == "inventory_level"
    ]
    level = exchange.twin.level()
    faults = [] if level in levels else [f"the vendor shows {level}, the snapshot {levels}"]
    faults += [] if exchange.read() == level else ["the read-back shows another number"]
    return verdict(faults, f"snapshots of {', '.join(snapshots)} show the vendor's number")


def _sample_sources(subject: Subject) -> list[Source]:
    """Return the samples as events, each raised a second after the one before."""
    return [
        msgspec.structs.replace(case.source, raised_at=RAISED_AT + timedelta(seconds=number))
        for number, case in enumerate(subject.cases)
    ]


def _scheme(subject: Subject) -> SignatureScheme | None:
    webhook = subject.folder.manifest.webhook
    return None if webhook is None else webhook.scheme


def _meaning(exchange: Exchange, piece: Piece) -> Meaning:
    source = Source(topic=piece.topic, body=piece.body, received_at=RECEIVED_AT)
    return source, exchange.folder.mapping.map_source(source)


def _fold(told: Iterable[Meaning]) -> State:
    """Merge in the order given, as the hub does; returns the current versions."""
    stored: dict[tuple[str, str], Stored] = {}
    state: State = {}
    for source, mapped in told:
        for record in mapped.records:
            parts = take_apart(record, source)
            key = record.kind, record.ref
            kept, _ = merge(
                stored.get(key), parts, record_id=1, connection_id=1, event_id=1, person=None
            )
            stored[key] = kept
            state[key] = encode(kept.body)
    return state


def _own(told: Iterable[Meaning]) -> State:
    """Return each body's own record, which comes first."""
    return {
        (mapped.records[0].kind, mapped.records[0].ref): encode(mapped.records[0])
        for _, mapped in told
        if mapped.records
    }


def _agree(left: bytes, right: bytes | None) -> bool:
    """Tell whether a later record says the same wherever both say something."""
    if right is None:
        return False
    one: dict[str, Any] = msgspec.json.decode(left)
    two: dict[str, Any] = msgspec.json.decode(right)
    # What a vendor does not stamp is as new as the asking.
    both = (one.keys() & two.keys()) - {"updated_at"}
    is_newer = str(two.get("updated_at", "")) >= str(one.get("updated_at", ""))
    return is_newer and all(one[name] == two[name] for name in both)

"""Rules about personal data: declared where it stands, and kept apart from the rest."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from trueup.canon.product import Product
from trueup.canon.record import Record, encode
from trueup.contract.connector import Mapped
from trueup.quality.canonical import values
from trueup.quality.exchange import Exchange
from trueup.quality.leaf import Path, leaves, personal_leaves, planted, pointer, read_json
from trueup.quality.rule import Verdict, exempt, verdict
from trueup.quality.subject import Case, Subject

CANARY: Final = "canary"
_LOOKS_PERSONAL: Final = re.compile(
    r"[^@\s]+@[^@\s]+\.[a-z]+|\+\d[\d ()-]{6,}|\d{1,3}(\.\d{1,3}){3}", re.IGNORECASE
)
_ADDRESS: Final = re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", re.IGNORECASE)
_MAIL_NAMES: Final = re.compile(
    r"^(message-id|references|in-reply-to):.*$", re.IGNORECASE | re.MULTILINE
)
_CANARY_NUMBER: Final = 770_077_000
_SHORT: Final = 3
_HAPPENINGS: Final = 6
_BODIES_MAX: Final = 8


def personal_declared(subject: Subject) -> Verdict:
    """Look in the samples for what reads like personal data, and for what records call personal.

    Every value of a record's person part must come from a place that the manifest declares: with
    all those places changed, nothing of the sample's own persons is left.
    """
    faults, places = _undeclared(subject, subject.cases)
    return verdict(faults, f"{places} personal places in {len(subject.cases)} samples")


def personal_kept_apart(subject: Subject) -> Verdict:
    """Plant canaries in every personal place, and look for them outside the person parts."""
    faults, canaries = _let_out(subject, subject.cases)
    return verdict(faults, f"{canaries} canaries, heard in no record, issue or reason")


def personal_held_live(subject: Subject) -> Verdict:
    """Do both with what the simulated vendor sends and shows."""
    if not subject.has("webhook") and not subject.has("pull"):
        return exempt("the vendor tells nothing by itself")
    cases = _live_cases(subject)
    faults, places = _undeclared(subject, cases)
    more, _ = _let_out(subject, cases)
    faults += more if cases else ["the simulated vendor tells nothing"]
    return verdict(faults, f"{places} personal places in {len(cases)} bodies of the vendor")


def _live_cases(subject: Subject) -> list[Case]:
    """Return what a simulated vendor sends and shows, a few bodies of each topic."""
    exchange = Exchange(subject)
    if subject.has("webhook"):
        exchange.subscribe()
    exchange.twin.happen(_HAPPENINGS)
    sources = exchange.heard() if subject.has("webhook") else []
    for resource in subject.folder.manifest.pull:
        pieces = [piece for page in exchange.pages(resource.resource) for piece in page.pieces]
        sources += [exchange.source_of(piece) for piece in pieces]
    whole = [source for each in sources for source, _ in exchange.told(each)]
    by_topic: dict[str, list[bytes]] = {}
    for source in whole:
        bodies = by_topic.setdefault(source.topic, [])
        if len(bodies) < _BODIES_MAX and source.body not in bodies:
            bodies.append(source.body)
    return [
        Case(name=f"live {number}", topic=topic, body=body, expected={})
        for topic, bodies in by_topic.items()
        for number, body in enumerate(bodies)
    ]


def _undeclared(subject: Subject, cases: Sequence[Case]) -> tuple[list[str], int]:
    """Return what is personal and not declared, and how many places are declared."""
    faults, places = [], 0
    for case in cases:
        body = read_json(case.body)
        declared = _declared(subject, body)
        places += len(declared)
        faults += [
            f"{case}{pointer(path)} reads like personal data and is not declared"
            for path, value in leaves(body)
            if isinstance(value, str) and _LOOKS_PERSONAL.fullmatch(value) and path not in declared
        ]
        if body is None:
            continue
        persons = _person_texts(subject.mean(case, case.body))
        left = _person_texts(subject.mean(case, _with_canaries(body, declared))) & persons
        faults += [f"{case}: a person's {text!r} comes from elsewhere" for text in sorted(left)]
    return faults, places


def _let_out(subject: Subject, cases: Sequence[Case]) -> tuple[list[str], int]:
    """Return where canaries are heard outside of person parts, and how many were planted."""
    faults, canaries = [], 0
    for case in cases:
        body = read_json(case.body)
        if body is None:
            addresses = _addresses(case.body.decode(errors="replace"))
            canaries += len(addresses)
            heard = _heard(subject.mean(case, case.body), addresses)
            faults += [f"{case}: {where}" for where in heard]
            continue
        declared = _declared(subject, body)
        canaries += len(declared)
        sung = _with_canaries(body, declared)
        spoilt = {path: [CANARY] for path in declared}
        for name, bent in {
            "planted": sung,
            "cut off": sung[:-1],
            "of another type": planted(body, spoilt),
        }.items():
            heard = _heard(subject.mean(case, bent), {CANARY})
            faults += [f"{case}, {name}: {where}" for where in heard]
    return faults, canaries


def _addresses(text: str) -> set[str]:
    """Return the e-mail addresses in a text, without the names of mails, which look like them."""
    return set(_ADDRESS.findall(_MAIL_NAMES.sub("", text)))


def _heard(mapped: Mapped, canaries: Iterable[str]) -> list[str]:
    """Return where canaries are heard outside of person parts."""
    bare = [_without_personal(record) for record in mapped.records]
    told = {f"in the {record.kind}": encode(record).decode() for record in bare}
    told |= {f"in the issue {issue.code}": repr(issue) for issue in mapped.issues}
    told["in a fetch"] = repr(mapped.fetch)
    told["in the reason"] = mapped.ignored or ""
    return [where for where, text in told.items() if any(each in text for each in canaries)]


def _without_personal(record: Record) -> Record:
    """Return the record without its person part and its links, which are stored as digests."""
    bare = msgspec.structs.replace(record, person=None, links=())
    # The tags of a product sort goods. Those of orders and customers may name people, and stand in
    # a place of the same name, so the manifest declares them all.
    return msgspec.structs.replace(bare, tags=()) if isinstance(bare, Product) else bare


def _declared(subject: Subject, body: object) -> set[Path]:
    return personal_leaves(body, subject.folder.manifest.personal)


def _with_canaries(body: object, declared: set[Path]) -> bytes:
    found = [(path, value) for path, value in leaves(body) if path in declared]
    plants: dict[Path, object] = {}
    for number, (path, value) in enumerate(sorted(found, key=lambda each: str(each[0]))):
        if isinstance(value, str):
            plants[path] = f"{CANARY}-{number}"
        elif isinstance(value, int) and not isinstance(value, bool):
            plants[path] = _CANARY_NUMBER + number
    return planted(body, plants)


def _person_texts(mapped: Mapped) -> set[str]:
    """Return the texts in person parts, short codes left out."""
    return {
        text
        for record in mapped.records
        if record.person is not None
        for _, text in values(record.person)
        if isinstance(text, str) and len(text) > _SHORT
    }

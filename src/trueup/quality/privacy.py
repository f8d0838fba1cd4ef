"""Rules about personal data: declared where it stands, and kept apart from the rest."""

import re
from typing import Final

import msgspec

from trueup.canon.product import Product
from trueup.canon.record import Record, encode
from trueup.contract.connector import Mapped
from trueup.quality.canonical import values
from trueup.quality.leaf import Path, leaves, personal_leaves, planted, pointer, read_json
from trueup.quality.rule import Verdict, verdict
from trueup.quality.subject import Subject

CANARY: Final = "canary"
_LOOKS_PERSONAL: Final = re.compile(
    r"[^@\s]+@[^@\s]+\.[a-z]+|\+\d[\d ()-]{6,}|\d{1,3}(\.\d{1,3}){3}", re.IGNORECASE
)
_SHORT: Final = 3


def personal_declared(subject: Subject) -> Verdict:
    """Look in the samples for what reads like personal data, and for what records call personal.

    Every value of a record's person part must come from a place that the manifest declares: with
    all those places changed, nothing of the sample's own persons is left.
    """
    faults, places = [], 0
    for case in subject.cases:
        body = read_json(case.body)
        declared = _declared(subject, body)
        places += len(declared)
        faults += [
            f"{case}{pointer(path)} reads like personal data and is not declared"
            for path, value in leaves(body)
            if isinstance(value, str) and _LOOKS_PERSONAL.fullmatch(value) and path not in declared
        ]
        persons = _person_texts(subject.mean(case, case.body))
        left = _person_texts(subject.mean(case, _with_canaries(body, declared))) & persons
        faults += [f"{case}: a person's {text!r} comes from elsewhere" for text in sorted(left)]
    return verdict(faults, f"{places} personal places in {len(subject.cases)} samples")


def personal_kept_apart(subject: Subject) -> Verdict:
    """Plant canaries in every personal place, and look for them outside the person parts."""
    faults, canaries = [], 0
    for case in subject.cases:
        body = read_json(case.body)
        declared = _declared(subject, body)
        canaries += len(declared)
        sung = _with_canaries(body, declared)
        spoilt = {path: [CANARY] for path in declared}
        for name, bent in {
            "planted": sung,
            "cut off": sung[:-1],
            "of another type": planted(body, spoilt),
        }.items():
            faults += [f"{case}, {name}: {where}" for where in _heard(subject.mean(case, bent))]
    return verdict(faults, f"{canaries} canaries, heard in no record, issue or reason")


def _heard(mapped: Mapped) -> list[str]:
    """Return where canaries are heard outside of person parts."""
    bare = [_without_personal(record) for record in mapped.records]
    told = {f"in the {record.kind}": encode(record).decode() for record in bare}
    told |= {f"in the issue {issue.code}": repr(issue) for issue in mapped.issues}
    told["in a fetch"] = repr(mapped.fetch)
    told["in the reason"] = mapped.ignored or ""
    return [where for where, text in told.items() if CANARY in text]


def _without_personal(record: Record) -> Record:
    """Return the record without its person part and its links, which are stored as digests."""
    bare = msgspec.structs.replace(record, person=None, links=())
    # The tags of a product sort goods. Those of orders and customers may name people, and stand in
    # a place of the same name, so the manifest declares them all.
    return msgspec.structs.replace(bare, tags=()) if isinstance(bare, Product) else bare


def _declared(subject: Subject, body: object) -> set[Path]:
    return personal_leaves(body, subject.folder.manifest.personal)


def _with_canaries(body: object, declared: set[Path]) -> bytes:
    texts = {path for path, value in leaves(body) if isinstance(value, str)} & declared
    plants = {path: f"{CANARY}-{number}" for number, path in enumerate(sorted(texts, key=str))}
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

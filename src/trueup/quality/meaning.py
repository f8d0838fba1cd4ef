"""Rules about what bodies mean: pure, total, exact, and honest about what is unknown."""

import ast
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from trueup.canon.issue import Severity
from trueup.contract.connector import Mapped
from trueup.errors import InvariantBroken
from trueup.quality.canonical import values, words
from trueup.quality.closed import closed_world
from trueup.quality.hostile import HOSTILE_BODIES
from trueup.quality.leaf import Path, grown, leaves, planted, pointer, read_json
from trueup.quality.rule import Verdict, verdict
from trueup.quality.subject import Subject, plain

UNHEARD_OF: Final = "zz_unheard_of"
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_]{1,40}")
_IMPURE: Final = frozenset(
    (
        *("socket", "ssl", "http", "httpx", "requests", "urllib3", "asyncio", "threading"),
        *("subprocess", "time", "random", "secrets", "uuid", "os", "psycopg", "tempfile"),
    )
)
_CLOCKS: Final = frozenset(("now", "utcnow", "today"))
_MAY_ASK_THE_TIME: Final = frozenset(("api.py",))
"""Some vendors want each call signed with the time, which only `authorise` can do."""


def topics_sampled(subject: Subject) -> Verdict:
    """Look for a sample, with what is expected of it, for each declared topic."""
    webhook = subject.folder.manifest.webhook
    told = {(case.topic, f"samples/{case.name}") for case in subject.cases}
    declared = {(topic.topic, topic.sample) for topic in webhook.topics} if webhook else set()
    faults = [
        f"{topic} has no sample that says what it means"
        for topic, sample in sorted(declared)
        if (topic, sample) not in told
    ]
    return verdict(faults, f"{len(declared)} topics")


def samples_mean(subject: Subject) -> Verdict:
    """Map each sample with the world shut out, and compare with its file."""
    faults = []
    for case in subject.cases:
        with closed_world():
            told = subject.walk(case)
        found = plain(_joined([each.mapped for each in told]))
        if found != case.expected:
            differs = {k for k in found | case.expected if found.get(k) != case.expected.get(k)}
            faults.append(f"{case}: other {', '.join(sorted(differs))} than expected")
    if not subject.cases:
        faults.append("there is no sample")
    return verdict(faults, f"{len(subject.cases)} samples mean what their files say")


def mapping_pure(subject: Subject) -> Verdict:
    """Map each sample twice with the world shut out; look for clocks and lines in the code."""
    faults = _impure_code(subject)
    for case in subject.cases:
        try:
            with closed_world():
                alike = subject.walk(case) == subject.walk(case)
        except InvariantBroken as fault:
            faults.append(f"{case}: {fault}")
        else:
            faults += [] if alike else [f"{case}: two answers"]
    return verdict(
        faults, f"{len(subject.cases)} samples twice, {len(subject.python_files)} files read"
    )


def _impure_code(subject: Subject) -> list[str]:
    faults = []
    for path in subject.python_files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                is_clock = node.func.attr in _CLOCKS and path.name not in _MAY_ASK_THE_TIME
                names = [f"{node.func.attr}()"] if is_clock else []
            faults += [
                f"{path.name}:{getattr(node, 'lineno', 0)} uses {name}"
                for name in names
                if name.partition(".")[0] in _IMPURE or name.endswith("()")
            ]
    return faults


def mapping_total(subject: Subject) -> Verdict:
    """Map hostile bytes under every topic: each ends in records or a reason, none raises."""
    faults = []
    topics = {case.topic: case for case in subject.cases}
    for topic, case in topics.items():
        for name, body in HOSTILE_BODIES.items():
            try:
                mapped = subject.mean(case, body)
            except Exception as fault:  # noqa: BLE001 - whatever it raises is the finding
                faults.append(f"{topic}, {name}: {type(fault).__name__}")
                continue
            if mapped == _NOTHING:
                faults.append(f"{topic}, {name}: neither record nor reason")
    return verdict(faults, f"{len(topics)} topics, {len(HOSTILE_BODIES)} hostile bodies each")


_NOTHING: Final = Mapped()


def unknown_surfaced(subject: Subject) -> Verdict:
    """Put a word that nobody knows into each field in turn.

    Where one of our own words changes with it, it must become unknown or nothing, with an issue.
    """
    faults: set[str] = set()
    surfaced: set[str] = set()
    for case in subject.cases:
        body = read_json(case.body)
        known = _words_of(subject.mean(case, case.body))
        for path, value in leaves(body):
            if not isinstance(value, str) or not _WORD.fullmatch(value):
                continue
            mapped = subject.mean(case, planted(body, {path: UNHEARD_OF}))
            place = f"{case}{pointer(path)}"
            if _is_guessed(known, mapped):
                faults.add(place)
            elif mapped.issues:
                surfaced.add(place)
    told = [f"{place}: an unknown word is guessed away" for place in sorted(faults)]
    return verdict(told, f"{len(surfaced)} fields surface an unknown word")


def _words_of(mapped: Mapped) -> dict[tuple[str, Path], StrEnum]:
    return {
        (f"{record.kind}/{record.ref}", path): word
        for record in mapped.records
        for path, word in words(record).items()
    }


def _is_guessed(known: dict[tuple[str, Path], StrEnum], mapped: Mapped) -> bool:
    """Tell whether one of our words changed and nobody can see that a word was not known."""
    after = _words_of(mapped)
    changed = [key for key, word in known.items() if after.get(key) not in {None, word}]
    if any(after[key] != "unknown" for key in changed):
        return True
    vanished = bool(mapped.records) and any(key not in after for key in known)
    is_told = bool(mapped.issues) or mapped.ignored is not None or _is_kept(mapped)
    return not is_told and (bool(changed) or vanished)


def _is_kept(mapped: Mapped) -> bool:
    """Tell whether the vendor's own word is kept in a record, as for free text."""
    return any(value == UNHEARD_OF for record in mapped.records for _, value in values(record))


def money_and_time_exact(subject: Subject) -> Verdict:
    """Walk through every canonical value of every sample."""
    found = [
        (f"{case} {record.kind}{pointer(path)}", value)
        for case in subject.cases
        for record in subject.mean(case, case.body).records
        for path, value in values(record)
    ]
    faults = [f"{place}: {why}" for place, value in found if (why := inexact(value))]
    return verdict(faults, f"{len(found)} values: no float, no naive time")


def inexact(value: object) -> str:
    """Return why a canonical value is not exact; empty where it is."""
    if isinstance(value, float):
        return "a float"
    if isinstance(value, Decimal) and not value.is_finite():
        return "an amount without end"
    if isinstance(value, datetime) and value.tzinfo is not UTC:
        return "a time that is not in UTC"
    known = str | int | bool | Decimal | datetime | date | bytes | None
    return "" if isinstance(value, known) else f"a {type(value).__name__}"


def drift_tolerated(subject: Subject) -> Verdict:
    """Add a field that nobody knows to each object of each sample."""
    faults = []
    for case in subject.cases:
        body = read_json(case.body)
        if body is None:
            continue
        mapped = subject.mean(case, planted(grown(body, "zz_new_field", {"zz": [1]}), {}))
        same = mapped == subject.mean(case, case.body)
        told = any(issue.severity is Severity.ERROR for issue in mapped.issues)
        if not same and not told:
            faults.append(f"{case}: a new field changes what it means, and nobody is told")
    return verdict(faults, f"{len(subject.cases)} samples with new fields in every object")


def _joined(parts: list[Mapped]) -> Mapped:
    """Return the meaning of all pieces as one."""
    return Mapped(
        records=tuple(record for part in parts for record in part.records),
        issues=tuple(issue for part in parts for issue in part.issues),
        fetch=tuple(fetch for part in parts for fetch in part.fetch),
        ignored=next((part.ignored for part in parts if part.ignored), None),
    )

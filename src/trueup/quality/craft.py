"""Rules about the code itself: typed, unmoved by nonsense, fast."""

import ast
import random
import time
from collections.abc import Iterator
from typing import Final

from trueup.quality.canonical import values
from trueup.quality.meaning import inexact
from trueup.quality.rule import Verdict, verdict
from trueup.quality.subject import Case, Subject

MUTATIONS: Final = 1_500
EVENTS: Final = 2_000
EVENTS_PER_S_MIN: Final = 1_000
P99_MS_MAX: Final = 10.0
_SPICE: Final = (b"0", b"-1", b'"', b"{", b"}", b"[", b"null", b"1e99", b"\xff", b"\\u0000", b" ")


def typed(subject: Subject) -> Verdict:
    """Read the code: every function annotated, no type check silenced."""
    texts = {path: path.read_text(encoding="utf-8") for path in subject.python_files}
    faults = [
        f"{p.name} silences the type checker" for p, t in texts.items() if "type: ignore" in t
    ]
    functions = [
        (path, node)
        for path, text in texts.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    faults += [
        f"{path.name}:{node.lineno} {node.name} is not annotated"
        for path, node in functions
        if node.returns is None or not all(_annotated(node))
    ]
    return verdict(faults, f"{len(functions)} functions")


def _annotated(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[bool]:
    arguments = node.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    for argument in listed:
        yield argument.annotation is not None or argument.arg in {"self", "cls"}


def nonsense_survived(subject: Subject) -> Verdict:
    """Map spoilt samples, from a seed: none raises, and what comes of them is exact."""
    chance = random.Random(2026)  # noqa: S311 - a seed, no secret
    faults: set[str] = set()
    for _ in range(MUTATIONS if subject.cases else 0):
        case = chance.choice(subject.cases)
        body = _spoil(case, chance)
        try:
            mapped = subject.mean(case, body)
        except Exception as fault:  # noqa: BLE001 - whatever it raises is the finding
            faults.add(f"{case}: {type(fault).__name__}: {fault}"[:160])
            continue
        for record in mapped.records:
            faults |= {f"{case}: {why}" for _, value in values(record) if (why := inexact(value))}
    return verdict(sorted(faults), f"{MUTATIONS} spoilt bodies, none raised")


def _spoil(case: Case, chance: random.Random) -> bytes:
    body = bytearray(case.body)
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(body) + 1)
        end = min(len(body), start + chance.choice((0, 1, 1, 2, 8, 60)))
        body[start:end] = chance.choice((b"", *_SPICE, bytes(case.body[:20])))
    return bytes(body)


def fast(subject: Subject) -> Verdict:
    """Take samples the whole way and count this thread's own time."""
    if not subject.cases:
        return verdict(["there is no sample"], "")
    times_ns = []
    for turn in range(EVENTS):
        case = subject.cases[turn % len(subject.cases)]
        start_ns = time.thread_time_ns()
        subject.walk(case)
        times_ns.append(time.thread_time_ns() - start_ns)
    per_s = EVENTS / (sum(times_ns) / 1e9)
    p99_ms = sorted(times_ns)[EVENTS * 99 // 100] / 1e6
    faults = []
    if per_s < EVENTS_PER_S_MIN:
        faults.append(f"{per_s:.0f} events a second, wanted {EVENTS_PER_S_MIN}")
    if p99_ms > P99_MS_MAX:
        faults.append(f"p99 {p99_ms:.2f} ms, wanted {P99_MS_MAX:g}")
    return verdict(faults, f"{per_s:.0f} events a second, p99 {p99_ms:.2f} ms")

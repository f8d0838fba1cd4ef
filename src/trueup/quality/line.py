"""Rules about the line to the vendor: what replies mean, how fast it may be called."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import msgspec

from trueup.contract.breaker import CircuitBreaker
from trueup.contract.connector import Request
from trueup.contract.egress import Egress, EgressPolicy, origin
from trueup.contract.throttle import CostBucket, retry_delay_s
from trueup.errors import (
    AuthExpired,
    ConnectorError,
    HubError,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from trueup.kernel.clock import ManualClock
from trueup.quality import mail
from trueup.quality.exchange import Exchange
from trueup.quality.porter import Porter
from trueup.quality.rule import Verdict, exempt, verdict
from trueup.quality.subject import Subject

RETRY_AFTER_S: Final = 7
_SILENCE_S: Final = 0.4
_ANSWER_S_MAX: Final = 5.0
_CALLS: Final = 60
_ROUNDED_S: Final = 1e-4  # a clock has microseconds, and each wait is rounded to one
_START: Final = datetime(2026, 4, 1, 12, tzinfo=UTC)
# What may come of a status; `fate` says what is done next.
_TABLE: Final[dict[int, frozenset[str]]] = {
    401: frozenset(("ask_human",)),
    403: frozenset(("ask_human", "never")),
    404: frozenset(("never",)),
    409: frozenset(("never", "later")),
    422: frozenset(("never",)),
    429: frozenset(("after_s",)),
    500: frozenset(("later",)),
    502: frozenset(("later",)),
    503: frozenset(("later",)),
    504: frozenset(("later",)),
}


def error_table(subject: Subject) -> Verdict:
    """Get each status from a server on the loopback, and ask the connector what it means."""
    if _is_mail(subject):
        return mail.codes_judged(subject)
    fates = asyncio.run(_fates(subject))
    faults = [
        f"{status} means {fates[status] or 'success'}, expected {' or '.join(sorted(wanted))}"
        for status, wanted in _TABLE.items()
        if fates[status] not in wanted
    ]
    told = ", ".join(f"{status} {fate}" for status, fate in sorted(fates.items()))
    return verdict(faults, told)


def retry_after_kept(subject: Subject) -> Verdict:
    """Read a 429 that names its seconds; the schedule waits so long and no shorter."""
    if _is_mail(subject):
        return exempt("mail servers name no time to come back at")
    fault = asyncio.run(_failure(subject, _status(429)))
    faults = []
    after_s = fault.after_s if isinstance(fault, RateLimited) else None
    if after_s != RETRY_AFTER_S:
        faults.append(f"Retry-After: {RETRY_AFTER_S} is read as {after_s}")
    if retry_delay_s(1, random.Random(1), after_s) != after_s:  # noqa: S311 - jitter, no secret
        faults.append("the schedule does not wait so long")
    bare = asyncio.run(_failure(subject, _status(429).replace(b"retry-after: 7\r\n", b"")))
    if not isinstance(bare, RateLimited) or not 0 < bare.after_s <= 3_600:
        faults.append("a 429 without Retry-After names no sound wait")
    if subject.has("twin"):
        faults += _twin_throttled(subject)
    return verdict(faults, f"waits {RETRY_AFTER_S} s where the vendor asks for it")


def _twin_throttled(subject: Subject) -> list[str]:
    exchange = Exchange(subject)
    exchange.twin.strike("throttled")
    request = subject.folder.api.check_request()
    try:
        exchange.ask(request)
    except RateLimited as fault:
        exchange.twin.advance(fault.after_s)
        exchange.ask(request)
        return []
    return ["the simulated vendor's own throttling is not seen"]


def auth_expiry(subject: Subject) -> Verdict:
    """Let the credentials go stale: the human is asked, and calling stops by itself.

    Where tokens are handed out, another one is asked for first.
    """
    faults = [] if isinstance(_turned_away(subject), AuthExpired) else ["a 401 is no AuthExpired"]
    breaker, may_go = CircuitBreaker(), True
    for _ in range(breaker.failures_max):
        breaker = breaker.failed(_START)
        breaker, may_go = breaker.ask(_START)
    faults += ["calling goes on after repeated failures"] if may_go else []
    if subject.has("twin"):
        exchange = Exchange(subject)
        exchange.twin.strike("stale_token")
        try:
            exchange.ask(subject.folder.api.check_request())
            faults.append("the simulated vendor's refusal is not seen")
        except AuthExpired:
            exchange.sign_in()
            exchange.ask(subject.folder.api.check_request())
    return verdict(faults, "asks the human, stops calling, and works again once connected")


def timeouts_told_apart(subject: Subject) -> Verdict:
    """Fail before and after the request has left: only a write that left may have been done."""
    if _is_mail(subject):
        return mail.breaks_told_apart(subject)
    probe = subject.folder.api.check_request()
    write = msgspec.structs.replace(probe, writes=True)
    found = asyncio.run(_broken_lines(subject, probe, write))
    wanted: dict[str, type[HubError]] = {
        "no connection, read": Unavailable,
        "no connection, write": Unavailable,
        "silence, read": Unavailable,
        "silence, write": OutcomeUnknown,
        "cut off, read": Unavailable,
        "cut off, write": OutcomeUnknown,
    }
    faults = [
        f"{name}: {type(found[name]).__name__}"
        for name, kind in wanted.items()
        if not isinstance(found[name], kind)
    ]
    return verdict(faults, f"{len(wanted)} broken lines")


def limits_obeyed(subject: Subject) -> Verdict:
    """Spend each budget by the connector's own costs, under a clock that is moved by hand."""
    faults, manifest = [], subject.folder.manifest
    requests = _usual_requests(subject)
    for limit in manifest.limits:
        own = [request for request in requests if manifest.limit(request.scope) == limit]
        faults += [
            f"{request!r} costs {request.cost:g}, of at most {limit.capacity:g}"
            for request in own
            if not 0 < request.cost <= limit.capacity
        ]
        bucket, clock, spent = CostBucket.of(limit), ManualClock(_START), 0.0
        for turn in range(_CALLS if own else 0):
            cost = own[turn % len(own)].cost
            clock.advance(seconds=bucket.reserve(cost, clock.now()))
            spent += cost
            passed_s = (clock.now() - _START).total_seconds()
            if spent > limit.capacity + (passed_s + _ROUNDED_S) * limit.refill_per_s:
                faults.append(f"{spent:g} spent in {passed_s:g} s of the limit {limit.scope}")
                break
    counted = "there is no simulated vendor to count"
    if subject.has("twin"):
        pressed, counted = _twin_pressed(subject, requests)
        faults += pressed
    return verdict(faults, f"{_CALLS} calls of {len(requests)} kinds; {counted}")


def _twin_pressed(subject: Subject, usual: list[Request]) -> tuple[list[str], str]:
    """Call as fast as the budgets let us; the simulated vendor must not throttle once."""
    exchange, manifest = Exchange(subject), subject.folder.manifest
    buckets = {limit.scope: CostBucket.of(limit) for limit in manifest.limits}
    now, made = _START, 0
    for kind in [request for request in usual if not request.writes] + _orders(exchange):
        for _ in range(_CALLS // 3):
            request, limit = kind, manifest.limit(kind.scope)
            bucket = buckets[limit.scope if limit else "all"]
            wait_s = bucket.reserve(request.cost, now)
            exchange.twin.advance(wait_s)
            now += timedelta(seconds=wait_s)
            made += 1
            try:
                reply = exchange.send(request)
                subject.folder.api.judge(reply)
            except RateLimited:
                return [f"call {made} to the simulated vendor came too early: {request!r}"], ""
            except ConnectorError:
                continue  # an order that was carried out once is refused; it counts all the same
            told = subject.folder.api.budget(reply)
            if told is not None:
                bucket.observe(
                    told.available, told.capacity, told.refill_per_s, now, at_most=told.at_most
                )
            elif limit is not None and limit.kind == "cost":
                return ["the budget in a reply is not read"], ""
    over = exchange.twin.over_limit()
    faults = [f"{over} calls were over the vendor's limit"] if over else []
    counts = "by its own count none over" if over is not None else "none was throttled"
    return faults, f"{made} calls pressed on the simulated vendor, {counts}"


def _orders(exchange: Exchange) -> list[Request]:
    """Return one call for each command that can be ordered."""
    actions = [a for a in exchange.folder.manifest.actions if a.form == "command"]
    return [Porter(exchange, action).request() for action in actions]


def connection_tried(subject: Subject) -> Verdict:
    """Make the harmless call that proves the credentials, before anything is stored."""
    request = subject.folder.api.check_request()
    faults = ["the check changes something at the vendor"] if request.writes else []
    if not subject.has("twin"):
        seen = isinstance(_turned_away(subject), AuthExpired)
        faults += [] if seen else ["a wrong credential is not seen"]
        return verdict(faults, "a wrong credential is seen; there is no simulated vendor")
    exchange = Exchange(subject)
    learnt = subject.folder.api.checked(exchange.ask(request))
    wrong = dict.fromkeys((*exchange.twin.secrets, "access_token"), "wrong")
    try:
        subject.folder.api.judge(exchange.send(request, {**exchange.secrets, **wrong}))
        faults.append("a wrong credential is taken")
    except AuthExpired:
        pass
    told = [name for name, value in sorted(learnt.items()) if value]
    return verdict(faults, f"learns {', '.join(told) or 'that it is let in'}; sees wrong ones")


def _turned_away(subject: Subject) -> HubError | None:
    """Return what the connector makes of being turned away for its credentials."""
    if _is_mail(subject):
        return mail.judged(subject, 535, "auth")
    return asyncio.run(_failure(subject, _status(401)))


def _is_mail(subject: Subject) -> bool:
    return subject.folder.manifest.api.transport == "smtp"


def _usual_requests(subject: Subject) -> list[Request]:
    """Return the requests a connection makes all day."""
    folder = subject.folder
    found = [folder.api.check_request()]
    found += [folder.pull.page_request(r.resource, None, None) for r in folder.manifest.pull]
    if folder.has("hooks"):
        found.append(folder.hooks.list_request(None))
    return found


async def _fates(subject: Subject) -> dict[int, str]:
    return {
        status: fault.fate if (fault := await _failure(subject, _status(status))) else ""
        for status in _TABLE
    }


async def _failure(subject: Subject, answer: bytes) -> HubError | None:
    """Return what the connector makes of an answer that comes over a real socket."""
    api = subject.folder.api
    request = api.authorise(api.check_request(), subject.credentials)
    async with _answering(answer) as base_url, _egress(base_url, _ANSWER_S_MAX) as egress:
        reply = await egress.send(base_url, request)
    try:
        api.judge(reply)
    except HubError as fault:
        return fault
    return None


async def _broken_lines(
    subject: Subject, probe: Request, write: Request
) -> dict[str, HubError | None]:
    found: dict[str, HubError | None] = {}
    secrets = subject.credentials
    await _failure(subject, _status(200))  # the first line of a process is slow to set up
    for name, answer in {"silence": b"silence", "cut off": b""}.items():
        async with _answering(answer) as base_url:
            for kind, request in {"read": probe, "write": write}.items():
                authorised = subject.folder.api.authorise(request, secrets)
                found[f"{name}, {kind}"] = await _sent(base_url, authorised)
    for kind, request in {"read": probe, "write": write}.items():
        # The server of before is gone, so nobody listens at its address.
        found[f"no connection, {kind}"] = await _sent(base_url, request)
    return found


async def _sent(base_url: str, request: Request) -> HubError | None:
    async with _egress(base_url, _SILENCE_S) as egress:
        try:
            await egress.send(base_url, request)
        except HubError as fault:
            return fault
    return None


def _egress(base_url: str, timeout_s: float) -> Egress:
    policy = EgressPolicy(allowed=frozenset((origin(httpx.URL(base_url)),)))
    return Egress(policy, total_timeout_s=timeout_s)


@asynccontextmanager
async def _answering(answer: bytes) -> AsyncIterator[str]:
    """Serve one raw answer on the loopback; `silence` never answers, nothing hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if answer == b"silence":
                await reader.read()
            writer.write(answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _status(status: int) -> bytes:
    body = b'{"errors": "no"}'
    head = f"HTTP/1.1 {status} No\r\ncontent-type: application/json\r\n"
    head += f"content-length: {len(body)}\r\nconnection: close\r\n"
    head += f"retry-after: {RETRY_AFTER_S}\r\n" if status == 429 else ""
    return head.encode() + b"\r\n" + body

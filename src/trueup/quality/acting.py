"""Rules about acting at the vendor: once, compared, read back, and undone where it was said."""

import asyncio
from typing import Final

import httpx
import msgspec

from trueup.contract.connector import Hook, Intent, ReceiptState
from trueup.contract.egress import Egress, EgressPolicy, origin
from trueup.errors import OutcomeUnknown
from trueup.quality.closed import closed_world
from trueup.quality.exchange import Exchange
from trueup.quality.rule import Verdict, verdict
from trueup.quality.subject import Subject
from trueup.quality.twin import Fault

HOOK_URL: Final = "https://hub.example/hooks/quality"
_TIMEOUT_S: Final = 2.0


def actions_idempotent(subject: Subject) -> Verdict:
    """Make a request twice under one key, and send it twice, with a sale in between."""
    actions, faults = subject.folder.actions, []
    exchange = Exchange(subject)
    level = exchange.twin.level()
    intents = [exchange.twin.intent(level - 1, level)]
    one, same = actions.request(intents, "key-1"), actions.request(intents, "key-1")
    faults += [] if msgspec.to_builtins(one) == msgspec.to_builtins(same) else ["two requests"]
    faults += [] if one.writes else ["the request does not say that it writes"]
    declared = subject.folder.manifest.action(intents[0].kind)
    if declared is not None and declared.idempotency == "key":
        other = actions.request(intents, "key-2")
        faults += ["the key is not in the request"] if other == one else []
        exchange.act(level - 1, level, "key-1")
        exchange.twin.meddle(-2)
        again = exchange.act(level - 1, level, "key-1")
        if exchange.twin.level() != level - 3:
            faults.append("a repeat undoes a sale that came in between")
        if again.state is not ReceiptState.DONE or exchange.twin.writes() != 1:
            faults.append(f"a repeat is {again.state}; {exchange.twin.writes()} writes done")
    return verdict(faults, "a repeat under one key is the same to the byte, and does nothing")


def dry_run(subject: Subject) -> Verdict:
    """Make the request with the world shut out, and look at it as a person would."""
    exchange = Exchange(subject)
    level = exchange.twin.level()
    intents = [exchange.twin.intent(3, level)]
    with closed_world():
        request = subject.folder.actions.request(intents, "key-1")
        shown = request.body.decode() + repr(request)
    faults = ["nothing is told of what would be sent"] if not request.body else []
    faults += [
        f"{word} is not to be seen in it"
        for word in ("3", *intents[0].target.values())
        if word not in shown
    ]
    faults += [f"{key} is to be seen" for key, v in exchange.twin.secrets.items() if v in shown]
    if exchange.twin.level() != level or exchange.twin.writes():
        faults.append("the vendor was changed")
    return verdict(faults, f"{len(request.body)} bytes shown, nothing sent")


def read_back(subject: Subject) -> Verdict:
    """Set, read back, let somebody else change it, and read back again; ask for what is gone."""
    exchange = Exchange(subject)
    level = exchange.twin.level()
    faults = []
    receipt = exchange.act(level - 4, level, "key-1")
    if (receipt.state, receipt.observed) != (ReceiptState.DONE, level - 4):
        faults.append(f"the receipt says {receipt.state} and {receipt.observed}")
    for delta in (0, -3):
        exchange.twin.meddle(delta) if delta else None
        if (found := exchange.read()) != exchange.twin.level():
            faults.append(f"{found} is read back, {exchange.twin.level()} stands there")
    intent = exchange.twin.intent(0, None)
    gone = [msgspec.structs.replace(intent, target=dict.fromkeys(intent.target, "1"))]
    request = subject.folder.actions.read_request(gone)
    if list(subject.folder.actions.read(gone, exchange.patient(request))) != [None]:
        faults.append("what is gone is not told as gone")
    return verdict(faults, "reads what stands there, also after somebody else's change")


def compared_before_set(subject: Subject) -> Verdict:
    """Set with a number that no longer stands there: nothing changes, and it is tried later."""
    exchange = Exchange(subject)
    level = exchange.twin.level()
    exchange.twin.meddle(-1)
    receipt = exchange.act(40, level, "key-1")
    faults = []
    if receipt.state is not ReceiptState.LATER or not receipt.again_now:
        faults.append(f"a failed comparison is {receipt.state}")
    if exchange.twin.level() != level - 1:
        faults.append(f"{exchange.twin.level()} stands there, {level - 1} was sold down to")
    receipt = exchange.act(40, level - 1, "key-2")
    faults += [] if receipt.state is ReceiptState.DONE else ["from fresh facts it fails too"]
    return verdict(faults, f"{receipt.state} from fresh facts, later from stale ones")


def unknown_outcome(subject: Subject) -> Verdict:
    """Cut the line before and after the vendor did the work; the same call then finds out."""
    faults = []
    cuts: tuple[Fault, ...] = ("cut_before_work", "cut_after_work")
    for cut in cuts:
        exchange = Exchange(subject)
        level = exchange.twin.level()
        intent = exchange.twin.intent(level - 2, level)
        exchange.twin.strike(cut)
        if not asyncio.run(_is_unknown(exchange, intent)):
            faults.append(f"{cut}: the outcome is not unknown")
        receipt = exchange.act(level - 2, level, "key-1")
        if receipt.state is not ReceiptState.DONE or exchange.twin.level() != level - 2:
            faults.append(f"{cut}: then {receipt.state}, {exchange.twin.level()} stands there")
        if exchange.twin.writes() != 1:
            faults.append(f"{cut}: {exchange.twin.writes()} writes done")
    return verdict(faults, "over a real line: unknown, asked again under its key, done once")


async def _is_unknown(exchange: Exchange, intent: Intent) -> bool:
    request = exchange.authorised(exchange.folder.actions.request([intent], "key-1"))
    async with exchange.twin.serve() as base_url:
        policy = EgressPolicy(allowed=frozenset((origin(httpx.URL(base_url)),)))
        async with Egress(policy, total_timeout_s=_TIMEOUT_S) as egress:
            try:
                await egress.send(base_url, request)
            except OutcomeUnknown as fault:
                return fault.fate == "read_back"
    return False


def undone_as_declared(subject: Subject) -> Verdict:
    """Do and undo each action that the manifest calls reversible."""
    exchange = Exchange(subject)
    level = exchange.twin.level()
    reversible = [a.name for a in subject.folder.manifest.actions if a.reversible]
    final = [a.name for a in subject.folder.manifest.actions if not a.reversible]
    faults = []
    if reversible:
        exchange.act(1, level, "key-1")
        exchange.act(level, 1, "key-2")
        faults += [] if exchange.twin.level() == level else ["undoing leaves another number"]
    told = [f"{', '.join(reversible)} undone"] if reversible else []
    told += [f"{', '.join(final)} declared irreversible"] if final else []
    return verdict(faults, "; ".join(told))


def hooks_round_trip(subject: Subject) -> Verdict:
    """Subscribe every topic, list, remove, and list again."""
    hooks, webhook = subject.folder.hooks, subject.folder.manifest.webhook
    exchange = Exchange(subject)
    topics = [t.topic for t in webhook.topics if not t.required_for_privacy] if webhook else []
    made = [
        hooks.created(exchange.patient(hooks.create_request(topic, HOOK_URL))) for topic in topics
    ]
    faults = []
    listed = _listed(exchange, subject)
    if {(hook.topic, hook.url) for hook in listed} != {(topic, HOOK_URL) for topic in topics}:
        faults.append(f"{len(listed)} are listed, {len(topics)} were made")
    for hook in made:
        exchange.patient(hooks.delete_request(hook))
    if left := _listed(exchange, subject):
        faults.append(f"{len(left)} are left after all were removed")
    return verdict(faults, f"{len(topics)} topics subscribed, listed and removed")


def _listed(exchange: Exchange, subject: Subject) -> list[Hook]:
    found: list[Hook] = []
    cursor: str | None = None
    for _ in range(20):
        reply = exchange.patient(subject.folder.hooks.list_request(cursor))
        page, cursor = subject.folder.hooks.listed(reply)
        found += page
        if cursor is None:
            break
    return found

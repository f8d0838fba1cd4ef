"""Rules about acting at the vendor: once, compared, read back, and undone where it was said."""

import asyncio

import msgspec

from trueup.contract.connector import Hook, ReceiptState, Request
from trueup.errors import OutcomeUnknown
from trueup.quality.closed import closed_world
from trueup.quality.exchange import Exchange
from trueup.quality.rule import Verdict, exempt, verdict
from trueup.quality.subject import Subject
from trueup.quality.twin import HOOK_URL, Fault


def actions_idempotent(subject: Subject) -> Verdict:
    """Make a request twice under one key, and send it twice, with a sale in between.

    Without a key at the vendor there is no sale in between: an absolute value undoes it, so the hub
    reads before it sets again, and only the value counts here.
    """
    faults: list[str] = []
    exchange = Exchange(subject)
    level = exchange.twin.level()
    intent = exchange.twin.intent(level - 1, level)
    one, looks = exchange.written(intent, "key-1")
    same = exchange.rewritten(intent, "key-1", looks)
    faults += [] if msgspec.to_builtins(one) == msgspec.to_builtins(same) else ["two requests"]
    faults += [] if one.writes else ["the request does not say that it writes"]
    is_keyed = _kept(subject, intent.kind) == "key"
    if is_keyed and exchange.rewritten(intent, "key-2", looks) == one:
        faults.append("the key is not in the request")
    exchange.act(level - 1, level, "key-1")
    sold = 2 if is_keyed else 0
    if sold:
        exchange.twin.meddle(-sold)
    again = exchange.act(level - 1, level, "key-1")
    if exchange.twin.level() != level - 1 - sold:
        faults.append(f"after a repeat {exchange.twin.level()} stands there")
    # A look before the write may find that it is done; then it is tried again from fresh facts.
    ends = _TAKEN if is_keyed else {*_TAKEN, ReceiptState.LATER}
    if again.state not in ends or (is_keyed and exchange.twin.writes() != 1):
        faults.append(f"a repeat is {again.state}; {exchange.twin.writes()} writes done")
    how = "does nothing" if is_keyed else "sets the same value"
    return verdict(faults, f"a repeat is the same to the byte, and {how}")


_TAKEN = frozenset((ReceiptState.DONE, ReceiptState.SUBMITTED))


def _kept(subject: Subject, kind: str) -> str:
    """Return what keeps a repeat of an action from acting twice."""
    action = subject.folder.manifest.action(kind)
    return "none" if action is None else action.idempotency


def dry_run(subject: Subject) -> Verdict:
    """Make the request with the world shut out, and look at it as a person would."""
    exchange = Exchange(subject)
    level = exchange.twin.level()
    writes = exchange.twin.writes()
    intent = exchange.twin.intent(3, level)
    _, looks = exchange.written(intent, "key-1")
    with closed_world():
        request = exchange.rewritten(intent, "key-1", looks)
    if request is None:
        return verdict(["there is no request"], "")
    shown = request.body.decode() + repr(request)
    faults = ["nothing is told of what would be sent"] if not request.body else []
    faults += [] if request.writes else ["the request does not say that it writes"]
    everything = f"{request.path} {shown}"
    faults += [] if "3" in shown else ["the value is not to be seen in it"]
    names = [name for name in (intent.key, *intent.target.values()) if name]
    faults += [] if any(n in everything for n in names) else ["it does not say what is set"]
    faults += [f"{key} is to be seen" for key, v in exchange.twin.secrets.items() if v in shown]
    if exchange.twin.level() != level or exchange.twin.writes() != writes:
        faults.append("the vendor was changed")
    return verdict(faults, f"{len(request.body)} bytes shown, nothing sent")


def read_back(subject: Subject) -> Verdict:
    """Set, read back, let somebody else change it, and read back again; ask for what is gone."""
    exchange = Exchange(subject)
    level = exchange.twin.level()
    faults = []
    receipt = exchange.act(level - 4, level, "key-1")
    if receipt.state not in _TAKEN or receipt.observed not in {None, level - 4}:
        faults.append(f"the receipt says {receipt.state} and {receipt.observed}")
    for delta in (0, -3):
        exchange.twin.meddle(delta) if delta else None
        if (found := exchange.read()) != exchange.twin.level():
            faults.append(f"{found} is read back, {exchange.twin.level()} stands there")
    gone = [exchange.twin.gone()]
    request = subject.folder.actions.read_request(gone)
    if list(subject.folder.actions.read(gone, exchange.patient(request))) != [None]:
        faults.append("what is gone is not told as gone")
    return verdict(faults, "reads what stands there, also after somebody else's change")


def compared_before_set(subject: Subject) -> Verdict:
    """Set with a number that no longer stands there: nothing changes, and it is tried later."""
    exchange = Exchange(subject)
    level = exchange.twin.level()
    if (kept := _kept(subject, exchange.twin.intent(0, None).kind)) not in {"key", "compare"}:
        return exempt(f"the vendor compares nothing ({kept}): the hub reads before it sets")
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
        request, _ = exchange.written(intent, "key-1")
        exchange.twin.strike(cut)
        if not _is_unknown(exchange, request):
            faults.append(f"{cut}: the outcome is not unknown")
        receipt = exchange.act(level - 2, level, "key-1")
        if receipt.state is ReceiptState.LATER:
            receipt = exchange.act(level - 2, exchange.read(), "key-2")
        if receipt.state not in _TAKEN or exchange.twin.level() != level - 2:
            faults.append(f"{cut}: then {receipt.state}, {exchange.twin.level()} stands there")
        if exchange.twin.writes() != 1 and _kept(subject, intent.kind) == "key":
            faults.append(f"{cut}: {exchange.twin.writes()} writes done")
    return verdict(faults, "over a real line: unknown, asked again, and it stands as wished")


def _is_unknown(exchange: Exchange, request: Request) -> bool:
    try:
        asyncio.run(exchange.send_over_line(request))
    except OutcomeUnknown as fault:
        return fault.fate == "read_back"
    return False


def undone_as_declared(subject: Subject) -> Verdict:
    """Do and undo each action that the manifest calls reversible."""
    exchange = Exchange(subject)
    level = exchange.twin.level()
    levels = [action for action in subject.folder.manifest.actions if action.form == "level"]
    reversible = [action.name for action in levels if action.reversible]
    final = [action.name for action in levels if not action.reversible]
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
    made = exchange.subscribe()
    faults = []
    listed = _listed(exchange, subject)
    if {(hook.topic, hook.url) for hook in listed} != {(topic, HOOK_URL) for topic in topics}:
        faults.append(f"{len(listed)} are listed, {len(topics)} were made")
    for hook in {hook.ref: hook for hook in made}.values():
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

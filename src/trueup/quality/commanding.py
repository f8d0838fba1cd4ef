"""Rules about commands: each is done once, whatever breaks, and told apart from merely taken in."""

from collections.abc import Iterator
from typing import Final

import msgspec

from trueup.contract.capability import Action
from trueup.contract.connector import Receipt, ReceiptState
from trueup.outbox.model import CommandState
from trueup.outbox.outcome import told_by_record
from trueup.quality.closed import closed_world
from trueup.quality.exchange import Exchange
from trueup.quality.porter import Porter, command_of
from trueup.quality.rule import Verdict, exempt, verdict
from trueup.quality.subject import Subject
from trueup.quality.twin import Fault

_TAKEN: Final = frozenset((ReceiptState.DONE, ReceiptState.SUBMITTED))
_TROUBLES: Final[tuple[Fault | None, ...]] = (
    *(None, "throttled", "failed", "stale_token", "cut_before_work", "cut_after_work"),
)
_CUTS: Final = frozenset(("cut_before_work", "cut_after_work"))


def commands_once(subject: Subject) -> Verdict:
    """Carry each command out under each kind of trouble, and count at the vendor."""
    faults, count = [], 0
    for action in _actions(subject):
        for trouble in _TROUBLES:
            count += 1
            porter = Porter(Exchange(subject), action)
            before = porter.exchange.twin.done(action.name)
            receipt = porter.carry(trouble)
            done = porter.exchange.twin.done(action.name) - before
            if why := _wrong(action, trouble, receipt, done):
                told = ", ".join(porter.lines)
                faults.append(f"{action.name}, {trouble or 'no trouble'}: {why} ({told})")
        faults += _repeated(subject, action)
    return verdict(faults, f"{count} times carried out, each done once at the vendor")


def _wrong(action: Action, trouble: Fault | None, receipt: Receipt, done: int) -> str:
    """Return what is wrong with an end; empty where nothing is."""
    if action.idempotency == "none" and trouble in _CUTS:
        worked = int(trouble == "cut_after_work")
        # Surely not sent is tried again; where nobody knows, the hub stops and a person looks.
        if receipt.state is ReceiptState.UNKNOWN and done == worked:
            return ""
        if receipt.state in _TAKEN and done == 1 and not worked:
            return ""
        return f"{done} done, and the end is {receipt.state}"
    if receipt.state not in _TAKEN:
        return f"it ends {receipt.state} {receipt.code or ''}".strip()
    if not receipt.vendor_ref:
        return "the vendor's id is not in the receipt"
    return "" if done == 1 else f"the vendor did it {done} times"


def _repeated(subject: Subject, action: Action) -> list[str]:
    """Make the same call twice under one key, as after a crash, where that does no harm."""
    if action.idempotency not in {"key", "absolute"}:
        return []
    porter = Porter(Exchange(subject), action)
    before = porter.exchange.twin.done(action.name)
    first, again = porter.send(), porter.send()
    done = porter.exchange.twin.done(action.name) - before
    faults = [] if done == 1 else [f"{action.name}: called twice, the vendor did it {done} times"]
    # What is asked for by the name of the vendor's own work has another name each time.
    if action.confirm != "ask" and again.vendor_ref != first.vendor_ref:
        faults.append(f"{action.name}: a repeat has another id")
    return faults


def lookup_true(subject: Subject) -> Verdict:
    """Look for each command before it was sent and after: not done, then done, by the same id."""
    faults, told = [], []
    for action in _actions(subject):
        if action.idempotency != "lookup" and not action.looked_for:
            continue
        told.append(action.name)
        commands = subject.folder.commands
        porter = Porter(Exchange(subject), action)
        porter.exchange.twin.advance(300)
        for wanted in (ReceiptState.LATER, None):
            made = porter.send() if wanted is None else None
            porter.exchange.twin.advance(300)
            reply = porter.exchange.patient(commands.find_request(porter.command, porter.key))
            found = commands.found(porter.command, porter.key, reply)
            if made is None and found.state is not wanted:
                faults.append(f"{action.name}: before it is sent it is found {found.state}")
            if made is not None and (found.state not in _TAKEN or made.vendor_ref is None):
                faults.append(f"{action.name}: once sent it is found {found.state}")
            if made is not None and found.vendor_ref != made.vendor_ref:
                faults.append(f"{action.name}: another id is found than was told")
    if not told:
        return exempt("no command is looked for")
    return verdict(faults, f"{', '.join(told)}: not found before, found after, by one id")


def refusals_told(subject: Subject) -> Verdict:
    """Order what the vendor says no to: refused, with the vendor's word and a plain one."""
    faults, told = [], []
    for action in _actions(subject):
        exchange = Exchange(subject)
        content = exchange.twin.refused().get(action.name)
        if content is None:
            faults.append(f"{action.name}: the simulated vendor never says no to it")
            continue
        porter = Porter(exchange, action)
        porter.command = command_of(exchange, action, content, "quality-no")
        before = exchange.twin.done(action.name)
        receipt = porter.carry()
        if receipt.state is not ReceiptState.REFUSED:
            faults.append(f"{action.name}: what the vendor refuses ends {receipt.state}")
        elif not receipt.code or not receipt.message:
            faults.append(f"{action.name}: a refusal without the vendor's code or a plain message")
        if exchange.twin.done(action.name) != before:
            faults.append(f"{action.name}: refused, and the vendor did it")
        told.append(f"{action.name}: {receipt.code}")
    return verdict(faults, "; ".join(told))


def submitted_told_apart(subject: Subject) -> Verdict:
    """Let the vendor take in and do it later: submitted first, done only once it says so."""
    faults, told = [], []
    for action in _actions(subject):
        exchange = Exchange(subject)
        if action.confirm == "webhook":
            exchange.subscribe()
        porter = Porter(exchange, action)
        receipt = porter.carry()
        if action.confirm == "reply":
            if receipt.state is not ReceiptState.DONE:
                faults.append(f"{action.name}: the reply confirms it and it is {receipt.state}")
            continue
        told.append(f"{action.name}: {receipt.state}")
        if receipt.state is not ReceiptState.SUBMITTED:
            faults.append(f"{action.name}: taken in, and told as {receipt.state}")
            continue
        judge = _completed if _completes(porter, receipt) else _done_later
        if why := judge(porter, receipt):
            faults.append(f"{action.name}: {why}")
    if not told and not faults:
        return exempt("each reply says that it was done")
    return verdict(faults, f"{'; '.join(told)}, then done")


def _done_later(porter: Porter, receipt: Receipt) -> str:
    """Return what is wrong where the vendor takes its time; empty where nothing is."""
    if _confirmed(porter, receipt) == "done":
        return "done before the vendor has done it"
    porter.exchange.twin.settle()
    after = _confirmed(porter, receipt)
    return "" if after == "done" else f"once the vendor has done it, it is {after}"


def _completed(porter: Porter, receipt: Receipt) -> str:
    """Return what is wrong where to confirm is the second half of the work; it is made twice."""
    ends = {_confirmed(porter, receipt), _confirmed(porter, receipt)}
    if "unknown" in ends:
        ends = {*ends - {"unknown"}, str(porter.find_out().state)}
    done = porter.exchange.twin.done(porter.action.name)
    right = ends == {"done"} and done == 1
    return "" if right else f"completed twice, it is {', '.join(sorted(ends))}, {done} times done"


def _completes(porter: Porter, receipt: Receipt) -> bool:
    """Tell whether the call that confirms a command changes something itself."""
    if porter.action.confirm != "ask":
        return False
    commands = porter.exchange.folder.commands
    return commands.confirm_request(porter.command, receipt.vendor_ref or "").writes


def _confirmed(porter: Porter, receipt: Receipt) -> str:
    """Return what is known of a command after the vendor did it."""
    exchange, commands = porter.exchange, porter.exchange.folder.commands
    ref = receipt.vendor_ref or ""
    if porter.action.confirm == "ask":
        reply = exchange.patient(commands.confirm_request(porter.command, ref))
        return str(commands.confirmed(porter.command, reply).state)
    told = [
        found
        for source in exchange.heard()
        for _, mapped in exchange.told(source)
        for record in mapped.records
        if (found := told_by_record(1, record)) is not None and found.vendor_ref == ref
    ]
    done = [each for each in told if each.state is CommandState.DONE]
    return "done" if done else "told by no webhook under the id of the receipt"


def command_shown(subject: Subject) -> Verdict:
    """Make each request twice with the world shut out, and look at it as a person would.

    Where steps look first, it is the first one that changes something.
    """
    faults, told = [], []
    for action in _actions(subject):
        porter = Porter(Exchange(subject), action)
        exchange = porter.exchange
        before = exchange.twin.done(action.name)
        looks = porter.look()
        with closed_world():
            request = porter.written(looks)
            if request is None:
                faults.append(f"{action.name}: nothing would be sent")
                continue
            alike = msgspec.to_builtins(request) == msgspec.to_builtins(porter.written(looks))
            shown = f"{request.method} {request.path} {request.headers} {request.body.decode()}"
        faults += [] if alike else [f"{action.name}: made twice, two requests"]
        faults += [] if request.writes else [f"{action.name}: it does not say that it writes"]
        faults += [
            f"{action.name}: {key} is to be seen"
            for key, value in exchange.twin.secrets.items()
            if value and value in shown
        ]
        if exchange.twin.done(action.name) != before:
            faults.append(f"{action.name}: the vendor was changed")
        told.append(f"{action.name}: {len(shown)} characters")
    return verdict(faults, "; ".join(told))


def _actions(subject: Subject) -> Iterator[Action]:
    for action in subject.folder.manifest.actions:
        if action.form == "command":
            yield action

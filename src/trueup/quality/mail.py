"""The line of a connector that speaks SMTP: codes at their steps, and lines that break."""

import asyncio
from types import MappingProxyType
from typing import Final

from trueup.contract.connector import Reply, Request
from trueup.contract.egress import EgressPolicy
from trueup.contract.smtp import make_egress
from trueup.errors import ConnectorError, HubError, OutcomeUnknown, Unavailable
from trueup.quality.exchange import Exchange
from trueup.quality.porter import Porter
from trueup.quality.rule import Verdict, verdict
from trueup.quality.subject import Subject

_NOBODY: Final = "smtp+plain://127.0.0.1:9"
_TABLE: Final = MappingProxyType(
    {
        (535, "auth"): "ask_human",
        (530, "mail"): "ask_human",
        (421, "connect"): "later",
        (454, "auth"): "later",
        (451, "mail"): "later",
        (554, "connect"): "never",
        (550, "mail"): "never",
    }
)
"""Code and step (RFC 5321, RFC 4954), and what is done next; later steps are about one mail."""


def codes_judged(subject: Subject) -> Verdict:
    """Ask the connector what each code means at its step."""
    fates = {place: fate_of(subject, *place) for place in _TABLE}
    faults = [
        f"{code} at {step} means {fates[code, step] or 'success'}, expected {wanted}"
        for (code, step), wanted in _TABLE.items()
        if fates[code, step] != wanted
    ]
    return verdict(faults, ", ".join(f"{code} {fate}" for (code, _), fate in fates.items()))


def judged(subject: Subject, code: int, step: str) -> HubError | None:
    """Return the error that a code means at a step; None where it means none."""
    reply = Reply(status=code, headers={"smtp-stage": step}, body=b"no")
    try:
        subject.folder.api.judge(reply)
    except ConnectorError as fault:
        return fault
    return None


def fate_of(subject: Subject, code: int, step: str) -> str:
    """Return what is done next after a code at a step; empty where it means no error."""
    fault = judged(subject, code, step)
    return fault.fate if fault is not None else ""


def breaks_told_apart(subject: Subject) -> Verdict:
    """Break the line before and after the mail was handed over, over a socket of the loopback."""
    action = next(a for a in subject.folder.manifest.actions if a.form == "command")
    porter = Porter(Exchange(subject), action)
    porter.exchange.twin.strike("cut_before_work")
    found = {"cut before the text": _sent(porter)}
    porter.exchange.twin.strike("cut_after_work")
    found["cut after the text"] = _sent(porter)
    found["nobody listens"] = asyncio.run(_to_nobody(porter))
    wanted: dict[str, type[HubError]] = {
        "cut before the text": Unavailable,
        "cut after the text": OutcomeUnknown,
        "nobody listens": Unavailable,
    }
    faults = [
        f"{name}: {type(found[name]).__name__}"
        for name, kind in wanted.items()
        if not isinstance(found[name], kind)
    ]
    return verdict(faults, f"{len(wanted)} broken lines")


def _sent(porter: Porter) -> HubError | None:
    try:
        asyncio.run(porter.exchange.send_over_line(porter.request()))
    except HubError as fault:
        return fault
    return None


async def _to_nobody(porter: Porter) -> HubError | None:
    exchange = porter.exchange
    request: Request = exchange.folder.api.authorise(porter.request(), exchange.secrets)
    policy = EgressPolicy(allowed=frozenset((_NOBODY,)))
    async with make_egress("smtp", policy, total_timeout_s=1.0) as egress:
        try:
            await egress.send(_NOBODY, request)
        except HubError as fault:
            return fault
    return None

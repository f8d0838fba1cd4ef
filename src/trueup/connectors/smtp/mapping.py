"""What a report means: what became of a mail that we sent. Pure."""

from datetime import datetime

from trueup.canon.issue import Issue, Severity
from trueup.canon.link import Link, LinkSpace
from trueup.canon.message import Direction, Message, MessagePerson, MessageState
from trueup.connectors.smtp.report import Recipient, Report, Unreadable, read
from trueup.contract.connector import Mapped, Source

TOPIC = "dsn"

_STATES = {
    "failed": MessageState.FAILED,
    "delivered": MessageState.DELIVERED,
    "delayed": MessageState.SENT,  # somebody on the way still has it
    "relayed": MessageState.SENT,  # beyond here nobody reports
    "expanded": MessageState.SENT,  # handed to the members of a list
}
_WORST_FIRST = ("failed", "delayed", "relayed", "expanded", "delivered")


def map_source(source: Source) -> Mapped:
    """Return the message that a report is about; never raises on bad input."""
    if source.topic != TOPIC:
        return Mapped(ignored=f"nothing in the hub reads the topic {source.topic[:60]!r}")
    try:
        report = read(source.body)
    except Unreadable as fault:
        return _parked("smtp.not_a_report", str(fault), "another mail, or other bytes")
    if isinstance(report, str):
        return Mapped(ignored=report)
    if report.original_id is None:
        return _parked(
            "smtp.original_unknown", "the Message-ID of the mail it is about", "a report without"
        )
    if not report.recipients:
        return _parked("smtp.not_a_report", "what became of each recipient", "none named")
    return _message(report, report.original_id, source)


def _message(report: Report, original_id: str, source: Source) -> Mapped:
    worst = min(report.recipients, key=_rank)
    state = _STATES.get(worst.action, MessageState.UNKNOWN)
    at = worst.attempted_at or report.reported_at or source.raised_at or source.received_at
    record = Message(
        ref=original_id,
        updated_at=at,
        direction=Direction.OUT,
        state=state,
        medium="email",
        delivered_at=_when(worst, at, state),
        error_code=worst.status if worst.action != "delivered" else None,
        links=(Link(LinkSpace.MESSAGE, original_id),),
        person=MessagePerson(
            email=worst.address, subject=report.subject, text=worst.diagnostic or None
        ),
    )
    issues = () if worst.action in _STATES else (_unknown(worst.action),)
    return Mapped(records=(record,), issues=issues)


def _when(worst: Recipient, at: datetime, state: MessageState) -> datetime | None:
    return at if state is MessageState.DELIVERED and worst.attempted_at else None


def _rank(recipient: Recipient) -> int:
    known = recipient.action in _WORST_FIRST
    return _WORST_FIRST.index(recipient.action) if known else -1


def _unknown(action: str) -> Issue:
    return Issue(
        code="smtp.action_unknown",
        severity=Severity.WARNING,
        pointer="Action",
        expected="one of " + ", ".join(_WORST_FIRST),
        found=action if action.isalpha() else "another word",
        how_to_fix="Look at the report; if servers really say this, tell Trueup.",
    )


def _parked(code: str, expected: str, found: str) -> Mapped:
    issue = Issue(
        code=code,
        severity=Severity.ERROR,
        expected=expected,
        found=found,
        how_to_fix="Hand in the report itself, as the mail came, headers included.",
    )
    return Mapped(issues=(issue,))

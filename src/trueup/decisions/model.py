"""What a rule sees and says, and how far a decision has come."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec

from trueup.canon.command import CommandContent
from trueup.decisions.blank import Blank
from trueup.decisions.contact.notice import Notice
from trueup.kernel.money import Money

_JSON = msgspec.json.Encoder(decimal_format="string", order="sorted")


class Mode(StrEnum):
    """How far a rule may go."""

    OFF = "off"
    SHADOW = "shadow"
    ASK = "ask"
    AUTO = "auto"


class State(StrEnum):
    """How far a decision has come."""

    SHADOW = "shadow"
    PROPOSED = "proposed"
    APPROVED = "approved"
    ORDERED = "ordered"
    DONE = "done"
    FAILED = "failed"
    DISCARDED = "discarded"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule knows of one subject; each rule has its own."""


ValuesT = TypeVar("ValuesT", bound=Values)


class Facts(msgspec.Struct, Generic[ValuesT], frozen=True, kw_only=True):
    """What was known of one subject at once.

    Attributes:
        subject: what it is about: "sku/TEE".
        episode: which time of that; of one episode there is one decision.
        values: all that the rule goes by; nothing in them tells who a person is.
        evidence: what they were read from: refs that `trueup show` knows.
    """

    subject: str
    episode: str
    values: ValuesT
    evidence: tuple[str, ...] = ()


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done at a vendor, once.

    Attributes:
        content: a command; a blank, filled in when it is ordered; or that a customer shall be
            written to.
        connection_id: at which vendor; None for what the configuration finds one for: a notice, an
            alert.
        key: what is done to one key is done in turn.
        what: in words, as a person would say it before doing it.
        amount: of money that it moves or commits; None: none, or nobody told how much.
        commits: it moves or commits money, also where nobody told how much.
    """

    content: CommandContent | Blank | Notice
    what: str
    connection_id: int | None = None
    key: str = ""
    amount: Money | None = None
    commits: bool = False


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected to change.

    Attributes:
        measure: of what: "chance_sold_out".
        says: the same in words.
        came: in words, what came where the measure is zero at last, and where it is not.
        without, within: the measure if nothing is done, and if it is.
        measured_at: when it can be known what came.
    """

    measure: str
    says: str
    came: tuple[str, str]
    without: Decimal
    within: Decimal
    measured_at: datetime


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """What could be done instead, and why it was not chosen."""

    what: str
    why_not: str


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule wants done about one subject.

    Attributes:
        reason: why, in a sentence or two.
        due_at: it is not carried out before; at once where None.
    """

    reason: str
    actions: tuple[Action, ...]
    effect: Effect | None = None
    alternatives: tuple[Alternative, ...] = ()
    due_at: datetime | None = None


def digest_of(rule: str, version: int, settings: object, facts: Facts[Any]) -> bytes:
    """Return what is the same for the same facts under the same rule; it seeds what is drawn."""
    parts = (rule, version, settings, facts.subject, facts.episode, facts.values)
    return hashlib.sha256(_JSON.encode(parts)).digest()


def to_json(value: object) -> str:
    """Return a value as it is kept: exact decimals as text, keys in order."""
    return _JSON.encode(value).decode()


def urgency_of(proposal: Proposal) -> int:
    """Return how urgent the most urgent notice of a proposal is; 0 where it has none."""
    contents = [action.content for action in proposal.actions]
    return max((int(each.urgency) for each in contents if isinstance(each, Notice)), default=0)


def action_to_json(action: Action) -> Mapping[str, Any]:
    """Return an action as it is kept and shown."""
    return {
        "kind": action.content.command,
        "connection_id": action.connection_id,
        "key": action.key,
        "what": action.what,
        "amount": action.amount,
        "commits": action.commits,
        "content": action.content,
    }

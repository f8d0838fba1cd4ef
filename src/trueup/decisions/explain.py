"""A decision told as a person would tell it, with what it was read from. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from trueup.db.rows import Row
from trueup.decisions.model import State

_ENDS: Mapping[str, str] = {
    State.SHADOW: "It is a shadow: it was written down, and nothing is sent.",
    State.PROPOSED: "It waits for an answer.",
    State.APPROVED: "It is about to be ordered.",
    State.ORDERED: "It was ordered, and the vendor has not answered for it yet.",
    State.DONE: "It was done.",
    State.FAILED: "The vendor did not do it.",
    State.DISCARDED: "It was given up after it was ordered; whoever did that knows what was done.",
}


def explain(row: Row, steps: Sequence[Row], *, waits: str | None = None) -> str:
    """Return a decision in sentences.

    Args:
        row: of the decision.
        steps: what happened to it, in order.
        waits: why it was left to a person, where its rule may act by itself.
    """
    actions = " and ".join(in_words(row["actions"]))
    parts = [row["reason"], f"So the rule {row['rule']} would {actions}."]
    if row["effect"] is not None:
        parts.append(_effect(row["effect"]))
    parts += [f"It did not choose to {a['what']}: {a['why_not']}." for a in row["alternatives"]]
    parts += [_step(step) for step in steps if step["did"] != "proposed"]
    if waits is not None:
        parts.append(f"It was left to a person: {waits}.")
    if row["state"] == State.APPROVED and row["due_at"] is not None:
        parts.append(_waiting(row))
    elif row["state"] == State.WITHDRAWN and row["rests_until"] is not None:
        rests_until = row["rests_until"].isoformat(timespec="minutes")
        parts.append(f"It is not proposed again before {rests_until}.")
    elif row["state"] in _ENDS:
        parts.append(_ENDS[row["state"]])
    if row["outcome"] is not None:
        parts.append(f"Since then {row['effect']['came'][bool(row['outcome'])]}.")
    return " ".join(parts)


def in_words(actions: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what the actions of a decision do, each thing once with how often."""
    counts = Counter(action["what"] for action in actions)
    return [what if n == 1 else f"{what} ({n} times)" for what, n in counts.items()]


def _waiting(row: Row) -> str:
    at = row["due_at"].isoformat(timespec="minutes")
    because = f", because {row['waits']}" if row["waits"] else ""
    return f"It waits until {at}{because}; then its facts are looked at again."


def _effect(effect: Mapping[str, Any]) -> str:
    day = datetime.fromisoformat(effect["measured_at"]).date()
    without, within = (_percent(effect[name]) for name in ("without", "within"))
    return f"By {day} {effect['says']} is {without} without it and {within} with it."


def _percent(share: str) -> str:
    return f"{(Decimal(share) * 100).normalize():f} %"


def _step(step: Row) -> str:
    at = step["at"].isoformat(timespec="minutes")
    why = f": {step['why']}" if step["why"] else ""
    return f"{at} {step['did']} by {step['done_by']}{why}."

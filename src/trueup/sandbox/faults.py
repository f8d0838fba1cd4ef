"""What can go wrong on the way, on purpose: chances from a seed, or "the next n calls"."""

from random import Random
from typing import Literal

import msgspec

__all__ = ["ApiFault", "ApiFaultKind", "ApiFaults", "Hangup", "WebhookFaults"]

ApiFaultKind = Literal[
    "throttled",  # HTTP 200 with the THROTTLED error, whatever the bucket holds
    "status",  # the HTTP status in `status`, nothing done
    "reset",  # the connection is cut, nothing done
    "reset_after_work",  # the work is done, the connection is cut before the reply
    "timeout",  # no reply, nothing done
    "timeout_after_work",  # the work is done, the reply never comes
    "slow",  # the reply comes `delay_s` late
    "stale_read",  # inventory quantities are answered as they were before the last change
]


class Hangup(Exception):
    """The simulated vendor hangs up: `reset` now, or `timeout` after a silence."""

    def __init__(self, kind: Literal["reset", "timeout"]) -> None:
        super().__init__(kind)
        self.kind = kind


class ApiFault(msgspec.Struct, kw_only=True):
    """One rule; `next_calls` counts down and wins over `probability`.

    Attributes:
        operation: a root field such as `inventorySetQuantities`; None means every call.
        status: for `status`: 401, 402, 403, 404, 423, 429, 500, 502, 503.
    """

    kind: ApiFaultKind
    probability: float = 0.0
    next_calls: int = 0
    operation: str | None = None
    status: int = 500
    retry_after_s: float = 2.0
    delay_s: float = 1.0


class ApiFaults:
    """The rules in force for one shop's API."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - a seeded simulation, not a secret
        self.rules: list[ApiFault] = []
        self.struck: dict[str, int] = {}

    def pick(self, operations: frozenset[str]) -> ApiFault | None:
        """Return the rule that strikes a call with these root fields, or None."""
        for rule in self.rules:
            if rule.operation is not None and rule.operation not in operations:
                continue
            if not self._strikes(rule):
                continue
            self.struck[rule.kind] = self.struck.get(rule.kind, 0) + 1
            return rule
        return None

    def _strikes(self, rule: ApiFault) -> bool:
        if rule.next_calls > 0:
            rule.next_calls -= 1
            return True
        return rule.probability > 0 and self._random.random() < rule.probability


class WebhookFaults(msgspec.Struct, frozen=True, kw_only=True):
    """Chances (0 to 1) for each delivery of a webhook.

    Attributes:
        repeat: it is sent a second time though the first was answered.
        reorder: it is held for up to `delay_s_max`, so that later ones overtake it.
        drop: it is never sent at all.
        delay: it is sent exactly `delay_s_max` late.
        corrupt: its first attempt carries a signature that does not fit.
    """

    repeat: float = 0.0
    reorder: float = 0.0
    drop: float = 0.0
    delay: float = 0.0
    corrupt: float = 0.0
    delay_s_max: float = 30.0

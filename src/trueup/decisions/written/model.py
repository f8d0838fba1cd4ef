"""A rule as a person writes it: when, if, then. Pure."""

import re
from typing import Annotated

import msgspec

from trueup.decisions.rule import Settings
from trueup.decisions.written.condition import Condition, check
from trueup.decisions.written.deeds import DEEDS, check_inputs
from trueup.errors import ConfigError

CONDITIONS_MAX = 10
_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")


Days = Annotated[int, msgspec.Meta(ge=1, le=90)]


class WrittenSettings(Settings, frozen=True, kw_only=True):
    """What every written rule is set to.

    Attributes:
        days: it looks at records that came into being in so many days; and at those of which it
            proposed something that waits.
    """

    days: Days = 30


class WrittenRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a record of a kind is there, and all conditions hold, one deed is done about it, once.

    Attributes:
        kind: of records, such as "order".
        deed: of `DEEDS`.
        inputs: what the deed is told.
        connection_id: where the deed is done; None: where the record came from.
        days, per_day_max, lapse_days: as `WrittenSettings`.
    """

    name: str
    title: str
    kind: str
    conditions: tuple[Condition, ...]
    deed: str
    inputs: dict[str, str] = {}
    connection_id: int | None = None
    days: Days = 30
    per_day_max: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 20
    lapse_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 7

    @property
    def settings(self) -> WrittenSettings:
        """What it is set to; no deed moves money, so it may spend none."""
        return WrittenSettings(
            days=self.days, per_day_max=self.per_day_max, lapse_days=self.lapse_days
        )


KINDS = tuple(sorted({kind for deed in DEEDS.values() for kind in deed.kinds}))
"""Kinds of records that something can be done about."""


def check_written(rule: WrittenRule) -> None:
    """Check a rule that a person wrote.

    Raises:
        ConfigError: names the field, what was written, what is expected.
    """
    if not _NAME.fullmatch(rule.name):
        raise ConfigError(
            f"A rule is named in small letters, digits and _, as in big_orders; {rule.name!r} is "
            "not.",
            field="name",
        )
    if not rule.title.strip() or len(rule.title) > 200:
        raise ConfigError(
            "Say in a sentence of at most 200 characters what it does.", field="title"
        )
    if rule.kind not in KINDS:
        raise ConfigError(
            f"A rule looks at one of {', '.join(KINDS)}; {rule.kind!r} is none.", field="kind"
        )
    if not 1 <= len(rule.conditions) <= CONDITIONS_MAX:
        raise ConfigError(
            f"A rule has 1 to {CONDITIONS_MAX} conditions; {len(rule.conditions)} were written.",
            field="conditions",
        )
    for condition in rule.conditions:
        check(rule.kind, condition)
    _check_deed(rule)


def _check_deed(rule: WrittenRule) -> None:
    able = [name for name, deed in DEEDS.items() if rule.kind in deed.kinds]
    if rule.deed not in able:
        raise ConfigError(
            f"About a record of the kind {rule.kind} can be done: {', '.join(able)}; "
            f"{rule.deed!r} is none of them.",
            field="deed",
        )
    deed = DEEDS[rule.deed]
    check_inputs(rule.kind, deed, rule.inputs)
    if deed.elsewhere and rule.connection_id is None:
        raise ConfigError(
            f"{deed.name} needs a connection at which it is done.", field="connection"
        )
    if not deed.elsewhere and rule.connection_id is not None:
        raise ConfigError(
            f"{deed.name} is done where the record came from; name no connection.",
            field="connection",
        )

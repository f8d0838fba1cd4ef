"""What an event about a channel's rule means: each tells the whole rule. Pure."""

from datetime import UTC, datetime

import msgspec

from trueup.canon.rule import ChannelRule
from trueup.connectors.manual.shape import Faults, read_shape
from trueup.contract.connector import Mapped
from trueup.kernel.limits import AHEAD_DAYS_MAX, UNITS_MAX

TOPIC = "stock/rule"
MILLION = 1_000_000


class RuleShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/rule`; the README says what each field holds."""

    channel: str
    occurred_at: datetime
    sku: str | None = None
    buffer: int | None = None
    cap: int | None = None
    share_percent: int | None = None
    ahead: int | None = None
    ahead_incoming: bool | None = None
    ahead_days: int | None = None
    adaptive: bool | None = None
    oversells_per_million: int | None = None
    removed: bool = False


_DECODER = msgspec.json.Decoder(RuleShape)


def map_rule(body: bytes) -> Mapped:
    """Return the rule, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _DECODER, _faults_of, _rule_of),
        code="manual.rule_invalid",
        how_to_fix="Correct the rule and set it again: trueup rules set.",
    )


def _faults_of(shape: RuleShape) -> Faults:
    units = {"buffer": shape.buffer, "cap": shape.cap, "ahead": shape.ahead}
    chance, share, days = shape.oversells_per_million, shape.share_percent, shape.ahead_days
    return (
        (not 0 < len(shape.channel) <= 120, "/channel", "the name of a connection"),
        (shape.sku is not None and not 0 < len(shape.sku) <= 255, "/sku", "1 to 255 characters"),
        ("\x00" in f"{shape.channel}{shape.sku}", "/sku", "text without U+0000"),
        (shape.occurred_at.tzinfo is None, "/occurred_at", "an instant with its zone"),
        *(
            (n is not None and not 0 <= n <= UNITS_MAX, f"/{name}", f"0 to {UNITS_MAX} units")
            for name, n in units.items()
        ),
        (share is not None and not 0 <= share <= 100, "/share_percent", "0 to 100"),
        (
            days is not None and not 0 <= days <= AHEAD_DAYS_MAX,
            "/ahead_days",
            f"0 to {AHEAD_DAYS_MAX} days",
        ),
        (
            days is not None and shape.ahead_incoming is False,
            "/ahead_days",
            "no days where ahead_incoming is false: nothing to come counts",
        ),
        (
            chance is not None and not 0 < chance < MILLION,
            "/oversells_per_million",
            f"1 to {MILLION - 1}",
        ),
    )


def _rule_of(shape: RuleShape) -> ChannelRule:
    return ChannelRule(
        ref=f"{shape.channel}/{shape.sku or '*'}",
        updated_at=shape.occurred_at.astimezone(UTC),
        deleted=shape.removed,
        channel=shape.channel,
        sku=shape.sku,
        buffer=shape.buffer,
        cap=shape.cap,
        share_percent=shape.share_percent,
        ahead=shape.ahead,
        ahead_incoming=shape.ahead_incoming,
        ahead_days=shape.ahead_days,
        adaptive=shape.adaptive,
        oversells_per_million=shape.oversells_per_million,
    )

"""Rules of channels: how much of a SKU a channel may be told there is."""

from typing import ClassVar

from trueup.canon.record import Record, register


@register
class ChannelRule(Record, frozen=True, kw_only=True):
    """What a channel is offered of one SKU, or of all that have no rule of their own.

    A field that is None is decided by the channel's rule for all SKUs, then by the default. All
    numbers are whole units. `updated_at` is when a person said so; the last word counts.

    Attributes:
        channel: the name of the connection.
        sku: None: for all SKUs of the channel.
        buffer: kept back from this channel.
        cap: never more than this is shown.
        share_percent: of what is available, 0 to 100.
        ahead: may be sold before they are there, such as units that a supplier has promised; at
            most so many where `ahead_incoming`.
        ahead_incoming: what is still to come may be sold, of purchase orders and transfers whose
            day is known and not over.
        ahead_days: only what is expected within so many days from today.
        adaptive: a buffer besides follows from how fast the other channels sell.
        oversells_per_million: how likely that buffer may be too small: of a million times.
    """

    kind: ClassVar[str] = "channel_rule"

    channel: str
    sku: str | None = None
    buffer: int | None = None
    cap: int | None = None
    share_percent: int | None = None
    ahead: int | None = None
    ahead_incoming: bool | None = None
    ahead_days: int | None = None
    adaptive: bool | None = None
    oversells_per_million: int | None = None

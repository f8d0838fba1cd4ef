"""What advertising cost and brought, by day, as the network counts it."""

from datetime import date
from typing import ClassVar

from trueup.canon.record import Record, register
from trueup.kernel.money import Money


@register
class AdSpend(Record, frozen=True, kw_only=True):
    """One day of one ad, ad group or campaign: the finest that the network tells.

    Attributes:
        spent_on: the day in the ad account's own zone.
        revenue: what the network claims; it is not what the books say.
        conversions: text-exact, since networks share a sale out among ads.
    """

    kind: ClassVar[str] = "ad_spend"

    spent_on: date
    network: str
    spend: Money
    account_ref: str
    campaign_ref: str | None = None
    campaign: str | None = None
    group_ref: str | None = None
    ad_ref: str | None = None
    impressions: int | None = None
    clicks: int | None = None
    conversions: str | None = None
    revenue: Money | None = None

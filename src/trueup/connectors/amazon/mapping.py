"""What a body means: which shape its topic has, and which noun maps it. Pure and total."""

from collections.abc import Callable
from typing import Any

import msgspec

from trueup.canon.issue import Issue
from trueup.connectors.amazon import fault
from trueup.connectors.amazon.entry import (
    EntryShape,
    PayoutShape,
    UnreadableShape,
    map_entry,
    map_payout,
    map_unreadable,
)
from trueup.connectors.amazon.inventory import FbaPlaceShape, FbaShape, map_fba, map_fba_place
from trueup.connectors.amazon.listing import ListingShape, map_listing, map_listing_level
from trueup.connectors.amazon.notification import TOPIC_PREFIX, map_notification
from trueup.connectors.amazon.order import map_order
from trueup.connectors.amazon.report import (
    FeedReportShape,
    FeedShape,
    ReportShape,
    map_feed,
    map_feed_report,
    map_report,
)
from trueup.connectors.amazon.shape import OrderShape
from trueup.contract.connector import Mapped, Source
from trueup.contract.fault import Unsound

_Mapper = tuple[msgspec.json.Decoder[Any], Callable[[Any], Mapped]]


def map_source(source: Source) -> Mapped:
    """Return the canonical records and the issues of one body; never raises on bad input."""
    if (issue := fault.null_character(source.body)) is not None:
        return Mapped(issues=(issue,))
    if source.topic.startswith(TOPIC_PREFIX):
        return map_notification(source.body) or Mapped(issues=(_no_notification(),))
    if source.topic not in _MAPPERS:
        return Mapped(ignored=f"nothing in the hub reads the topic {source.topic[:60]!r}")
    decoder, mapper = _MAPPERS[source.topic]
    try:
        return mapper(decoder.decode(source.body))
    except msgspec.ValidationError as wrong:
        issue = fault.misshapen(wrong)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        issue = fault.malformed(wrong)
    except Unsound as wrong:
        issue = fault.unsound(wrong)
    except OverflowError:
        issue = fault.unsound(Unsound("another one", "an instant between the years 1 and 9999"))
    return Mapped(issues=(issue,))


def _no_notification() -> Issue:
    return fault.malformed(ValueError("no notification"))


_MAPPERS: dict[str, _Mapper] = {
    "order": (msgspec.json.Decoder(OrderShape), map_order),
    "listing": (msgspec.json.Decoder(ListingShape), map_listing),
    "listing_level": (msgspec.json.Decoder(ListingShape), map_listing_level),
    "fba_level": (msgspec.json.Decoder(FbaShape), map_fba),
    "fba_place": (msgspec.json.Decoder(FbaPlaceShape), map_fba_place),
    "report": (msgspec.json.Decoder(ReportShape), map_report),
    "feed": (msgspec.json.Decoder(FeedShape), map_feed),
    "feed_report": (msgspec.json.Decoder(FeedReportShape), map_feed_report),
    "settlement/payout": (msgspec.json.Decoder(PayoutShape), map_payout),
    "settlement/entry": (msgspec.json.Decoder(EntryShape), map_entry),
    "settlement/unreadable": (msgspec.json.Decoder(UnreadableShape), map_unreadable),
}

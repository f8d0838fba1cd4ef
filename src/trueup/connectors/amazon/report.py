"""Reports and feeds as Amazon lists them, and what a feed's own report says of its messages."""

from trueup.canon.issue import Issue, Severity
from trueup.connectors.amazon.notification import LISTINGS_FEED, is_settlement
from trueup.connectors.amazon.shape import Instant, Ref, Shape
from trueup.contract.connector import Fetch, Mapped

_ISSUES_MAX = 100


class ReportShape(Shape, frozen=True, kw_only=True):
    """One report."""

    report_id: Ref
    report_type: str
    processing_status: str
    created_time: Instant
    report_document_id: Ref | None = None


class FeedShape(Shape, frozen=True, kw_only=True):
    """One feed."""

    feed_id: Ref
    feed_type: str
    processing_status: str
    created_time: Instant
    result_feed_document_id: Ref | None = None


class FeedIssueShape(Shape, frozen=True, kw_only=True):
    """What is wrong with one message of a feed."""

    code: str
    severity: str
    sku: str | None = None
    message: str | None = None


class FeedHeadShape(Shape, frozen=True, kw_only=True):
    """Which feed a report is of."""

    feed_id: Ref


class FeedReportShape(Shape, frozen=True, kw_only=True):
    """What came of a feed's messages."""

    header: FeedHeadShape
    issues: list[FeedIssueShape] | None = None


def map_report(shape: ReportShape) -> Mapped:
    """Return the wish to read a settlement; other reports are not read."""
    if not is_settlement(shape.report_type):
        return Mapped(ignored=f"reports of {shape.report_type[:60]} are not read")
    if shape.processing_status != "DONE" or shape.report_document_id is None:
        return Mapped(ignored="the report has no document")
    return Mapped(fetch=(Fetch(resource="settlements", ref=shape.report_document_id),))


def map_feed(shape: FeedShape) -> Mapped:
    """Return the wish to read what came of a feed of ours, or the issue that it died."""
    if shape.feed_type != LISTINGS_FEED:
        return Mapped(ignored=f"feeds of {shape.feed_type[:60]} are not ours")
    if shape.processing_status in {"FATAL", "CANCELLED"}:
        found = shape.processing_status
        return Mapped(
            issues=(_refused(shape.feed_id, None, found, "the feed was not carried out"),)
        )
    if shape.processing_status != "DONE" or shape.result_feed_document_id is None:
        return Mapped(ignored="Amazon is still at it")
    return Mapped(fetch=(Fetch(resource="feeds", ref=shape.result_feed_document_id),))


def map_feed_report(shape: FeedReportShape) -> Mapped:
    """Return one issue per message that Amazon refused."""
    issues = [
        _refused(shape.header.feed_id, each.sku, each.code, each.message or "")
        for each in (shape.issues or [])
        if each.severity == "ERROR"
    ]
    if not issues:
        return Mapped(ignored="Amazon took every message of the feed")
    return Mapped(issues=tuple(issues[:_ISSUES_MAX]))


def _refused(feed: str, sku: str | None, code: str, message: str) -> Issue:
    return Issue(
        code="amazon.feed_message_refused",
        severity=Severity.WARNING,
        pointer="/issues",
        expected="a message that Amazon takes",
        found=f"{code}: {message}"[:200],
        how_to_fix="Put right what Amazon names, then: trueup dead retry.",
        ref=f"product/{sku}" if sku else f"feed/{feed}",
    )

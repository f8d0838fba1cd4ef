"""Feeds, reports and the documents behind both; an address of one is good for five minutes."""

import gzip
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from trueup.sandbox.amazon.base import instant_of, problem, stamp
from trueup.sandbox.amazon.orders import Orders
from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import route

ADDRESS_S = 300
FEED_S = 120.0
_TYPE = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
_COLUMNS = (
    *("settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date"),
    *("total-amount", "currency", "transaction-type", "order-id", "merchant-order-id"),
    *("adjustment-id", "shipment-id", "marketplace-name", "amount-type", "amount-description"),
    *("amount", "fulfillment-id", "posted-date", "posted-date-time", "order-item-code"),
    *("merchant-order-item-id", "merchant-adjustment-item-id", "sku", "quantity-purchased"),
    "promotion-id",
)
_FEE = Decimal("0.15")


class Document(msgspec.Struct, kw_only=True):
    """One document; `code` is what its address is signed with."""

    content: bytes = b""
    code: str = ""
    good_until: datetime | None = None
    gzipped: bool = False


class Documents(Orders):
    """Feeds and reports by id."""

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.documents: dict[str, Document] = {}
        self.feeds: dict[str, dict[str, Any]] = {}
        self.reports: dict[str, dict[str, Any]] = {}
        self.settled: set[str] = set()
        self.comma = False
        """Write amounts as European files do."""

    # -- addresses ---------------------------------------------------------------------------------

    def _address(self, asked: Asked, ref: str) -> str:
        document = self.documents[ref]
        document.code = self.new_code(20)
        document.good_until = self.now() + timedelta(seconds=ADDRESS_S)
        return f"{asked.base_url}/documents/{ref}?X-Amz-Signature={document.code}"

    def _expired(self, asked: Asked, ref: str) -> Reply | None:
        document = self.documents.get(ref)
        given = dict(asked.query).get("X-Amz-Signature")
        until = document.good_until if document else None
        if document and until and given == document.code and self.now() <= until:
            return None
        body = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"
        return Reply(status=403, body=body, content_type="application/xml")

    @route("PUT", "/documents/{ref}", scope="upload")
    def upload(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Take a document's content."""
        if (refused := self._expired(asked, places["ref"])) is not None:
            return refused
        self.documents[places["ref"]].content = asked.body
        return Reply(status=200)

    @route("GET", "/documents/{ref}", scope="download")
    def download(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Give a document's content."""
        if (refused := self._expired(asked, places["ref"])) is not None:
            return refused
        content = self.documents[places["ref"]].content
        return Reply(body=content, content_type="application/octet-stream")

    # -- feeds -------------------------------------------------------------------------------------

    @route("POST", "/feeds/2021-06-30/documents", scope="createFeedDocument")
    def create_feed_document(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Make a place for a feed's document."""
        del places
        ref = f"amzn1.tortuga.{self.new_code(12)}"
        self.documents[ref] = Document()
        return reply_json(201, {"feedDocumentId": ref, "url": self._address(asked, ref)})

    def put_in_feed(self, units: Mapping[str, int]) -> str:
        """Let the seller send a feed of his own."""
        messages = [
            {
                "messageId": number,
                "sku": sku,
                "operationType": "PATCH",
                "productType": "PRODUCT",
                "patches": [
                    {
                        "op": "merge",
                        "path": "/attributes/fulfillment_availability",
                        "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": count}],
                    }
                ],
            }
            for number, (sku, count) in enumerate(units.items(), 1)
        ]
        ref = f"amzn1.tortuga.{self.new_code(12)}"
        self.documents[ref] = Document(content=msgspec.json.encode({"messages": messages}))
        return self._take_feed("JSON_LISTINGS_FEED", ref)

    @route("POST", "/feeds/2021-06-30/feeds", scope="createFeed")
    def create_feed(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Take a feed in."""
        del places
        body = asked.json()
        document = self.documents.get(body["inputFeedDocumentId"])
        if document is None or not document.content:
            return problem(400, "InvalidInput", "The document was not uploaded.")
        return reply_json(
            202, {"feedId": self._take_feed(body["feedType"], body["inputFeedDocumentId"])}
        )

    def _take_feed(self, feed_type: str, document: str) -> str:
        feed_id = str(60_000_000 + len(self.feeds))
        self.feeds[feed_id] = {
            "feedId": feed_id,
            "feedType": feed_type,
            "createdTime": stamp(self.now()),
            "processingStatus": "IN_QUEUE",
            "due_at": self.now() + timedelta(seconds=FEED_S),
            "document": document,
        }
        return feed_id

    def apply_due(self) -> None:
        """Let feeds be worked off, too."""
        super().apply_due()
        for feed in self.feeds.values():
            if feed["processingStatus"] == "IN_QUEUE" and feed["due_at"] <= self.now():
                self._work_off(feed)

    def _work_off(self, feed: dict[str, Any]) -> None:
        told = msgspec.json.decode(self.documents[feed["document"]].content)
        issues: list[dict[str, Any]] = []
        for message in told["messages"]:
            found = self.patch_problems(message["sku"], message)
            issues += [
                {
                    "messageId": message["messageId"],
                    "sku": message["sku"],
                    "code": each["code"],
                    "severity": "ERROR",
                    "message": each["message"],
                }
                for each in found
            ]
            if not found:
                self._apply(
                    self.listings[message["sku"]],
                    int(message["patches"][0]["value"][0]["quantity"]),
                )
        ref = f"amzn1.tortuga.{self.new_code(12)}"
        count = len(told["messages"])
        report = {
            "header": {"sellerId": self.seller_id, "version": "2.0", "feedId": feed["feedId"]},
            "issues": issues,
            "summary": {
                "errors": len(issues),
                "warnings": 0,
                "messagesProcessed": count,
                "messagesAccepted": count - len(issues),
                "messagesInvalid": len(issues),
            },
        }
        content = gzip.compress(msgspec.json.encode(report), mtime=0)
        self.documents[ref] = Document(content=content, gzipped=True)
        feed |= {"processingStatus": "DONE", "resultFeedDocumentId": ref}
        finished = {
            "sellerId": self.seller_id,
            "feedId": feed["feedId"],
            "feedType": feed["feedType"],
            "processingStatus": "DONE",
            "resultFeedDocumentId": ref,
        }
        self.notify("FEED_PROCESSING_FINISHED", {"feedProcessingFinishedNotification": finished})

    @route("GET", "/feeds/2021-06-30/feeds", scope="getFeeds")
    def get_feeds(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Tell the feeds since an instant."""
        del places
        self.apply_due()
        since = dict(asked.query).get("createdSince")
        found = [
            _public(feed)
            for feed in self.feeds.values()
            if since is None or instant_of(feed["createdTime"]) >= instant_of(since)
        ]
        return reply_json(200, {"feeds": found[:100]})

    @route("GET", "/feeds/2021-06-30/feeds/{feed_id}", scope="getFeed")
    def get_feed(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Tell how far a feed is."""
        del asked
        self.apply_due()
        feed = self.feeds.get(places["feed_id"])
        if feed is None:
            return problem(404, "NotFound", "The feed does not exist.")
        return reply_json(200, _public(feed))

    @route("GET", "/feeds/2021-06-30/documents/{ref}", scope="getFeedDocument")
    def get_feed_document(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Give the address of what came of a feed."""
        return self._document(asked, places["ref"], "feedDocumentId")

    # -- reports -----------------------------------------------------------------------------------

    def settle(self) -> str:
        """Close a settlement over every order that was sent out since; returns its id."""
        ref = str(18_000_000_001 + len(self.reports))
        rows = [
            row
            for order_id, order in self.orders.items()
            if order["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
            and order_id not in self.settled
            for row in self._rows(ref, order)
        ]
        self.settled |= {row["order-id"] for row in rows}
        total = sum((Decimal(row["amount"]) for row in rows), Decimal(0))
        head = {
            "settlement-id": ref,
            "settlement-start-date": stamp(self.now() - timedelta(days=14)),
            "settlement-end-date": stamp(self.now()),
            "deposit-date": stamp(self.now() + timedelta(days=2)),
            "total-amount": str(total),
            "currency": self.currency,
        }
        lines = ["\t".join(_COLUMNS)]
        lines += ["\t".join(self._cell(row, c) for c in _COLUMNS) for row in (head, *rows)]
        document = f"amzn1.spdoc.1.4.eu.{self.new_code(12)}"
        content = gzip.compress("\r\n".join(lines).encode(), mtime=0)
        self.documents[document] = Document(content=content, gzipped=True)
        self.reports[ref] = {
            "reportId": f"5{ref}",
            "reportType": _TYPE,
            "createdTime": stamp(self.now()),
            "processingStatus": "DONE",
            "reportDocumentId": document,
        }
        finished = {
            "sellerId": self.seller_id,
            "reportId": f"5{ref}",
            "reportType": _TYPE,
            "processingStatus": "DONE",
            "reportDocumentId": document,
        }
        self.notify(
            "REPORT_PROCESSING_FINISHED", {"reportProcessingFinishedNotification": finished}
        )
        return ref

    def _cell(self, row: Mapping[str, str], column: str) -> str:
        text = row.get(column, "")
        is_amount = column in {"amount", "total-amount"}
        return text.replace(".", ",") if self.comma and is_amount else text

    def _rows(self, ref: str, order: dict[str, Any]) -> list[dict[str, str]]:
        rows = []
        at = instant_of(order["lastUpdatedTime"])
        for item in order["orderItems"]:
            goods = Decimal(item["proceeds"]["proceedsTotal"]["amount"])
            fee = (goods * _FEE).quantize(Decimal("0.01"))
            parts = [("ItemPrice", "Principal", goods), ("ItemFees", "Commission", -fee)]
            for kind, what, amount in parts:
                rows.append(
                    {
                        "settlement-id": ref,
                        "transaction-type": "Order",
                        "order-id": order["orderId"],
                        "merchant-order-id": order["orderAliases"][0]["aliasId"],
                        "marketplace-name": "Amazon.de",
                        "amount-type": kind,
                        "amount-description": what,
                        "amount": str(amount),
                        "posted-date": at.strftime("%d.%m.%Y"),
                        "posted-date-time": at.strftime("%d.%m.%Y %H:%M:%S UTC"),
                        "order-item-code": item["orderItemId"],
                        "sku": item["product"]["sellerSku"],
                        "quantity-purchased": str(item["quantityOrdered"]),
                    }
                )
        return rows

    @route("GET", "/reports/2021-06-30/reports", scope="getReports")
    def get_reports(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Tell the reports since an instant."""
        del places
        since = dict(asked.query).get("createdSince")
        found = [
            report
            for report in self.reports.values()
            if since is None or instant_of(report["createdTime"]) >= instant_of(since)
        ]
        return reply_json(200, {"reports": found[:100]})

    @route("GET", "/reports/2021-06-30/documents/{ref}", scope="getReportDocument")
    def get_report_document(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Give the address of a report."""
        return self._document(asked, places["ref"], "reportDocumentId")

    def _document(self, asked: Asked, ref: str, field: str) -> Reply:
        if ref not in self.documents:
            return problem(404, "NotFound", "The document does not exist.")
        body = {field: ref, "url": self._address(asked, ref)}
        body |= {"compressionAlgorithm": "GZIP"} if self.documents[ref].gzipped else {}
        return reply_json(200, body)


def _public(feed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in feed.items() if name not in {"due_at", "document"}}

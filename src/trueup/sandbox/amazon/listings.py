"""Listings and FBA stock of the simulated Amazon. What is taken in is applied later, or never."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from trueup.sandbox.amazon.base import Account, instant_of, offset_of, problem, stamp, token_of
from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import route

_AVAILABILITY = "/attributes/fulfillment_availability"


class Listing(msgspec.Struct, kw_only=True):
    """One listing; `units` are what the merchant's channel offers."""

    sku: str
    asin: str
    title: str
    price: Decimal
    units: int
    by_amazon: bool
    changed_at: datetime
    fba_changed_at: datetime
    fba_units: int = 0
    waiting: list[tuple[datetime, int]] = []
    issues: list[dict[str, Any]] = []


class Listings(Account):
    """Listings by SKU.

    Attributes:
        apply_s: how long what was taken in takes to stand there.
        stubborn: SKUs that take a number in and then raise an issue instead.
        applied: how many numbers came to stand there.
    """

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.listings: dict[str, Listing] = {}
        self.apply_s = 60.0
        self.stubborn: set[str] = set()
        self.applied = 0

    # -- what happens ------------------------------------------------------------------------------

    def list_sku(
        self, sku: str, *, units: int = 0, price: str = "10.00", fba_units: int | None = None
    ) -> Listing:
        """Put a SKU on sale; with `fba_units` Amazon sends it out."""
        number = len(self.listings) + 1
        listing = Listing(
            sku=sku,
            asin=f"B0{number:08d}",
            title=f"Thing {sku}",
            price=Decimal(price),
            units=units,
            by_amazon=fba_units is not None,
            changed_at=self.now(),
            fba_changed_at=self.now(),
            fba_units=fba_units or 0,
        )
        self.listings[sku] = listing
        return listing

    def take_units(self, sku: str, units: int, *, by_amazon: bool) -> None:
        """Take units off sale."""
        self.apply_due()
        listing = self.listings[sku]
        if by_amazon:
            listing.fba_units -= units
            listing.fba_changed_at = self.now()
            told = {"SellerId": self.seller_id, "FNSKU": f"X{listing.asin[1:]}", "SKU": sku}
            self.notify("FBA_INVENTORY_AVAILABILITY_CHANGE", told)
        else:
            self._set_units(listing, listing.units - units)

    def touch(self, sku: str) -> None:
        """Let the seller change a listing's words."""
        self.listings[sku].title += ", new"
        self.listings[sku].changed_at = self.now()

    def take_in(self, sku: str, units: int) -> None:
        """Take a number in; it stands there after `apply_s`."""
        listing = self.listings[sku]
        listing.waiting = [*listing.waiting, (self.now() + timedelta(seconds=self.apply_s), units)]

    def apply_due(self) -> None:
        """Let what was taken in long enough ago stand there."""
        for listing in self.listings.values():
            due = [each for each in listing.waiting if each[0] <= self.now()]
            listing.waiting = [each for each in listing.waiting if each[0] > self.now()]
            for _, units in due:
                self._apply(listing, units)

    def units_of(self, sku: str) -> int:
        """Return what the merchant's channel offers now."""
        self.apply_due()
        return self.listings[sku].units

    def _apply(self, listing: Listing, units: int) -> None:
        if listing.sku in self.stubborn:
            listing.issues = [
                {
                    "code": "90220",
                    "message": "'brand' is required but not supplied.",
                    "severity": "ERROR",
                    "categories": ["MISSING_ATTRIBUTE"],
                }
            ]
            listing.changed_at = self.now()
            told = {"SellerId": self.seller_id, "Sku": listing.sku, "Severities": ["ERROR"]}
            self.notify("LISTINGS_ITEM_ISSUES_CHANGE", told)
            return
        self.applied += 1
        self._set_units(listing, units)

    def _set_units(self, listing: Listing, units: int) -> None:
        listing.units = max(0, units)
        told = {
            "SellerId": self.seller_id,
            "FulfillmentChannelCode": "DEFAULT",
            "Sku": listing.sku,
            "Quantity": listing.units,
        }
        self.notify("LISTINGS_ITEM_MFN_QUANTITY_CHANGE", told)

    # -- the API -----------------------------------------------------------------------------------

    @route("PATCH", "/listings/2021-08-01/items/{seller}/{sku}", scope="patchListingsItem")
    def patch_listing(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Take a patch in, or refuse it at once."""
        problems = self.patch_problems(places["sku"], asked.json())
        if not problems:
            self.take_in(places["sku"], _units_of_patch(asked.json()))
        told = {
            "sku": places["sku"],
            "status": "INVALID" if problems else "ACCEPTED",
            "submissionId": self.new_code(24),
            "issues": problems,
        }
        return reply_json(200, told)

    def patch_problems(self, sku: str, patch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what is wrong with a patch."""
        listing, units = self.listings.get(sku), _units_of_patch(patch)
        code, text = "", ""
        if listing is None:
            code, text = "90225", "The listing does not exist."
        elif listing.by_amazon:
            code, text = "90227", "The quantity of a listing that Amazon sends out can not be set."
        elif units < 0:
            code, text = "90226", "The quantity is not valid."
        if not code:
            return []
        return [{"code": code, "message": text, "severity": "ERROR", "categories": []}]

    @route("GET", "/listings/2021-08-01/items/{seller}/{sku}", scope="getListingsItem")
    def get_listing(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Tell one listing."""
        del asked
        self.apply_due()
        listing = self.listings.get(places["sku"])
        if listing is None:
            return problem(404, "NOT_FOUND", "The listing does not exist.")
        return reply_json(200, self._listing_body(listing))

    @route("GET", "/listings/2021-08-01/items/{seller}", scope="searchListingsItems")
    def search_listings(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Search listings by SKU or by when they changed."""
        del places
        self.apply_due()
        query = dict(asked.query)
        found = list(self.listings.values())
        if "identifiers" in query:
            wanted = set(query["identifiers"].split(","))
            if len(wanted) > 20:
                return problem(400, "InvalidInput", "At most 20 identifiers.")
            found = [each for each in found if each.sku in wanted]
        if "lastUpdatedAfter" in query:
            after = instant_of(query["lastUpdatedAfter"])
            found = [each for each in found if each.changed_at >= after]
        found.sort(key=lambda each: (each.changed_at, each.sku))
        size = min(int(query.get("pageSize", "10")), 20)
        start = offset_of(query.get("pageToken"))
        body: dict[str, Any] = {
            "numberOfResults": len(found),
            "items": [self._listing_body(each) for each in found[start : start + size]],
        }
        if len(found) > start + size and start + size < 1000:
            body["pagination"] = {"nextToken": token_of(start + size)}
        return reply_json(200, body)

    def _listing_body(self, listing: Listing) -> dict[str, Any]:
        channel = "AMAZON_EU" if listing.by_amazon else "DEFAULT"
        offered: dict[str, Any] = {"fulfillmentChannelCode": channel}
        offered |= {} if listing.by_amazon else {"quantity": listing.units}
        summary = {
            "marketplaceId": self.marketplace,
            "asin": listing.asin,
            "productType": "LAMP",
            "conditionType": "new_new",
            "status": ["BUYABLE", "DISCOVERABLE"],
            "itemName": listing.title,
            "createdDate": "2025-10-01T08:00:00Z",
            "lastUpdatedDate": stamp(listing.changed_at),
        }
        offer = {
            "marketplaceId": self.marketplace,
            "offerType": "B2C",
            "price": self.money(listing.price),
        }
        return {
            "sku": listing.sku,
            "summaries": [summary],
            "offers": [offer],
            "fulfillmentAvailability": [offered],
            "issues": listing.issues,
        }

    @route("GET", "/fba/inventory/v1/summaries", scope="getInventorySummaries")
    def inventory_summaries(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Tell what lies in Amazon's warehouses."""
        del places
        query = dict(asked.query)
        found = sorted((each for each in self.listings.values() if each.by_amazon), key=_by_sku)
        if "sellerSkus" in query:
            wanted = set(query["sellerSkus"].split(","))
            found = [each for each in found if each.sku in wanted]
        if "startDateTime" in query:
            after = instant_of(query["startDateTime"])
            found = [each for each in found if each.fba_changed_at >= after]
        start = offset_of(query.get("nextToken"))
        granularity = {"granularityType": "Marketplace", "granularityId": query["granularityId"]}
        body: dict[str, Any] = {
            "payload": {
                "granularity": granularity,
                "inventorySummaries": [_summary(each) for each in found[start : start + 50]],
            }
        }
        if len(found) > start + 50:
            body["pagination"] = {"nextToken": token_of(start + 50)}
        return reply_json(200, body)


def _by_sku(listing: Listing) -> str:
    return listing.sku


def _units_of_patch(patch: Mapping[str, Any]) -> int:
    for each in patch.get("patches", []):
        if each.get("path") == _AVAILABILITY and each.get("op") in {"merge", "replace"}:
            return int(each["value"][0]["quantity"])
    return -1


def _summary(listing: Listing) -> dict[str, Any]:
    return {
        "asin": listing.asin,
        "fnSku": f"X{listing.asin[1:]}",
        "sellerSku": listing.sku,
        "condition": "NewItem",
        "inventoryDetails": {
            "fulfillableQuantity": listing.fba_units,
            "inboundWorkingQuantity": 0,
            "inboundShippedQuantity": 0,
            "inboundReceivingQuantity": 0,
            "reservedQuantity": {"totalReservedQuantity": 0, "pendingCustomerOrderQuantity": 0},
        },
        "lastUpdatedTime": stamp(listing.fba_changed_at),
        "productName": listing.title,
        "totalQuantity": listing.fba_units,
    }

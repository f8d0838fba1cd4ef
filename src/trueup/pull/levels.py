"""Levels: what the vendor says lies where, read at once and kept out of the log."""

from trueup.canon.inventory import InventoryLevel, Location
from trueup.canon.record import Record
from trueup.contract.connector import Source
from trueup.errors import ContractBroken
from trueup.pull.access import Access
from trueup.pull.walk import PAGES_MAX


async def read_records(access: Access, resource: str) -> list[Record]:
    """Return all records of one resource as they are at the vendor now.

    Raises:
        ConnectorError: a page could not be read; half a picture is none.
    """
    pull, mapping = access.folder.pull, access.folder.mapping
    records: list[Record] = []
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = pull.page(resource, await access.send(pull.page_request(resource, None, cursor)))
        for piece in page.pieces:
            source = Source(topic=piece.topic, body=piece.body, received_at=access.clock.now())
            records += mapping.map_source(source).records
        cursor = page.next_cursor
        if cursor is None:
            return records
    raise ContractBroken("The vendor's pages have no end.", resource=resource)


async def read_levels(access: Access) -> list[InventoryLevel]:
    """Return every level at every location that was not disconnected."""
    records = await read_records(access, "inventory_levels")
    return [each for each in records if isinstance(each, InventoryLevel) and not each.deleted]


async def read_locations(access: Access) -> list[Location]:
    """Return the vendor's places that are in use."""
    records = await read_records(access, "locations")
    return [
        each for each in records if isinstance(each, Location) and each.active and not each.deleted
    ]

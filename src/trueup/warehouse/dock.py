"""The dock: purchase orders of our own, what arrives, what is sent to another site."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
import psycopg

from trueup.canon.dock import Arrival, ArrivalLine, ArrivalSource, Transfer, TransferLine
from trueup.canon.purchase import PurchaseLine, PurchaseOrder, PurchaseState
from trueup.errors import ConfigError
from trueup.kernel.ids import stable_uuid
from trueup.ledger.model import Place
from trueup.ledger.serial import TRANSFER
from trueup.ledger.serials import serials_with
from trueup.own import own_connection
from trueup.records.expected import Document, documents_named
from trueup.warehouse.book import Booked, Desk
from trueup.warehouse.look import look_at, look_at_named
from trueup.warehouse.serials import look_at_record

Conn = psycopg.AsyncConnection[Any]

ARRIVAL_TOPIC = "stock/arrival"
TRANSFER_TOPIC = "stock/transfer"
PURCHASE_TOPIC = "stock/purchase"


class Dock:
    """Books what comes in and what goes between sites.

    Args:
        desk: where it is booked.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def order(
        self, conn: Conn, purchase: PurchaseOrder, *, restate: bool = False, dry_run: bool = False
    ) -> Booked[PurchaseOrder]:
        """Note a purchase order of our own; it moves nothing."""
        booked = await self._desk.book(
            conn, PURCHASE_TOPIC, purchase, restate=restate, dry_run=dry_run
        )
        return await self._looked(conn, booked, ArrivalSource.PURCHASE, purchase.ref)

    async def end_purchase(
        self, conn: Conn, ref: str, state: PurchaseState
    ) -> Booked[PurchaseOrder]:
        """Say that nothing more is to come of a purchase order: it is done, or cancelled."""
        known = await self._desk.find(conn, PurchaseOrder, ref)
        if known is None:
            raise ConfigError(f"There is no purchase order of our own with the ref {ref!r}.")
        ended = msgspec.structs.replace(known, state=state)
        return await self.order(conn, ended, restate=True)

    async def arrive(
        self, conn: Conn, arrival: Arrival, *, restate: bool = False, dry_run: bool = False
    ) -> Booked[Arrival]:
        """Book units that came; what is too much or was not ordered is booked too, and told.

        Raises:
            ConfigError: nobody knows the purchase order or transfer, or several go by its name.
        """
        arrival = await self._placed(conn, arrival)
        before = await self._desk.find(conn, Arrival, arrival.ref) if restate else None
        booked = await self._desk.book(
            conn, ARRIVAL_TOPIC, arrival, restate=restate, dry_run=dry_run
        )
        for each in (before, arrival):
            if each is not None and each.source is not None and each.source_ref is not None:
                booked = await self._looked(conn, booked, each.source, each.source_ref)
        return await self._with_serials(conn, booked)

    async def undo_arrival(self, conn: Conn, ref: str) -> Booked[Arrival]:
        """Take back what was entered by mistake; refused where its units are gone already."""
        known = await self._desk.find(conn, Arrival, ref)
        if known is None:
            raise ConfigError(f"There is no arrival with the ref {ref!r}.")
        gone = msgspec.structs.replace(known, deleted=True)
        booked = await self._desk.book(conn, ARRIVAL_TOPIC, gone, restate=True, command=True)
        if known.source is not None and known.source_ref is not None:
            booked = await self._looked(conn, booked, known.source, known.source_ref)
        return await self._with_serials(conn, booked)

    async def send(
        self, conn: Conn, transfer: Transfer, *, restate: bool = False, dry_run: bool = False
    ) -> Booked[Transfer]:
        """Book units that leave for another site; refused where they are not there.

        Raises:
            InsufficientStock: more than lies there and is promised to nobody.
            SerialElsewhere: a serial of them lies elsewhere.
        """
        booked = await self._desk.book(
            conn, TRANSFER_TOPIC, transfer, restate=restate, command=True, dry_run=dry_run
        )
        booked = await self._looked(conn, booked, ArrivalSource.TRANSFER, transfer.ref)
        return await self._with_serials(conn, booked)

    async def close_transfer(self, conn: Conn, ref: str) -> Booked[Transfer]:
        """Wait no longer for the rest: what never came is lost, what came too much is found."""
        return await self._retell(conn, ref, closed=True)

    async def undo_transfer(self, conn: Conn, ref: str) -> Booked[Transfer]:
        """Take back a transfer that was entered by mistake.

        Raises:
            ConfigError: something came of it already.
        """
        found = await documents_named(conn, ArrivalSource.TRANSFER.value, [ref])
        if any(line.arrived for each in found for line in each.match.lines):
            raise ConfigError("Units of this transfer arrived, so it was no mistake; close it.")
        return await self._retell(conn, ref, deleted=True)

    async def find(self, conn: Conn, source: ArrivalSource, name: str) -> list[Document]:
        """Return the purchase orders or transfers of a ref or number, with what came of each."""
        return await documents_named(
            conn, source.value, [name], connection_numbers=self._connection_numbers()
        )

    async def rest_of_transfer(self, conn: Conn, ref: str, *, by: str | None = None) -> Arrival:
        """Return the arrival of everything that is still on its way, its serials among it."""
        transfer = await self._desk.find(conn, Transfer, ref)
        found = await self.find(conn, ArrivalSource.TRANSFER, ref)
        if transfer is None or not found:
            raise ConfigError(f"There is no transfer with the ref {ref!r}.")
        lines = found[0].match.lines
        units = {line.sku: 0 for line in lines if line.sku}
        for line in lines:
            units[line.sku or ""] += line.left
        named = await self._on_their_way(conn, ref)
        rest = tuple(
            ArrivalLine(sku=sku, quantity=left, serials=tuple(named[sku][:left]))
            for sku, left in units.items()
            if left
        )
        if not rest:
            raise ConfigError("Nothing of this transfer is on its way any more.", ref=ref)
        came = ",".join(str(line.arrived) for line in lines)
        now = self._desk.clock.now()
        return Arrival(
            ref=stable_uuid("arrival", ref, came),
            updated_at=now,
            site=transfer.to_site,
            lines=rest,
            occurred_at=now,
            source=ArrivalSource.TRANSFER,
            source_ref=ref,
            by=by,
        )

    async def _on_their_way(self, conn: Conn, ref: str) -> dict[str, list[str]]:
        own = await own_connection(conn, self._desk.hub)
        named: dict[str, list[str]] = defaultdict(list)
        for each in await serials_with(conn, own, TRANSFER, ref):
            standing = each.standing
            if standing.place is Place.IN_TRANSIT and standing.source_ref == ref:
                named[each.sku].append(each.serial)
        return named

    async def _retell(self, conn: Conn, ref: str, **news: bool) -> Booked[Transfer]:
        known = await self._desk.find(conn, Transfer, ref)
        if known is None:
            raise ConfigError(f"There is no transfer with the ref {ref!r}.")
        after = msgspec.structs.replace(known, **news)
        booked = await self._desk.book(conn, TRANSFER_TOPIC, after, restate=True)
        booked = await self._looked(conn, booked, ArrivalSource.TRANSFER, ref)
        return await self._with_serials(conn, booked)

    async def _placed(self, conn: Conn, arrival: Arrival) -> Arrival:
        """Make sure that what an arrival belongs to is there, and is one thing."""
        if arrival.source is None or arrival.source_ref is None:
            return arrival
        found = await self.find(conn, arrival.source, arrival.source_ref)
        numbers = self._connection_numbers()
        if arrival.source_connection is not None:
            wanted = numbers.get(arrival.source_connection)
            found = [each for each in found if each.connection_id == wanted]
        word = arrival.source.value.replace("purchase", "purchase order")
        if not found:
            raise ConfigError(f"There is no {word} {arrival.source_ref!r}.")
        if len(found) > 1:
            names = ", ".join(sorted({self._name(each.connection_id) for each in found}))
            raise ConfigError(f"Several go by the name {arrival.source_ref!r}: say whose: {names}.")
        if arrival.source is ArrivalSource.TRANSFER:
            return arrival
        whose = self._name(found[0].connection_id)
        return msgspec.structs.replace(arrival, source_connection=whose)

    async def _looked(
        self, conn: Conn, booked: Booked[Any], source: ArrivalSource, name: str
    ) -> Booked[Any]:
        """Compare what was ordered with what came, and tell what is wrong; not on a dry run."""
        if booked.dry_run:
            return booked
        await look_at(conn, self._desk.hub)
        issues = await look_at_named(conn, self._desk.hub, source.value, [name])
        return msgspec.structs.replace(booked, issues=tuple(issues))

    async def _with_serials(self, conn: Conn, booked: Booked[Any]) -> Booked[Any]:
        """Tell what is wrong with the serials of what was booked; not on a dry run."""
        if booked.dry_run:
            return booked
        found = await look_at_record(conn, booked.record, self._desk.clock.now())
        return msgspec.structs.replace(booked, issues=(*booked.issues, *found))

    def _connection_numbers(self) -> dict[str, int]:
        return {name: number for number, name in self._desk.hub.names().items()}

    def _name(self, connection_id: int) -> str:
        return self._desk.hub.names().get(connection_id, "removed")


def arrival_of(
    ref: str,
    lines: Sequence[ArrivalLine],
    *,
    site: str,
    now: datetime,
    **more: Any,  # noqa: ANN401 - further fields of an arrival
) -> Arrival:
    """Return an arrival as somebody reports it; without an instant it came just now."""
    occurred_at = more.pop("occurred_at", None) or now
    return Arrival(
        ref=ref, updated_at=now, site=site, lines=tuple(lines), occurred_at=occurred_at, **more
    )


def transfer_of(
    ref: str,
    lines: Sequence[TransferLine],
    *,
    from_site: str,
    to_site: str,
    now: datetime,
    expected_on: date | None = None,
    **more: Any,  # noqa: ANN401 - further fields of a transfer
) -> Transfer:
    """Return a transfer as somebody reports it."""
    return Transfer(
        ref=ref,
        updated_at=now,
        from_site=from_site,
        to_site=to_site,
        lines=tuple(lines),
        occurred_at=more.pop("occurred_at", None) or now,
        expected_on=expected_on,
        **more,
    )


def purchase_of(
    ref: str,
    lines: Sequence[PurchaseLine],
    *,
    site: str,
    now: datetime,
    expected_on: date | None = None,
    supplier: str | None = None,
) -> PurchaseOrder:
    """Return a purchase order of our own, sent to its supplier."""
    return PurchaseOrder(
        ref=ref,
        updated_at=now,
        number=ref,
        state=PurchaseState.SENT,
        lines=tuple(lines),
        ordered_at=now,
        expected_on=expected_on,
        supplier=supplier,
        location_ref=site,
    )

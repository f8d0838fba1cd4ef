"""Packing: which serials left with an order. It moves no units; the order's own facts do."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.canon.record import decode
from trueup.canon.serial import Pack, PackLine, SerialRule
from trueup.errors import ConfigError
from trueup.ledger.inspection import order_beside, sold_of
from trueup.ledger.serial import ORDER
from trueup.ledger.serials import refuse_elsewhere, serials_with
from trueup.own import check_commits, learn_kits
from trueup.records.reads import records_of_entity
from trueup.warehouse.beside import Telling, book_beside, order_named, told_beside
from trueup.warehouse.book import Booked, Desk
from trueup.warehouse.serials import look_at_record

Conn = psycopg.AsyncConnection[Any]

PACK_TOPIC = "stock/pack"
RULE_TOPIC = "stock/serial_rule"
WAITS = "stock.pack_waits"


class Packing:
    """Books which serials left with which order, and which SKUs must have serials.

    Args:
        desk: where it is booked.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def pack(
        self,
        conn: Conn,
        pack: Pack,
        *,
        order: str,
        channel: str | None = None,
        restate: bool = False,
        dry_run: bool = False,
    ) -> Booked[Pack]:
        """Book the serials that go into an order's parcel; refused where they lie elsewhere.

        Args:
            conn: in autocommit.
            pack: whole; of which order it is, is found here.
            order: number or ref of the order.
            channel: name of the connection whose order it is, where several go by one name, or
                where the hub does not know the order yet.
            restate: a pack of this ref may be there, and is told anew.
            dry_run: only say whether it would be refused.

        Raises:
            ConfigError: the order can not be found out, or has not sold so many units of a SKU.
            SerialElsewhere: says of each serial what is known.
            KeyReused: the ref names another pack, and it was not to be restated.
        """
        check_commits(conn)
        connection_id, order_ref = await order_named(conn, self._desk, order, channel)
        told = msgspec.structs.replace(pack, order_ref=order_ref)
        await learn_kits(conn, self._desk.hub)

        async def look() -> Booked[Pack] | None:
            await self._refuse_unsold(conn, connection_id, told, known=channel is None)
            await refuse_elsewhere(conn, told, connection_id)
            return Booked(record=told, dry_run=True) if dry_run else None

        booked = await book_beside(
            conn,
            self._desk,
            Telling(connection_id, PACK_TOPIC, code=WAITS),
            told,
            look,
            restate=restate,
        )
        return await self._looked(conn, msgspec.structs.replace(booked, dry_run=dry_run))

    async def undo(self, conn: Conn, ref: str) -> Booked[Pack]:
        """Take back what was packed by mistake: its serials lie again where they lay.

        Raises:
            ConfigError: there is no such pack.
        """
        check_commits(conn)
        found = await told_beside(conn, Pack, ref)
        if found is None:
            raise ConfigError(f"There is no pack with the ref {ref!r}.")
        connection_id, known = found

        async def look() -> Booked[Pack] | None:
            return None

        booked = await book_beside(
            conn,
            self._desk,
            Telling(connection_id, PACK_TOPIC, code=WAITS),
            msgspec.structs.replace(known, deleted=True),
            look,
            restate=True,
        )
        return await self._looked(conn, booked)

    async def require(self, conn: Conn, sku: str, *, required: bool) -> Booked[SerialRule]:
        """Say whether each unit of a SKU must have its serial told; an issue says where not."""
        rule = SerialRule(ref=sku, updated_at=self._desk.clock.now(), required=required)
        booked = await self._desk.book(conn, RULE_TOPIC, rule, restate=True)
        found = await look_at_record(conn, rule, self._desk.clock.now())
        return msgspec.structs.replace(booked, issues=tuple(found))

    async def _looked(self, conn: Conn, booked: Booked[Pack]) -> Booked[Pack]:
        if booked.dry_run or booked.repeated or booked.issues:
            return booked
        found = await look_at_record(conn, booked.record, self._desk.clock.now())
        return msgspec.structs.replace(booked, issues=tuple(found))

    async def _refuse_unsold(
        self, conn: Conn, connection_id: int, pack: Pack, *, known: bool
    ) -> None:
        """Refuse serials of what the order has not sold, or not so many of.

        Args:
            conn: any session.
            connection_id: whose order.
            pack: as it is to be told.
            known: the hub must know the order.
        """
        rows = await records_of_entity(conn, connection_id, pack.entity())
        records = [decode(row["kind"], row["body"]) for row in rows]
        order = order_beside(records)
        if order is None:
            if known:
                raise ConfigError(
                    f"order: there is no order {pack.order_ref!r}; if the hub does not know it "
                    "yet, say whose it is (channel)."
                )
            return
        sold = sold_of(records, self._desk.hub.kits)
        packed: Counter[str] = Counter()
        with_it = await serials_with(conn, connection_id, ORDER, order.ref)
        named = {(line.sku, serial) for line in pack.lines for serial in line.serials}
        named |= {
            (each.sku, each.serial)
            for each in with_it
            if each.standing.source_ref == order.ref and each.lines[-1].ref != pack.ref
        }
        packed.update(sku for sku, _ in named)
        for line in pack.lines:
            if packed[line.sku] > sold[line.sku]:
                number = order.number or order.ref
                raise ConfigError(
                    f"lines: order {number} has {sold[line.sku]} units of {line.sku}, and "
                    f"{packed[line.sku]} serials would be with it."
                )


def pack_of(
    ref: str,
    lines: Sequence[PackLine],
    *,
    site: str,
    now: datetime,
    **more: Any,  # noqa: ANN401 - further fields of a pack
) -> Pack:
    """Return a pack as somebody reports it; without an instant it was packed just now."""
    occurred_at = more.pop("occurred_at", None) or now
    return Pack(
        ref=ref, updated_at=now, site=site, lines=tuple(lines), occurred_at=occurred_at, **more
    )

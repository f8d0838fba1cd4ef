"""Reserve: our own command, which may be refused. Checked and posted in one transaction.

A fact from outside is posted whatever the books say. A reservation is a promise that we make, so
what is left is looked at under the locks of the SKUs' balances, and the event that says what was
decided is appended and applied before they are let go: log, record, postings and what channels are
told are one commit, and the answer follows it. See docs/decisions/0014.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
import structlog

from trueup.canon.record import encode
from trueup.canon.reservation import Reservation, ReservationLine, ReservationState, Shortage
from trueup.errors import ConfigError, KeyReused, ReservationClosed, invariant
from trueup.hub import Hub
from trueup.intake.model import NewEvent, Origin
from trueup.kernel.clock import Clock, SystemClock
from trueup.kernel.ids import sha256, stable_uuid
from trueup.ledger.holds import due_holds, known_skus, left_at_sites
from trueup.ledger.kits import Kits
from trueup.ledger.kitting import newer_kits
from trueup.ledger.post import lock_balances
from trueup.ledger.reservation import lines_apart, next_state, shortages_of
from trueup.own import check_commits, own_connection, tell_own
from trueup.records.reads import find_reservation
from trueup.records.store import RecordNumbers

_log = structlog.get_logger("trueup.reserve")

Conn = psycopg.AsyncConnection[Any]

TOPIC = "stock/reservation"
EXPIRES_IN_S_MAX = 30 * 24 * 3600

_TICK = timedelta(microseconds=1)
_ENDS_WELL = {
    ReservationState.CONFIRMED: (ReservationState.CONFIRMED, ReservationState.SHIPPED),
    ReservationState.SHIPPED: (ReservationState.SHIPPED,),
    ReservationState.RELEASED: (
        *(ReservationState.RELEASED, ReservationState.EXPIRED, ReservationState.REFUSED),
    ),
}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a seller asks for.

    Attributes:
        lines: all of them or none are reserved.
        expires_in_s: after how many seconds they are released, unless they are confirmed.
        for_order: what the seller calls the order; nothing personal.
    """

    lines: tuple[ReservationLine, ...]
    expires_in_s: int
    for_order: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a wish; `repeated` where it was answered before, in the same words."""

    reservation: Reservation
    repeated: bool = False


class Reservations:
    """Makes reservations and takes them further; one for a process, over any sessions.

    Args:
        hub: vault, connectors and connections.
        clock: decides what has expired.
    """

    def __init__(self, hub: Hub, *, clock: Clock | None = None) -> None:
        self._hub = hub
        self._clock = clock or SystemClock()
        self._record_numbers = RecordNumbers()

    async def reserve(self, conn: Conn, key: str, wish: Wish) -> Answer:
        """Reserve all lines or none; one that is refused is kept too, with what was left.

        Args:
            conn: in autocommit.
            key: names the wish for ever: the same wish under it gets the same answer.
            wish: what is asked for.

        Raises:
            KeyReused: the key was used for another wish.
        """
        check_commits(conn)
        ref = stable_uuid("reservation", key)
        request = sha256(msgspec.json.encode(wish)).hex()
        known = await self._answered(conn, ref, request)
        if known is not None:
            return known
        connection_id = await own_connection(conn, self._hub)
        skus = _skus_of(wish.lines, self._hub.kits, self._clock.now())
        numbers = await known_skus(conn, skus)
        await self.expire_due(conn, sku_ids=numbers.values())
        made: Reservation | None = None
        async with conn.transaction() as transaction:
            self._hub.learn_kits(await newer_kits(conn, self._hub.kits) or self._hub.kits)
            now = self._clock.now()
            shortages = await _look(conn, lines_apart(wish.lines, self._hub.kits, now))
            if await find_reservation(conn, ref) is None:
                made = Reservation(
                    ref=ref,
                    updated_at=now,
                    state=ReservationState.REFUSED if shortages else ReservationState.HELD,
                    lines=wish.lines,
                    created_at=now,
                    expires_at=now + timedelta(seconds=wish.expires_in_s),
                    request=request,
                    for_order=wish.for_order,
                    shortages=shortages,
                )
                if not await self._tell(conn, connection_id, made, step="made"):
                    made = None
                    raise psycopg.Rollback(transaction)
        if made is not None:
            return Answer(reservation=made)
        # The same key was used at the same moment, and its answer is there now.
        known = await self._answered(conn, ref, request)
        invariant(known is not None, "a key that is taken has an answer")
        return known  # type: ignore[return-value]  # the invariant has looked

    async def take(self, conn: Conn, ref: str, wanted: ReservationState) -> Reservation | None:
        """Confirm, ship or release a reservation; doing it again changes nothing.

        Args:
            conn: in autocommit.
            ref: of the reservation.
            wanted: CONFIRMED, SHIPPED or RELEASED.

        Returns:
            The reservation after it; None where there is none of this ref.

        Raises:
            ReservationClosed: it has expired, or ended in another way.
        """
        after = await self._step(conn, ref, wanted)
        if after is not None and after.state not in _ENDS_WELL[wanted]:
            raise ReservationClosed(
                f"It is {after.state.value}, so it can not be {wanted.value}.",
                state=after.state.value,
            )
        return after

    async def find(self, conn: Conn, ref: str) -> Reservation | None:
        """Return a reservation as it stands now: one whose time is over has expired."""
        found = await find_reservation(conn, ref)
        if found is None or next_state(found[1], found[1].state, self._clock.now()) is None:
            return None if found is None else found[1]
        return await self._step(conn, ref, ReservationState.EXPIRED)

    async def expire_due(self, conn: Conn, *, sku_ids: Collection[int] | None = None) -> int:
        """Release what nobody confirmed in time, each once; returns how many there were."""
        refs = await due_holds(conn, self._clock.now(), sku_ids=sku_ids)
        for ref in refs:
            try:
                await self._step(conn, ref, ReservationState.EXPIRED)
            except ConfigError as error:  # it must not hold up the others
                _log.warning("reservation_stuck", ref=ref, reason=error.message)
        return len(refs)

    async def _answered(self, conn: Conn, ref: str, request: str) -> Answer | None:
        """Return the first answer to a wish, whatever became of the reservation since."""
        found = await find_reservation(conn, ref)
        if found is None:
            return None
        _, now = found
        if now.request != request:
            raise KeyReused("This key was used for another reservation.", ref=ref)
        first = ReservationState.REFUSED if now.shortages else ReservationState.HELD
        answer = msgspec.structs.replace(now, state=first, updated_at=now.created_at)
        return Answer(reservation=answer, repeated=True)

    async def _step(self, conn: Conn, ref: str, wanted: ReservationState) -> Reservation | None:
        check_commits(conn)
        found = await find_reservation(conn, ref)
        if found is None:
            return None
        skus = _skus_of(found[1].lines, self._hub.kits, found[1].created_at)
        numbers = await known_skus(conn, skus)
        async with conn.transaction():
            # Whoever takes this reservation further waits here, and then sees where it stands.
            await lock_balances(conn, numbers)
            connection_id, current = (await find_reservation(conn, ref)) or found
            now = self._clock.now()
            state = next_state(current, wanted, now)
            if state is None:
                return current
            # The clocks of two machines may differ; what follows is newer all the same.
            at = max(now, current.updated_at + _TICK)
            after = msgspec.structs.replace(current, state=state, updated_at=at)
            done = await self._tell(conn, connection_id, after, step=state.value)
            invariant(done, f"a reservation is {state.value} once")
        return after

    async def _tell(
        self, conn: Conn, connection_id: int, reservation: Reservation, *, step: str
    ) -> bool:
        """Append what was decided and apply it, in the caller's transaction.

        Returns False where the log has this step already; the caller undoes everything then.
        """
        event = NewEvent(
            connection_id=connection_id,
            external_id=f"reservation/{reservation.ref}/{step}",
            topic=TOPIC,
            entity=reservation.entity(),
            origin=Origin.OWN,
            raised_at=reservation.updated_at,
            received_at=self._clock.now(),
            body=_body(reservation),
        )
        if await tell_own(conn, self._hub, [event], self._record_numbers) is None:
            return False
        told = await find_reservation(conn, reservation.ref)
        invariant(
            told is not None and told[1].state is reservation.state,
            "a reservation reads as it was written",
        )
        return True


def _skus_of(lines: Sequence[ReservationLine], kits: Kits, at: datetime) -> list[str]:
    return [line.sku for line in lines_apart(lines, kits, at)]


async def _look(conn: Conn, lines: Sequence[ReservationLine]) -> tuple[Shortage, ...]:
    """Lock the balances until the commit and return what is short; of kits, which parts.

    Of a SKU whose books are not open nothing is promised: nobody knows what there is.
    """
    numbers = await known_skus(conn, (line.sku for line in lines))
    balances = await lock_balances(conn, numbers)
    available = {sku: units for sku, (units, _, counted) in balances.items() if counted}
    places = [(line.sku, line.site) for line in lines if line.site is not None]
    return shortages_of(lines, available, await left_at_sites(conn, places, numbers))


def _body(reservation: Reservation) -> bytes:
    """Return the whole reservation in the form of the connector `manual`."""
    fields: dict[str, Any] = msgspec.json.decode(encode(reservation))
    fields["occurred_at"] = fields.pop("updated_at")
    return msgspec.json.encode(fields)

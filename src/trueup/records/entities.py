"""Records that are told under another entity than before: wrong content, found before it is stored.

Records of one entity are handled in one serial order. A refund that is told under two orders would
be handled in two, so it is not taken over: the first telling stands, and a person looks.
"""

from collections.abc import Iterable, Iterator, Sequence

from trueup.canon.count import CountSheet
from trueup.canon.customer import Customer
from trueup.canon.dock import Transfer
from trueup.canon.inventory import InventoryLevel, Location, StockMovement
from trueup.canon.issue import Issue, Severity
from trueup.canon.kit import Kit
from trueup.canon.order import Order
from trueup.canon.privacy import PrivacyRequest
from trueup.canon.product import InventoryItem, Product
from trueup.canon.reservation import Reservation
from trueup.canon.rule import ChannelRule
from trueup.records.understand import Understood

RecordId = tuple[int, str, str]
"""Connection, kind and ref."""

# These stand for themselves, so that their entity follows from their ref.
_ALONE = frozenset(
    (
        *(Order.kind, Customer.kind, Product.kind, InventoryItem.kind, InventoryLevel.kind),
        *(Location.kind, StockMovement.kind, PrivacyRequest.kind, Reservation.kind),
        *(Transfer.kind, CountSheet.kind, Kit.kind, ChannelRule.kind),
    )
)


def claims_of(understood: Iterable[Understood]) -> dict[tuple[RecordId, str], None]:
    """Return (record, entity) for what arrives and could have been told under another entity."""
    return dict.fromkeys(claim for u in understood for claim in _claims(u))


def changed_entities(
    understood: Sequence[Understood], told: dict[RecordId, str]
) -> dict[int, Issue]:
    """Return the issue of each event in which a record is told under another entity.

    Args:
        understood: the events of a batch, in order.
        told: the entity of stored records that are claimed for another one.
    """
    known = dict(told)
    faults: dict[int, Issue] = {}
    for u in understood:
        mine: dict[RecordId, str] = {}
        for record_id, entity in _claims(u):
            first = mine.setdefault(record_id, known.get(record_id, entity))
            if first != entity:
                faults[u.event.event_id] = _issue(record_id, first, entity)
                break
        else:
            known |= mine
    return faults


def _claims(understood: Understood) -> Iterator[tuple[RecordId, str]]:
    connection_id = understood.event.connection_id
    for record in understood.mapped.records:
        if record.order_ref is not None or record.kind not in _ALONE:
            yield (connection_id, record.kind, record.ref), record.entity()


def _issue(record_id: RecordId, first: str, other: str) -> Issue:
    _, kind, ref = record_id
    return Issue(
        code="record.entity_changed",
        severity=Severity.ERROR,
        pointer="/ref",
        expected=first,
        found=other,
        how_to_fix=f"Look at the vendor to which of the two the {kind} belongs. If the first is "
        "right, discard the parked event.",
        ref=f"{kind}/{ref}",
    )

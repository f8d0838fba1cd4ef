"""Understand an event: open its body and ask the connector's mapping what it means."""

from collections.abc import Mapping

import msgspec

from trueup.canon.issue import Issue, Severity
from trueup.contract.connector import Mapped, Source
from trueup.contract.loader import ConnectorFolder
from trueup.contract.recognition import map_source
from trueup.govern.vault import Vault
from trueup.intake.model import REBOOK_TOPIC, Event, Origin, event_identity


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """One event with what it means.

    Attributes:
        event_key: of its body, to be put under its person's key; None where it was erased.
    """

    event: Event
    source: Source
    mapped: Mapped
    event_key: bytes | None

    @property
    def rebooks(self) -> bool:
        """Whether it only asks that its entity be booked again."""
        return is_rebooking(self.event)

    @property
    def fault(self) -> Issue | None:
        """The issue for which the event must be parked, if there is one."""
        for issue in self.mapped.issues:
            if issue.severity is Severity.ERROR:
                return issue
        return None


def understand(
    vault: Vault,
    folder: ConnectorFolder,
    event: Event,
    person_keys: Mapping[bytes, bytes] | None = None,
    *,
    settings: Mapping[str, str] | None = None,
) -> Understood:
    """Return what an event means.

    Args:
        vault: opens the body.
        folder: the connector of the event's connection.
        event: from the queue or the log.
        person_keys: of events that were applied before (replay); without its person's key an
            event's body stays dark.
        settings: of the event's connection.
    """
    if is_rebooking(event):
        source = Source(topic=event.topic, body=b"", received_at=event.received_at)
        again = Mapped(ignored="its entity is booked again")
        return Understood(event=event, source=source, mapped=again, event_key=None)
    key = _event_key(vault, event, person_keys or {})
    if key is None:
        source = Source(topic=event.topic, body=b"", received_at=event.received_at)
        erased = Mapped(ignored="the person it speaks of was erased")
        return Understood(event=event, source=source, mapped=erased, event_key=None)
    source = Source(
        topic=event.topic,
        body=vault.open_body(
            event.body, key, event_identity(event.connection_id, event.external_id)
        ),
        raised_at=event.raised_at,
        received_at=event.received_at,
        settings=settings or {},
    )
    return Understood(event=event, source=source, mapped=map_source(folder, source), event_key=key)


def is_rebooking(event: Event) -> bool:
    """Whether an event only asks that its entity be booked again."""
    return event.topic == REBOOK_TOPIC and event.origin == Origin.OWN


def _event_key(vault: Vault, event: Event, person_keys: Mapping[bytes, bytes]) -> bytes | None:
    if event.person is None:
        return vault.open_event_key(event.wrapped)
    person_key = person_keys.get(event.person)
    return None if person_key is None else vault.open_event_key(event.wrapped, person_key)

"""Which of two tellings of one object is the newer.

Stripe's objects carry no stamp of their last change. An event says when it happened, to the second;
an object that was read from the API is as it was when we asked. So:

- an event's object is stamped with the event's `created`. Within one second the further one in the
  object's life is the newer: that place is added in microseconds;
- an object that was read is stamped with the moment at which we asked, less a margin, because our
  clock and Stripe's differ and an event of the same second may be newer. Whatever changes within
  the margin has an event of its own, and that wins.
"""

from datetime import UTC, datetime, timedelta

from trueup.contract.connector import Source

READ_MARGIN = timedelta(seconds=60)


def instant(unix: int) -> datetime:
    """Return seconds since 1970 as an instant."""
    return datetime.fromtimestamp(unix, UTC)


class Told:
    """How an object came to us: in an event, or read.

    Attributes:
        event_at: when the event happened, in seconds since 1970; None where it was read.
    """

    def __init__(self, source: Source, event_at: int | None = None) -> None:
        self.source, self.event_at = source, event_at

    def stamp(self, created: int, place: int = 0) -> datetime:
        """Return the stamp of the version.

        Args:
            created: of the object.
            place: how far the object is in its life, 0 to 99.
        """
        if self.event_at is not None:
            return instant(self.event_at) + timedelta(microseconds=place)
        asked_at = (self.source.raised_at or self.source.received_at).astimezone(UTC)
        return max(instant(created), asked_at.replace(microsecond=0) - READ_MARGIN)

"""Every bound in one place, with what must hold between them."""

from typing import Final

from trueup.errors import invariant

PARTITIONS: Final = 64

BODY_BYTES_MAX: Final = 5 * 1024 * 1024
"""Largest delivery taken in; a vendor's largest documented order is well below."""

EXTERNAL_ID_CHARS_MAX: Final = 255
HEADERS_BYTES_MAX: Final = 8 * 1024
JSON_DEPTH_MAX: Final = 64

COMMIT_EVENTS_MAX: Final = 256
"""Deliveries in one group commit."""

INTAKE_WAITING_MAX: Final = 4096
"""Deliveries waiting for a group commit before new ones are answered 503."""

BATCH_EVENTS_MAX: Final = 500
"""Events applied in one transaction."""

ATTEMPTS_MAX: Final = 3
"""Tries before an event that can not be applied is parked."""

CALLS_IN_FLIGHT_MAX: Final = 8
"""Calls to one connection at once, unless its manifest says less."""

UNITS_MAX: Final = 2_000_000_000
"""Units of one posting or balance; beyond it a value is an error of the source."""

LEAD_DAYS: Final = 14
LEAD_DAYS_MAX: Final = 730
"""How long more of a SKU takes to come, where neither a supplier nor the configuration says."""

AHEAD_DAYS_MAX: Final = 3650
"""How far ahead a rule may look for what is to come."""

invariant(COMMIT_EVENTS_MAX <= INTAKE_WAITING_MAX, "a full commit must fit the waiting room")
invariant(PARTITIONS & (PARTITIONS - 1) == 0, "partitions must split evenly between workers")

KIT_PARTS_MAX: Final = 100
KIT_UNITS_MAX: Final = 10_000
KIT_DEPTH_MAX: Final = 8
"""Of parts in a kit, of units of one part, and of kits within kits."""

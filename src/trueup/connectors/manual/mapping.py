"""Our own form of a stock movement to the canonical one."""

from datetime import datetime

import msgspec

from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.issue import Issue, Severity
from trueup.contract.connector import Mapped, Source
from trueup.kernel.clock import aware_utc
from trueup.kernel.limits import UNITS_MAX

_SIGNED = (MovementKind.ADJUSTMENT, MovementKind.QUARANTINE)


class _Movement(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One movement as it is reported; `occurred_at` is RFC 3339 with a zone."""

    ref: str
    movement: MovementKind
    sku: str
    quantity: int
    site: str
    occurred_at: datetime
    to_site: str | None = None
    reason: str | None = None


def map_source(source: Source) -> Mapped:
    """Return the movement of one body, or an issue that says what is wrong with it."""
    try:
        told = msgspec.json.decode(source.body, type=_Movement)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        text, _, place = str(fault).partition(" - at `")
        return _wrong(place.rstrip("`").replace("$", "").replace(".", "/"), text, "another value")
    fault_text = _fault(told)
    if fault_text:
        return _wrong(*fault_text)
    return Mapped(
        records=(
            StockMovement(
                ref=told.ref,
                updated_at=aware_utc(told.occurred_at),
                movement=told.movement,
                sku=told.sku,
                quantity=told.quantity,
                site=told.site,
                to_site=told.to_site,
                reason=told.reason,
            ),
        )
    )


def _fault(told: _Movement) -> tuple[str, str, str] | None:
    for name in ("ref", "sku", "site"):
        value = getattr(told, name)
        if not value or len(value) > 120 or "\x00" in value:
            return f"/{name}", "1 to 120 characters", f"{len(value)} characters"
    if told.occurred_at.tzinfo is None:
        return "/occurred_at", "an instant with a zone", "one without"
    if abs(told.quantity) > UNITS_MAX:
        return "/quantity", f"at most {UNITS_MAX} units", str(told.quantity)
    if told.quantity < 0 and told.movement not in _SIGNED:
        return "/quantity", f"no negative units for a {told.movement.value}", str(told.quantity)
    if told.movement is MovementKind.TRANSFER and told.to_site in {None, "", told.site}:
        return "/to_site", "another site for a transfer", told.to_site or "nothing"
    return None


def _wrong(pointer: str, expected: str, found: str) -> Mapped:
    issue = Issue(
        code="manual.movement_invalid",
        severity=Severity.ERROR,
        pointer=pointer,
        expected=expected,
        found=found,
        how_to_fix="Report the movement again with the field put right.",
    )
    return Mapped(issues=(issue,))

"""What an event about released units means; the hub writes it itself. Pure."""

from datetime import UTC, datetime

import msgspec

from trueup.canon.release import Release, ReleaseLine
from trueup.connectors.manual.shape import Faults, read_shape
from trueup.contract.connector import Mapped
from trueup.kernel.limits import UNITS_MAX

TOPIC = "stock/release"
LINES_MAX = 500


class ReleaseShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body under the topic `stock/release`; the README says what each field holds."""

    order_ref: str
    occurred_at: datetime
    lines: tuple[ReleaseLine, ...]


_DECODER = msgspec.json.Decoder(ReleaseShape)


def map_release(body: bytes) -> Mapped:
    """Return what was released, or the issue that says what is wrong with it."""
    return read_shape(
        *(body, _DECODER, _faults_of, _release_of),
        code="manual.release_invalid",
        how_to_fix="Release by `trueup reservations phantoms release`; it writes this by itself.",
    )


def _release_of(shape: ReleaseShape) -> Release:
    return Release(
        ref=shape.order_ref,
        order_ref=shape.order_ref,
        updated_at=shape.occurred_at.astimezone(UTC),
        lines=shape.lines,
    )


def _faults_of(shape: ReleaseShape) -> Faults:
    instants = [shape.occurred_at]
    for line in shape.lines:
        instants += [line.decided_at, line.order_at]
        instants += [line.shipped_at] if line.shipped_at is not None else []
    texts = (shape.order_ref, *(line.line_ref for line in shape.lines))
    return (
        (not 0 < len(shape.order_ref) <= 255, "/order_ref", "1 to 255 characters"),
        (not 0 < len(shape.lines) <= LINES_MAX, "/lines", f"1 to {LINES_MAX} lines"),
        (any("\x00" in text for text in texts), "/lines", "text without U+0000"),
        (
            any(not 0 <= line.units <= UNITS_MAX for line in shape.lines),
            "/lines",
            f"0 to {UNITS_MAX} units",
        ),
        (any(at.tzinfo is None for at in instants), "/occurred_at", "instants with a zone"),
    )

"""Which role may do what: one table, read by every route.

A right is an entity, a group of its fields where some are apart, and what is done: `orders.read`,
`events.personal.reveal`. What is not in the table nobody may. `again` marks what is asked for the
password again, where the last time is too long ago.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from trueup.errors import invariant


class Role(StrEnum):
    """What somebody of the team is here for."""

    OWNER = "owner"
    OPERATIONS = "operations"
    FINANCE = "finance"
    SUPPORT = "support"
    MARKETING = "marketing"
    VIEWER = "viewer"


PUBLIC: Final = "public"
"""What a route names that strangers may reach; each of them stands in `PUBLIC_ROUTES`."""

PUBLIC_ROUTES: Final[Mapping[str, str]] = {
    "/healthz": "says that the process answers",
    "/readyz": "says that the database answers and the queue moves",
    "/metrics": "counts, for who watches the hub",
    "/static": "style, scripts and the icon",
    "/api/schema": "what the API looks like",
    "/oauth/callback": "a vendor sends a browser back; a state that was sent along once lets it in",
    "/sign-in": "where people come in",
    "/first-run": "a one-time link makes the first owner",
    "/invite": "a one-time link lets a member in, or lets one choose a password anew",
}
"""Routes without a session, and why. `/hooks/<connection>` is reached before all of these: there a
signature lets a delivery in."""

_TABLE: Final = """
right                    again  owner  operations  finance  support  marketing  viewer
own.read                   .      x        x          x        x         x         x
own.enter                  .      x        x          x        x         x         x
own.secure               again    x        x          x        x         x         x
own.decide                 .      x        x          x        x         x         x
today.read                 .      x        x          x        x         x         x
find.read                  .      x        x          x        x         x         x
connections.read           .      x        x          x        x         x         x
connections.decide         .      x        x          .        .         .         .
orders.read                .      x        x          x        x         x         x
stock.read                 .      x        x          x        x         x         x
stock.book                 .      x        x          .        .         .         .
stock.reserve              .      x        x          .        .         .         .
stock.decide               .      x        x          .        .         .         .
serials.read               .      x        x          x        x         .         x
returns.read               .      x        x          x        x         .         x
returns.book               .      x        x          .        x         .         .
events.read                .      x        x          x        x         .         x
events.personal.reveal     .      x        x          .        x         .         .
events.retry               .      x        x          .        .         .         .
exceptions.read            .      x        x          x        .         .         .
exceptions.decide          .      x        x          x        .         .         .
money.read                 .      x        .          x        .         .         .
money.decide             again    x        .          x        .         .         .
journals.read              .      x        .          x        .         .         .
journals.decide          again    x        .          x        .         .         .
costs.read                 .      x        .          x        .         x         .
costs.book                 .      x        .          x        .         .         .
customers.read             .      x        .          .        x         x         .
customers.personal.reveal  .      x        .          .        x         .         .
models.read                .      x        x          x        .         x         .
decisions.read             .      x        x          x        x         x         x
decisions.decide           .      x        x          .        x         x         .
rules.decide               .      x        x          .        .         .         .
people.read                .      x        .          .        .         .         .
people.decide            again    x        .          .        .         .         .
audit.read                 .      x        .          .        .         .         .
"""


def _read_table(table: str) -> tuple[dict[str, frozenset[Role]], frozenset[str]]:
    """Return who has each right, and which are asked for again."""
    head, *rows = (line.split() for line in table.strip().splitlines())
    invariant(head == ["right", "again", *Role], "the table of rights has a column for each role")
    rights: dict[str, frozenset[Role]] = {}
    again: set[str] = set()
    for right, asked, *marks in rows:
        known = right not in rights and len(marks) == len(Role) and {*marks} <= {"x", "."}
        invariant(known and asked in {"again", "."}, f"the row of {right} can not be read")
        rights[right] = frozenset(
            role for role, mark in zip(Role, marks, strict=True) if mark == "x"
        )
        again |= {right} if asked == "again" else set()
    return rights, frozenset(again)


RIGHTS, ASKED_AGAIN = _read_table(_TABLE)

GRANTABLE: Final = tuple(
    right for right in RIGHTS if not right.startswith("own.") and right != "people.decide"
)
"""What a token may have: nothing that is a person's own, and nobody is let in by a program."""


def may(role: Role, right: str) -> bool:
    """Say whether a role has a right; one that is not in the table nobody has."""
    return role in RIGHTS.get(right, frozenset())


def rights_of(role: Role) -> tuple[str, ...]:
    """Return a role's rights, in the order of the table."""
    return tuple(right for right, roles in RIGHTS.items() if role in roles)

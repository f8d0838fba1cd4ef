"""`/api/v1/checks`: the checks of the books, run when asked, as `trueup reconcile` runs them."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.api.reading import write_session
from trueup.kernel.clock import SystemClock
from trueup.own import learn_connections
from trueup.reconcile.checks import DOES, Ask, Check, run_checks
from trueup.reconcile.exceptions import last_runs
from trueup.reconcile.money.model import By
from trueup.reconcile.reads import plain

Session = psycopg.AsyncConnection[Any]


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """One check, and what it came to when it last ran by itself; null where it never did."""

    check: str
    does: str
    ran_at: datetime | None
    differing: int | None
    unexplained: int | None


@get("/checks", right="exceptions.read")
async def list_checks(session: NamedDependency[Session]) -> list[CheckView]:
    """List the checks of the books, with what each came to last night."""
    runs = {row["check_name"]: row for row in await last_runs(session)}
    untold = dict.fromkeys(("ran_at", "differing", "unexplained"))
    return [
        CheckView(
            check=check.value,
            does=words,
            **{name: runs.get(check.value, untold)[name] for name in untold},
        )
        for check, words in DOES.items()
    ]


@get("/checks/{check:str}", right="exceptions.read")
async def run_check(
    request: Request[Any, Any, Any],
    check: Annotated[str, PathParameter(max_length=40, description="Such as orders.")],
    connection: Annotated[
        str | None,
        QueryParameter(
            max_length=255,
            pattern="^[^\\x00]*$",
            required=False,
            description="Only this one's, where a check is of one.",
        ),
    ] = None,
    by: Annotated[
        By | None,
        QueryParameter(required=False, description="Also sums by hour or day, where it has them."),
    ] = None,
) -> dict[str, Any]:
    """Run one check now, and tell each difference with its cause and evidence."""
    known = {each.value: each for each in Check}
    if check not in known:
        raise NotFoundException(f"There is no check {check!r}; there are: {', '.join(known)}.")
    hub = request.app.state.hub
    # A check copies the books in a transaction of its own, which sees one moment.
    async with write_session(request.app.state) as session:
        names = await learn_connections(session, hub)
        number = next((each for each, name in names.items() if name == connection), None)
        if connection is not None and number is None:
            raise NotFoundException(f"There is no connection {connection!r}.")
        ask = Ask(now=SystemClock().now(), connection_id=number, by=by)
        return plain((await run_checks(session, hub, ask, known[check]))[known[check]])


def check_routes() -> list[ControllerRouterHandler]:
    """Return the routes of checks, below `/api/v1`."""
    return [list_checks, run_check]

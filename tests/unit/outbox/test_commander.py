"""What follows when it can not be found out what became of a command."""

from datetime import UTC, datetime

import pytest

from trueup.errors import AuthExpired, HubError, RateLimited, Resting
from trueup.outbox.commander import Commander
from trueup.outbox.model import ClaimedCommand, CommandState

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("error", "delay_s"),
    [(AuthExpired(), 300.0), (RateLimited(after_s=7.0), 7.0), (Resting(after_s=90.0), 90.0)],
)
def test_who_does_not_let_us_in_or_rests_uses_up_no_try(error: HubError, delay_s: float) -> None:
    """Else the schedule waits for hours after a person has signed in again, or ends meanwhile."""
    claimed = ClaimedCommand(
        command_id=1,
        connection_id=1,
        ref="journal/1",
        kind="journal.post",
        idempotency_key="k",
        sends=3,
        attempts=9,
        vendor_ref=None,
        wanted_at=NOW,
        command=None,
    )
    commander = Commander.__new__(Commander)  # it decides by the error alone
    settled = commander._unfound(claimed, error)
    assert (settled.state, settled.delay_s) == (CommandState.UNKNOWN, delay_s)
    assert (settled.failed, settled.given_up) == (False, False)

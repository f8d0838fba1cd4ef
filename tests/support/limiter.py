"""A limiter that lets everything through at once, for tests that are not about pace."""

from datetime import datetime

from trueup.contract.connector import Budget


class Open:
    """Gives every call its budget, and learns nothing."""

    async def take(self, scope: str, cost: float, *, patient: bool) -> datetime | None:
        """Let the call leave."""

    async def learn(
        self,
        scope: str,
        cost: float,
        budget: Budget | None,
        *,
        blocked_s: float | None = None,
        taken_at: datetime | None = None,
    ) -> None:
        """Learn nothing."""

"""Every night each model is trained anew, beside the scheduler's own work."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
import structlog

from trueup.db.aside import Aside
from trueup.errors import DatabaseUnavailable
from trueup.hub import Hub
from trueup.intake.duties import HUB, find_duty, write_duty
from trueup.kernel.clock import Clock, SystemClock, next_hour
from trueup.models.finding import Absent, find_models
from trueup.models.model import Model
from trueup.models.train import train_model

_log = structlog.get_logger("trueup.models")

RETRY_S: Final = 6 * 3600.0
_TICK_S: Final = 30.0


class Trainer:
    """Trains the models when they are due, one after another.

    Each is due by itself, so that one that fails, or takes long, keeps no other from its night.

    Args:
        hub: with the connections and the settings as whoever leads knows them.
        clock: says what is due.
    """

    def __init__(self, hub: Hub, clock: Clock | None = None) -> None:
        self._hub = hub
        self._clock = clock or SystemClock()

    def aside(self) -> Aside:
        """Return it as work beside other work."""
        return Aside(name="trueup-trainer", step=self.step, pause_s=_TICK_S)

    async def step(self, conn: psycopg.AsyncConnection[Any]) -> list[str]:
        """Train what is due; returns which were."""
        settings = self._hub.models
        if not settings.train:
            return []
        known = await asyncio.to_thread(find_models)
        done: list[str] = []
        for name, model in known.items():
            if name in settings.off or isinstance(model, Absent):
                continue
            duty, now = await find_duty(conn, HUB, f"models.{name}"), self._clock.now()
            if duty is not None and duty.due_at > now:
                continue
            await self._train(conn, model, now)
            done.append(name)
        return done

    async def _train(self, conn: psycopg.AsyncConnection[Any], model: Model, now: datetime) -> None:
        settings, duty = self._hub.models, f"models.{model.name}"
        due_at, reason = next_hour(now, settings.train_hour), None
        try:
            trained = await train_model(
                conn, self._hub, model, now, drift_share=settings.drift_share, tell=_unheard
            )
        except (DatabaseUnavailable, psycopg.OperationalError):
            raise
        except Exception as error:  # noqa: BLE001 - the next night is another
            _log.exception("training_failed", model=model.name)
            due_at, reason = now + timedelta(seconds=RETRY_S), type(error).__name__
        else:
            _log.info("trained", model=model.name, lacking=trained.lacking)
        await write_duty(conn, HUB, duty, at=now, due_at=due_at, reason=reason)


def _unheard(_doing: str, _share: float) -> None:
    """At night nobody watches how far it has come."""

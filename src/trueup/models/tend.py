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

DUTY: Final = "models"
"""The next time that something is to be trained; of each model there is one of its own below."""

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
        """Train what is due; returns which were.

        The first night is awaited: a hub that was just started has other things to do, and until
        something is due the libraries of models are not even loaded.
        """
        settings, now = self._hub.models, self._clock.now()
        if not settings.train:
            return []
        night = await find_duty(conn, HUB, DUTY)
        if night is None:
            await write_duty(conn, HUB, DUTY, at=now, due_at=next_hour(now, settings.train_hour))
        if night is None or night.due_at > now:
            return []
        known = await asyncio.to_thread(find_models)
        done: list[str] = []
        due_at = next_hour(now, settings.train_hour)
        for name, model in known.items():
            if name in settings.off or isinstance(model, Absent):
                continue
            duty = await find_duty(conn, HUB, f"{DUTY}.{name}")
            if duty is None or duty.due_at <= now:
                due_at = min(due_at, await self._train(conn, model, now))
                done.append(name)
            else:
                due_at = min(due_at, duty.due_at)
        await write_duty(conn, HUB, DUTY, at=now, due_at=due_at)
        return done

    async def _train(
        self, conn: psycopg.AsyncConnection[Any], model: Model, now: datetime
    ) -> datetime:
        """Train one model; returns when it is due again."""
        settings, duty = self._hub.models, f"{DUTY}.{model.name}"
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
        return due_at


def _unheard(_doing: str, _share: float) -> None:
    """At night nobody watches how far it has come."""

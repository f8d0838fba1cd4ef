"""Models are trained, kept with their card, used where they win, and watched."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from trueup.config import ModelsConfig
from trueup.contract.loader import find_connectors
from trueup.db.pool import connect
from trueup.errors import InvariantBroken
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.duties import HUB, find_duty
from trueup.kernel.clock import ManualClock
from trueup.models import finding, tend
from trueup.models.finding import Absent
from trueup.models.model import Card, Figure, Fitted, Lacking, Model, Score
from trueup.models.reads import find_trained, list_trained, may_use
from trueup.models.tend import Trainer
from trueup.models.train import KEPT_DAYS, READ_TIMEOUT_S, train_model

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


class Fern:
    """A model of nothing that does as it is told."""

    def __init__(self) -> None:
        self.mae, self.rule, self.score, self.lacks = 1.0, 2.0, 1.0, ""
        self.today = NOW.date()
        self.fails = False

    async def read(self, look: Any) -> dict[str, Any]:
        self.today = look.now.date()
        cursor = await look.conn.execute("SHOW statement_timeout")
        assert await cursor.fetchone() == (f"{READ_TIMEOUT_S // 60}min",)
        return {"until": self.today - DAY}

    def train(self, history: Any, tell: Any) -> Fitted | Lacking:
        tell("training", 0.5)
        if self.fails:
            raise RuntimeError("no")
        if self.lacks:
            return Lacking(self.lacks)
        card = Card(
            purpose="nothing",
            trained_on="nothing",
            since=date(2026, 1, 1),
            until=history["until"],
            held_out_since=date(2026, 2, 1),
            rule="nothing",
            figures=(Figure(name="mae", model=self.mae, rule=self.rule),),
        )
        return Fitted(artifact=f"{history['until']}".encode(), features=b"\1" * 32, card=card)

    def scored(self, artifact: bytes, history: Any, until: date) -> Score | None:
        assert artifact == f"{until}".encode()
        return Score(self.score, 40, until + DAY, history["until"])

    def model(self, version: int = 1) -> Model:
        return Model(
            name="fern",
            version=version,
            title="nothing",
            read=self.read,
            train=self.train,
            score=self.scored,
            window_days=7,
        )


def hub() -> Hub:
    return Hub(Vault(bytes(32)), find_connectors())


async def train(conn: Any, fern: Fern, now: datetime, version: int = 1) -> Any:
    told: list[tuple[str, float]] = []
    model = fern.model(version)
    trained = await train_model(
        conn, hub(), model, now, drift_share=0.25, tell=lambda *said: told.append(said)
    )
    assert told[0] == ("reading", 0.0)
    return trained


async def drifts(conn: Any) -> list[tuple[str, str]]:
    cursor = await conn.execute(
        "SELECT ref, found FROM intake.issue WHERE code = 'model.drifted' AND closed_at IS NULL"
    )
    return list(await cursor.fetchall())


async def test_the_newest_is_used_where_it_beats_the_rule_below(database_url: str) -> None:
    fern = Fern()
    async with await connect(database_url, application_name="test") as conn:
        assert await find_trained(conn, fern.model()) is None
        assert await may_use(conn, fern.model()) is None
        trained = await train(conn, fern, NOW)
        kept = await may_use(conn, fern.model())
        assert kept is not None
        assert (kept.trained_id, kept.artifact) == (trained.trained_id, b"2026-03-01")
        assert kept.card == trained.card
        fern.mae = 2.5
        await train(conn, fern, NOW + DAY)
        assert await may_use(conn, fern.model()) is None
        newest = await find_trained(conn, fern.model())
        assert newest is not None
        assert newest.artifact == b"2026-03-02"
        # Another version knows nothing of what was kept before it.
        assert await find_trained(conn, fern.model(version=2)) is None
        [row] = await list_trained(conn)
        assert (row["model"], row["beats"], row["watched_at"]) == ("fern", False, None)
        assert row["figures"] == {"mae": {"model": 2.5, "rule": 2.0}}


async def test_what_was_kept_and_changed_is_not_taken(database_url: str) -> None:
    fern = Fern()
    async with await connect(database_url, application_name="test") as conn:
        await train(conn, fern, NOW)
        await conn.execute("UPDATE models.trained SET artifact = 'other'")
        with pytest.raises(InvariantBroken):
            await find_trained(conn, fern.model())


async def test_an_older_one_is_held_beside_what_came_after_it(database_url: str) -> None:
    fern = Fern()
    async with await connect(database_url, application_name="test") as conn:
        assert (await train(conn, fern, NOW)).watched is None
        # Six days are less than its window.
        assert (await train(conn, fern, NOW + 6 * DAY)).watched is None
        fern.score = 1.3
        watched = (await train(conn, fern, NOW + 7 * DAY)).watched
        assert (watched.drifted, watched.carded, watched.score.value) == (True, 1.0, 1.3)
        assert watched.score.since == date(2026, 3, 2)
        [(ref, found)] = await drifts(conn)
        assert ref == "model/fern"
        assert found == "1.3 on 40 cases of 2026-03-02 to 2026-03-08"
        fern.score = 1.2
        assert not (await train(conn, fern, NOW + 8 * DAY)).watched.drifted
        assert await drifts(conn) == []
        [row] = await list_trained(conn)
        assert (row["value"], row["carded"], row["drifted"]) == (1.2, 1.0, False)


async def test_what_lacks_history_says_so_and_the_older_one_stays(database_url: str) -> None:
    fern = Fern()
    async with await connect(database_url, application_name="test") as conn:
        first = await train(conn, fern, NOW)
        fern.lacks = "It needs 100 customers, there are 3."
        later = await train(conn, fern, NOW + 30 * DAY)
        assert (later.trained_id, later.lacking) == (None, fern.lacks)
        assert later.watched is not None
        kept = await find_trained(conn, fern.model())
        assert kept is not None
        assert kept.trained_id == first.trained_id


async def test_what_is_old_is_removed_but_for_the_newest(database_url: str) -> None:
    fern = Fern()
    async with await connect(database_url, application_name="test") as conn:
        await train(conn, fern, NOW)
        await train(conn, fern, NOW + 30 * DAY)
        await train(conn, fern, NOW + (KEPT_DAYS + 1) * DAY)
        cursor = await conn.execute("SELECT until FROM models.trained ORDER BY trained_id")
        assert [until for (until,) in await cursor.fetchall()] == [
            date(2026, 3, 31),
            (NOW + KEPT_DAYS * DAY).date(),
        ]


@pytest.fixture
def fern(monkeypatch: pytest.MonkeyPatch) -> Fern:
    one = Fern()
    known = {"fern": one.model(), "moss": Absent("moss", "needs moss.")}
    monkeypatch.setattr(tend, "find_models", lambda: known)
    return one


@pytest.mark.usefixtures("fern")
async def test_each_is_trained_at_its_hour_and_once(database_url: str) -> None:
    clock, ours = ManualClock(NOW), hub()
    trainer = Trainer(ours, clock)
    async with await connect(database_url, application_name="test") as conn:
        assert await trainer.step(conn) == [], "the first night is awaited"
        clock.advance(hours=16, minutes=59)
        assert await trainer.step(conn) == []
        clock.advance(minutes=1)  # two in the night
        assert await trainer.step(conn) == ["fern"]
        assert await trainer.step(conn) == []
        clock.advance(hours=24)
        assert await trainer.step(conn) == ["fern"]


async def test_until_the_night_no_library_of_models_is_loaded(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loads() -> None:
        raise AssertionError("it was loaded")

    monkeypatch.setattr("trueup.models.tend.find_models", loads)
    async with await connect(database_url, application_name="test") as conn:
        trainer = Trainer(hub(), ManualClock(NOW))
        for _ in range(2):
            assert await trainer.step(conn) == []


async def test_one_that_fails_is_tried_later_and_ends_nothing(
    database_url: str, fern: Fern
) -> None:
    clock, fern.fails = ManualClock(NOW), True
    trainer = Trainer(hub(), clock)
    async with await connect(database_url, application_name="test") as conn:
        await trainer.step(conn)
        clock.advance(hours=17)
        assert await trainer.step(conn) == ["fern"]
        duty = await find_duty(conn, HUB, "models.fern")
        assert duty is not None
        assert (duty.failures, duty.reason) == (1, "RuntimeError")
        assert duty.due_at == NOW + timedelta(hours=23)
        fern.fails = False
        clock.advance(hours=6)
        assert await trainer.step(conn) == ["fern"]
        assert await find_trained(conn, fern.model()) is not None


@pytest.mark.parametrize("settings", [ModelsConfig(train=False), ModelsConfig(off=("fern",))])
async def test_what_is_switched_off_is_not_trained(
    database_url: str, fern: Fern, settings: ModelsConfig
) -> None:
    ours = hub()
    ours.models = settings
    async with await connect(database_url, application_name="test") as conn:
        clock = ManualClock(NOW)
        trainer = Trainer(ours, clock)
        for _ in range(2):
            assert await trainer.step(conn) == []
            clock.advance(hours=17)
        assert await find_trained(conn, fern.model()) is None


def test_every_model_that_is_there_is_found() -> None:
    for name, model in finding.find_models().items():
        assert isinstance(model, Model), name
        assert msgspec.structs.replace(model) == model

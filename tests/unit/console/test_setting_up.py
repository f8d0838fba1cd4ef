"""What happens after an account was connected, step by step."""

from datetime import UTC, datetime

import pytest

from trueup.console.setting_up import Seen, Step, steps_of
from trueup.contract.loader import find_connectors
from trueup.intake.connections import Account, LiveSecret
from trueup.intake.model import Connection
from trueup.pull.health import Condition, Health, Hooks
from trueup.pull.progress import Progress, Resource, Stage

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
NOTHING = Seen(last_event_at=None, heard_at=None, listings=0, lacks="")
HUB = "https://hub.example"


def steps(
    connector: str,
    *,
    seen: Seen = NOTHING,
    state: str = "active",
    public: bool = True,
    secrets: tuple[str, ...] = (),
    hooks: Hooks | None = None,
    failing: dict[str, str] | None = None,
    stages: tuple[Stage, ...] = (),
    scheduled: bool = True,
) -> dict[str, Step]:
    settings = {"public_url": HUB} if public else {}
    connection = Connection(
        connection_id=1, name="it", connector=connector, settings=settings, state=state
    )
    health = Health(
        name="it",
        connector=connector,
        state=state,
        health=Condition.HEALTHY,
        last_event_at=None,
        last_event_age_s=None,
        last_poll_at=None,
        poll_lag_s=None,
        hooks=hooks or Hooks(url=None, registered=0, refused={}),
        failing=failing or {},
        settings=settings,
        secrets=(),
        budgets=(),
    )
    kept = tuple(LiveSecret(name=name, value="…") for name in secrets)
    resources = tuple(
        Resource(resource=f"r_{n}", stage=stage, done=0, expected=None, why="it is away")
        for n, stage in enumerate(stages)
    )
    progress = Progress(resources=resources, scheduled=scheduled)
    account = Account(connection=connection, secrets=kept)
    found = steps_of(find_connectors()[connector], account, health, progress, seen)
    return {step.name: step for step in found}


def test_what_a_person_has_to_paste_is_said_until_it_arrives() -> None:
    fields = find_connectors()["zendesk"].manifest.config
    label = next(field.label for field in fields if field.key == "webhook_secret")
    asked = steps("zendesk")["Webhooks"]
    assert (asked.state, asked.copy) == ("todo", f"{HUB}/hooks/it")
    assert f"Until the hub knows “{label}” it refuses what comes" in asked.said
    assert "Until" not in steps("zendesk", secrets=("webhook_secret",))["Webhooks"].said
    heard = Seen(last_event_at=NOW, heard_at=NOW, listings=0, lacks="")
    assert steps("zendesk", seen=heard)["Webhooks"].state == "done"


@pytest.mark.parametrize(
    ("hooks", "failing", "state"),
    [
        (None, {}, "doing"),
        (Hooks(url=HUB, registered=40, refused={}), {}, "done"),
        (Hooks(url=HUB, registered=40, refused={"orders/paid": "no"}), {}, "wrong"),
        (None, {"hooks": "it is away"}, "wrong"),
    ],
)
def test_webhooks_that_the_hub_makes(
    hooks: Hooks | None, failing: dict[str, str], state: str
) -> None:
    found = steps("shopify", hooks=hooks, failing=failing, secrets=("client_secret",))
    assert found["Webhooks"].state == state


def test_webhooks_that_nothing_can_verify_are_for_a_person() -> None:
    step = steps("shopify", hooks=Hooks(url=HUB, registered=40, refused={}))["Webhooks"]
    assert step.state == "todo"
    assert "Client secret" in step.said


def test_without_a_public_address_polls_do() -> None:
    assert steps("shopify", public=False)["Webhooks"].state == "done"
    assert steps("whatsapp", public=False)["Webhooks"].state == "todo", "it is not polled"


@pytest.mark.parametrize(
    ("stages", "scheduled", "state"),
    [
        ((Stage.DONE, Stage.DONE), False, "done"),
        ((Stage.DONE, Stage.READING), True, "doing"),
        ((Stage.DONE, Stage.WAITING), False, "todo"),
        ((Stage.READING, Stage.FAILING), True, "wrong"),
    ],
)
def test_the_history_is_done_going_on_or_waits_for_somebody(
    stages: tuple[Stage, ...],
    scheduled: bool,  # noqa: FBT001 - a column of the table above
    state: str,
) -> None:
    assert steps("shopify", stages=stages, scheduled=scheduled)["History"].state == state


def test_while_it_is_paused_nothing_goes_on() -> None:
    found = steps("shopify", state="paused", stages=(Stage.READING,))
    assert {found[name].state for name in ("Webhooks", "History", "First event")} == {"waits"}
    assert found["Let in"].state == "done"


def test_what_lacks_and_what_only_reads_files() -> None:
    lacking = Seen(last_event_at=None, heard_at=None, listings=0, lacks="access_token")
    assert steps("shopify", seen=lacking)["Let in"].state == "wrong"
    bank = steps("bank")
    assert list(bank) == ["First file"]
    assert "trueup import camt FILE --connection it" in bank["First file"].said

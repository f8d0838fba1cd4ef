"""What happens after an account was connected, as steps: done, going on, or for a person to do."""

from datetime import datetime

import msgspec

from trueup.contract.loader import ConnectorFolder
from trueup.contract.signature_scheme import QueuePull
from trueup.intake.connections import Account
from trueup.pull.health import Health
from trueup.pull.progress import Progress, Stage
from trueup.pull.subscriptions import hook_url


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step.

    Attributes:
        state: done, doing, waits (it is paused), todo (a person must do something), or wrong.
        said: how it stands, and what to do.
        copy: what is to be pasted at the vendor; empty where nothing is.
        at: when it happened.
    """

    name: str
    state: str
    said: str
    copy: str = ""
    at: datetime | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a connection besides its health.

    Attributes:
        heard_at: when it last told something by itself.
        listings: how many of its variants are listed under a SKU.
        lacks: the field without which it can not be called; empty where it lacks none.
    """

    last_event_at: datetime | None
    heard_at: datetime | None
    listings: int
    lacks: str


def steps_of(
    folder: ConnectorFolder, account: Account, health: Health, progress: Progress, seen: Seen
) -> tuple[Step, ...]:
    """Return the steps of a connection, in their order. Pure."""
    steps = [_let_in(folder, seen), _told(folder, account, health, seen), _history(progress)]
    if folder.manifest.action("stock.set") is not None:
        steps.append(_listings(seen))
    steps.append(_first_event(seen))
    paused = account.connection.state == "paused"
    return tuple(_waiting(step) if paused else step for step in steps if step is not None)


def _waiting(step: Step) -> Step:
    """Return a step of a connection that is paused: what went on waits."""
    if step.state != "doing":
        return step
    return msgspec.structs.replace(
        step, state="waits", said="It waits until this is taken up again."
    )


def _let_in(folder: ConnectorFolder, seen: Seen) -> Step | None:
    if not folder.has("api"):
        return None
    name = folder.manifest.name
    if seen.lacks:
        said = f"{name} can not be called: {seen.lacks} is missing."
        return Step(name="Let in", state="wrong", said=said)
    return Step(name="Let in", state="done", said=f"{name} accepted the credentials.")


def _told(folder: ConnectorFolder, account: Account, health: Health, seen: Seen) -> Step | None:
    """Return how the vendor tells of changes by itself."""
    webhook, connection = folder.manifest.webhook, account.connection
    if webhook is None or isinstance(webhook.scheme, QueuePull):
        return None
    url = hook_url(connection.settings, connection.name)
    if not url:
        return _without_address(folder)
    return _managed(folder, health) if webhook.managed else _by_hand(folder, account, url, seen)


def _without_address(folder: ConnectorFolder) -> Step:
    if folder.has("pull"):
        said = (
            "None: no public address of this hub was given, so changes are read by polls. That is "
            "slower, and loses nothing."
        )
        return Step(name="Webhooks", state="done", said=said)
    said = f"This hub needs a public address that {folder.manifest.name} can reach; none was given."
    return Step(name="Webhooks", state="todo", said=said)


def _managed(folder: ConnectorFolder, health: Health) -> Step:
    vendor, hooks = folder.manifest.name, health.hooks
    if "hooks" in health.failing:
        state, said = "wrong", f"Not made yet: {health.failing['hooks']}"
    elif hooks.refused:
        state, said = "wrong", f"{vendor} refuses {', '.join(sorted(hooks.refused))}."
    elif hooks.registered:
        state = "done"
        said = f"{hooks.registered} topics are subscribed, and looked after every hour."
    else:
        state, said = "doing", f"The hub subscribes them at {vendor} by itself."
    return Step(name="Webhooks", state=state, said=said)


def _by_hand(folder: ConnectorFolder, account: Account, url: str, seen: Seen) -> Step:
    webhook, known = folder.manifest.webhook, account.secret_values()
    labels = {field.key: field.label for field in folder.manifest.config}
    wanted = webhook.secrets if webhook else ()
    missing = [labels[key] for key in wanted if key in labels and not known.get(key)]
    if seen.heard_at is not None:
        return Step(name="Webhooks", state="done", said="They arrive.", at=seen.heard_at)
    said = f"Paste this address at {folder.manifest.name}, where it asks where to send webhooks."
    if wanted and len(missing) == len(wanted):
        said += f" Until the hub knows “{missing[0]}” it refuses what comes: give it below."
    return Step(name="Webhooks", state="todo", said=said, copy=url)


def _history(progress: Progress) -> Step | None:
    if not progress.resources:
        return None
    name = "History"
    failing = [each for each in progress.resources if each.stage is Stage.FAILING]
    if failing:
        said = f"{failing[0].resource.replace('_', ' ')}: {failing[0].why} It is tried again."
        return Step(name=name, state="wrong", said=said)
    if not progress.running:
        return Step(name=name, state="done", said="What was there before is in the log.")
    if not progress.scheduled:
        said = "Nobody reads it now: start the hub's processes with trueup serve."
        return Step(name=name, state="todo", said=said)
    return Step(name=name, state="doing", said="What was there before is read; see below.")


def _listings(seen: Seen) -> Step:
    if not seen.listings:
        said = "None yet; they come with the products."
        return Step(name="Listings", state="doing", said=said)
    said = (
        f"{seen.listings:,} are listed under a SKU. Once the opening stock is counted (trueup "
        "stock open), their numbers are kept true."
    )
    return Step(name="Listings", state="done", said=said)


def _first_event(seen: Seen) -> Step:
    if seen.last_event_at is None:
        return Step(name="First event", state="doing", said="Nothing has come in yet.")
    return Step(name="First event", state="done", said="The newest one came", at=seen.last_event_at)

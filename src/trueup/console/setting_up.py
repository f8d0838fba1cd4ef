"""What happens after an account was connected, as steps: done, going on, or for a person to do."""

from datetime import datetime

import msgspec

from trueup.console.words import say
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
    steps.append(_first_event(folder, account.connection.name, seen))
    paused = account.connection.state == "paused"
    return tuple(_waiting(step) if paused else step for step in steps if step is not None)


def _waiting(step: Step) -> Step:
    """Return a step of a connection that is paused: what went on waits."""
    if step.state != "doing":
        return step
    return msgspec.structs.replace(
        step, state="waits", said=say("It waits until this is taken up again.")
    )


def _let_in(folder: ConnectorFolder, seen: Seen) -> Step | None:
    if not folder.has("api"):
        return None
    name = folder.manifest.name
    if seen.lacks:
        said = say(
            "%(vendor)s can not be called: %(lacks)s is missing.", vendor=name, lacks=seen.lacks
        )
        return Step(name=say("Let in"), state="wrong", said=said)
    return Step(
        name=say("Let in"),
        state="done",
        said=say("%(vendor)s accepted the credentials.", vendor=name),
    )


def _told(folder: ConnectorFolder, account: Account, health: Health, seen: Seen) -> Step | None:
    """Return how the vendor tells of changes by itself."""
    webhook, connection = folder.manifest.webhook, account.connection
    if webhook is None or isinstance(webhook.scheme, QueuePull):
        return None
    url = hook_url(connection.settings, connection.name)
    if not url:
        return _without_address(folder)
    return (
        _managed(folder, account, health)
        if webhook.managed
        else _by_hand(folder, account, url, seen)
    )


def _without_address(folder: ConnectorFolder) -> Step:
    if folder.has("pull"):
        said = say(
            "None: no public address of this hub was given, so changes are read by polls. That is "
            "slower, and loses nothing."
        )
        return Step(name=say("Webhooks"), state="done", said=said)
    said = say(
        "This hub needs a public address that %(vendor)s can reach; none was given.",
        vendor=folder.manifest.name,
    )
    return Step(name=say("Webhooks"), state="todo", said=said)


def _managed(folder: ConnectorFolder, account: Account, health: Health) -> Step:
    vendor, hooks = folder.manifest.name, health.hooks
    unsigned = _unsigned(folder, account)
    if "hooks" in health.failing:
        state, said = "wrong", say("Not made yet: %(why)s", why=health.failing["hooks"])
    elif hooks.refused:
        topics = ", ".join(sorted(hooks.refused))
        state, said = "wrong", say("%(vendor)s refuses %(topics)s.", vendor=vendor, topics=topics)
    elif hooks.registered and unsigned:
        told = say("%(topics)s topics are subscribed.", topics=hooks.registered)
        state, said = "todo", f"{told} {unsigned}"
    elif hooks.registered:
        state = "done"
        said = say(
            "%(topics)s topics are subscribed, and looked after every hour.",
            topics=hooks.registered,
        )
    else:
        state = "doing"
        said = say("The hub subscribes them at %(vendor)s by itself.", vendor=vendor)
    return Step(name=say("Webhooks"), state=state, said=said)


def _by_hand(folder: ConnectorFolder, account: Account, url: str, seen: Seen) -> Step:
    if seen.heard_at is not None:
        return Step(name=say("Webhooks"), state="done", said=say("They arrive."), at=seen.heard_at)
    said = say(
        "Paste this address at %(vendor)s, where it asks where to send webhooks.",
        vendor=folder.manifest.name,
    )
    said = f"{said} {_unsigned(folder, account)}".strip()
    return Step(name=say("Webhooks"), state="todo", said=said, copy=url)


def _unsigned(folder: ConnectorFolder, account: Account) -> str:
    """Return what is told where no secret is known that a delivery is signed with; else empty."""
    webhook, known = folder.manifest.webhook, account.secret_values()
    labels = {field.key: field.label for field in folder.manifest.config}
    wanted = [key for key in (webhook.secrets if webhook else ()) if key in labels]
    if not wanted or any(known.get(key) for key in wanted):
        return ""
    return say(
        "Until the hub knows “%(secret)s” it refuses what comes: give it below.",
        secret=labels[wanted[0]],
    )


def _history(progress: Progress) -> Step | None:
    if not progress.resources:
        return None
    name = say("History")
    failing = [each for each in progress.resources if each.stage is Stage.FAILING]
    if failing:
        what = failing[0].resource.replace("_", " ")
        said = say("%(what)s: %(why)s It is tried again.", what=what, why=failing[0].why)
        return Step(name=name, state="wrong", said=said)
    if not progress.running:
        return Step(name=name, state="done", said=say("What was there before is in the log."))
    if not progress.scheduled:
        said = say("Nobody reads it now: start the hub's processes with trueup serve.")
        return Step(name=name, state="todo", said=said)
    return Step(name=name, state="doing", said=say("What was there before is read; see below."))


def _listings(seen: Seen) -> Step:
    if not seen.listings:
        said = say("None yet; they come with the products.")
        return Step(name=say("Listings"), state="doing", said=said)
    said = say(
        "%(listings)s are listed under a SKU. Once the opening stock is counted (trueup "
        "stock open), their numbers are kept true.",
        listings=f"{seen.listings:,}",
    )
    return Step(name=say("Listings"), state="done", said=said)


def _first_event(folder: ConnectorFolder, name: str, seen: Seen) -> Step:
    files = folder.manifest.files
    if seen.last_event_at is None and files and not folder.has("api"):
        command = f"trueup import {files[0].format} FILE --connection {name}"
        said = say("Import one where the hub runs: %(command)s", command=command)
        return Step(name=say("First file"), state="todo", said=said)
    if seen.last_event_at is None:
        return Step(name=say("First event"), state="doing", said=say("Nothing has come in yet."))
    return Step(
        name=say("First event"),
        state="done",
        said=say("The newest one came"),
        at=seen.last_event_at,
    )

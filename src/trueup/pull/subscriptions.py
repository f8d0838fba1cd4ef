"""Subscriptions: vendors drop webhooks that fail; they are looked after, and the gap is filled."""

from datetime import timedelta
from urllib.parse import urlsplit

import msgspec
import structlog

from trueup.canon.issue import Issue, Severity
from trueup.contract.connector import Hook, Reply
from trueup.errors import ConnectorError, ContractBroken, OutcomeUnknown, Refused
from trueup.intake.connections import rotate_secret
from trueup.intake.issues import close_issues, raise_issue
from trueup.intake.reads import last_events
from trueup.pull.access import Access
from trueup.pull.poll import poll

_log = structlog.get_logger("trueup.pull")

HOOKS_INTERVAL_S = 3600.0
MISSING = "hooks.missing"
REFUSED = "hooks.refused"
_PAGES_MAX = 100


class HooksState(msgspec.Struct, frozen=True, kw_only=True):
    """How the webhooks of a connection stand.

    Attributes:
        url: where deliveries shall go; empty in polling mode.
        registered: topics that are subscribed now.
        created, deleted: what was put right.
        refused: topics that the vendor will not subscribe, with its reason.
        filled: records that were read to fill the gap.
    """

    url: str = ""
    registered: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    deleted: int = 0
    refused: dict[str, str] = {}
    filled: int = 0

    @property
    def healthy(self) -> bool:
        """Whether every topic is subscribed."""
        return bool(self.url) and not self.refused


def hook_url(settings: dict[str, str], name: str) -> str:
    """Return where a connection's deliveries shall go; empty where we have no public address."""
    base = settings.get("public_url", "").rstrip("/")
    return f"{base}/hooks/{name}" if base else ""


async def tend_hooks(access: Access, *, first: bool) -> HooksState:
    """Make the vendor's subscriptions what they must be, and fill the gap where some were gone.

    Args:
        access: the account.
        first: the subscriptions were never made before, so that none can be missed.

    Raises:
        ConnectorError: the vendor did not answer, or no longer lets us in.
    """
    webhook = access.folder.manifest.webhook
    url = hook_url(access.connection.settings, access.connection.name)
    if webhook is None or not webhook.managed or not url:
        return HooksState()
    # Privacy topics are set in the app itself, once for all shops; no call subscribes them.
    topics = [topic.topic for topic in webhook.topics if not topic.required_for_privacy]
    existing = await list_hooks(access)
    kept, stale = _sort(existing, topics, url, access.connection.name)
    missing = [topic for topic in topics if topic not in kept]
    if missing and not first:
        await _tell_missing(access, missing)
    created, refused = await _create(access, missing, url)
    for hook in stale:
        await _delete(access, hook)
    filled = 0
    if created and not first:
        filled = await fill_gap(access)
    await _tell_refused(access, refused)
    if not refused:
        await close_issues(access.conn, MISSING, [f"hooks/{access.connection.name}"])
    return HooksState(
        url=url,
        registered=(*kept, *created),
        created=tuple(created),
        deleted=len(stale),
        refused=refused,
        filled=filled,
    )


async def list_hooks(access: Access) -> list[Hook]:
    """Return all subscriptions of our app at the vendor."""
    found: list[Hook] = []
    cursor: str | None = None
    for _ in range(_PAGES_MAX):
        reply = await access.send(access.folder.hooks.list_request(cursor))
        page, cursor = access.folder.hooks.listed(reply)
        found += page
        if cursor is None:
            return found
    raise ContractBroken("The vendor's list of subscriptions has no end.")


async def remove_hooks(access: Access) -> int:
    """Delete the connection's subscriptions at the vendor; returns how many."""
    ours = [hook for hook in await list_hooks(access) if _is_ours(hook, access.connection.name)]
    for hook in ours:
        await _delete(access, hook)
    return len(ours)


async def fill_gap(access: Access) -> int:
    """Read what changed since the last delivery, in every resource; returns the new records."""
    latest = [
        row["received_at"]
        for row in await last_events(access.conn)
        if row["connection_id"] == access.connection.connection_id and row["origin"] == "webhook"
    ]
    fresh = 0
    for resource in access.folder.manifest.pull:
        since_at = latest[0] - timedelta(seconds=resource.overlap_s) if latest else None
        try:
            walked = await poll(access, resource.resource, since_at=since_at)
        except Refused as error:
            # Such as for want of a scope; its own poll says so, and the others are read.
            _log.warning("gap_refused", resource=resource.resource, reason=error.message)
            continue
        fresh += walked.fresh
    _log.info("gap_filled", connection=access.connection.name, fresh=fresh)
    return fresh


def _sort(
    existing: list[Hook], topics: list[str], url: str, name: str
) -> tuple[dict[str, Hook], list[Hook]]:
    """Return the subscriptions to keep by topic, and those of ours that are stale."""
    kept: dict[str, Hook] = {}
    stale: list[Hook] = []
    for hook in existing:
        if hook.url == url and hook.topic in topics and hook.topic not in kept:
            kept[hook.topic] = hook
        elif _is_ours(hook, name):
            stale.append(hook)
    return kept, stale


def _is_ours(hook: Hook, name: str) -> bool:
    """Whether a subscription leads to this connection, perhaps at an address we had before."""
    return urlsplit(hook.url).path == f"/hooks/{name}"


async def _create(access: Access, topics: list[str], url: str) -> tuple[list[str], dict[str, str]]:
    created: list[str] = []
    refused: dict[str, str] = {}
    known = access.caller.account.secret_values()
    for topic in topics:
        request = access.folder.hooks.create_request(topic, url)
        try:
            reply = await access.send(request)
            access.folder.hooks.created(reply)
            created.append(topic)
            known |= await _keep_secrets(access, reply, known)
        except (Refused, ContractBroken) as error:
            refused[topic] = error.message
        except OutcomeUnknown:
            # It may be there or not: the next look finds out.
            refused[topic] = "the vendor did not say whether it was done"
    return created, refused


async def _keep_secrets(access: Access, reply: Reply, known: dict[str, str]) -> dict[str, str]:
    """Store what deliveries will be signed with, where the vendor tells it only in this reply.

    A connector of such a vendor has a function `created_secrets(reply)` in its hooks.
    """
    tell = getattr(access.folder.hooks, "created_secrets", None)
    told: dict[str, str] = dict(tell(reply)) if tell is not None else {}
    fresh = {name: value for name, value in told.items() if known.get(name) != value}
    for name, value in fresh.items():
        connection_id = access.connection.connection_id
        await rotate_secret(access.conn, access.hub.vault, connection_id, name, value)
    return fresh


async def _delete(access: Access, hook: Hook) -> None:
    try:
        await access.send(access.folder.hooks.delete_request(hook))
    except OutcomeUnknown:
        _log.warning("hook_deletion_unknown", ref=hook.ref)
    except ConnectorError as error:
        if error.fate != "never":
            raise
        _log.info("hook_gone", ref=hook.ref, reason=error.message)


async def _tell_missing(access: Access, missing: list[str]) -> None:
    issue = Issue(
        code=MISSING,
        severity=Severity.WARNING,
        pointer="subscriptions",
        expected="a subscription of every topic",
        found=f"{len(missing)} missing: {', '.join(missing)}",
        how_to_fix="They are made again and the gap is read; look why deliveries failed.",
        ref=f"hooks/{access.connection.name}",
    )
    await raise_issue(access.conn, access.connection.connection_id, issue)
    _log.warning("hooks_missing", connection=access.connection.name, topics=len(missing))


async def _tell_refused(access: Access, refused: dict[str, str]) -> None:
    ref = f"hooks/{access.connection.name}"
    if not refused:
        await close_issues(access.conn, REFUSED, [ref])
        return
    reasons = "; ".join(sorted(set(refused.values())))
    issue = Issue(
        code=REFUSED,
        severity=Severity.WARNING,
        pointer="subscriptions",
        expected="a subscription of every topic",
        found=f"refused: {', '.join(sorted(refused))} ({reasons})",
        how_to_fix="Grant the app what the vendor asks for; until then polls bring these records.",
        ref=ref,
    )
    await raise_issue(access.conn, access.connection.connection_id, issue)

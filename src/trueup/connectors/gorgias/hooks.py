"""HTTP integrations, which are Gorgias' webhooks: one for each trigger."""

import msgspec

from trueup.connectors.gorgias.api import get, read, write
from trueup.connectors.gorgias.shape import Id
from trueup.connectors.gorgias.webhook import TOPICS
from trueup.contract.connector import Hook, Reply, Request
from trueup.errors import ContractBroken

NAME = "Trueup"
_PAGE = 100


class _Http(msgspec.Struct, gc=False):
    url: str | None = None
    triggers: dict[str, bool | None] | None = None


class _Integration(msgspec.Struct, gc=False):
    id: Id
    name: str | None = None
    type: str | None = None
    http: _Http | None = None
    deactivated_datetime: str | None = None


class _Meta(msgspec.Struct, gc=False):
    next_cursor: str | None = None


class _List(msgspec.Struct, gc=False):
    data: list[_Integration]
    meta: _Meta = msgspec.field(default_factory=_Meta)


def list_request(cursor: str | None) -> Request:
    """Return the call that lists the account's HTTP integrations."""
    path = f"/api/integrations?type=http&limit={_PAGE}"
    return get(path if cursor is None else f"{path}&cursor={cursor}")


def listed(reply: Reply) -> tuple[tuple[Hook, ...], str | None]:
    """Return our subscriptions and the next cursor; one that was switched off is none."""
    found = read(reply, _List)
    ours = [hook for each in found.data if (hook := _hook(each)) is not None]
    return tuple(ours), found.meta.next_cursor


def create_request(topic: str, url: str) -> Request:
    """Return the call that subscribes a trigger; its body names ticket and change, no more."""
    form = {
        "event": topic,
        "ticket_id": "{{ticket.id}}",
        "updated": "{{ticket.updated_datetime}}",
        "last_message": "{{ticket.last_message_datetime}}",
    }
    http = {
        "url": url,
        "method": "POST",
        "request_content_type": "application/json",
        "response_content_type": "application/json",
        "form": form,
        "triggers": {topic: True},
    }
    return write("POST", "/api/integrations", {"name": NAME, "type": "http", "http": http})


def created(reply: Reply) -> Hook:
    """Return the new subscription.

    Raises:
        ContractBroken: the reply is none of an HTTP integration with one of our triggers.
    """
    hook = _hook(read(reply, _Integration))
    if hook is None:
        raise ContractBroken("Gorgias made an integration without our trigger", status=reply.status)
    return hook


def delete_request(hook: Hook) -> Request:
    """Return the call that removes a subscription."""
    return msgspec.structs.replace(
        get(f"/api/integrations/{hook.ref}"), method="DELETE", writes=True
    )


def _hook(integration: _Integration) -> Hook | None:
    http = integration.http
    if http is None or not http.url or integration.deactivated_datetime is not None:
        return None
    wanted = [topic for topic in TOPICS if (http.triggers or {}).get(topic)]
    if len(wanted) != 1:
        return None
    return Hook(ref=str(integration.id), topic=wanted[0], url=http.url)

"""Notifications out of the queue: hints that something changed, never what it is.

They come twice, late and out of order; so each only says what is to be read. Some kinds write their
names with a capital, some without; both are read.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from trueup.contract.connector import Fetch, Mapped

SETTLEMENTS: Final = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE"
"""The report's type; the newer layout has "_V2" behind it."""

LISTINGS_FEED: Final = "JSON_LISTINGS_FEED"
TOPIC_PREFIX: Final = "notification/"
_REF_CHARS_MAX = 200
_LISTINGS = frozenset(
    (
        *("LISTINGS_ITEM_ISSUES_CHANGE", "LISTINGS_ITEM_STATUS_CHANGE"),
        "LISTINGS_ITEM_MFN_QUANTITY_CHANGE",
    )
)


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """What can be read of a notification.

    Attributes:
        kind: Amazon's word, such as ORDER_CHANGE.
        entity: what it is about.
        fetch: what is to be read because of it.
        ignored: why nothing is.
    """

    kind: str
    notification_id: str = ""
    event_time: str = ""
    entity: str = ""
    fetch: Fetch | None = None
    ignored: str | None = None


def read_hint(body: bytes) -> Hint | None:
    """Return what a notification hints at; None where it can not be read as one."""
    try:
        told = _plain(msgspec.json.decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    kind, payload = told.get("notificationType"), _plain(told.get("payload"))
    if not isinstance(kind, str) or not kind or len(kind) > _REF_CHARS_MAX:
        return None
    meta = _plain(told.get("notificationMetadata"))
    about = _about(kind, payload)
    return msgspec.structs.replace(
        about,
        notification_id=_text(meta, "notificationId"),
        event_time=_text(told, "eventTime"),
    )


def map_notification(body: bytes) -> Mapped | None:
    """Return what is to be read because of a notification; None where it is none."""
    hint = read_hint(body)
    if hint is None:
        return None
    if hint.fetch is None:
        return Mapped(ignored=hint.ignored or "it names nothing that is read")
    return Mapped(fetch=(hint.fetch,))


def _about(kind: str, payload: Mapping[str, Any]) -> Hint:
    if kind == "ORDER_CHANGE":
        inner = _plain(payload.get("orderChangeNotification"))
        return _hint(kind, "order", "orders", _text(inner, "amazonOrderId"))
    if kind in _LISTINGS:
        return _hint(kind, "product", "listings", _text(payload, "sku"))
    if kind == "FBA_INVENTORY_AVAILABILITY_CHANGE":
        sku = _text(payload, "sKU") or _text(payload, "sku")
        return _hint(kind, "fba_item", "fba_inventory", sku)
    if kind == "REPORT_PROCESSING_FINISHED":
        inner = _plain(payload.get("reportProcessingFinishedNotification"))
        wanted = is_settlement(_text(inner, "reportType"))
        document = _text(inner, "reportDocumentId")
        return _finished(kind, "settlement_report", "settlements", inner, document, wanted=wanted)
    if kind == "FEED_PROCESSING_FINISHED":
        inner = _plain(payload.get("feedProcessingFinishedNotification"))
        wanted = _text(inner, "feedType") == LISTINGS_FEED
        document = _text(inner, "resultFeedDocumentId")
        return _finished(kind, "feed", "feeds", inner, document, wanted=wanted)
    return Hint(kind=kind, ignored=f"nothing in the hub reads notifications of {kind[:60]}")


def is_settlement(report_type: str) -> bool:
    """Tell whether a report is a settlement in the layout that is pulled."""
    return report_type == f"{SETTLEMENTS}_V2"


def _finished(
    kind: str,
    entity: str,
    resource: str,
    inner: Mapping[str, Any],
    document: str,
    *,
    wanted: bool,
) -> Hint:
    name = _text(inner, "reportId") or _text(inner, "feedId")
    if not wanted or _text(inner, "processingStatus") != "DONE" or not document:
        why = f"a {entity} of another kind, or without a result"
        return Hint(kind=kind, entity=f"{entity}/{name}" if name else "", ignored=why)
    return Hint(kind=kind, entity=f"{entity}/{name}", fetch=Fetch(resource=resource, ref=document))


def _hint(kind: str, entity: str, resource: str, ref: str) -> Hint:
    if not ref:
        return Hint(kind=kind)
    return Hint(kind=kind, entity=f"{entity}/{ref}", fetch=Fetch(resource=resource, ref=ref))


def _plain(value: object) -> Mapping[str, Any]:
    """Return an object with each name's first letter small; nothing where it is no object."""
    if not isinstance(value, dict):
        return {}
    return {name[:1].lower() + name[1:]: inner for name, inner in value.items()}


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or len(value) > _REF_CHARS_MAX or "\x00" in value:
        return ""
    return value

"""Pages of entities by their last change, what was deleted, and single entities.

Pages go by the last change and not by position: what changes meanwhile moves to the end, and a
position would then skip what stood behind it. Only where a whole page is of one second does the
position lead on, from the last entity of the page.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from trueup.connectors.quickbooks.api import GONE, company_request, errors_of
from trueup.connectors.quickbooks.entity import BY_NAME, BY_RESOURCE, LEVEL, Entity
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.errors import ContractBroken, Refused

PAGE_SIZE = 500
CHANGES_MAX = 1000
DELETIONS = "deletions"


class _Meta(msgspec.Struct, gc=False):
    last_updated_time: datetime | None = msgspec.field(default=None, name="LastUpdatedTime")


class _Head(msgspec.Struct, gc=False):
    id: str | None = msgspec.field(default=None, name="Id")
    status: str | None = None
    type: str | None = msgspec.field(default=None, name="Type")
    meta: _Meta | None = msgspec.field(default=None, name="MetaData")


class _Answer(msgspec.Struct, gc=False):
    query: dict[str, msgspec.Raw] | None = msgspec.field(default=None, name="QueryResponse")
    changes: list["_Changes"] | None = msgspec.field(default=None, name="CDCResponse")
    company: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="CompanyInfo")


class _Changes(msgspec.Struct, gc=False):
    answers: list[dict[str, msgspec.Raw]] = msgspec.field(
        default_factory=list, name="QueryResponse"
    )


def page_request(resource: str, since: datetime | None, cursor: str | None) -> Request:
    """Return the call for the next page of entities changed at or after `since`."""
    if resource == DELETIONS:
        return _deletions_request(since)
    entity = _entity(resource)
    since_text, start = _place(cursor) if cursor else (_text(since) if since else "", 1)
    query = (
        f"SELECT * FROM {entity.name}{_where(entity, since_text)}"  # noqa: S608 - our own names
        f" ORDERBY MetaData.LastUpdatedTime STARTPOSITION {start} MAXRESULTS {PAGE_SIZE}"
    )
    return company_request("query", {"query": query})


def page(resource: str, reply: Reply) -> Page:
    """Return the page that the reply holds, oldest change first."""
    answer = _answer(reply)
    if resource == DELETIONS:
        return _deleted(answer)
    entity = _entity(resource)
    if answer.query is None:
        raise ContractBroken("QuickBooks' reply is no page of entities")
    raws = _list(answer.query.get(entity.name))
    heads = [_head(raw) for raw in raws]
    stamps = [at for head in heads if (at := _at(head)) is not None]
    pieces = [
        piece
        for raw, head in zip(raws, heads, strict=True)
        for piece in _pieces("pull", entity, bytes(raw), head)
    ]
    return Page(
        pieces=tuple(pieces),
        next_cursor=_next(answer.query, stamps) if len(raws) >= PAGE_SIZE else None,
        latest_at=max(stamps, default=None),
    )


def fetch_request(fetch: Fetch) -> Request:
    """Return the call that reads one entity; `ref` is its id, with its company before it."""
    entity = _fetched_entity(fetch)
    realm, _, number = fetch.ref.rpartition("/")
    if not number.replace("-", "").isalnum() or not (realm or "0").isdecimal():
        raise Refused("QuickBooks has no such id", resource=fetch.resource)
    return company_request(f"{entity.path}/{number}", {}, realm=realm or "{realm_id}")


def fetched(fetch: Fetch, reply: Reply) -> Page:
    """Return the entity's pieces; one that is gone is told as deleted."""
    entity = _fetched_entity(fetch)
    number = fetch.ref.rpartition("/")[2]
    errors = errors_of(reply)
    if errors:
        if not any(error.number == GONE for error in errors):
            raise Refused("QuickBooks refused the call", code=errors[0].code[:20])
        gone = {"Id": number, "status": "Deleted", "domain": "QBO"}
        at = _answered_at(reply)
        body = msgspec.json.encode(gone | ({"MetaData": {"LastUpdatedTime": at}} if at else {}))
        return Page(pieces=(Piece(topic=f"fetch/{entity.name}", body=body),))
    try:
        raw = msgspec.json.decode(reply.body, type=dict[str, msgspec.Raw])[entity.name]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError) as fault:
        raise ContractBroken("QuickBooks' reply is not the entity") from fault
    return Page(pieces=tuple(_pieces("fetch", entity, bytes(raw), _head(raw))))


def count_request(resource: str, since: datetime | None) -> Request | None:
    """Return the call that counts; not deletions, nor items: one with stock is two records."""
    if resource in {DELETIONS, "items"}:
        return None
    entity = _entity(resource)
    where = _where(entity, _text(since) if since else "")
    query = f"SELECT COUNT(*) FROM {entity.name}{where}"  # noqa: S608 - our own names
    return company_request("query", {"query": query})


def count(resource: str, reply: Reply) -> int:
    """Return QuickBooks' own count of entities."""
    _entity(resource)
    told = (_answer(reply).query or {}).get("totalCount")
    try:
        return msgspec.json.decode(told or b"0", type=int)
    except msgspec.MsgspecError as fault:
        raise ContractBroken("QuickBooks' count is no number") from fault


def _deletions_request(since: datetime | None) -> Request:
    """Return the call for changes; a first reading asks for nothing: what is gone stays unknown."""
    if since is None:
        return company_request("companyinfo/{realm_id}", {})
    names = ",".join(BY_NAME)
    return company_request("cdc", {"entities": names, "changedSince": _text(since)})


def _deleted(answer: _Answer) -> Page:
    """Return what was deleted; a list that is full goes on from its newest change."""
    pieces, stamps, full = [], [], False
    for change in answer.changes or ():
        for group in change.answers:
            for name in BY_NAME.keys() & group.keys():
                raws = _list(group[name])
                heads = [_head(raw) for raw in raws]
                full = full or len(raws) >= CHANGES_MAX
                stamps += [at for head in heads if (at := _at(head)) is not None]
                pieces += [
                    Piece(topic=f"pull/{name}", body=bytes(raw))
                    for raw, head in zip(raws, heads, strict=True)
                    if head.status == "Deleted"
                ]
    if answer.changes is None and not answer.company:
        raise ContractBroken("QuickBooks' reply is no list of changes")
    if full:
        raise Refused("Too many changes for one list: poll deletions more often", most=CHANGES_MAX)
    return Page(pieces=tuple(pieces), latest_at=max(stamps, default=None))


def _pieces(origin: str, entity: Entity, body: bytes, head: _Head) -> list[Piece]:
    """Return the entity's pieces: an item with stock tells of a product and of a level."""
    pieces = [Piece(topic=f"{origin}/{entity.name}", body=body)]
    if entity.name == "Item" and head.type == "Inventory":
        pieces.append(Piece(topic=f"{origin}/{LEVEL}", body=body))
    return pieces


def _next(query: dict[str, msgspec.Raw], stamps: Sequence[datetime]) -> str:
    if not stamps:
        raise ContractBroken("QuickBooks' entities have no last change")
    if stamps[0] < stamps[-1]:
        return f"{_text(stamps[-1])}|1"
    start = msgspec.json.decode(query.get("startPosition", msgspec.Raw(b"1")), type=int)
    return f"{_text(stamps[-1])}|{start + PAGE_SIZE - 1}"


def _where(entity: Entity, since: str) -> str:
    terms = [entity.only] if entity.only else []
    terms += [f"MetaData.LastUpdatedTime >= '{since}'"] if since else []
    return f" WHERE {' AND '.join(terms)}" if terms else ""


def _place(cursor: str) -> tuple[str, int]:
    told, _, start = cursor.partition("|")
    try:
        return _text(datetime.fromisoformat(told)), int(start)
    except ValueError as fault:
        raise Refused("This is no place in QuickBooks' pages", cursor=cursor[:60]) from fault


def _answer(reply: Reply) -> _Answer:
    errors = errors_of(reply)
    if errors:
        raise Refused("QuickBooks refused the call", code=errors[0].code[:20])
    try:
        return msgspec.json.decode(reply.body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("QuickBooks' reply is not in its form") from fault


def _list(raw: msgspec.Raw | None) -> list[msgspec.Raw]:
    try:
        return msgspec.json.decode(raw, type=list[msgspec.Raw]) if raw else []
    except msgspec.MsgspecError as fault:
        raise ContractBroken("QuickBooks' reply holds no list of entities") from fault


def _head(raw: msgspec.Raw) -> _Head:
    try:
        return msgspec.json.decode(raw, type=_Head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise ContractBroken("QuickBooks' list holds what is no entity") from fault


def _at(head: _Head) -> datetime | None:
    at = head.meta.last_updated_time if head.meta else None
    return at.astimezone(UTC) if at and at.tzinfo else None


def _entity(resource: str) -> Entity:
    if resource not in BY_RESOURCE:
        raise Refused("QuickBooks has no such resource here", resource=resource)
    return BY_RESOURCE[resource]


def _fetched_entity(fetch: Fetch) -> Entity:
    if fetch.resource not in BY_NAME:
        raise Refused("QuickBooks has no such entity here", resource=fetch.resource)
    return BY_NAME[fetch.resource]


def _answered_at(reply: Reply) -> str | None:
    try:
        at = parsedate_to_datetime(reply.headers.get("date", ""))
    except ValueError:
        return None
    return _text(at) if at.tzinfo else None


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")

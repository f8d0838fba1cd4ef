"""What a person may hand in: deliveries, replies of the API with lists or one thing, and tickets.

Zendesk puts each thing below its name, and what stands alone has its own address in `url`. A
comment alone does not say whose it is: its ticket stands in the addresses of its page, or in the
topic, "tickets/35436/comments".
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from trueup.connectors.zendesk.pull import comment_body, ticket_body, users_by_id
from trueup.connectors.zendesk.webhook import EVENT, STRANGE, TRIGGER, HookShape, topic_of
from trueup.contract.connector import Piece
from trueup.contract.envelope import (
    FAULTS,
    Fields,
    Forms,
    as_given,
    fields_of,
    holds,
    items_of,
    joined,
    text_of,
    unread,
    untold,
)

_Users = Mapping[int, msgspec.Raw]
_ADDRESS = re.compile(r"/api/v2/([a-z_]{1,40})/[0-9]+(?:\.json)?(?:\?|$)")
_OF_TICKET = re.compile(r"tickets?/([0-9]{1,19})/comments?(?:\.json)?(?:\?|$)")
_PLACES = ("next_page", "previous_page", "next", "prev")
_NOUNS = {"tickets": "ticket", "users": "user", "comments": "comment"}
_SIDE = frozenset(("users", "groups", "organizations"))
_AROUND = frozenset(("links", "meta", "details", "error", "count"))
_HOOK = msgspec.json.Decoder(HookShape)


def _tell(topic: str, fields: Fields, body: bytes) -> Sequence[Piece] | None:
    if "subject" in fields and (hook := _hook(body)) is not None:
        return hook
    if "comment" in fields and "ticket_id" in fields:
        return (Piece(topic="fetch/comment", body=body),)
    if "ticket" in fields and holds(fields, "ticket"):
        return (Piece(topic=_ticket_topic(topic), body=body),)
    return _alone(topic, body, _users(fields)) if "id" in fields else _page(topic, fields, body)


def _page(topic: str, fields: Fields, body: bytes) -> tuple[Piece, ...] | None:
    """Return the pieces of what stands below a name; people beside it belong to it."""
    if holds(fields, "results"):
        users = _users(fields)
        parts = [_result(topic, item, users) for item in items_of(fields["results"])]
        return joined(parts, topic, body)
    lists = [name for name in fields if holds(fields, name) and name not in _AROUND]
    main = [name for name in lists if name not in _SIDE] or lists
    name = next((each for each in ("tickets", "comments", *main) if each in main), None)
    return None if name is None else _listed(topic, name, fields, body)


def _listed(topic: str, name: str, fields: Fields, body: bytes) -> tuple[Piece, ...] | None:
    items = items_of(fields[name])
    if any(not item.startswith(b"{") for item in items):
        return None
    users = _users(fields)
    if name in {"comment", "comments"}:
        ticket = _ticket_of(topic, fields)
        parts = [_comment(topic, item, ticket, users) for item in items]
    else:
        parts = [_of(_NOUNS.get(name, name), topic, item, users) for item in items]
    return joined(parts, topic, body)


def _result(topic: str, item: bytes, users: _Users) -> tuple[Piece, ...]:
    told = text_of(fields_of(item).get("result_type"))
    return _of(told, topic, item, users) if told else _alone(topic, item, users)


def _alone(topic: str, body: bytes, users: _Users) -> tuple[Piece, ...]:
    fields = fields_of(body)
    address = _ADDRESS.search(text_of(fields.get("url")))
    if address is not None:
        return _of(_NOUNS.get(address[1], address[1]), topic, body, users)
    if "author_id" in fields:
        return _comment(topic, body, _ticket_of(topic, fields), users)
    noun = FORMS.noun_of(topic)
    return _of(noun, topic, body, users) if noun else as_given(FORMS, topic, body)


def _of(noun: str, topic: str, item: bytes, users: _Users) -> tuple[Piece, ...]:
    if noun == "ticket":
        whole = ticket_body(msgspec.Raw(item), users)
        return (Piece(topic=_ticket_topic(topic), body=whole),)
    if noun == "comment":
        return _comment(topic, item, _ticket_of(topic, fields_of(item)), users)
    if noun in FORMS.nouns:
        return FORMS.of_noun(noun, item, topic)
    return unread(noun, item)


def _comment(topic: str, item: bytes, ticket: str, users: _Users) -> tuple[Piece, ...]:
    if not ticket:
        return untold(f"{topic[:60]}: whose comments", item)
    whole = comment_body(msgspec.Raw(item), ticket, users)
    return (Piece(topic="fetch/comment", body=whole),)


def _ticket_topic(topic: str) -> str:
    return topic if topic == "pull/ticket" else "fetch/ticket"


def _ticket_of(topic: str, fields: Fields) -> str:
    """Return the ticket of a page of comments; empty where nothing tells it."""
    number = bytes(fields.get("ticket_id", b"")).decode()
    if number.isdecimal():
        return number
    told = [text_of(fields.get(name)) for name in _PLACES]
    links = fields_of(fields.get("links"))
    told += [text_of(links.get(name)) for name in _PLACES]
    found = (_OF_TICKET.search(text) for text in (topic, *told))
    return next((each[1] for each in found if each), "")


def _users(fields: Fields) -> _Users:
    if not holds(fields, "users"):
        return {}
    return users_by_id([msgspec.Raw(item) for item in items_of(fields["users"])])


def _hook(body: bytes) -> tuple[Piece, ...] | None:
    try:
        hook = _HOOK.decode(body)
    except FAULTS:
        return None
    topic = topic_of(hook)
    return None if topic == STRANGE else (Piece(topic=topic, body=body),)


FORMS = Forms(
    nouns={"ticket": ("fetch/ticket",), "comment": ("fetch/comment",), "user": ("fetch/user",)},
    words={"customer": "user", "customers": "user", "people": "user"},
    topics=frozenset(
        (
            *("pull/ticket", "fetch/ticket", "fetch/comment", "pull/user", "fetch/user", TRIGGER),
            f"{EVENT}ticket.created",
        )
    ),
    tell=_tell,
    shown=("tickets/<id>/comments",),
)

"""In which lists a profile stands: looked at, changed where it differs, and read back.

A list takes profiles by their ids, so the profile is asked for first. Segments take nobody: they
are conditions on properties, and Klaviyo keeps them by itself.
"""

from collections.abc import Sequence

import msgspec

from trueup.canon.command import ChangeLists
from trueup.connectors.klaviyo.call import below, equals, get, needed, post, remove
from trueup.connectors.klaviyo.shape import Id, PointedShape
from trueup.contract.connector import Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused

_ID = msgspec.json.Decoder(Id)


class _Listed(msgspec.Struct, gc=False):
    data: list[PointedShape]


class _Made(msgspec.Struct, gc=False):
    data: PointedShape


def request(content: ChangeLists) -> Request:
    """Return the look for the profile that a carrying out begins with.

    Raises:
        Refused: nobody is named, or a list's id is none of Klaviyo's.
    """
    for ref in (*content.joined, *content.left):
        try:
            _ID.decode(msgspec.json.encode(ref))
        except msgspec.ValidationError:
            raise Refused("The list's id is none of Klaviyo's.") from None
    name, value = _who(content)
    pairs = [("fields[profile]", "id"), ("filter", equals(name, value))]
    return get("/api/profiles", pairs, scope="profiles")


def following(content: ChangeLists, replies: Sequence[Reply]) -> Request | None:
    """Return the next call: the lists the profile is in, each change, and the lists once more.

    Who shall stand in a list and has no profile gets one first; who has none is in no list.

    Raises:
        Refused: Klaviyo said no to a look.
        ContractBroken: a reply is not what was asked for.
    """
    if replies[-1].status >= 400:
        return None
    found = needed(replies[0], _Listed).data
    if not found and not content.joined:
        return None
    if not found and len(replies) == 1:
        attributes = dict([_who(content)])
        body = {"data": {"type": "profile", "attributes": attributes}}
        return post("/api/profile-import", body, scope="profile.change")
    profile = found[0].id if found else needed(replies[1], _Made).data.id
    rest = replies[1:] if found else replies[2:]
    look = get(f"{below('/api/profiles', profile)}/relationships/lists", scope="list.change")
    if not rest:
        return look
    changes = _changes(content, profile, _held(rest[0]))
    done = len(rest) - 1
    if done < len(changes):
        return changes[done]
    return look if changes and done == len(changes) else None


def receipt(content: ChangeLists, reply: Reply) -> Receipt:
    """Return what came of it: the last reply tells in which lists the profile is.

    Raises:
        ContractBroken: the reply is none of lists.
    """
    held = _held(reply)
    if held.issuperset(content.joined) and held.isdisjoint(content.left):
        return Receipt(state=ReceiptState.DONE, vendor_ref=(*content.joined, *content.left)[0])
    return Receipt(state=ReceiptState.UNKNOWN, code="not_as_written")


def _who(content: ChangeLists) -> tuple[str, str]:
    """Return the name by which the profile is known: the first that is given."""
    for name, value in (
        ("email", content.email),
        ("phone_number", content.phone),
        ("external_id", content.external_ref),
    ):
        if value:
            return name, value
    raise Refused("Klaviyo knows a profile by e-mail, phone or external id; give one.")


def _held(reply: Reply) -> set[str]:
    return {each.id for each in needed(reply, _Listed).data}


def _changes(content: ChangeLists, profile: str, held: set[str]) -> list[Request]:
    body = {"data": [{"type": "profile", "id": profile}]}
    joins = [
        post(_members(ref), body, scope="list.change") for ref in content.joined if ref not in held
    ]
    leaves = [
        remove(_members(ref), body, scope="list.change") for ref in content.left if ref in held
    ]
    return joins + leaves


def _members(ref: str) -> str:
    return f"{below('/api/lists', ref)}/relationships/profiles"

"""Lists of the simulated Stripe: newest first, page by page after an object."""

from collections.abc import Mapping, Sequence

from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.stripe.bodies import Body
from trueup.sandbox.stripe.form import nested
from trueup.sandbox.stripe.refusal import Refusal

_LIMIT = 10
_LIMIT_MAX = 100


def page_of(
    asked: Asked,
    shelf: Mapping[str, Body],
    filters: Sequence[str],
    *,
    also: Sequence[str] = (),
) -> Reply:
    """Return a page of a list.

    Args:
        asked: the call, with its query.
        shelf: all objects by id, oldest first.
        filters: fields that may be filtered by.
        also: parameters that were heeded already.

    Raises:
        Refusal: an unknown parameter, a page beyond bounds, or an object that is not there.
    """
    query = nested(list(asked.query))
    known = {"limit", "starting_after", "created", *filters}
    known |= {name.partition("[")[0] for name in also}
    if unknown := sorted(set(query) - known):
        raise Refusal(400, "parameter_unknown", f"Unknown {unknown[0]}.", unknown[0])
    limit = int(query.get("limit", _LIMIT))
    if not 1 <= limit <= _LIMIT_MAX:
        raise Refusal(400, "parameter_invalid_integer", "limit is 1 to 100.", "limit")
    span = query.get("created", {})
    found = [
        each
        for each in reversed(list(shelf.values()))
        if all(each.get(name) == query[name] for name in filters if name in query)
        and int(span.get("gte", 0)) <= each["created"] <= int(span.get("lte", each["created"]))
    ]
    after = query.get("starting_after")
    if after is not None:
        if after not in shelf:
            raise Refusal(400, "resource_missing", f"No such object: {after}.", "starting_after")
        place = next((n for n, each in enumerate(found) if each["id"] == after), len(found))
        found = found[place + 1 :]
    told = {
        "object": "list",
        "data": found[:limit],
        "has_more": len(found) > limit,
        "url": asked.path,
    }
    return reply_json(200, told)

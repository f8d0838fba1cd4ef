"""What we keep at an order beside its status: for what it is held, its tags, who cancelled it.

BigCommerce has neither holds nor tags. One metafield of the order keeps them, under a name of ours,
so that the next look, by whomever, knows them. Pure.
"""

from typing import Any, Final
from urllib.parse import quote

import msgspec

from trueup.connectors.bigcommerce.reading import read
from trueup.contract.connector import Reply, Request
from trueup.errors import ContractBroken

NAMESPACE: Final = "trueup"
KEY: Final = "standing"


class Standing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of one order.

    Attributes:
        holds: names, by which it is held.
        held_from: the status that it had before.
        cancelled_by: our name of the command that cancelled it.
    """

    holds: tuple[str, ...] = ()
    held_from: int | None = None
    tags: tuple[str, ...] = ()
    cancelled_by: str = ""


class _Field(msgspec.Struct, gc=False):
    id: int
    namespace: str = ""
    key: str = ""
    value: str = ""


class Told(msgspec.Struct, gc=False):
    """One reply: an order as it stands, a list of metafields, or the one that was written."""

    id: int | None = None
    status_id: int | None = None
    payment_status: str | None = None
    data: list[_Field] | _Field | None = None

    @property
    def is_list(self) -> bool:
        """Whether metafields were looked at."""
        return isinstance(self.data, list)

    @property
    def field(self) -> _Field | None:
        """Our metafield; None where there is none yet."""
        some = self.data if isinstance(self.data, list) else [self.data] if self.data else []
        return next((each for each in some if (each.namespace, each.key) == (NAMESPACE, KEY)), None)

    @property
    def standing(self) -> Standing:
        """What is kept; nothing where somebody wrote something else into it."""
        try:
            return msgspec.json.decode(self.field.value if self.field else "{}", type=Standing)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return Standing()


def read_told(reply: Reply) -> Told:
    """Return what a reply tells.

    Raises:
        ContractBroken: it is neither an order nor metafields.
    """
    told = read(reply, Told, "order or metafield")
    if told.data is None and told.status_id is None:
        raise ContractBroken("BigCommerce's reply is no order or metafield")
    return told


def order_request(order_ref: str) -> Request:
    """Return the look at an order."""
    return Request(method="GET", path=f"/v2/orders/{order_ref}")


def status_request(order_ref: str, status_id: int) -> Request:
    """Return the call that gives an order another status, and changes nothing else of it."""
    return _write("PUT", f"/v2/orders/{order_ref}", {"status_id": status_id})


def standing_request(order_ref: str) -> Request:
    """Return the look at what we keep of an order."""
    query = f"namespace={quote(NAMESPACE)}&key={quote(KEY)}"
    return Request(method="GET", path=f"/v3/orders/{order_ref}/metafields?{query}")


def keep_request(order_ref: str, before: Told, standing: Standing) -> Request:
    """Return the call that keeps something else of an order, after the look at what is kept."""
    value, path = msgspec.json.encode(standing).decode(), f"/v3/orders/{order_ref}/metafields"
    # Other programs of the store may read it, and only we write it.
    kept = {"permission_set": "read", "namespace": NAMESPACE, "key": KEY, "value": value}
    if before.field is None:
        return _write("POST", path, kept)
    return _write("PUT", f"{path}/{before.field.id}", kept)


def _write(method: str, path: str, body: dict[str, Any]) -> Request:
    return Request(
        method=method,
        path=path,
        headers=(("content-type", "application/json"),),
        body=msgspec.json.encode(body),
        writes=True,
    )

"""What every canonical record has in common."""

from datetime import UTC, datetime
from typing import ClassVar, Self

import msgspec

from trueup.canon.link import Link
from trueup.errors import InvariantBroken, invariant

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class VersionKey(msgspec.Struct, frozen=True, order=True):
    """Which of two versions of one record is the newer.

    Vendors stamp whole seconds, so two changes in one second are told apart by when the vendor
    raised them, and at last by a digest, so that every delivery order ends in the same version.

    Attributes:
        updated_at: the vendor's own last-change stamp.
        raised_at: when the vendor raised the delivery; `BEGINNING` where it does not say.
    """

    updated_at: datetime
    raised_at: datetime = BEGINNING


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One canonical record as one system tells it.

    Attributes:
        ref: the vendor's id of the thing, as text.
        updated_at: the vendor's own last-change stamp; with `ref` it orders versions.
        order_ref: the order it belongs to; records of one order are handled together, in order.
        unites: versions are united, because each may tell a part; of others the newest counts.
        deleted: the vendor says that the thing is gone.
        links: its names in other systems; at rest they are digests, and no part of its body.
        person: everything personal, and nothing else; sealed under the person's key.
    """

    kind: ClassVar[str] = ""
    unites: ClassVar[bool] = False

    ref: str
    updated_at: datetime
    order_ref: str | None = None
    deleted: bool = False
    links: tuple[Link, ...] = ()
    person: msgspec.Struct | None = None

    def entity(self) -> str:
        """Return the key of the entity whose records are handled in one serial order."""
        if self.order_ref is not None:
            return f"order/{self.order_ref}"
        return f"{self.kind}/{self.ref}"

    def united(self, other: Self) -> Self:  # noqa: ARG002 - for records that unite
        """Return what two versions tell together, the same for every order; where it `unites`.

        In any grouping, too, and with itself a version stays what it is: what a record is may not
        depend on what came first.
        """
        raise InvariantBroken(f"versions of {self.kind} are not united")


_KINDS: dict[str, type[Record]] = {}
_DECODERS: dict[str, msgspec.json.Decoder[Record]] = {}
_ENCODER = msgspec.json.Encoder(decimal_format="string")


def register(cls: type[Record]) -> type[Record]:
    """Make a record type known by its kind (class decorator)."""
    invariant(cls.kind and cls.kind not in _KINDS, f"kind of {cls.__name__} is missing or taken")
    _KINDS[cls.kind] = cls
    _DECODERS[cls.kind] = msgspec.json.Decoder(cls)
    return cls


def kinds() -> dict[str, type[Record]]:
    """Return every record type by kind."""
    return dict(_KINDS)


def kind_of(kind: str) -> type[Record]:
    """Return the record type of a kind, such as "order"."""
    invariant(kind in _KINDS, f"unknown record kind {kind!r}; known: {sorted(_KINDS)}")
    return _KINDS[kind]


def encode(value: msgspec.Struct) -> bytes:
    """Return the value as JSON bytes; decimals as text, instants as RFC 3339."""
    return _ENCODER.encode(value)


def decode(kind: str, body: bytes | str) -> Record:
    """Return the record of `kind` that `encode` wrote."""
    return _DECODERS[kind].decode(body)

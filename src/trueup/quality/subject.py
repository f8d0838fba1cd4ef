"""The connector under examination, with its samples read and its simulated vendor at hand."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec

from trueup.canon.record import encode
from trueup.contract.connector import Identified, Mapped, Piece, Source
from trueup.contract.loader import ConnectorFolder
from trueup.contract.recognition import identify_piece, split_delivery
from trueup.errors import invariant
from trueup.quality.twin import Twin, twin_of

RECEIVED_AT: Final = datetime(2026, 4, 1, 8, tzinfo=UTC)
RAISED_AT: Final = datetime(2026, 4, 1, 7, 59, tzinfo=UTC)
"""When samples arrive and were raised; a record without a stamp of its own carries the latter."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One sample under one topic, and what it is expected to mean.

    Attributes:
        name: of the file.
        expected: as `plain` tells it.
    """

    name: str
    topic: str
    body: bytes
    expected: dict[str, Any]

    @property
    def source(self) -> Source:
        """The event as the mapping sees it."""
        return Source(
            topic=self.topic, body=self.body, received_at=RECEIVED_AT, raised_at=RAISED_AT
        )

    def __str__(self) -> str:
        return f"{self.name} as {self.topic}"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One piece that went the whole way."""

    identified: Identified
    source: Source
    mapped: Mapped


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    topics: list[str]
    expected: dict[str, Any]


class Subject:
    """One connector, and what every rule asks of it.

    Args:
        folder: the loaded connector.
        package: what its parent folder is imported as.
        today: decides what is past.
    """

    def __init__(
        self, folder: ConnectorFolder, *, package: str = "trueup.connectors", today: date
    ) -> None:
        self.folder = folder
        self.package = package
        self.today = today

    @property
    def id(self) -> str:
        """The connector's id."""
        return self.folder.id

    @cached_property
    def cases(self) -> Sequence[Case]:
        """Every sample under every topic that its expected file names."""
        return read_cases(self.folder.folder)

    @cached_property
    def python_files(self) -> Sequence[Path]:
        """The connector's own code."""
        return sorted(self.folder.folder.rglob("*.py"))

    @cached_property
    def secrets(self) -> dict[str, str]:
        """A value for each secret of the form that occurs nowhere else."""
        keys = sorted(self.folder.manifest.secret_keys)
        return {key: f"sesame-{number}-{key}" for number, key in enumerate(keys)}

    @cached_property
    def credentials(self) -> dict[str, str]:
        """What a call may be authorised with: examples for the settings, and the secrets above."""
        fields = self.folder.manifest.config
        settings = {field.key: field.example or next(iter(field.choices), "") for field in fields}
        token = {"access_token": "sesame-token"} if self.folder.has("auth") else {}
        return {key: text for key, text in settings.items() if text} | token | self.secrets

    def has(self, capability: str) -> bool:
        """Tell whether the connector can do something, or has a simulated vendor (`twin`).

        Beside the modules' names: `acting`: it does anything at the vendor; `bulk`: a resource has
        an export; `cursors`: a resource is read since a cursor.
        """
        pull = self.folder.manifest.pull
        more = {
            "acting": bool(self.folder.manifest.actions),
            "bulk": any(resource.bulk for resource in pull),
            "cursors": any(resource.cursor for resource in pull),
            "twin": twin_of(self.id) is not None,
        }
        return more.get(capability, False) or self.folder.has(capability)

    def twin(self) -> Twin:
        """Return a fresh simulated vendor."""
        make: Callable[[], Twin] | None = twin_of(self.id)
        invariant(make is not None, "a rule that needs a twin says so")
        assert make is not None  # noqa: S101 - for the type checker; the invariant decides
        return make()

    def walk(self, case: Case) -> list[Told]:
        """Take a sample the whole way: split, identify, map."""
        pieces = split_delivery(self.folder, case.topic, case.body)
        return [self.tell(piece) for piece in pieces]

    def tell(self, piece: Piece, raised_at: datetime = RAISED_AT) -> Told:
        """Identify and map one piece."""
        source = Source(
            topic=piece.topic, body=piece.body, received_at=RECEIVED_AT, raised_at=raised_at
        )
        return Told(
            identified=identify_piece(self.folder, piece, RECEIVED_AT),
            source=source,
            mapped=self.folder.mapping.map_source(source),
        )

    def mean(self, case: Case, body: bytes) -> Mapped:
        """Map another body in a sample's place."""
        return self.folder.mapping.map_source(msgspec.structs.replace(case.source, body=body))


def read_cases(folder: Path) -> list[Case]:
    """Read a connector's samples, by file name.

    Beside `<name>.json` lies `<name>.expected.json`: a list of topics with what they expect.
    """
    found: list[Case] = []
    for path in sorted(folder.glob("samples/*.expected.json")):
        stem = path.name.removesuffix(".expected.json")
        (body_path,) = [
            each
            for each in folder.glob(f"samples/{stem}.*")
            if not each.name.endswith(".expected.json")
        ]
        body = body_path.read_bytes()
        for entry in msgspec.json.decode(path.read_bytes(), type=list[_Entry]):
            found += [
                Case(name=body_path.name, topic=topic, body=body, expected=entry.expected)
                for topic in entry.topics
            ]
    return found


def plain(mapped: Mapped) -> dict[str, Any]:
    """Return what a mapping said as plain JSON values; what is empty is left out."""
    told: dict[str, Any] = {
        "records": [{"kind": r.kind, **msgspec.json.decode(encode(r))} for r in mapped.records],
        "issues": [msgspec.to_builtins(issue) for issue in mapped.issues],
        "fetch": [msgspec.to_builtins(fetch) for fetch in mapped.fetch],
        "ignored": mapped.ignored,
    }
    return {name: value for name, value in told.items() if value}

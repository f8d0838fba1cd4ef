"""The vendors' calendar: which version of each vendor's API is spoken, and until when it is served.

Pure: today is given in. The manifests hold the facts.
"""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from trueup.contract.manifest import Manifest

WARNING_DAYS: Final = 90
"""So long before its end a version is warned of."""


class Service(StrEnum):
    """How a version is served."""

    SERVED = "served"
    ENDING = "ending"
    ENDED = "ended"
    UNTOLD = "untold"  # the vendor publishes no end


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One connector's line; `left_days` is None where no end is published, and below 0 past it."""

    connector: str
    version: str
    service: Service
    sunset_on: date | None = None
    left_days: int | None = None

    @property
    def told(self) -> str:
        """The line as a person reads it."""
        version = f"version {self.version}" if self.version else "the interface, without versions,"
        if self.sunset_on is None or self.left_days is None:
            return f"{version} is served; no end is published"
        if self.service is Service.ENDED:
            return f"{version} ended on {self.sunset_on}, {-self.left_days} days ago"
        return f"{version} is served until {self.sunset_on}, {self.left_days} days more"


def calendar_of(manifests: Iterable[Manifest], today: date) -> list[Entry]:
    """Return each connector's version and its end, what ends first at the top."""
    entries = [_entry(manifest, today) for manifest in manifests]
    return sorted(entries, key=lambda entry: (entry.sunset_on or date.max, entry.connector))


def _entry(manifest: Manifest, today: date) -> Entry:
    api = manifest.api
    left_days = None if api.sunset_on is None else (api.sunset_on - today).days
    return Entry(
        connector=manifest.id,
        version=api.version,
        service=_service(left_days),
        sunset_on=api.sunset_on,
        left_days=left_days,
    )


def _service(left_days: int | None) -> Service:
    if left_days is None:
        return Service.UNTOLD
    if left_days < 0:
        return Service.ENDED
    return Service.ENDING if left_days <= WARNING_DAYS else Service.SERVED

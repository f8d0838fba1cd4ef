"""The level below which no connector may fall: a file of the source tree that only rises."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

import trueup
from trueup.quality.rule import Level

FLOOR_FILE: Final = Path(trueup.__file__).parents[2] / "tests" / "contract" / "levels.toml"


class Floors(msgspec.Struct, frozen=True, kw_only=True):
    """The lowest level each connector may have."""

    levels: Mapping[str, Level]

    def floor_of(self, connector_id: str) -> Level:
        """Return a connector's floor; one that is not named must be bronze."""
        return self.levels.get(connector_id, Level.BRONZE)


def read_floors(path: Path = FLOOR_FILE) -> Floors:
    """Read the floors; a program without its source tree holds all to bronze.

    Raises:
        msgspec.ValidationError: the file names no level.
    """
    if not path.is_file():
        return Floors(levels={})
    return Floors(
        levels=msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, Level])
    )

"""What the contents of all commands have in common."""

from typing import ClassVar

import msgspec


class CommandContent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every content has in common: the name of its command."""

    command: ClassVar[str] = ""

"""What a token is asked for with, and what the vendor answers."""

from collections.abc import Mapping
from typing import Literal

import msgspec


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a token is asked for with.

    Attributes:
        kind: "code": of a person who came back; "refresh": by `secrets["refresh_token"]`;
            "client": by the client's own credentials.
        code: as `callback_code` gave it; for "code" alone.
        redirect_uri: the one that the code was sent to; for "code" alone.
    """

    kind: Literal["code", "refresh", "client"]
    code: str = ""
    redirect_uri: str = ""

    def __repr__(self) -> str:
        return f"Grant({self.kind})"  # the code is as good as a token


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What the vendor lets us in with.

    Attributes:
        expires_in_s: from the moment at which it was asked for; None where it does not expire.
        refresh_token: for the next one; None where the last one goes on being good.
        scopes: as the vendor writes them; empty where it does not say.
        settings: of the connection, as far as the reply tells them: the account's own address.
    """

    access_token: str
    expires_in_s: float | None = None
    refresh_token: str | None = None
    scopes: tuple[str, ...] = ()
    settings: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"Token(expires_in_s={self.expires_in_s})"

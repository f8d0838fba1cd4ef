"""What the rules of quality ask of a simulated vendor: one account, set up, filled and watched.

Each vendor has its own in `sandbox/<id>/twin.py`: a subclass, and a function `open_twin`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, Final, Generic, Literal, TypeVar

import httpx
import msgspec

from trueup.canon.command import CommandContent
from trueup.contract.connector import Intent, Reply, Request
from trueup.errors import OutcomeUnknown, Unavailable, invariant
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.vendor import Vendor

__all__ = ["HOOK_URL", "HOST", "Fault", "Heard", "Twin", "VendorTwin"]

HOST: Final = "http://twin.example"
HOOK_URL: Final = "https://hub.example/hooks/quality"
_REPLY_S_MAX: Final = 10.0

Fault = Literal["cut_before_work", "cut_after_work", "failed", "throttled", "stale_token"]
_FAULTS: Final[Mapping[Fault, ApiFault]] = MappingProxyType(
    {
        "cut_before_work": ApiFault(kind="reset", next_calls=1),
        "cut_after_work": ApiFault(kind="reset_after_work", next_calls=1),
        "failed": ApiFault(kind="status", status=503, next_calls=1),
        "throttled": ApiFault(kind="throttled", next_calls=1),
        "stale_token": ApiFault(kind="status", status=401, next_calls=1),
    }
)


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook as the vendor sent it; header names in lower case."""

    headers: Mapping[str, str]
    body: bytes


class Twin:
    """One account at a simulated vendor, on a clock that is moved by hand.

    Attributes:
        settings: what the connection's form holds, without `api_base`.
        secrets: what authorises a request; with OAuth what a token is asked for with.
        host: where `send` takes calls; becomes the setting `api_base`.
    """

    settings: Mapping[str, str] = MappingProxyType({})
    secrets: Mapping[str, str] = MappingProxyType({})
    host: str = HOST

    # -- the line ------------------------------------------------------------------------------

    def send(self, url: str, request: Request) -> Reply:
        """Answer one authorised request, without a socket.

        Raises:
            Unavailable, OutcomeUnknown: the line was cut.
        """
        raise NotImplementedError

    def serve(self) -> AbstractAsyncContextManager[str]:
        """Serve on the loopback while inside; yields what `api_base` is then."""
        raise NotImplementedError

    def now(self) -> datetime:
        """Return the vendor's time."""
        raise NotImplementedError

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        raise NotImplementedError

    def strike(self, fault: Fault) -> None:
        """Let the next call go wrong."""
        raise NotImplementedError

    def over_limit(self) -> int | None:
        """Return how many calls came too fast, by the vendor's own count; None: it counts none."""
        return None

    # -- what happens --------------------------------------------------------------------------

    def happen(self, count: int) -> None:
        """Let so many things happen: each resource that is pulled and each hook has some of it."""
        raise NotImplementedError

    def listen(self) -> None:
        """Keep every webhook from now on; not called where the connector subscribes by itself."""

    def heard(self) -> Sequence[Heard]:
        """Return the webhooks that came since, oldest first."""
        return ()

    # -- commands ------------------------------------------------------------------------------

    def contents(self) -> Mapping[str, CommandContent]:
        """Return by action something that can be ordered now, and that the vendor will do."""
        return {}

    def refused(self) -> Mapping[str, CommandContent]:
        """Return by action something that the vendor (not the connector) says no to."""
        return {}

    def done(self, kind: str) -> int:
        """Return how often `contents()[kind]` stands done, by the vendor's own books.

        Something that is only set to a value stands done once or not at all.
        """
        raise NotImplementedError(kind)

    def settle(self) -> None:
        """Let the vendor do what it took in and has not done yet."""

    # -- levels --------------------------------------------------------------------------------

    def intent(self, value: int, expected: int | None) -> Intent:
        """Return the wish to set the stock of the first product."""
        raise NotImplementedError

    def gone(self) -> Intent:
        """Return the wish to set the stock of a product that the vendor does not have."""
        intent = self.intent(0, None)
        target = dict.fromkeys(intent.target, "1")
        return msgspec.structs.replace(intent, key="gone", target=target)

    def level(self) -> int:
        """Return the vendor's own number of units of the first product."""
        raise NotImplementedError

    def meddle(self, delta: int) -> None:
        """Let somebody else change that number."""
        raise NotImplementedError

    def writes(self) -> int:
        """Return how many times the vendor did what an intent asked."""
        raise NotImplementedError


_V = TypeVar("_V", bound=Vendor)


class VendorTwin(Twin, Generic[_V]):
    """A twin of a `Vendor`.

    Args:
        vendor: fresh, on a clock that is moved by hand.

    Attributes:
        faults: what each kind of trouble is at this vendor.
    """

    faults: ClassVar[Mapping[Fault, ApiFault]] = _FAULTS

    def __init__(self, vendor: _V) -> None:
        self.vendor = vendor

    def send(self, url: str, request: Request) -> Reply:
        """Answer one authorised request, without a socket."""
        return asyncio.run(self._send(url, request))

    async def _send(self, url: str, request: Request) -> Reply:
        async with httpx.AsyncClient(
            transport=self.vendor.transport(), timeout=_REPLY_S_MAX
        ) as client:
            try:
                response = await client.request(
                    request.method, url, content=request.body, headers=dict(request.headers)
                )
            except httpx.TransportError as fault:
                cause = type(fault).__name__
                if request.writes:
                    raise OutcomeUnknown(method=request.method, cause=cause) from fault
                raise Unavailable(cause=cause) from fault
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status=response.status_code, headers=headers, body=response.content)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve on the loopback while inside."""
        async with self.vendor.serve(deliver=False) as base_url:
            yield base_url

    def now(self) -> datetime:
        """Return the vendor's time."""
        return self.vendor.now()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.vendor.clock.advance(seconds)

    def strike(self, fault: Fault) -> None:
        """Let the next call go wrong."""
        self.vendor.strike(msgspec.structs.replace(self.faults[fault]))

    def over_limit(self) -> int | None:
        """Return how many calls came too fast, by the vendor's own count."""
        return self.vendor.over_limit if self.vendor.limits else None

    def listen(self) -> None:
        """Keep every webhook from now on."""
        self.vendor.subscribe("*", HOOK_URL)

    def heard(self) -> Sequence[Heard]:
        """Return the webhooks that came since, oldest first; time passes until all are sent."""
        return asyncio.run(self._heard())

    async def _heard(self) -> list[Heard]:
        caught: list[Heard] = []

        async def catch(request: httpx.Request) -> httpx.Response:
            headers = {name.lower(): value for name, value in request.headers.items()}
            caught.append(Heard(headers=headers, body=request.content))
            return httpx.Response(200)

        courier = self.vendor.courier(httpx.MockTransport(catch))
        while (due_at := self.vendor.desk.next_due_at()) is not None:
            self.advance(max(0.0, (due_at - self.now()).total_seconds()))
            tried = await courier.deliver_due()
            invariant(tried > 0, "what is due is tried")
        await courier.close()
        return caught

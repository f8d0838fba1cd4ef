"""A simulated vendor, as far as the rules of quality need one, and where each is found."""

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Final, Literal, Protocol, cast

import msgspec

from trueup.contract.connector import Intent, Reply, Request

_TWINS: Final = MappingProxyType({"shopify": "trueup.quality.twin_shopify"})
"""Modules with a function `open_twin`, by connector."""

Fault = Literal["cut_before_work", "cut_after_work", "throttled", "stale_token"]


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook as the vendor sent it; header names in lower case."""

    headers: Mapping[str, str]
    body: bytes


class Twin(Protocol):
    """One account at a simulated vendor: two products, five units each, and a clock by hand."""

    @property
    def secrets(self) -> Mapping[str, str]:
        """What authorises a request."""

    @property
    def budget_capacity(self) -> float:
        """How much the account may spend at once."""

    def send(self, request: Request) -> Reply:
        """Answer one authorised request, without a socket."""

    def serve(self) -> AbstractAsyncContextManager[str]:
        """Serve on the loopback while inside; yields the base URL of the account's API."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""

    def strike(self, fault: Fault) -> None:
        """Let the next call go wrong."""

    def trade(self, orders: int) -> None:
        """Let customers buy, and some orders be shipped, changed and refunded."""

    def listen(self) -> None:
        """Keep every webhook from now on."""

    def heard(self) -> list[Heard]:
        """Return the webhooks since `listen`, oldest first."""

    def intent(self, value: int, expected: int | None) -> Intent:
        """Return the wish to set the stock of the first product."""

    def level(self) -> int:
        """Return the vendor's own number of units of the first product."""

    def meddle(self, delta: int) -> None:
        """Let somebody else change that number."""

    def writes(self) -> int:
        """Return how many times the vendor did what an action asked."""


def twin_of(connector_id: str) -> Callable[[], Twin] | None:
    """Return what opens the simulated vendor of a connector; None where there is none."""
    module = _TWINS.get(connector_id)
    if module is None:
        return None
    return cast("Callable[[], Twin]", importlib.import_module(module).open_twin)

"""Where a connection may call."""

from collections.abc import Mapping

import httpx

from trueup.contract.egress import EgressPolicy, origin
from trueup.errors import ConfigError


def policy_of(base_url: str, settings: Mapping[str, str]) -> EgressPolicy:
    """Return where a connection may call: the public internet, or the sandbox it names.

    Raises:
        ConfigError: the address is not one.
    """
    try:
        base = httpx.URL(base_url)
    except httpx.InvalidURL:
        base = httpx.URL("")
    if not base.host:
        raise ConfigError("The connection's address is not one.", field="api_base")
    if settings.get("api_base"):
        return EgressPolicy(hosts=frozenset((base.host,)), allowed=frozenset((origin(base),)))
    return EgressPolicy()

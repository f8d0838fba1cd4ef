"""Every operation of the API under strange requests, as everybody: nothing breaks or surprises.

What comes back is held against the API's own paper: no server error, no status, type or shape that
it does not tell of. Parameters that nobody knows are left alone, as ever. `make fuzz` looks longer.
"""

import asyncio
import os
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.console.site import MASTER_KEY, TOKEN, Site, serving
from tests.console.world import play
from trueup.access.rights import Role
from trueup.govern.vault import Vault

EXAMPLES = int(os.environ.get("EXAMPLES", "5"))
"""Of each operation, of requests as they should be and as they should not."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
TOLD_CHARS_MAX = 3000


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    world = asyncio.run(play(module_database_url, Vault(MASTER_KEY)))
    with serving(module_database_url, world) as running:
        yield running


@pytest.mark.parametrize("mode", GenerationMode)
def test_no_request_breaks_the_api_nor_gets_what_its_paper_does_not_tell_of(
    site: Site, mode: GenerationMode
) -> None:
    with site.stranger() as client:
        paper = client.get("/api/schema/openapi.json").json()
    tokens = [TOKEN, "no token", *(site.token(role.value.title(), role) for role in Role)]
    schema = schemathesis.openapi.from_dict(paper)
    schema.config.update(base_url=site.url)
    operations = [found.ok() for found in schema.get_all_operations()]
    ours = [each for each in operations if each.path.startswith("/api/v1")]
    assert len(ours) > 40
    told = {each.label: problems(each, mode, tokens) for each in ours}
    wrong = [f"{label}: {said}" for label, said in told.items() if said]
    assert not wrong, "\n".join(wrong)


def problems(operation: Any, mode: GenerationMode, tokens: list[str]) -> str:
    """Return what is wrong with the answers of an operation; empty where nothing is."""
    spoilt = operation.query or operation.path_parameters or operation.body
    if mode is GenerationMode.NEGATIVE and not spoilt:
        return ""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize="EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(mode), token=st.sampled_from(tokens))
    def hold(case: Any, token: str) -> None:
        reply = case.call(headers={"Authorization": f"Bearer {token}"}, timeout=60)
        case.validate_response(reply, checks=CHECKS)

    try:
        hold()
    except BaseExceptionGroup as error:
        return "".join(traceback.format_exception(error))[-TOLD_CHARS_MAX:]
    return ""

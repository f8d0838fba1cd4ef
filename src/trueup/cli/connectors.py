"""`trueup connectors`: which there are, and how good each is."""

import importlib
import importlib.util
from typing import Any

import typer
from rich.table import Table

from trueup.cli.options import JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, telling_failures
from trueup.contract.loader import ConnectorFolder, find_connectors
from trueup.errors import ConfigError

connectors = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Which connectors there are, and how good each is.",
)

_QUALITY = "trueup.contract.quality"
"""Computes levels from rules: `check_connector(folder) -> object` with id, level and rules."""


@connectors.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the connectors with what each can do."""
    with telling_failures(as_json=as_json):
        found = [_facts(folder) for folder in find_connectors().values()]
    if as_json:
        print_json({"connectors": found})
        return
    table = Table("id", "name", "kind", "API", "until", "can", "files")
    for one in found:
        cells = (one["api_version"], str(one["sunset_on"] or ""), ", ".join(one["capabilities"]))
        table.add_row(one["id"], one["name"], one["kind"], *cells, "\n".join(one["files"]))
    out.print(table)


@connectors.command()
def check(as_json: JsonOption = False) -> None:
    """Compute the quality level of every connector from its rules; ends with 1 below bronze."""
    with telling_failures(as_json=as_json):
        if importlib.util.find_spec(_QUALITY) is None:
            raise ConfigError("This build has no quality rules for connectors.")
        quality: Any = importlib.import_module(_QUALITY)
        found = [quality.check_connector(folder) for folder in find_connectors().values()]
    if as_json:
        print_json({"connectors": found})
    else:
        for one in found:
            out.print(f"{one.id}: {one.level or 'below bronze'}")
    raise typer.Exit(DONE if all(one.level for one in found) else FOUND_PROBLEMS)


def _facts(folder: ConnectorFolder) -> dict[str, Any]:
    manifest = folder.manifest
    return {
        "id": folder.id,
        "name": manifest.name,
        "kind": manifest.kind,
        "api_version": manifest.api.version,
        "sunset_on": manifest.api.sunset_on,
        "capabilities": sorted(folder.modules),
        "resources": [each.resource for each in manifest.pull],
        "topics": [each.topic for each in manifest.webhook.topics] if manifest.webhook else [],
        "actions": [each.name for each in manifest.actions],
        "files": [each.format for each in manifest.files],
    }

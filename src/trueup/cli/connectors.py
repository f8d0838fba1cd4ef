"""`trueup connectors`: which there are, how good each is, and the folder of a new one."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

import trueup.connectors
from trueup.cli.options import JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, telling_failures
from trueup.contract.loader import ConnectorFolder, find_connectors, load_connector
from trueup.errors import ConfigError
from trueup.quality.blank import write_connector
from trueup.quality.check import Checked, check_connector
from trueup.quality.floor import read_floors
from trueup.quality.rule import is_at_least

connectors = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Which connectors there are, and how good each is.",
)

_COLOURS = {"passed": "green", "failed": "bold red", "exempt": "dim", "signed_off": "cyan"}


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
def check(
    connector: Annotated[
        str | None, typer.Argument(help="Id of one connector; all where none is given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compute the quality level of connectors from their rules; ends with 1 below the floor."""
    with telling_failures(as_json=as_json):
        chosen = list(find_connectors().values()) if connector is None else [_load(connector)]
        today = datetime.now(UTC).date()
        checked = [check_connector(folder, today=today) for folder in chosen]
        floors = read_floors()
    fallen = [one.id for one in checked if not is_at_least(one.level, floors.floor_of(one.id))]
    if as_json:
        print_json({"connectors": checked})
    else:
        for one in checked:
            _print_checked(one)
        for each in fallen:
            out.print(f"[bold red]{each} is below its floor, {floors.floor_of(each)}.[/]")
    raise typer.Exit(FOUND_PROBLEMS if fallen else DONE)


@connectors.command()
def new(
    connector: Annotated[str, typer.Argument(help="Its id in snake_case, such as fern_stock.")],
    owner: Annotated[
        str | None, typer.Option("--owner", help="Who answers for it; you, if left out.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option("--root", help="Where connectors lie; the source tree of this program."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the folder of a new connector: small, whole, and passing its contract tests."""
    with telling_failures(as_json=as_json):
        folder = root or Path(trueup.connectors.__file__).parent
        if not folder.is_dir():
            raise ConfigError("There is no such folder.", folder=str(folder))
        today = datetime.now(UTC).date()
        named = owner or getpass.getuser()
        written = write_connector(folder, connector, owner=named, today=today)
    if as_json:
        print_json({"connector": connector, "files": [str(path) for path in written]})
        return
    for path in written:
        out.print(f"wrote {path}", highlight=False, soft_wrap=True)
    out.print("Its tests run at once: make contract")


def _load(connector: str) -> ConnectorFolder:
    """Load one connector, whatever state its neighbours are in."""
    root = Path(trueup.connectors.__file__).parent
    known = sorted(path.parent.name for path in root.glob("*/manifest.toml"))
    if connector not in known:
        told = ", ".join(known)
        raise ConfigError(f"There is no connector {connector!r}; there are: {told}.")
    return load_connector(root / connector)


def _print_checked(one: Checked) -> None:
    table = Table("rule", "level", "", "what was found", title=f"{one.id}: {_told(one)}")
    for result in one.rules:
        colour = _COLOURS[result.outcome]
        outcome = result.outcome.replace("_", " ")
        table.add_row(result.id, result.level, f"[{colour}]{outcome}[/]", escape(result.found))
    out.print(table)


def _told(one: Checked) -> str:
    return str(one.level) if one.level else "below bronze"


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

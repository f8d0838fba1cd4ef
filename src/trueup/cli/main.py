"""The command line's root: every command takes `--json` and ends with 0, 1, 2 or 3."""

import importlib
import os
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from trueup import __version__

_RUN, _CONNECT, _FEED, _LOOK, _KEEP = "Run", "Connect", "Feed", "Look", "Keep it right"


class _Command(NamedTuple):
    """Where a command lies: a function, or a Typer of its own with commands below it."""

    module: str
    name: str
    panel: str


_COMMANDS = {
    "init": _Command("run", "init", _RUN),
    "serve": _Command("run", "serve", _RUN),
    "web": _Command("run", "web", _RUN),
    "worker": _Command("run", "worker", _RUN),
    "scheduler": _Command("run", "scheduler", _RUN),
    "demo": _Command("demo", "demo", _RUN),
    "bench": _Command("bench", "bench", _RUN),
    "people": _Command("people", "people", _RUN),
    "connect": _Command("connecting", "connect", _CONNECT),
    "connections": _Command("connections", "connections", _CONNECT),
    "pause": _Command("connecting", "pause", _CONNECT),
    "resume": _Command("connecting", "resume", _CONNECT),
    "rotate-secret": _Command("connecting", "rotate", _CONNECT),
    "disconnect": _Command("connecting", "disconnect", _CONNECT),
    "backfill": _Command("pulling", "backfill", _FEED),
    "ingest": _Command("ingest", "ingest", _FEED),
    "import": _Command("importing", "import_", _FEED),
    "show": _Command("show", "show", _LOOK),
    "fields": _Command("fields", "fields", _LOOK),
    "issues": _Command("issues", "issues", _LOOK),
    "dead": _Command("dead", "dead", _KEEP),
    "brakes": _Command("brakes", "brakes", _KEEP),
    "customers": _Command("customers", "customers", _LOOK),
    "commands": _Command("commands", "commands", _KEEP),
    "stock": _Command("stock", "stock", _KEEP),
    "kits": _Command("offers", "kits", _KEEP),
    "rules": _Command("offers", "rules", _KEEP),
    "purchase": _Command("dock", "purchase", _KEEP),
    "transfer": _Command("dock", "transfer", _KEEP),
    "returns": _Command("returns", "returns", _KEEP),
    "serials": _Command("serials", "serials", _KEEP),
    "count": _Command("counting", "count", _KEEP),
    "reservations": _Command("reservations", "reservations", _KEEP),
    "money": _Command("money", "money", _LOOK),
    "journals": _Command("journals", "journals", _KEEP),
    "costs": _Command("costs", "costs", _KEEP),
    "margin": _Command("margin", "margin", _LOOK),
    "reconcile": _Command("reconcile", "reconcile", _KEEP),
    "exceptions": _Command("exceptions", "exceptions", _KEEP),
    "train": _Command("training", "train", _KEEP),
    "decisions": _Command("decisions", "decisions", _KEEP),
    "replay": _Command("replay", "replay", _KEEP),
    "doctor": _Command("doctor", "doctor", _KEEP),
    "backup": _Command("backup", "backup", _KEEP),
    "restore": _Command("backup", "restore", _KEEP),
    "connectors": _Command("connectors", "connectors", _LOOK),
}


class LazyGroup(TyperGroup):
    """Loads a command's module when it is asked for, so that each starts with what it needs."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - Typer's own type is private
        """Return every command's name, in the order of the table."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as above
        """Return one command; None where there is none of this name."""
        del ctx
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        found: Any = getattr(importlib.import_module(f"trueup.cli.{entry.module}"), entry.name)
        if not isinstance(found, typer.Typer):
            only = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
            only.command(cmd_name)(found)
            found = only
        command: Any = typer.main.get_command(found)
        command.name = cmd_name
        command.rich_help_panel = entry.panel
        return command


main = typer.Typer(
    name="trueup",
    cls=LazyGroup,
    no_args_is_help=True,
    # A traceback with local variables could show secrets.
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Trueup keeps every order, unit, parcel, customer and cent the same in every system.\n\n"
        "Exit status: 0 done, 1 found problems, 2 wrong usage, 3 a dependency is down."
    ),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"trueup {__version__}")
        raise typer.Exit


@main.callback()
def root(
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Path of trueup.toml, for any command.", show_default=False),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    """Remember the configuration for the command and for the processes that it starts."""
    if config is not None:
        os.environ["TRUEUP_CONFIG"] = str(config)


if __name__ == "__main__":
    main()

"""The command line's root: every command takes `--json` and ends with 0, 1, 2 or 3."""

import os
from pathlib import Path
from typing import Annotated

import typer

from trueup import __version__
from trueup.cli import ingest, run
from trueup.cli.session import out

main = typer.Typer(
    name="trueup",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Trueup keeps every order, unit, parcel, customer and cent the same in every system.\n\n"
        "Exit status: 0 done, 1 found problems, 2 wrong usage, 3 a dependency is down."
    ),
)

_RUN, _CONNECT, _FEED, _LOOK, _KEEP = (
    "Run it",
    "Connect",
    "Feed",
    "Look",
    "Keep it right",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"trueup {__version__}", highlight=False)
        raise typer.Exit


@main.callback()
def root(
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Path of trueup.toml, for any command."),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    """Remember the configuration for the command and for the processes that it starts."""
    if config is not None:
        os.environ["TRUEUP_CONFIG"] = str(config)


main.command(rich_help_panel=_RUN)(run.init)
main.command(rich_help_panel=_RUN)(run.serve)
main.command(rich_help_panel=_RUN)(run.web)
main.command(rich_help_panel=_RUN)(run.worker)
main.command(rich_help_panel=_FEED)(ingest.ingest)
main.command("import", rich_help_panel=_FEED)(ingest.import_)

if __name__ == "__main__":
    main()

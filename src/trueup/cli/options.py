"""Options that many commands share, so that they read and act alike everywhere."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Path of trueup.toml.", show_default=False),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document, and nothing else, on standard output."),
]
ConnectionOption = Annotated[
    str | None,
    typer.Option(
        "--connection",
        help="Name of the connection; made where there is none.",
        show_default=False,
    ),
]
CountOption = Annotated[int, typer.Option("--count", min=1, max=10_000, help="At most so many.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
SaidByOption = Annotated[str, typer.Option("--by", help="Who says so.")]
DoOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Do it. Without it, only what would be done is shown.")
]

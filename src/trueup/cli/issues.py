"""`trueup issues`: what is wrong, and what to do about it."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, CountOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.intake.reads import count_issues, list_issues
from trueup.session import Session


def issues(
    code: Annotated[
        str | None, typer.Option("--code", help="Only this code.", show_default=False)
    ] = None,
    count: CountOption = 100,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the open issues, newest first; ends with 1 where there are any."""

    async def work(session: Session) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        async with session.connection() as conn:
            return await list_issues(conn, count=count, code=code), await count_issues(conn)

    found, counts = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"issues": found, "counts": counts})
    else:
        for row in counts:
            out.print(f"{row['issues']:6} {row['severity']:8} {row['code']}", highlight=False)
        table = Table("code", "about", "where", "expected", "found", "what to do")
        for row in found:
            about = row["ref"] or row["connection"] or ""
            cells = (row["pointer"], row["expected"], row["found"], row["how_to_fix"])
            table.add_row(row["code"], *(escape(str(cell)) for cell in (about, *cells)))
        out.print(table if found else "No open issues.")
    raise typer.Exit(FOUND_PROBLEMS if found else DONE)

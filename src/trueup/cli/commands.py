"""`trueup commands`: things to be done once at a vendor: see them, order one by hand."""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from trueup.canon.command import CommandContent, command_contents, decode_content
from trueup.cli.options import ConfigOption, CountOption, JsonOption
from trueup.cli.session import out, print_json, run
from trueup.contract.connector import Request
from trueup.errors import ConfigError
from trueup.intake.connections import Account, find_account
from trueup.outbox.command import list_commands
from trueup.outbox.enqueue import want_commands
from trueup.outbox.model import WantedCommand
from trueup.outbox.saying import say_command
from trueup.session import Session

commands = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Things to be done once at a vendor (a message, a reply, a journal): list, order.",
)

_COLUMNS = ("ref", "connection", "kind", "key", "state", "sends", "vendor_ref", "code")


@commands.command("list")
def list_(
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only in this state.", show_default=False)
    ] = None,
    count: CountOption = 100,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List commands, newest first, without what they say."""

    async def work(session: Session) -> list[dict[str, Any]]:
        async with session.connection() as conn:
            rows = await list_commands(conn, states=state, count=count)
        names = session.hub.names()
        return [
            row | {"connection": names.get(row["connection_id"], str(row["connection_id"]))}
            for row in rows
        ]

    rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"commands": rows})
        return
    table = Table(*_COLUMNS)
    for row in rows:
        table.add_row(*(escape(str(row[name] or "")) for name in _COLUMNS))
    out.print(table if rows else "Nothing was ordered.")


@commands.command()
def order(
    connection: Annotated[str, typer.Argument(help="At which connection.")],
    kind: Annotated[str, typer.Argument(help="Which command, such as message.send.")],
    content: Annotated[
        Path, typer.Argument(help="A JSON file that says what; - reads standard input.")
    ],
    ref: Annotated[
        str, typer.Option("--ref", help="Our own name of it; the same ref is done once.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the call that would leave; order nothing.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Order one command; a worker carries it out, once."""
    ref = ref or f"by-hand:{uuid.uuid4()}"

    async def work(session: Session) -> dict[str, Any]:
        async with session.connection() as conn:
            account = await find_account(conn, session.hub.vault, connection)
            said = _read(session, account, kind, content)
            wanted = WantedCommand(
                connection_id=account.connection.connection_id,
                kind=kind,
                key=_key_of(said),
                ref=ref,
                content=said,
                wanted_at=datetime.now(UTC),
            )
            if dry_run:
                folder = session.hub.connectors[account.connection.connector]
                call = show_call(say_command(folder, account, wanted))
                return {"ref": ref, "ordered": False, "call": call}
            async with conn.transaction():
                fresh = await want_commands(conn, session.hub.vault, [wanted])
            return {"ref": ref, "ordered": bool(fresh)}

    done = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json(done)
    elif dry_run:
        out.print_json(data=done["call"])
    else:
        out.print(f"Ordered as {ref}." if done["ordered"] else f"{ref} was ordered before.")


def _read(session: Session, account: Account, kind: str, path: Path) -> CommandContent:
    folder = session.hub.connectors[account.connection.connector]
    action = folder.manifest.action(kind)
    if action is None or action.form != "command":
        known = [each.name for each in folder.manifest.actions if each.form == "command"]
        raise ConfigError(
            f"{folder.id} has no command {kind!r}; it has: {', '.join(known) or 'none'}."
        )
    text = typer.get_binary_stream("stdin").read() if str(path) == "-" else path.read_bytes()
    try:
        return decode_content(kind, text)
    except msgspec.MsgspecError as fault:
        fields = ", ".join(command_contents()[kind].__struct_fields__)
        raise ConfigError(
            f"The content is not one of {kind}: {fault}. Its fields: {fields}."
        ) from fault


def _key_of(said: CommandContent) -> str:
    """Return what a content is about: commands about the same are carried out in turn."""
    refs = ("ticket_ref", "order_ref", "payment_ref", "parcel_ref", "number")
    for field in (*refs, "to", "email", "phone"):
        value = getattr(said, field, None)
        if value:
            noun = field.removesuffix("_ref")
            if noun in {"to", "email", "phone"}:
                # An address is personal, and a key stands in the open.
                return f"person/{uuid.uuid5(uuid.NAMESPACE_URL, str(value))}"
            return f"{noun}/{value}"
    return f"command/{uuid.uuid4()}"


def show_call(request: Request) -> dict[str, Any]:
    """Return a call as a person reads it."""
    return {
        "method": request.method,
        "path": request.path,
        "headers": dict(request.headers),
        "body": request.body.decode(errors="replace"),
    }

"""`trueup people`: the team; whoever may run it as the hub's user is asked for no password."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trueup.access.door import ON_THIS_MACHINE
from trueup.access.people import (
    end_sessions,
    give_role,
    invite_member,
    list_invites,
    list_members,
    remove_member,
    reset_member,
    take_factor,
)
from trueup.access.rights import Role
from trueup.access.trail import Doer, list_trail
from trueup.cli.options import ConfigOption, CountOption, JsonOption, YesOption
from trueup.cli.run import address_of
from trueup.cli.session import out, print_json, run
from trueup.kernel.clock import SystemClock
from trueup.session import Session

people = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="The team: who may come in, and as what.",
)
sessions = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Browsers in which somebody is signed in.",
)
people.add_typer(sessions, name="sessions")

_DOER = Doer(member_id=None, name=ON_THIS_MACHINE)

_NameArgument = Annotated[str, typer.Argument(help="Their name: trueup people list.")]
_RoleArgument = Annotated[Role, typer.Argument(help="What they are here for.")]


@people.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the members with their roles, and the links that are still good."""

    async def work(session: Session) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        async with session.connection() as conn:
            return await list_members(conn), await list_invites(conn, SystemClock().now())

    members, invites = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"members": members, "invites": invites})
        return
    if not members:
        out.print("Nobody yet: trueup serve prints the link that makes the first owner.")
    table = Table("name", "role", "second factor", "since", "sessions", "seen last")
    for row in members:
        seen = f"{row['seen_at']:%Y-%m-%d %H:%M}" if row["seen_at"] else ""
        since = f"{row['made_at']:%Y-%m-%d}"
        factor = "on" if row["factor"] else ""
        table.add_row(escape(row["name"]), row["role"], factor, since, str(row["sessions"]), seen)
    if members:
        out.print(table)
    for row in invites:
        whom = f"for {row['name']}" if row["name"] else f"as {row['role']}"
        out.print(f"Link to {row['purpose']} {whom}, good until {row['ends_at']:%Y-%m-%d %H:%M}.")


@people.command()
def invite(
    role: _RoleArgument,
    email: Annotated[
        str, typer.Option(help="Theirs at the issuer: with it they come in without the link.")
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print a link by which somebody joins, once, until it is too old."""

    async def work(session: Session) -> str:
        async with session.connection() as conn:
            limits, now = session.door().limits, SystemClock().now()
            secret = await invite_member(conn, role, _DOER, now, limits, email=email)
        return f"{address_of(session.config)}/invite/{secret}"

    _print_link(run(work, config_path=config, as_json=as_json), as_json=as_json)


@people.command()
def reset(name: _NameArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Print a link by which a member chooses a new password, once."""

    async def work(session: Session) -> str:
        async with session.connection() as conn:
            limits, now = session.door().limits, SystemClock().now()
            secret = await reset_member(conn, name, _DOER, now, limits)
        return f"{address_of(session.config)}/invite/{secret}"

    _print_link(run(work, config_path=config, as_json=as_json), as_json=as_json)


@people.command()
def role(
    name: _NameArgument,
    role: _RoleArgument,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Give a member another role; they sign in again. The last owner stays one."""

    async def work(session: Session) -> None:
        async with session.connection() as conn:
            await give_role(conn, name, role, _DOER, SystemClock().now())

    run(work, config_path=config, as_json=as_json)
    _print_done({"name": name, "role": role.value}, "Done.", as_json=as_json)


@people.command()
def remove(
    name: _NameArgument,
    sure: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Let a member in no more; what they did keeps their name."""
    if not sure and not as_json:
        typer.confirm(f"Let {name} in no more?", abort=True)

    async def work(session: Session) -> None:
        async with session.connection() as conn:
            await remove_member(conn, name, _DOER, SystemClock().now())

    run(work, config_path=config, as_json=as_json)
    _print_done({"name": name, "removed": True}, "Done.", as_json=as_json)


@people.command("take-factor")
def take_factor_(
    name: _NameArgument, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Forget a member's second factor, where they lost it: they sign in by their password."""

    async def work(session: Session) -> None:
        async with session.connection() as conn:
            await take_factor(conn, name, _DOER, SystemClock().now())

    run(work, config_path=config, as_json=as_json)
    _print_done({"name": name, "second_factor": False}, "Done.", as_json=as_json)


@people.command()
def trail(
    count: CountOption = 100, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show who did what, newest first: coming in, failing to, roles, what was revealed."""

    async def work(session: Session) -> list[dict[str, Any]]:
        async with session.connection() as conn:
            return await list_trail(conn, count=count)

    rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"trail": rows})
        return
    table = Table("when", "who", "did", "about", "from")
    for row in rows:
        when = f"{row['at']:%Y-%m-%d %H:%M:%S}"
        table.add_row(when, *(escape(row[name]) for name in ("who", "did", "about", "address")))
    out.print(table)


@sessions.command()
def revoke(name: _NameArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """End all sessions of a member: wherever they are signed in, they sign in again."""

    async def work(session: Session) -> int:
        async with session.connection() as conn:
            return await end_sessions(conn, name, _DOER, SystemClock().now())

    ended = run(work, config_path=config, as_json=as_json)
    _print_done({"name": name, "ended": ended}, f"Ended: {ended}.", as_json=as_json)


def _print_link(link: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"link": link})
    else:
        out.print(link, soft_wrap=True, highlight=False)


def _print_done(document: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        out.print(words)

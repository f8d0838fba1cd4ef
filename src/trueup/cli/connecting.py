"""`trueup connect` and what keeps a connection: pause, resume, disconnect, rotate-secret."""

import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
import psycopg
import typer
from rich.markup import escape

from trueup.cli.options import ConfigOption, JsonOption, YesOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, err, out, print_json, run
from trueup.cli.signing_in import CALLBACK_PORT, let_in
from trueup.contract.loader import ConnectorFolder
from trueup.contract.manifest import ConfigField
from trueup.errors import ConfigError
from trueup.importing import check_connector
from trueup.intake.connections import Account, change_connection, find_account, rotate_secret
from trueup.pull.draft import Draft, check_value, renew_connection, store_draft, try_draft
from trueup.pull.joining import (
    open_places,
    register_hooks,
    signs_in,
    unregister_hooks,
    with_location,
    worth_asking,
)
from trueup.pull.subscriptions import HooksState
from trueup.session import Session

NameArgument = Annotated[str, typer.Argument(help="Name of the connection.")]


def connect(
    connector: Annotated[str, typer.Argument(help="Id of the connector, such as shopify.")],
    name: Annotated[
        str | None,
        typer.Option("--name", help="How the connection is called.", show_default=False),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value; may be given again.")
    ] = None,
    secrets: Annotated[
        list[str] | None,
        typer.Option("--secret", help="key=value, or key alone to take it from TRUEUP_SECRET_KEY."),
    ] = None,
    again: Annotated[
        str | None,
        typer.Option(
            "--again",
            help="A connection to sign in for anew; it keeps its history.",
            show_default=False,
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the vendor's page to sign in.")
    ] = True,
    callback_port: Annotated[
        int,
        typer.Option(
            "--callback-port",
            min=0,
            max=65535,
            help="Port of this machine to come back to from the vendor; 0 takes a free one.",
        ),
    ] = CALLBACK_PORT,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Connect an account: its credentials are tried before anything is stored.

    Where somebody must sign in at the vendor, its page is opened and awaited for ten minutes.
    Secrets may also stand in the environment, as TRUEUP_SECRET_ACCESS_TOKEN for access_token: there
    they show in no list of processes. What is required and not given is asked for on a terminal.
    """
    wish = _Wish(
        connector=connector,
        name=name or "",
        settings=settings or [],
        secrets=secrets or [],
        again=again or "",
        browser=browser,
        callback_port=callback_port,
        ask=not as_json,
    )
    told = run(lambda session: _connect(session, wish), config_path=config, as_json=as_json)
    if as_json:
        print_json(told)
    else:
        _tell(told)
    hooks = told["hooks"]
    raise typer.Exit(FOUND_PROBLEMS if hooks["refused"] or hooks["problem"] else DONE)


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says of a connection."""

    connector: str
    name: str
    settings: list[str]
    secrets: list[str]
    again: str
    browser: bool
    callback_port: int
    ask: bool


async def _connect(session: Session, wish: _Wish) -> dict[str, Any]:
    check_connector(session.hub, wish.connector)
    folder = session.hub.connectors[wish.connector]
    async with session.connection() as conn:
        account = await _existing(conn, session, wish)
        draft = _draft(folder, wish, account)
        draft = await let_in(
            session, conn, draft, browser=wish.browser, callback_port=wish.callback_port
        )
        checked = await try_draft(conn, session.hub, draft)
        if wish.ask and _is_terminal():
            draft = _choose(draft, open_places(folder, draft, checked))
        draft = with_location(folder, draft, checked)
        if account is None:
            await store_draft(conn, session.hub, draft)
        else:
            await renew_connection(conn, session.hub, account, draft)
        hooks, problem = HooksState(), None
        if folder.has("hooks") and draft.settings.get("public_url"):
            hooks, problem = await register_hooks(conn, session.conninfo, session.hub, draft.name)
    return {
        "connection": draft.name,
        "connector": wish.connector,
        "again": account is not None,
        "learnt": checked.learnt,
        "signed_in": draft.token is not None,
        "may_read": [each.resource for each in folder.manifest.pull],
        "may_write": [each.name for each in folder.manifest.actions],
        "stock_location": draft.settings.get("stock_location"),
        "hooks": {
            "url": hooks.url or None,
            "registered": len(hooks.registered),
            "refused": hooks.refused,
            "problem": problem,
        },
        "mode": "webhooks and polls" if hooks.url else "polls",
    }


async def _existing(
    conn: psycopg.AsyncConnection[Any], session: Session, wish: _Wish
) -> Account | None:
    if not wish.again:
        if not wish.name:
            raise ConfigError("Say how the connection is called: --name, or --again.")
        return None
    account = await find_account(conn, session.hub.vault, wish.again)
    if account.connection.connector != wish.connector:
        raise ConfigError(f"{wish.again!r} is a connection of {account.connection.connector}.")
    return account


def _tell(told: dict[str, Any]) -> None:
    hooks = told["hooks"]
    account = escape(told["learnt"].get("account", ""))
    out.print(f"[green]Connected[/] {told['connection']} {account}", highlight=False)
    if told["may_read"]:
        out.print(f"It may read {', '.join(told['may_read'])}.", highlight=False)
    if told["may_write"]:
        out.print(f"It may write {', '.join(told['may_write'])}.", highlight=False)
    if told["learnt"].get("scopes"):
        out.print(f"Granted: {escape(told['learnt']['scopes'])}", highlight=False)
    if told["stock_location"]:
        out.print(f"Stock is written at location {told['stock_location']}.")
    out.print(f"{hooks['registered']} webhooks; it is kept true by {told['mode']}.")
    for topic, reason in hooks["refused"].items():
        out.print(f"[yellow]not subscribed[/] {topic}: {escape(reason)}", highlight=False)
    if hooks["problem"]:
        out.print(f"[yellow]Webhooks are made later:[/] {escape(hooks['problem'])}")
    out.print(f"Read its history: trueup backfill {told['connection']}")


def pause(name: NameArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Stop pulling from a connection and writing to it; deliveries are refused meanwhile."""
    _change(name, "paused", as_json=as_json, config=config)


def resume(name: NameArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Take a paused connection up again; what it missed is read by the next polls."""
    _change(name, "active", as_json=as_json, config=config)


def disconnect(
    name: NameArgument,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """End a connection: its webhooks are deleted, its events and records stay."""
    if not yes and not as_json:
        typer.confirm(f"End the connection {name}? Its records stay", abort=True, err=True)
    _change(name, "removed", as_json=as_json, config=config)


def rotate(
    name: NameArgument,
    field: Annotated[str, typer.Argument(help="The secret, such as access_token.")],
    value: Annotated[
        str | None,
        typer.Option("--value", help="The new one; asked for, or TRUEUP_SECRET_<FIELD>, if not."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Store a new secret; the old one still verifies deliveries for a week."""

    async def work(session: Session) -> None:
        async with session.connection() as conn:
            account = await find_account(conn, session.hub.vault, name)
            folder = session.hub.connectors[account.connection.connector]
            fields = {each.key: each for each in folder.manifest.config if each.is_secret}
            if field not in fields:
                raise ConfigError(f"{name} has no secret {field!r}; it has: {', '.join(fields)}.")
            given = value or _from_environment(field)
            if given is None and not as_json:
                given = typer.prompt(fields[field].label, hide_input=True, err=True)
            if not given:
                raise ConfigError(f"Give the new {field} by --value or TRUEUP_SECRET_…")
            check_value(fields[field], given)
            number = account.connection.connection_id
            await rotate_secret(conn, session.hub.vault, number, field, given)

    run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"connection": name, "rotated": field})
    else:
        out.print(f"Stored the new {field} of {name}; the old one is good for a week more.")


def _change(name: str, state: str, *, as_json: bool, config: Path | None) -> None:
    async def work(session: Session) -> str | None:
        problem = None
        async with session.connection() as conn:
            account = await find_account(conn, session.hub.vault, name)
            if state == "removed":
                problem = await unregister_hooks(conn, session.conninfo, session.hub, name)
            await change_connection(conn, account.connection, state=state)
        return problem

    problem = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"connection": name, "state": state, "problem": problem})
    else:
        out.print(f"{name} is {state}.")
        if problem:
            err.print(
                f"[yellow]Its webhooks may still be there:[/] {escape(problem)}", soft_wrap=True
            )


def _draft(folder: ConnectorFolder, wish: _Wish, account: Account | None) -> Draft:
    known = account.connection.settings if account else {}
    given = known | _pairs("--set", wish.settings)
    hidden = (account.secret_values() if account else {}) | _pairs("--secret", wish.secrets)
    signing_in = signs_in(folder, given)
    for field in folder.manifest.config:
        into = hidden if field.is_secret else given
        if not into.get(field.key):
            value = _from_environment(field.key) if field.is_secret else None
            wanted = worth_asking(field, signing_in=signing_in)
            if value is None and wish.ask and wanted and _is_terminal():
                value = _ask(field)
            if value:
                into[field.key] = value
    if signing_in:
        hidden.pop("access_token", None)
    return Draft(
        name=account.connection.name if account else wish.name,
        connector=folder.id,
        settings={key: value for key, value in given.items() if value},
        secrets={key: value for key, value in hidden.items() if value},
    )


def _choose(draft: Draft, places: dict[str, str]) -> Draft:
    """Ask where stock is written, where that is open."""
    if not places:
        return draft
    listed = ", ".join(f"{ref} ({name})" for ref, name in places.items())
    chosen = typer.prompt(f"Write stock at which location? {listed}", err=True)
    return msgspec.structs.replace(draft, settings=draft.settings | {"stock_location": chosen})


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            value = _from_environment(key) or "" if option == "--secret" else ""
            if not value:
                raise ConfigError(f"{option} takes key=value, found {key!r} alone.")
        pairs[key.strip()] = value
    return pairs


def _from_environment(key: str) -> str | None:
    return os.environ.get(f"TRUEUP_SECRET_{key.upper()}") or None


def _ask(field: ConfigField) -> str:
    hint = f" ({field.help})" if field.help else ""
    text = f"{field.label}{hint}"
    while True:
        value: str = typer.prompt(
            text, default="", show_default=False, hide_input=field.is_secret, err=True
        )
        try:
            if value:
                check_value(field, value)
        except ConfigError as error:
            err.print(str(error), highlight=False)
        else:
            return value


def _is_terminal() -> bool:
    return err.is_terminal and os.isatty(0)

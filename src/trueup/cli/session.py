"""What every command begins and ends with: an open hub, and how failures are told."""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec
import structlog
import typer
import uvloop
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from trueup.config import Config, load_config
from trueup.db.database import open_database
from trueup.errors import ConfigError, DatabaseError, HubError, Unavailable
from trueup.session import Session, open_session

DONE = 0
FOUND_PROBLEMS = 1
USAGE = 2
DEPENDENCY_DOWN = 3

_CONTROLS = dict.fromkeys(
    (*range(9), *range(11, 32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}"
)
"""Nobody's words move the cursor of a terminal or colour it; lines and tabs stay."""


class _Terminal(Console):
    """Prints text as text, whoever wrote it."""

    def render_str(self, text: str, **more: Any) -> Text:  # noqa: ANN401 - as Rich has them
        """Return text without what a terminal takes for commands."""
        return super().render_str(text.translate(_CONTROLS), **more)


out = _Terminal()
err = _Terminal(stderr=True)

T = TypeVar("T")


def run(
    work: Callable[[Session], Coroutine[Any, Any, T]],
    *,
    config_path: Path | None = None,
    as_json: bool = False,
) -> T:
    """Open the hub, do the work, close it; failures become a message and an exit status.

    Args:
        work: gets the session.
        config_path: of `trueup.toml`; the usual places where None.
        as_json: failures are told as one JSON document.
    """
    _log_aside()
    with telling_failures(as_json=as_json):
        config = load_config(config_path)
        with open_database(config) as conninfo:
            return uvloop.run(_opened(config, conninfo, work))


def _log_aside() -> None:
    """Send what rooms log to the standard error: the other output is the command's own document."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        # Looked up each time: who runs commands one after another may give each its own.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


async def _opened(config: Config, conninfo: str, work: Callable[[Session], Awaitable[T]]) -> T:
    return await work(await open_session(config, conninfo))


@contextmanager
def telling_failures(*, as_json: bool) -> Iterator[None]:
    """Turn our errors into a message for people or programs, and an exit status."""
    try:
        yield
    except HubError as error:
        status = USAGE if isinstance(error, ConfigError) else FOUND_PROBLEMS
        if isinstance(error, (DatabaseError, Unavailable)):
            status = DEPENDENCY_DOWN
        fail(error.code, str(error), as_json=as_json, status=status)
    except (KeyboardInterrupt, asyncio.CancelledError):
        fail("cli.interrupted", "Interrupted.", as_json=as_json, status=FOUND_PROBLEMS)


def fail(code: str, message: str, *, as_json: bool, status: int) -> NoReturn:
    """Tell a failure and end."""
    if as_json:
        print_json({"error": {"code": code, "message": message}})
    else:
        err.print(f"[bold red]{code}[/]: {escape(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(status)


def print_json(document: object) -> None:
    """Print one JSON document on standard output: decimals as text, instants as RFC 3339."""
    plain = msgspec.to_builtins(document, enc_hook=_plain)
    sys.stdout.write(json.dumps(plain, ensure_ascii=False, indent=2, sort_keys=False) + "\n")
    sys.stdout.flush()


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return str(value)

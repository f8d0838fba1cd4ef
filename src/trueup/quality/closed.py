"""The world shut out: while inside, nothing may open a socket, a process or a file to write."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

from trueup.errors import InvariantBroken

_FORBIDDEN: Final = frozenset(
    (
        *("socket.__new__", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname"),
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"),
        *("os.remove", "os.rename", "os.mkdir", "os.putenv"),
    )
)


class _State(threading.local):
    is_closed = False


_state = _State()


@contextmanager
def closed_world() -> Iterator[None]:
    """Forbid this thread sockets, processes and writing while inside.

    The interpreter itself reports each attempt (an audit hook), so no way around is left.

    Raises:
        InvariantBroken: at the attempt, which is a bug in what claims to be pure.
    """
    _install()
    before, _state.is_closed = _state.is_closed, True
    try:
        yield
    finally:
        _state.is_closed = before


@cache
def _install() -> None:
    sys.addaudithook(_watch)  # it can not be taken out again, so it is put in once


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if not _state.is_closed:
        return
    writes = event == "open" and any(mode in str(arguments[1] or "") for mode in "wax+")
    if writes or event in _FORBIDDEN:
        raise InvariantBroken(f"something pure reached out: {event}")

"""The hub's processes: what each does once it is up, and how another program of ours runs them."""

import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

STOP_TIMEOUT_S = 15.0

GARBAGE_MIN = 10_000
"""So many objects more than were freed, and garbage is looked for."""

Child = subprocess.Popen[bytes]


def settle_memory() -> None:
    """Take what is loaded as here to stay; call once, when a process is up.

    Otherwise the collector walks modules, connectors and schemas again and again while a batch is
    applied: a sixth of a worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_MIN, *gc.get_threshold()[1:])


def start_process(name: str, config_path: Path | None) -> Child:
    """Start one of the hub's processes: "web", "worker" or "scheduler".

    It ends by itself when this process is gone, however that came.
    """
    command = [sys.executable, "-m", "trueup.cli.main", name, "--parent", str(os.getpid())]
    if config_path is not None:
        command += ["--config", str(config_path)]
    # Its own session, so that Ctrl+C reaches the parent alone, which then stops the children.
    return subprocess.Popen(command, env=os.environ.copy(), start_new_session=True)  # noqa: S603 - our own command


def stop_processes(children: Iterable[Child], *, timeout_s: float = STOP_TIMEOUT_S) -> bool:
    """Tell processes to stop and wait; those that do not are killed. Returns whether all did."""
    known = list(children)
    for child in known:
        with suppress(ProcessLookupError):
            child.terminate()
    deadline = time.monotonic() + timeout_s
    clean = True
    for child in known:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            clean = False
    return clean

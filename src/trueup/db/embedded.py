"""The embedded PostgreSQL: started by whoever comes first, stopped by the last to leave.

Every process that uses it holds a shared lock on `holders.lock`. The kernel gives the lock back
when a process ends in whatever way, so the count is right even after kill -9.
"""

import fcntl
import logging
import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import cast

import psycopg

from trueup.db.cluster import (
    SUPERUSER,
    Cluster,
    ensure_running,
    init_cluster,
    read_postmaster,
    stop_cluster,
)
from trueup.db.server_files import (
    DATABASE,
    LOGIN,
    conninfo_of,
    describe_cluster,
    ensure_login,
    lock_file,
    make_folder,
    read_password,
)
from trueup.errors import ConfigError, DatabaseUnavailable, HubError, invariant

WATCH_INTERVAL_S = 0.25
WATCH_INTERVAL_S_MAX = 8.0  # between attempts, while it does not start

_log = logging.getLogger(__name__)


class EmbeddedServer:
    """A PostgreSQL of our own under `<data_dir>/postgres`, shared by the processes of one machine.

    A holder that sees the server die starts it again.
    Use it as a context manager, or pair `start` with `stop`.

    Args:
        data_dir: absolute; made if missing.
        bin_dir: folder of PostgreSQL's programs; None takes those of the wheel.
        settings: server settings that win over ours (tests only).
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        bin_dir: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = data_dir / "postgres"
        self._bin_dir = bin_dir
        self._settings = dict(settings or {})
        self._holding: int | None = None
        self._watching = threading.Event()
        self._watcher: threading.Thread | None = None
        self._cluster: Cluster | None = None

    def start(self) -> str:
        """Start the server or join the running one; give the conninfo, which holds a password.

        Raises:
            ConfigError: no programs for this platform, or files that cannot be reached.
            DatabaseUnavailable: it does not start; says why and what to do.
        """
        try:
            make_folder(self._folder)
            self._cluster = describe_cluster(self._folder, self._bin_dir, self._settings)
            self._holding = lock_file(self._folder / "holders.lock", fcntl.LOCK_SH)
            conninfo = self._run()
        except PermissionError as error:
            self.stop()
            raise ConfigError(
                f"{error.filename or self._folder}: {error.strerror}. Root without its usual "
                "capabilities cannot run the embedded PostgreSQL: run Trueup as an ordinary user, "
                "or set database.url"
            ) from error
        except OSError as error:
            self.stop()
            raise DatabaseUnavailable(
                f"{error.filename or self._folder}: {error.strerror}; free some space, or move "
                "data_dir to another disk"
            ) from error
        except BaseException:
            self.stop()
            raise
        self._watching.clear()
        self._watcher = threading.Thread(target=self._watch, name="postgres-watch", daemon=True)
        self._watcher.start()
        return conninfo

    def stop(self) -> None:
        """Leave; the last to leave stops the server and waits for it. Harmless when repeated."""
        self._watching.set()
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
        holding, self._holding = self._holding, None
        if holding is None or self._cluster is None:
            return
        try:
            # Turning the shared lock into an exclusive one gives the shared one up first, so of
            # several that leave at once exactly the last succeeds. Newcomers wait meanwhile.
            fcntl.flock(holding, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stop_cluster(self._cluster)
        except BlockingIOError:
            return
        finally:
            os.close(holding)

    @property
    def cluster(self) -> Cluster:
        """The cluster behind it, for back-ups and tests; only after `start`."""
        invariant(self._cluster, "the embedded server was not started")
        return cast("Cluster", self._cluster)

    @property
    def is_running(self) -> bool:
        """True while a server, whoever started it, works on this data."""
        return self._cluster is not None and read_postmaster(self._cluster) is not None

    def _run(self) -> str:
        """See that the server runs and takes our log-in; one process at a time does this."""
        starting = lock_file(self._folder / "start.lock", fcntl.LOCK_EX)
        try:
            password = read_password(self._folder / "password", self.cluster)
            init_cluster(self.cluster, password)
            ensure_running(self.cluster)
            ensure_login(conninfo_of(self.cluster, password, SUPERUSER, "postgres"), password)
        finally:
            os.close(starting)
        return conninfo_of(self.cluster, password, LOGIN, DATABASE)

    def _watch(self) -> None:
        """Start the server again when it was killed under us; readers just see it come back."""
        pause_s = WATCH_INTERVAL_S
        while not self._watching.wait(pause_s):
            if read_postmaster(self.cluster) is not None:
                pause_s = WATCH_INTERVAL_S
                continue
            try:
                self._run()
                _log.warning("The embedded PostgreSQL had ended and was started again")
            except (HubError, OSError, subprocess.SubprocessError, psycopg.Error) as error:
                pause_s = min(2 * pause_s, WATCH_INTERVAL_S_MAX)
                _log.error("The embedded PostgreSQL ended and does not start again: %s", error)

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

"""The drop folder: files that are put there are imported by themselves, and moved aside.

`<data dir>/drop/<format>/` takes files of one format, `<format>@<connection>` those of one account.
A file is looked at once it has not changed for a while, moved to `taking/` (so that of several
processes one has it), and ends in `done/` or `refused/` with a text beside it that says why.
Nothing is ever deleted; the same file again changes nothing.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog

from trueup.canon.issue import Issue, Severity
from trueup.contract.loader import ConnectorFolder
from trueup.contract.manifest import FileFormat
from trueup.db.pool import connect, translate_errors
from trueup.errors import ConfigError, DatabaseError, Unavailable
from trueup.hub import Hub
from trueup.importing import choose_connection, format_of, read_pieces
from trueup.ingest import Handed, Taken, take_in
from trueup.intake.issues import close_issues, raise_issue
from trueup.intake.model import Connection
from trueup.kernel.clock import Clock, SystemClock

_log = structlog.get_logger("trueup.dropping")

LOOK_INTERVAL_S: Final = 5.0
SETTLE_S: Final = 5.0
"""How long a file must not have changed before it is taken: it may still be written."""

FILE_BYTES_MAX: Final = 100 * 1024 * 1024
TAKING, DONE, REFUSED = "taking", "done", "refused"
_UNFINISHED: Final = (".part", ".partial", ".tmp", ".filepart", ".crdownload", ".txt~")
_NOTE: Final = ".why.txt"


class _Seen(msgspec.Struct, frozen=True):
    """A file as it was when it was looked at, and since when it has been so."""

    size: int
    modified_ns: int
    since_s: float


class Drop:
    """Takes what is put into a folder.

    Args:
        conninfo: of the database.
        hub: vault, connectors and connections.
        root: the drop folder; made where there is none.
        clock: says when files came in.
        settle_s: how long a file must not have changed.
    """

    def __init__(
        self,
        conninfo: str,
        hub: Hub,
        root: Path,
        *,
        clock: Clock | None = None,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._conninfo = conninfo
        self._hub = hub
        self._root = root
        self._clock = clock or SystemClock()
        self._settle_s = settle_s
        self._seen: dict[Path, _Seen] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until told to stop; nothing that fails ends the process."""
        self._begin()
        while not stop.is_set():
            try:
                await self.look()
            except OSError as error:
                _log.warning("drop_folder_not_readable", reason=str(error))
            except (DatabaseError, Unavailable) as error:
                _log.warning("database_away", reason=error.message)
            except Exception:  # noqa: BLE001 - a bug here must not end the scheduler
                _log.exception("drop_failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_INTERVAL_S)

    def _begin(self) -> None:
        """Make the folder and say what it is for; what was being taken comes back to its place."""
        with suppress(OSError):
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            forms = (form for each in self._hub.connectors.values() for form in each.manifest.files)
            lines = [f"{form.format}/  {form.help}" for form in forms]
            text = "Make a folder here for a format, and put files of that format into it:\n\n"
            _write(self._root / "README.txt", text + "\n".join(sorted(lines)) + "\n")
            for left in self._root.glob(f"*/{TAKING}/*"):
                _give_back(left)

    async def look(self) -> int:
        """Take every file that has settled; returns how many were taken or refused."""
        count = 0
        for folder in sorted(path for path in self._root.glob("*") if path.is_dir()):
            name, _, connection = folder.name.partition("@")
            try:
                connector, form = format_of(self._hub.connectors.values(), name)
            except ConfigError as error:
                _write(folder / f"not-a-format{_NOTE}", f"{error.message}\n")
                continue
            for path in sorted(folder.iterdir()):
                if not self._has_settled(path):
                    continue
                claimed = _claim(path)
                if claimed is not None:
                    await self._take(claimed, connector, form, connection or None)
                    count += 1
        return count

    def _has_settled(self, path: Path) -> bool:
        """Tell whether a file is whole, as far as one can see: it has not changed for a while."""
        unfinished = path.name.startswith(".") or path.name.endswith((*_UNFINISHED, _NOTE))
        if unfinished or path.is_symlink() or not path.is_file():
            return False
        now_s = asyncio.get_running_loop().time()
        try:
            found = path.stat()
        except FileNotFoundError:
            return False  # another process has it
        before = self._seen.get(path)
        same = before is not None and (before.size, before.modified_ns) == (
            found.st_size,
            found.st_mtime_ns,
        )
        if before is None or not same:
            self._seen[path] = _Seen(found.st_size, found.st_mtime_ns, now_s)
            return self._settle_s == 0
        if now_s - before.since_s < self._settle_s:
            return False
        del self._seen[path]
        return True

    async def _take(
        self, path: Path, connector: ConnectorFolder, form: FileFormat, name: str | None
    ) -> None:
        """Import one file, and put it aside with what became of it."""
        try:
            with translate_errors():
                async with await connect(self._conninfo, application_name="trueup-drop") as conn:
                    chosen = await choose_connection(conn, self._hub, connector.id, name)
            taken = await self._import(path, connector, form, chosen)
        except ConfigError as error:
            _set_aside(path, REFUSED, f"{path.name}: {error.message}\n", self._clock.now())
            await self._tell(path, form, error.message)
        except BaseException:
            # Not its fault: it waits in its place for the next look.
            _give_back(path)
            raise
        else:
            _set_aside(path, DONE, _said(path, taken), self._clock.now())
            await self._tell(path, form, None)

    async def _import(
        self, path: Path, connector: ConnectorFolder, form: FileFormat, chosen: Connection
    ) -> Taken:
        content = await asyncio.to_thread(_content_of, path)
        pieces = await asyncio.to_thread(read_pieces, connector, form, content, chosen.settings)
        handed = [Handed(name=path.name, piece=piece) for piece in pieces]
        return await take_in(self._conninfo, self._hub, chosen, handed, clock=self._clock)

    async def _tell(self, path: Path, form: FileFormat, reason: str | None) -> None:
        """Open an issue for a file that was refused, and close it once one of its name is taken."""
        ref = f"drop/{form.format}/{path.name}"
        with translate_errors():
            async with await connect(self._conninfo, application_name="trueup-drop") as conn:
                if reason is None:
                    await close_issues(conn, "import.refused", [ref])
                    return
                issue = Issue(
                    code="import.refused",
                    severity=Severity.ERROR,
                    pointer=path.name,
                    expected=f"a file of the format {form.format}",
                    found=reason[:500],
                    how_to_fix="Look at that place of the file in refused/; put a whole one in.",
                    ref=ref,
                )
                await raise_issue(conn, None, issue)


def _content_of(path: Path) -> bytes:
    size = path.stat().st_size
    if size > FILE_BYTES_MAX:
        raise ConfigError(f"expected at most {FILE_BYTES_MAX} bytes, found {size}")
    return path.read_bytes()


def _claim(path: Path) -> Path | None:
    """Move a file to where no other process takes it; None where another was quicker."""
    taking = path.parent / TAKING
    taking.mkdir(exist_ok=True)
    try:
        path.replace(taking / path.name)
    except FileNotFoundError:
        return None
    return taking / path.name


def _give_back(path: Path) -> None:
    path.replace(path.parent.parent / path.name)


def _set_aside(path: Path, where: str, why: str, now: datetime) -> None:
    """Move a file to its end, with a text beside it; one of the same name stays as it is."""
    folder = path.parent.parent / where
    folder.mkdir(exist_ok=True)
    target = folder / path.name
    if target.exists():
        stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%f")
        target = folder / f"{path.stem}-{stamp}{path.suffix}"
    _write(folder / f"{target.name}{_NOTE}", why)
    path.replace(target)


def _said(path: Path, taken: Taken) -> str:
    lines = [f"{path.name}: {taken.accepted} taken, {taken.duplicates} known already"]
    lines += [
        f"{issue['severity']} {issue['code']}: expected {issue['expected']}, found {issue['found']}"
        for issue in taken.issues
    ]
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")

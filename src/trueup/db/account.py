"""The system account that the embedded server runs under.

PostgreSQL refuses to run as root. An ordinary user runs it under the own account. Root runs it
under a number of its own, without creating a system user and without touching the permissions of
any folder above the data folder. Where that number may not walk to the programs or to the data
(a private home), it gets the one capability that lets it, and nothing else: see
docs/decisions/0002-embedded-postgresql.md.
"""

import os
import pwd
import shutil
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from trueup.errors import ConfigError

# Belongs to no range that distributions or systemd hand out; PostgreSQL needs no passwd entry.
SERVER_UID = 60876

# Bits of the capability sets, from linux/capability.h.
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The account of the server's processes."""

    uid: int
    gid: int

    @property
    def is_own(self) -> bool:
        """True when the server runs under the account of this process."""
        return self.uid == os.geteuid()

    def own(self, path: Path) -> None:
        """Hand a file or a folder with all it holds to the account."""
        if self.is_own:
            return
        os.chown(path, self.uid, self.gid, follow_symlinks=False)
        if path.is_dir() and not path.is_symlink():
            for entry in path.iterdir():
                self.own(entry)


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """How to start a program under an account: arguments in front, and those of `Popen`."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None


def choose_account(pgdata: Path) -> Account:
    """Choose the account: that of the existing data, else the own, else (as root) `SERVER_UID`.

    Raises:
        ConfigError: the data belongs to somebody else, whom only root may become.
    """
    own = os.geteuid()
    owner = pgdata.stat() if pgdata.exists() else None
    if own != 0:
        if owner and owner.st_uid != own:
            raise ConfigError(
                f"{pgdata} belongs to uid {owner.st_uid}, and this process runs as uid {own}; run "
                "Trueup as that user, or give the data folder to this one with chown -R"
            )
        return Account(uid=own, gid=os.getegid())
    if owner and owner.st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    return Account(uid=SERVER_UID, gid=SERVER_UID)


def account_with_name() -> Account:
    """Give the account to run `initdb` with, which insists on a passwd entry.

    Root takes `nobody`, and hands the result over afterwards. Others can only be themselves.

    Raises:
        ConfigError: root on a system without any other account.
    """
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid())
    name = _find_name()
    if name is None:
        raise ConfigError(
            "PostgreSQL does not run as root, and this system has no other account; run Trueup "
            "as an ordinary user, or set database.url"
        )
    return Account(uid=name.pw_uid, gid=name.pw_gid)


def prefix_with_name(account: Account) -> tuple[str, ...]:
    """Lend a passwd entry to an account without one, as containers with a chosen uid have it.

    In a user namespace of its own the program sees the number of `nobody`; outside of it all it
    writes belongs to the account. Where that is not possible, `initdb` says so.
    """
    try:
        pwd.getpwuid(account.uid)
    except KeyError:
        unshare, name = shutil.which("unshare"), _find_name()
        if unshare and name:
            user = (f"--map-user={name.pw_uid}", f"--map-group={name.pw_gid}")
            return (unshare, "--user", *user, "--")
    return ()


def _find_name() -> pwd.struct_passwd | None:
    entries = (entry for entry in pwd.getpwall() if entry.pw_uid != 0)
    return min(entries, key=lambda entry: (entry.pw_name != "nobody", entry.pw_uid), default=None)


def plan_launch(account: Account, *, programs: Sequence[Path], folders: Sequence[Path]) -> Launch:
    """Say how to start `programs` so that they run under `account` and reach `folders`.

    Args:
        account: see `choose_account`.
        programs: files that the account will execute.
        folders: folders that the account will open.

    Raises:
        ConfigError: the account cannot get there on this system; says what to move.
    """
    if account.is_own:
        return Launch()
    executable = all(_mode_allows(path, account, stat.S_IXOTH) for path in programs)
    blocked = [path for path in (*programs, *folders) if not is_reachable(path, account)]
    if executable and not blocked:
        return Launch(uid=account.uid, gid=account.gid, groups=())
    # To search and read folders is enough, unless the programs themselves are private to root.
    wanted = ["dac_read_search"] if executable else []
    usable = [name for name in [*wanted, "dac_override"] if _has_capability(name)]
    setpriv = shutil.which("setpriv")
    where = blocked[0] if blocked else programs[0]
    if not usable or not setpriv or not sys.platform.startswith("linux"):
        lacking = "setpriv (package util-linux)" if usable else "the capability dac_override"
        raise ConfigError(
            f"PostgreSQL does not run as root, and uid {account.uid} cannot reach {where}, which "
            f"lies in a private folder; this system lacks {lacking} to let it through. Run Trueup "
            "as an ordinary user, or put data_dir and the virtual environment where others may "
            "enter (for example /srv/trueup), or set database.url"
        )
    capability = f"-all,+{usable[0]}"
    return Launch(
        prefix=(
            setpriv,
            f"--reuid={account.uid}",
            f"--regid={account.gid}",
            "--clear-groups",
            "--no-new-privs",
            f"--inh-caps={capability}",
            f"--ambient-caps={capability}",
            "--",
        )
    )


def is_reachable(path: Path, account: Account) -> bool:
    """True when the permission bits let the account walk to `path` and read it."""
    real = path.resolve()
    folders = [parent for parent in real.parents if parent.exists()]
    return all(_mode_allows(folder, account, stat.S_IXOTH) for folder in folders) and (
        not real.exists() or _mode_allows(real, account, stat.S_IROTH)
    )


def _mode_allows(path: Path, account: Account, bit: int) -> bool:
    """Test one permission (given as the bit of "others") the way the kernel would."""
    facts = path.stat()
    if facts.st_uid == account.uid:
        return bool(facts.st_mode & (bit << 6))
    if facts.st_gid == account.gid:
        return bool(facts.st_mode & (bit << 3))
    return bool(facts.st_mode & bit)


def _has_capability(name: str) -> bool:
    bit = {"dac_override": _CAP_DAC_OVERRIDE, "dac_read_search": _CAP_DAC_READ_SEARCH}[name]
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("CapPrm", "CapBnd"))]
    return len(masks) == 2 and all(mask >> bit & 1 for mask in masks)

"""Settings of the embedded server: safe first, then sized for two cores and little memory."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

# Only the socket, only with the password; replication is what a base backup uses.
HBA = "local all all scram-sha-256\nlocal replication all scram-sha-256\n"

SHM_BYTES_MIN = 256 * 1024 * 1024

_SETTINGS: dict[str, str] = {
    # Safety: an acknowledged event is on the disk. trueup.db.safety refuses anything less.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # Size.
    "max_connections": "60",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "wal_buffers": "16MB",
    "checkpoint_timeout": "15min",
    "max_wal_senders": "2",
    "max_parallel_workers_per_gather": "1",
    # Disks of today read anywhere at nearly the same cost.
    "random_page_cost": "1.1",
    # Our statements are short: compiling them costs more than it saves.
    "jit": "off",
    # Queue tables turn over many times a minute: sweep small and often.
    "autovacuum_max_workers": "2",
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_insert_scale_factor": "0.2",
    "autovacuum_analyze_scale_factor": "0.05",
    "autovacuum_vacuum_cost_limit": "1000",
    # Privacy: neither statements nor the values that a constraint refused reach the log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    "timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "unix_socket_permissions": "0700",
}


def render(bin_dir: Path, *, major: int, extra: Mapping[str, str]) -> str:
    """Write `trueup.conf` for the programs and the machine at hand.

    Args:
        bin_dir: folder of the programs, asked whether they can compress with lz4.
        major: major version of the programs.
        extra: settings that win over ours.
    """
    settings = {
        **_SETTINGS,
        "wal_compression": "lz4" if _has_lz4(bin_dir) else "off",
        "dynamic_shared_memory_type": "posix" if _shm_is_roomy() else "mmap",
        **({"io_workers": "2"} if major >= 18 else {}),
        **extra,
    }
    lines = [
        f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in settings.items()
    ]
    head = "# Written by Trueup at every start; ALTER SYSTEM wins over this file.\n"
    return head + "\n".join(lines) + "\n"


def locale_options(major: int) -> list[str]:
    """Give initdb's options for a sort order that no upgrade of the system's libc can change."""
    if major >= 17:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C"]


def _has_lz4(bin_dir: Path) -> bool:
    program = bin_dir / "pg_config"
    if not program.is_file():
        return False
    done = subprocess.run(  # noqa: S603 - a program of the installation, no shell
        [str(program), "--configure"], capture_output=True, check=False, timeout=10
    )
    return b"--with-lz4" in done.stdout


def _shm_is_roomy() -> bool:
    """Say whether parallel queries fit /dev/shm, which containers keep at 64 MB."""
    shm = Path("/dev/shm")  # noqa: S108 - only asked for its size
    if not shm.is_dir() or not os.access(shm, os.W_OK):
        return False
    facts = os.statvfs(shm)
    return facts.f_frsize * facts.f_bavail >= SHM_BYTES_MIN

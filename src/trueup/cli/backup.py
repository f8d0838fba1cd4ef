"""`trueup backup` and `trueup restore`: the database in one file; never the master key."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import out, print_json, telling_failures
from trueup.config import Config, load_config
from trueup.db.backup import make_backup, restore_backup
from trueup.db.database import open_database
from trueup.govern.vault import Vault, load_master_key


def backup(
    file: Annotated[
        Path | None,
        typer.Argument(help="Where to; trueup-<day and time>.dump if not given."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Dump the database into a new file, with a manifest beside it.

    The master key is not in it: keep a copy of the key elsewhere, or the backup opens for nobody.
    """
    with telling_failures(as_json=as_json):
        loaded = load_config(config)
        path = file or Path(f"trueup-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.dump")
        with open_database(loaded) as conninfo:
            manifest = make_backup(conninfo, path, key_fingerprint=_fingerprint(loaded))
    if as_json:
        print_json({"file": path, "manifest": manifest})
        return
    out.print(f"Wrote {path} ({manifest.dump_bytes / 1024**2:.1f} MB).", highlight=False)
    out.print(f"The master key is not in it: {loaded.master_key_path}", highlight=False)


def restore(
    file: Annotated[Path, typer.Argument(help="A dump that trueup backup wrote.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Put a backup into an empty database; one that holds anything is refused."""
    with telling_failures(as_json=as_json):
        loaded = load_config(config)
        with open_database(loaded) as conninfo:
            manifest = restore_backup(conninfo, file, key_fingerprint=_fingerprint(loaded))
    if as_json:
        print_json({"file": file, "manifest": manifest})
        return
    out.print(f"Restored {file}, made at {manifest.made_at:%Y-%m-%d %H:%M} UTC.", highlight=False)


def _fingerprint(config: Config) -> str:
    key = load_master_key(config.master_key_path, create=False)
    return Vault(key).index("backup", "fingerprint").hex()

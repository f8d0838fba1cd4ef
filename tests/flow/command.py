"""Runs commands in this process as a person would, against the test's database."""

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests.flow.shop import KEY
from trueup.cli.main import main
from trueup.cli.session import out


class Commands:
    """The command line with a configuration of its own."""

    def __init__(self, folder: Path, database_url: str) -> None:
        key = folder / "master.key"
        key.write_text(KEY.hex())
        key.chmod(0o600)
        self.config = folder / "trueup.toml"
        self.config.write_text(
            f'data_dir = "{folder}"\nmaster_key_file = "{key}"\n'
            f'[database]\nurl = "{database_url}"\n'
        )

    def run(self, *words: object, env: dict[str, str] | None = None) -> tuple[int, str]:
        """Return exit status and standard output."""
        given = {"TRUEUP_CONFIG": str(self.config), "COLUMNS": "200"} | (env or {})
        out.width = 200  # it was made when the module was first imported, by whatever test
        result = CliRunner().invoke(main, [str(word) for word in words], env=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout

    def json(self, *words: object, status: int = 0, env: dict[str, str] | None = None) -> Any:
        """Return the one JSON document of a command that ended with `status`."""
        code, text = self.run(*words, "--json", env=env)
        document = json.loads(text)  # fails unless it is one document and nothing else
        assert status == code, document
        return document

    async def in_thread(
        self, *words: object, status: int = 0, env: dict[str, str] | None = None
    ) -> Any:
        """Run beside the event loop that serves the simulated shop."""
        return await asyncio.to_thread(self.json, *words, status=status, env=env)

"""Print the digest of what a connector's samples mean; run in a process of its own."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from trueup.contract.loader import load_connector
from trueup.quality.history import samples_digest
from trueup.quality.subject import Subject


def main(folder: str, package: str) -> None:
    """Load a connector from its folder and print the digest."""
    today = datetime.now(UTC).date()
    subject = Subject(load_connector(Path(folder), package), package=package, today=today)
    sys.stdout.write(samples_digest(subject) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""WhatsApp's bodies under ../shared/data, each by its file and name."""

import json
from collections.abc import Iterator
from typing import Any

from tests.support.leftout import SHARED

FOLDER = SHARED / "payloads" / "whatsapp-cloud"


def deliveries() -> Iterator[tuple[str, bytes]]:
    """Yield every update body."""
    for path in sorted(FOLDER.glob("*.json")):
        for name, body in json.loads(path.read_bytes()).items():
            yield f"{path.stem}/{name}", json.dumps(body).encode()


def templates() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every template as it is made at Meta."""
    for path in sorted(FOLDER.glob("templates/*/examples.json")):
        for name, template in json.loads(path.read_bytes()).items():
            yield f"{path.parent.name}/{name}", template

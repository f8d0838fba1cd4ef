"""One exchange with a simulated vendor, as the hub has it: authorise, send, judge."""

from collections.abc import Sequence
from typing import Final

import msgspec

from trueup.contract.connector import Page, Piece, Receipt, Reply, Request
from trueup.errors import invariant
from trueup.quality.subject import Subject
from trueup.quality.twin import Twin

PAGES_MAX: Final = 200


class Exchange:
    """Speaks to a fresh simulated vendor by way of the connector.

    Args:
        subject: the connector.
    """

    def __init__(self, subject: Subject) -> None:
        self.folder = subject.folder
        self.twin: Twin = subject.twin()

    def authorised(self, request: Request) -> Request:
        """Return the request with the account's credentials."""
        return self.folder.api.authorise(request, self.twin.secrets)

    def ask(self, request: Request) -> Reply:
        """Send a request and return the reply, judged sound.

        Raises:
            ConnectorError: what the connector says that the reply means.
        """
        reply = self.twin.send(self.authorised(request))
        self.folder.api.judge(reply)
        return reply

    def patient(self, request: Request) -> Reply:
        """Ask with the budget full, so that only the answer counts."""
        self.twin.advance(3_600)
        return self.ask(request)

    def pages(self, resource: str) -> list[Page]:
        """Walk through all pages of a resource."""
        cursor: str | None = None
        found: list[Page] = []
        for _ in range(PAGES_MAX):
            request = self.folder.pull.page_request(resource, None, cursor)
            found.append(self.folder.pull.page(resource, self.patient(request)))
            cursor = found[-1].next_cursor
            if cursor is None:
                return found
        invariant(False, f"the pages of {resource} have no end")  # noqa: FBT003 - it is the point
        return found

    def export(self, resource: str) -> list[Piece]:
        """Let the vendor prepare an export, and read it."""
        pull = self.folder.pull
        bulk_ref = pull.bulk_started(self.patient(pull.bulk_request(resource, None)))
        for _ in range(PAGES_MAX):
            state = pull.bulk_state(self.patient(pull.bulk_status_request(bulk_ref)))
            if state.state != "running":
                break
        invariant(state.state == "done", f"the export of {resource} is {state.state}")
        if state.url is None:
            return []
        reply = self.twin.send(Request(method="GET", path=state.url))
        return list(pull.bulk_pieces(resource, reply.body.splitlines(keepends=True)))

    def act(self, value: int, expected: int | None, key: str) -> Receipt:
        """Set the stock of the first product, and return what the vendor says came of it."""
        intent = self.twin.intent(value, expected)
        request = self.folder.actions.request([intent], key)
        (receipt,) = self.folder.actions.receipts([intent], self.patient(request))
        return receipt

    def read(self) -> int | None:
        """Read the stock of the first product back."""
        intents = [self.twin.intent(0, None)]
        request = self.folder.actions.read_request(intents)
        (level,) = self.folder.actions.read(intents, self.patient(request))
        return level


def distinct(pieces: Sequence[Piece]) -> set[bytes]:
    """Return pieces as values that can be compared."""
    return {msgspec.json.encode([piece.topic, piece.body]) for piece in pieces}

"""What would be said to a vendor: the call of a command, made and not sent. Pure."""

import uuid

from trueup.contract.connector import Command, Request
from trueup.contract.loader import ConnectorFolder
from trueup.intake.connections import Account
from trueup.outbox.model import WantedCommand


def say_command(folder: ConnectorFolder, account: Account, wanted: WantedCommand) -> Request:
    """Return the call that would carry a command out, under a key that stands for the real one.

    Raises:
        Refused: the content can not be said to this vendor; names what and how to mend it.
    """
    command = Command(
        kind=wanted.kind,
        key=wanted.key,
        ref=wanted.ref,
        content=wanted.content,
        wanted_at=wanted.wanted_at,
        target=account.connection.settings,
    )
    return folder.commands.command_request(command, str(uuid.uuid4()))

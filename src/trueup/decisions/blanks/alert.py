"""What a rule tells the team: where to is found in the configuration when it is ordered."""

from typing import ClassVar, Final

from trueup.canon.command import SendMessage
from trueup.decisions.blank import Blank, Filled, Filling
from trueup.decisions.contact.permit import MEND, Withdraw
from trueup.hub import Hub

_NO_TEAM: Final = "the configuration names no team to tell ([contact] team_connection)"


class Alert(Blank, frozen=True, kw_only=True):
    """The team shall be told, where the configuration says (`[contact]` team_connection, team_to).

    It asks for no consent and keeps no hours; its words hold nothing personal.
    """

    command: ClassVar[str] = "alert"
    is_told_of: ClassVar[bool] = False

    subject: str
    text: str

    async def fill(self, at: Filling) -> Filled | Withdraw:
        """Return the message to the team."""
        settings = at.desk.settings
        connection_id = at.hub.number_of(settings.team_connection)
        if connection_id is None:
            return Withdraw(because=_NO_TEAM, rest=MEND)
        content = SendMessage(
            to=settings.team_to or "",
            subject=self.subject if _has_subject(at.hub, connection_id) else None,
            text=self.text,
        )
        return Filled(content=content, connection_id=connection_id)


def _has_subject(hub: Hub, connection_id: int) -> bool:
    """Tell whether a connection's medium has subjects; Slack's is the first line of the text."""
    folder = hub.folder_of(connection_id)
    action = None if folder is None else folder.manifest.action(SendMessage.command)
    return action is not None and action.medium == "email"


BLANK = Alert

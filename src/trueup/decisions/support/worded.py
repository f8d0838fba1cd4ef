"""Answers in a customer's own ticket: whether its helpdesk takes them, and in which words."""

from collections.abc import Mapping
from datetime import date

from trueup.canon.command import Purpose, ReplyToTicket
from trueup.decisions.contact.desk import open_desk
from trueup.decisions.contact.notice import Notice
from trueup.decisions.contact.texts import choose_language, write
from trueup.decisions.rule import Look
from trueup.decisions.support.asked import Waiting


def takes_answers(look: Look, waiting: Waiting) -> bool:
    """Tell whether a ticket's helpdesk takes answers to customers from us, and not notes alone."""
    folder = look.hub.folder_of(waiting.connection_id)
    action = None if folder is None else folder.manifest.action(ReplyToTicket.command)
    return action is not None and not action.notes_only


def worded(
    look: Look,
    waiting: Waiting,
    text: str,
    *,
    values: Mapping[str, str | int],
    days: Mapping[str, date],
) -> str:
    """Return a text of the configuration in the language that the customer wrote in.

    Args:
        look: knows the texts.
        waiting: the ticket that is answered.
        text: its name.
        values: of its fields, as they are written.
        days: of its fields, written as the language does.
    """
    desk = open_desk(look.hub)
    notice = Notice(
        to=waiting.name,
        purpose=Purpose.SERVICE,
        text=text,
        about=waiting.name,
        values=dict(values),
        days=dict(days),
    )
    named = desk.texts[text]
    language = choose_language(named, waiting.spell.heard.language, desk.settings.language)
    return write(named, notice, language).text.strip()

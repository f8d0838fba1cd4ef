"""What customers are written to with: the settings and the texts of the configuration."""

import msgspec

from trueup.decisions.contact.settings import ContactSettings, read_contact
from trueup.decisions.contact.texts import Texts, read_texts
from trueup.hub import Hub


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Settings and texts, read and checked."""

    settings: ContactSettings
    texts: Texts


def open_desk(hub: Hub) -> Desk:
    """Return what the configuration says of writing to customers.

    Raises:
        ConfigError: names the field or the text, what was found and how to put it right.
    """
    texts = read_texts(hub.text_tables)
    return Desk(settings=read_contact(hub.contact_table, texts), texts=texts)

"""What a customer said: the words of every kind of message, and whether they want no more."""

import msgspec

from trueup.connectors.whatsapp.shape import Inner, Media
from trueup.contract.stopping import is_stop

STOP_PAYLOADS = frozenset(("stop", "opt_out", "optout", "unsubscribe"))
"""Payloads of buttons that ask for no more; a template's author chooses them."""

_WITHOUT_WORDS = frozenset(("unsupported",))


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says; media only by their names or ids."""

    text: str | None = None
    attachments: tuple[str, ...] = ()
    opt_out: bool = False
    known: bool = True


def said(inner: Inner) -> Said:
    """Return what the message says, whatever its type."""
    if inner.text is not None:
        return Said(text=inner.text.body or None, opt_out=is_stop(inner.text.body))
    if (medium := _medium(inner)) is not None:
        name = medium.filename or (f"media {medium.id}" if medium.id else "")
        return Said(text=medium.caption, attachments=(name,) if name else ())
    if inner.button is not None:
        payload = (inner.button.payload or "").strip().casefold()
        stops = payload in STOP_PAYLOADS or is_stop(inner.button.text or "")
        return Said(text=inner.button.text, opt_out=stops)
    if inner.interactive is not None:
        return _chosen(inner)
    return _rest(inner)


def _medium(inner: Inner) -> Media | None:
    return inner.image or inner.video or inner.audio or inner.document or inner.sticker


def _chosen(inner: Inner) -> Said:
    found = inner.interactive
    if found is None:
        return Said()
    choice = found.button_reply or found.list_reply
    if choice is not None:
        stops = (choice.id or "").strip().casefold() in STOP_PAYLOADS
        return Said(text=choice.title, opt_out=stops or is_stop(choice.title or ""))
    if found.nfm_reply is not None:
        return Said(text=found.nfm_reply.body)
    if found.call_permission_reply is not None:
        return Said(text=None)
    return Said(known=not found.type)


def _rest(inner: Inner) -> Said:
    if inner.reaction is not None:
        return Said(text=inner.reaction.emoji or None)
    if inner.location is not None:
        parts = [part for part in (inner.location.name, inner.location.address) if part]
        return Said(text=", ".join(parts) or None)
    if inner.contacts:
        return Said(attachments=("contact",) * len(inner.contacts[:10]))
    if inner.order is not None:
        items = len(inner.order.product_items)
        return Said(text=inner.order.text or None, attachments=(f"basket of {items} items",))
    if inner.type == "interactive" or inner.type in _WITHOUT_WORDS:
        return Said()  # WhatsApp says itself that it can not show it
    return Said(known=False)

"""Phone numbers as WhatsApp writes them: without the +."""

from trueup.contract.phone import e164


def of_whatsapp(wa_id: str | None) -> str | None:
    """Return the number of an id such as 491701234567; None where it is none."""
    return e164(f"+{wa_id}") if wa_id and wa_id.isascii() and wa_id.isdigit() else None

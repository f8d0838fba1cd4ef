"""What customers of a shop write about, and what their words alone say of it. Pure.

A ticket's text is data: it is looked at, and nothing in it is done. The rule here looks for turns
of phrase, the more telling ones first; it is what counts where no model was trained.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple


class Matter(StrEnum):
    """What a ticket is about."""

    WHERE_IS_ORDER = "where_is_order"  # it has not come yet
    NOT_RECEIVED = "not_received"  # the carrier says delivered, the customer has nothing
    RETURN = "return"  # wants to send something back
    REFUND = "refund"  # wants, or waits for, money back
    CHANGE_ADDRESS = "change_address"
    CANCEL = "cancel"
    DAMAGED = "damaged"  # came broken, or stopped working
    WRONG_ITEM = "wrong_item"  # another article, size or number than ordered
    PRODUCT_QUESTION = "product_question"
    OTHER = "other"


_TURNS: Final = (
    (
        Matter.NOT_RECEIVED,
        r"(says|shows|marked|shown|status).{0,25}deliver.{0,60}(not|n't|never|no )",
    ),
    (Matter.NOT_RECEIVED, r"(not|n't|never).{0,12}receiv.{0,60}(says|shows|marked).{0,20}deliver"),
    (Matter.NOT_RECEIVED, r"(stolen|porch|neighbou?r.{0,30}(not|n't|nothing))"),
    (Matter.CANCEL, r"\bcancel"),
    (Matter.CHANGE_ADDRESS, r"(chang|wrong|updat|correct|differ|new|moved|mistake).{0,30}address"),
    (Matter.CHANGE_ADDRESS, r"address.{0,30}(chang|wrong|updat|correct|mistake)"),
    (Matter.WRONG_ITEM, r"(wrong|incorrect|different).{0,20}(item|product|size|colou?r|article)"),
    (Matter.WRONG_ITEM, r"(not what i ordered|instead of|is missing|missing (item|from))"),
    (Matter.DAMAGED, r"(damag|broken|broke\b|crack|shatter|leak|torn|defect|faulty|scratch|dent)"),
    (Matter.DAMAGED, r"(stopped working|does ?n.t work)"),
    (Matter.REFUND, r"(refund|money back|reimburs|credited back)"),
    (Matter.RETURN, r"(\breturn|send (it|this|them) back|exchange|swap)"),
    (Matter.WHERE_IS_ORDER, r"where.{0,25}(order|parcel|package|deliver|stuff)"),
    (Matter.WHERE_IS_ORDER, r"when will.{0,40}(arriv|come|deliver|get|ship)"),
    (Matter.WHERE_IS_ORDER, r"(track|not arrived|n't arrived|still waiting|shipped yet|\blate\b)"),
    (
        Matter.PRODUCT_QUESTION,
        r"(in stock|ingredient|warranty|\bfit|how (big|long|heavy|do i use))",
    ),
    (Matter.PRODUCT_QUESTION, r"is (it|this|the) .{0,30}(\?|suitable|compatible|made)"),
    (Matter.PRODUCT_QUESTION, r"(does (it|this|the)|what (size|material|colou?r))"),
)
_READ_CHARS: Final = 4000
_RULES: Final = tuple((matter, re.compile(turn, re.DOTALL)) for matter, turn in _TURNS)

_SEALED: Final = (
    (re.compile(r"\S+@\S+\.\w+"), " someone "),
    (re.compile(r"https?://\S+|www\.\S+"), " link "),
    (re.compile(r"#?\b[a-z]{0,4}-?\d{4,}[a-z0-9-]*", re.IGNORECASE), " number "),
)


class Told(NamedTuple):
    """What a text is about.

    Attributes:
        chance: that it is right; of a rule, what it came to on texts that we wrote ourselves.
        open: too unlikely to rely on: a person reads it.
        by: who says so: `rule`, `start` (trained on our own sentences) or `trained` (on the
            brand's own tickets as well).
    """

    matter: Matter
    chance: float
    open: bool
    by: str


_TAGS: Final = {
    **{matter.value: matter for matter in Matter},
    "wismo": Matter.WHERE_IS_ORDER,
    "where_is_my_order": Matter.WHERE_IS_ORDER,
    "shipping_status": Matter.WHERE_IS_ORDER,
    "order_status": Matter.WHERE_IS_ORDER,
    "lost_package": Matter.NOT_RECEIVED,
    "exchange": Matter.RETURN,
    "returns": Matter.RETURN,
    "refunds": Matter.REFUND,
    "address_change": Matter.CHANGE_ADDRESS,
    "cancellation": Matter.CANCEL,
    "cancel_order": Matter.CANCEL,
    "defective": Matter.DAMAGED,
    "missing_item": Matter.WRONG_ITEM,
    "product": Matter.PRODUCT_QUESTION,
}


def matter_by_tags(tags: Iterable[str]) -> Matter | None:
    """Return what a team's own tags say a ticket is about; None where none, or several, do.

    Its name counts, with or without `intent_` before it, and what helpdesks often write.
    """
    plain = (re.sub(r"[^a-z]+", "_", tag.casefold()).strip("_") for tag in tags)
    found = {_TAGS[tag] for each in plain if (tag := each.removeprefix("intent_")) in _TAGS}
    return found.pop() if len(found) == 1 else None


def matter_by_words(text: str) -> Matter:
    """Return what the words of a text say it is about; `OTHER` where none says anything."""
    low = plain_of(text).casefold()
    return next((matter for matter, turn in _RULES if turn.search(low)), Matter.OTHER)


def plain_of(text: str) -> str:
    """Return a text as models read it: so many characters, no addresses, links and numbers.

    What names one person or one order says nothing about the others, and is not to be learned.
    """
    plain = text[:_READ_CHARS].replace("\u2019", "'")
    for sealed, instead in _SEALED:
        plain = sealed.sub(instead, plain)
    return " ".join(plain.split())

"""What shall be done once at a vendor. Each kind of command has its own content.

A content may be personal (an address, a text), so the outbox keeps it sealed.
"""

import re
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Final, Literal

import msgspec

from trueup.canon.content import CommandContent
from trueup.canon.postage import AttachLabel, BuyLabel, VoidLabel
from trueup.canon.return_command import ApproveReturn, DeclineReturn, OpenReturn, RefundReturn
from trueup.canon.ticket import Priority, TicketStatus
from trueup.errors import invariant
from trueup.kernel.money import Money

__all__ = ["AttachLabel", "BuyLabel", "CommandContent", "VoidLabel"]  # they have files of their own


class Purpose(StrEnum):
    """What a customer is written to for; it says which consent that needs."""

    TRANSACTIONAL = "transactional"  # about their order
    SERVICE = "service"  # an answer
    MARKETING = "marketing"


class SendMessage(CommandContent, frozen=True, kw_only=True):
    """A message to a customer or to the team.

    Attributes:
        to: e-mail, phone in E.164, or a channel of the team.
        purpose: of one to a customer, where the hub writes it by itself.
        template: the vendor's name of an approved template, where the medium needs one.
        language: of the template, as the vendor writes it ("en_US").
        variables: of the template, in their order.
        reply_to_ref: the message, thread or ticket that it answers.
        over: of an answer in a ticket: the medium by which it reaches the customer; what they said
            of being written to over that one counts.
        attachments: (name, media type, base64 content); for media that take files.
    """

    command: ClassVar[str] = "message.send"

    to: str
    purpose: Purpose | None = None
    text: str = ""
    subject: str | None = None
    html: str | None = None
    template: str | None = None
    language: str | None = None
    variables: tuple[str, ...] = ()
    reply_to_ref: str | None = None
    over: str | None = None
    attachments: tuple[tuple[str, str, str], ...] = ()


class ReplyToTicket(CommandContent, frozen=True, kw_only=True):
    """An answer to the customer in a ticket; or, not `public`, a note that only the team sees.

    Attributes:
        purpose, over: of an answer that the hub writes by itself, as of `SendMessage`.
    """

    command: ClassVar[str] = "ticket.reply"

    ticket_ref: str
    text: str
    html: str | None = None
    public: bool = False
    purpose: Purpose | None = None
    over: str | None = None


class ChangeTicket(CommandContent, frozen=True, kw_only=True):
    """New tags, priority, status or assignee of a ticket; what is None stays as it is."""

    command: ClassVar[str] = "ticket.change"

    ticket_ref: str
    tags_added: tuple[str, ...] = ()
    tags_removed: tuple[str, ...] = ()
    priority: Priority | None = None
    status: TicketStatus | None = None
    assignee_ref: str | None = None
    team_ref: str | None = None


class CreateTicket(CommandContent, frozen=True, kw_only=True):
    """A new ticket on behalf of a customer."""

    command: ClassVar[str] = "ticket.create"

    email: str
    subject: str
    text: str
    name: str | None = None
    tags: tuple[str, ...] = ()
    priority: Priority | None = None


class PostJournalLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line: a debit is above zero, a credit below.

    Attributes:
        tax_code: the accounting system's id of a tax code, where its books want one on a line.
        tax_on: whether that is a tax on sales or on purchases.
    """

    account_ref: str
    amount: Money
    memo: str | None = None
    tax_code: str | None = None
    tax_on: Literal["sales", "purchases"] | None = None


class PostJournal(CommandContent, frozen=True, kw_only=True):
    """A journal to be posted once; its lines sum to zero and are of one currency."""

    command: ClassVar[str] = "journal.post"

    number: str
    posted_on: date
    lines: tuple[PostJournalLine, ...]
    memo: str | None = None

    def __post_init__(self) -> None:
        currencies = {line.amount.currency for line in self.lines}
        invariant(len(currencies) == 1, "a journal is of one currency")
        invariant(not sum(line.amount.amount for line in self.lines), "a journal sums to zero")


class ChangeProfile(CommandContent, frozen=True, kw_only=True):
    """What a CRM shall know of a customer; what is None stays as it is.

    Attributes:
        consents: (medium, subscribed, since): consent is stated with the time it was given.
        properties: the CRM's own fields, as text.
    """

    command: ClassVar[str] = "profile.change"

    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    external_ref: str | None = None
    properties: tuple[tuple[str, str], ...] = ()
    consents: tuple[tuple[str, bool, datetime | None], ...] = ()


class ChangeLists(CommandContent, frozen=True, kw_only=True):
    """In which lists of a CRM a customer shall stand, and in which not; in all others as they do.

    Attributes:
        email, phone, external_ref: who it is; one is enough.
        joined, left: the CRM's ids of lists.
    """

    command: ClassVar[str] = "list.change"

    email: str | None = None
    phone: str | None = None
    external_ref: str | None = None
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        invariant(self.joined or self.left, "a list is joined or left")
        invariant(not set(self.joined) & set(self.left), "no list is both joined and left")


class NoteActivity(CommandContent, frozen=True, kw_only=True):
    """Something a customer did, told to a CRM."""

    command: ClassVar[str] = "activity.note"

    name: str
    occurred_at: datetime
    email: str | None = None
    phone: str | None = None
    value: Money | None = None
    properties: tuple[tuple[str, str], ...] = ()


class ConfirmShipment(CommandContent, frozen=True, kw_only=True):
    """Tell a channel that units of an order have left."""

    command: ClassVar[str] = "shipment.confirm"

    order_ref: str
    carrier: str
    tracking_number: str
    shipped_at: datetime
    lines: tuple[tuple[str, int], ...] = ()  # (line_ref, quantity); empty: all of them
    service: str | None = None
    tracking_url: str | None = None
    notify: bool = True


class RefundPayment(CommandContent, frozen=True, kw_only=True):
    """Money back to a customer."""

    command: ClassVar[str] = "payment.refund"

    payment_ref: str
    amount: Money
    reason: str | None = None
    order_ref: str | None = None


class FlagListing(CommandContent, frozen=True, kw_only=True):
    """A mark at a listing that the storefront can show, such as that little is left.

    Attributes:
        raised: it shall stand; else it shall not.
        expected_on: the day by which it will be sold out, as far as that is known.
    """

    command: ClassVar[str] = "listing.flag"

    sku: str
    variant_ref: str
    raised: bool
    expected_on: date | None = None


class DraftPurchase(CommandContent, frozen=True, kw_only=True):
    """A purchase order to be drafted at the ERP; a person there sends it."""

    command: ClassVar[str] = "purchase.draft"

    number: str
    supplier_ref: str
    currency: str
    lines: tuple[tuple[str, int, Money | None], ...]  # (sku, quantity, cost of one)
    expected_on: date | None = None


class PublishListing(CommandContent, frozen=True, kw_only=True):
    """A product that a channel shall show and sell, with all its variants; or not, for now."""

    command: ClassVar[str] = "listing.publish"

    product_ref: str
    published: bool


HOLD_NAME: Final = "trueup"
_HOLD_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,39}")


class HoldOrder(CommandContent, frozen=True, kw_only=True):
    """An order that shall not be sent until the hold of this name is released.

    Attributes:
        name: of the hold; an order can be held for several reasons, each under its own name.
        note: what the team of the shop reads beside it.
    """

    command: ClassVar[str] = "order.hold"

    order_ref: str
    reason: Literal["payment", "fraud", "address", "stock", "other"] = "other"
    name: str = HOLD_NAME
    note: str | None = None

    def __post_init__(self) -> None:
        invariant(_HOLD_NAME.fullmatch(self.name), "a hold's name is small letters and digits")


class ReleaseOrder(CommandContent, frozen=True, kw_only=True):
    """The hold of this name shall stand no longer; what others hold stays held."""

    command: ClassVar[str] = "order.release"

    order_ref: str
    name: str = HOLD_NAME

    def __post_init__(self) -> None:
        invariant(_HOLD_NAME.fullmatch(self.name), "a hold's name is small letters and digits")


class TagOrder(CommandContent, frozen=True, kw_only=True):
    """Tags of an order that shall stand, and others that shall not; all others stay."""

    command: ClassVar[str] = "order.tag"

    order_ref: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        invariant(self.added or self.removed, "a tag is added or removed")
        invariant(not set(self.added) & set(self.removed), "no tag is both added and removed")


class CancelOrder(CommandContent, frozen=True, kw_only=True):
    """An order that shall be cancelled as a whole; nothing brings it back.

    Attributes:
        restock: its units go back to where they lay.
        refund: what was paid goes back the way it came.
        notify: the channel writes to the customer.
        note: what the team of the shop reads beside it.
    """

    command: ClassVar[str] = "order.cancel"

    order_ref: str
    reason: Literal["customer", "fraud", "stock", "payment", "staff", "other"] = "other"
    restock: bool = True
    refund: bool = True
    notify: bool = False
    note: str | None = None


_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{3,39}")


class CreateDiscount(CommandContent, frozen=True, kw_only=True):
    """A code that takes something off one purchase, until a day.

    Attributes:
        code: ours alone; the vendor is asked for it by this.
        percent: of the goods, 1 to 100; or else
        amount: off the whole order.
        uses: how often it can be used.
        customer_ref: only this customer may use it, by the vendor's id.
        email: only this address may, where the vendor knows customers by it.
    """

    command: ClassVar[str] = "discount.create"

    code: str
    starts_at: datetime
    ends_at: datetime
    percent: int | None = None
    amount: Money | None = None
    uses: int = 1
    customer_ref: str | None = None
    email: str | None = None

    def __post_init__(self) -> None:
        invariant(_CODE.fullmatch(self.code), "a code is 4 to 40 large letters, digits and dashes")
        invariant((self.percent is None) != (self.amount is None), "a percentage or an amount")
        invariant(self.percent is None or 1 <= self.percent <= 100, "1 to 100 percent")
        invariant(self.amount is None or self.amount.amount > 0, "an amount above zero")
        invariant(self.uses >= 1, "a code can be used")
        invariant(self.starts_at < self.ends_at, "a code has an end, after its start")


class GiveCredit(CommandContent, frozen=True, kw_only=True):
    """Store credit for a customer, which pays for what they buy at the shop.

    Attributes:
        expires_on: the last day on which it can be used; None: it stays.
        notify: the channel writes to the customer.
    """

    command: ClassVar[str] = "credit.give"

    customer_ref: str
    amount: Money
    expires_on: date | None = None
    notify: bool = False

    def __post_init__(self) -> None:
        invariant(self.amount.amount > 0, "a credit is above zero")


_CONTENTS: dict[str, type[CommandContent]] = {
    each.command: each
    for each in (
        *(SendMessage, ReplyToTicket, ChangeTicket, CreateTicket, PostJournal),
        *(ChangeProfile, ChangeLists, NoteActivity, ConfirmShipment, RefundPayment, DraftPurchase),
        *(
            FlagListing,
            PublishListing,
            HoldOrder,
            ReleaseOrder,
            TagOrder,
            CancelOrder,
            CreateDiscount,
        ),
        *(OpenReturn, ApproveReturn, DeclineReturn, RefundReturn),
        *(BuyLabel, VoidLabel, AttachLabel, GiveCredit),
    )
}
_ENCODER = msgspec.json.Encoder(decimal_format="string")


def command_contents() -> dict[str, type[CommandContent]]:
    """Return the content of every command by the command's name."""
    return dict(_CONTENTS)


def encode_content(content: CommandContent) -> bytes:
    """Return the content as JSON bytes."""
    return _ENCODER.encode(content)


def decode_content(command: str, body: bytes) -> CommandContent:
    """Return the content that `encode_content` wrote for `command`."""
    invariant(command in _CONTENTS, f"unknown command {command!r}; known: {sorted(_CONTENTS)}")
    return msgspec.json.decode(body, type=_CONTENTS[command])

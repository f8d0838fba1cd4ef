"""What each cause says, and what a person can do about it: in words."""

from typing import Final, NamedTuple

from trueup.reconcile.loop_causes import CAUSES as RETURN_CAUSES
from trueup.reconcile.report import UNEXPLAINED


class Meaning(NamedTuple):
    """What a cause says, and what can be done."""

    says: str
    to_do: str


_LOOK = "Look at both sides in their own systems."
_READ_AGAIN = "Read it again: trueup backfill. What was lost is then booked by itself."

_MEANINGS: Final = {
    UNEXPLAINED: Meaning("nothing that was read says why", _LOOK),
    "duplicate_retry": Meaning(
        "it was paid twice within minutes, as a retry does", "Refund one of the two."
    ),
    "missing_payment": Meaning(
        "the order counts as owed, and no payment names it",
        "Ask the shop whether it was paid; if not, ask the customer or cancel it.",
    ),
    "missing_webhook": Meaning("the provider tells of a payment that was never told", _READ_AGAIN),
    "missing_entry": Meaning(
        "a payment stands in no account of its provider",
        "Look for it at the provider; it may never have been captured.",
    ),
    "payment_without_order": Meaning(
        "a payment names an order that nobody told of",
        "Read the shop's orders again; if there is none, refund it.",
    ),
    "payment_failed": Meaning(
        "the order counts as paid by a payment that failed", "Ask for the money before it is sent."
    ),
    "overpayment": Meaning("more was paid than was owed", "Refund what is too much."),
    "underpayment": Meaning(
        "less was paid than is owed", "Ask for the rest, or correct the order."
    ),
    "rounding": Meaning("it is off by a rounding", "Accept it, or allow a tolerance."),
    "partial_refund": Meaning(
        "a part was refunded on one side only", "Book the refund in the other system too."
    ),
    "unlinked_refund": Meaning(
        "money went back, and no refund of an order says so", "Find the order that it belongs to."
    ),
    "missing_refund": Meaning(
        "a refund is told, and the account did not pay it out", "Ask the provider for it."
    ),
    "currency_conversion": Meaning(
        "the provider changed the currency", "Compare its rate; then accept it."
    ),
    "fee_change": Meaning(
        "the fee is another than the usual one", "Hold it beside the contract with the provider."
    ),
    "reserve": Meaning(
        "the provider keeps it back for a while", "Wait until the day of its release."
    ),
    "dispute": Meaning(
        "the customer's bank wants it back", "Answer the dispute before its day is over."
    ),
    "test_order": Meaning("it is a test", "Delete it in the shop, or accept it."),
    "instalment_interest": Meaning("it is interest on instalments", "Accept it."),
    "items_missing": Meaning(
        "the parts of an order do not come to its total", "Look at the order in the shop."
    ),
    "unknown_code": Meaning(
        "the provider uses a word that is not known", "Report the word; it will be understood."
    ),
    "parked_event": Meaning(
        "an event about it could not be applied", "Look at the parked events, and try them again."
    ),
    "manual_edit": Meaning(
        "somebody edited it by hand", "Ask who did; then correct the other side."
    ),
    "tax_inclusive": Meaning(
        "one side counts the tax, the other does not", "Check the tax setting of the shop."
    ),
    "missing_tax_line": Meaning(
        "a line that is taxed elsewhere has no tax line", "Check the tax setting of the product."
    ),
    "rate_change": Meaning(
        "the rate is another than the usual one there", "Check the rate; laws do change."
    ),
    "not_posted": Meaning(
        "the money ledger has nothing of the order", "Book it: trueup money catch-up."
    ),
    "not_journaled": Meaning(
        "the day's journals do not hold what the ledger booked", "Post the day's journals again."
    ),
    "missing_there": Meaning(
        "the other system has most orders of this shop, and not this one",
        "Carry it there again, or find out why it was refused.",
    ),
    "draft_there": Meaning("it is a draft in the other system", "Confirm it there."),
    "voided_there": Meaning(
        "it was voided in the other system, and lives at the shop", "Ask who voided it, and why."
    ),
    "unpaid_there": Meaning(
        "it is paid at the shop, and open in the other system", "Book the payment there."
    ),
    "cancelled_here": Meaning(
        "the shop cancelled it, and the other system still counts it", "Void it there."
    ),
    "carried_twice": Meaning("the other system has it more than once", "Void all but one."),
    "without_order": Meaning(
        "a document names an order that no shop has told of",
        "Read the shop's orders again; if there is none, void it there.",
    ),
    "shipping_differs": Meaning(
        "the shipping is left out there, or added once more", "Correct the document there."
    ),
    "discount_differs": Meaning(
        "the discount is not taken off there, or twice", "Correct the document there."
    ),
    "lines_differ": Meaning(
        "the units of its lines are others there", "Hold the lines beside each other."
    ),
    "unshipped": Meaning(
        "it is paid, and was not sent for longer than is allowed",
        "Send it, or cancel it and tell the customer.",
    ),
    "shipment_untold": Meaning(
        "the shop says that it was sent, and tells no shipment", _READ_AGAIN
    ),
    "delivered_unshipped": Meaning(
        "the carrier delivered it, and nobody says that it was sent",
        "Mark it as sent in the shop, so that its units leave the books.",
    ),
    "shipped_too_many": Meaning(
        "more was sent than was ordered", "Look at the parcels; ask the customer to send it back."
    ),
    "shipped_refunded": Meaning(
        "units were sent that had been taken off and refunded",
        "Stop the parcel, or ask the customer to send it back.",
    ),
    "shipped_cancelled": Meaning(
        "it was sent after the order was cancelled",
        "Stop the parcel, or ask the customer to send it back.",
    ),
    "shipment_without_order": Meaning(
        "a shipment is of an order that nobody told of", "Read the shop's orders again."
    ),
    "not_ordered": Meaning(
        "it was sent, and no line of the order is of it", "Look at the order and at the parcel."
    ),
    "unknown_sku": Meaning(
        "a shipment names a SKU that nobody lists", "Correct the SKU in the system that ships."
    ),
    "ambiguous": Meaning(
        "more than one line of the bank fits, or none fits exactly",
        "Choose the right one on the payout's page.",
    ),
    "not_arrived": Meaning(
        "it was paid out, and no line of the bank shows it in time",
        "Import the bank's newest statement; then ask the provider.",
    ),
    "payout_missing": Meaning(
        "entries name a payout that nobody told of", "Read the provider's payouts again."
    ),
    "entries_missing": Meaning(
        "a payout has no entries", "Read the provider's entries again, or import its report."
    ),
    "split_customer": Meaning(
        "one person is two customers in this system", "Merge them there, or cut the join here."
    ),
    "unmapped_sku": Meaning(
        "it is sold, and moves the stock of nothing", "Give the variant a SKU in the shop."
    ),
    "oversold": Meaning(
        "more is promised than there is", "Order more, or cancel and tell the customers."
    ),
    "balance_differs": Meaning("a balance is not the sum of its postings", "Report it: a bug."),
    "transaction_unbalanced": Meaning("a transaction does not sum to zero", "Report it: a bug."),
    "money_unbalanced": Meaning("money does not sum to zero", "Report it: a bug."),
    "serials_differ": Meaning(
        "the serials on hand are not as many as the units", "Count the SKU at the dock."
    ),
    "not_read": Meaning("no poll has read it since", "Read the books' journals: trueup backfill."),
    "deleted_there": Meaning(
        "it was deleted in the books, or is a draft", "Post it there again, or take it back here."
    ),
    "changed_there": Meaning(
        "somebody changed it in the books", "Put it right there, or take the journal back here."
    ),
}
_PHANTOM: Final = Meaning(
    "an order holds units and will not take them", "Let them go on the page of phantoms."
)


_LOOK_AT_RETURN: Final = "Look at the return, fact by fact."


def every_meaning() -> tuple[Meaning, ...]:
    """Return all that a cause may say and what can be done about it."""
    returns = (Meaning(says, _LOOK_AT_RETURN) for says in RETURN_CAUSES.values())
    return *_MEANINGS.values(), _PHANTOM, *returns


def meaning_of(cause: str) -> Meaning:
    """Return what a cause says; of one that is not known that it has to be looked at."""
    if cause in RETURN_CAUSES:
        return Meaning(RETURN_CAUSES[cause], _LOOK_AT_RETURN)
    if cause.startswith("phantom_"):
        return _PHANTOM
    return _MEANINGS.get(cause, Meaning(cause.replace("_", " "), _LOOK))

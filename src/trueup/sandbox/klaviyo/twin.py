"""The simulated Klaviyo, as the rules of quality use it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from trueup.canon.command import ChangeLists, ChangeProfile, CommandContent, NoteActivity
from trueup.kernel.money import Money
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.klaviyo.vendor import API_KEY, KlaviyoVendor
from trueup.sandbox.twin import Heard, Twin, VendorTwin

_CHANGE: Final = "profile.change"
_LIST: Final = "list.change"
_NOTE: Final = "activity.note"
_MARA: Final = "mara@buyers.example"
_METRIC: Final = "Parcel Delivered"


class KlaviyoTwin(VendorTwin[KlaviyoVendor]):
    """One account with a profile that has agreed to nothing yet."""

    def __init__(self) -> None:
        super().__init__(KlaviyoVendor(ManualClock()))
        self.secrets = {"api_key": API_KEY, "webhook_secret": "sandbox-secret-of-klaviyo"}
        self.vendor.webhook_secret = self.secrets["webhook_secret"]
        account = self.vendor.account
        account.work_s = 3600.0
        mara, _ = account.upsert({"email": _MARA, "first_name": "Mara", "external_id": "7001"})
        self.best, self.others = account.new_list(), account.new_list()
        account.lists[self.others].add(mara["id"])

    def happen(self, count: int) -> None:
        """Let customers come, agree, order, be written to and leave again."""
        account = self.vendor.account
        for number in range(count):
            self.advance(90)
            who = {"email": f"buyer{number}@buyers.example", "phone_number": f"+4917012{number:05}"}
            profile, _ = account.upsert(who | {"external_id": f"C-{number}"})
            wanted = "SUBSCRIBED" if number % 3 else "UNSUBSCRIBED"
            consent = {"email": {"marketing": {"consent": wanted}}}
            job = {"profiles": {"data": [{"attributes": who | {"subscriptions": consent}}]}}
            account.take_job(job, subscribing=wanted == "SUBSCRIBED")
            account.settle()
            order = {"$value": 10 + number, "$value_currency": "EUR", "OrderNumber": f"#{number}"}
            account.record(profile["id"], "Placed Order", order)
            if number % 4 == 1:
                account.record(profile["id"], "Received SMS", {"Message Body": "when is it here?"})
            if number % 4 == 2:
                account.suppress(profile["id"], "HARD_BOUNCE")
        self.advance(1)
        self.vendor.flush()

    def heard(self) -> Sequence[Heard]:
        """Return the webhooks that came since, with what still waited for a bundle."""
        self.vendor.flush()
        return super().heard()

    def contents(self) -> Mapping[str, CommandContent]:
        """Return a subscription, a move from list to list, and a parcel that arrived."""
        consent = ("email", True, self.now() - timedelta(days=2))
        return {
            _CHANGE: ChangeProfile(email=_MARA, consents=(consent,)),
            _LIST: ChangeLists(email=_MARA, joined=(self.best,), left=(self.others,)),
            _NOTE: NoteActivity(
                name=_METRIC,
                occurred_at=self.now() - timedelta(hours=1),
                email=_MARA,
                value=Money(Decimal("118.40"), "EUR"),
                properties=(("order_number", "P-7001"),),
            ),
        }

    def refused(self) -> Mapping[str, CommandContent]:
        """Return the same of an address that is none, and a list that is not there."""
        return {
            _CHANGE: ChangeProfile(email="mara@nowhere", consents=(("email", False, None),)),
            _LIST: ChangeLists(email=_MARA, joined=("GONE01",)),
            _NOTE: NoteActivity(name=_METRIC, occurred_at=self.now(), email="mara@nowhere"),
        }

    def done(self, kind: str) -> int:
        """Return how often it stands done, by what is there once all is worked off."""
        account = self.vendor.account
        if kind == _CHANGE:
            profile = account.find({"email": _MARA})
            stands = profile is not None and (
                profile["subscriptions"]["email"]["marketing"]["consent"] == "SUBSCRIBED"
            )
            return int(stands or account.jobs > 0)
        if kind == _LIST:
            best, others = (account.lists[ref] for ref in (self.best, self.others))
            return len(best - others)
        if kind == _NOTE:
            return len(account.noted(_METRIC))
        return 0

    def settle(self) -> None:
        """Let jobs and events that were taken in stand."""
        self.vendor.account.settle()


def open_twin() -> Twin:
    """Open a fresh account."""
    return KlaviyoTwin()

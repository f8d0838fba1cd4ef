"""What stands in one account at the simulated Klaviyo, and what becomes of it in time."""

import copy
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from trueup.sandbox.klaviyo.refusal import Refusal

Body = dict[str, Any]

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_IDENTIFIERS = ("email", "phone_number", "external_id")
_PLAIN = ("first_name", "last_name", "organization", "locale", "title", "image", "location")
_PLACE = ("address1", "address2", "city", "country", "region", "zip", "timezone", "ip")
_CHANNELS = {"email": "email", "sms": "sms", "whatsapp": "whatsapp", "push": "mobile_push"}
_MEMBERS_MAX = 1000
_CONSENT_METRICS = {
    ("email", True): "Subscribed to Email Marketing",
    ("email", False): "Unsubscribed from Email Marketing",
    ("sms", True): "Subscribed to SMS Marketing",
    ("sms", False): "Unsubscribed from SMS Marketing",
}


class Account:
    """Profiles, lists, events and what is still at work.

    Args:
        now: the vendor's time.
        new_code: gives ids.
        happened: hears of each event that is recorded.

    Attributes:
        work_s: how long a job or an event takes until it stands.
        double_opt_in: a subscription without a time of consent waits for the customer.
        jobs: how many jobs were taken in.
        lists: which profiles are in each list.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        new_code: Callable[[int], str],
        happened: Callable[[Body, str], None],
    ) -> None:
        self._now, self._new_code, self._happened = now, new_code, happened
        self.profiles: dict[str, Body] = {}
        self.events: dict[str, Body] = {}
        self.metrics: dict[str, str] = {}
        self.lists: dict[str, set[str]] = {}
        self.work_s = 20.0
        self.double_opt_in = False
        self.jobs = 0
        self.waiting_for_customers: list[Body] = []
        self._taken: list[tuple[str, str]] = []
        self._unique: set[tuple[str, str, str]] = set()
        self._work: list[tuple[datetime, Callable[[], None]]] = []

    # -- time ------------------------------------------------------------------------------------

    def stamp(self) -> str:
        """Return now as Klaviyo writes it."""
        return self._now().replace(microsecond=0).isoformat()

    def work(self) -> None:
        """Do what is due by now."""
        due = [act for at, act in self._work if at <= self._now()]
        self._work = [(at, act) for at, act in self._work if at > self._now()]
        for act in due:
            act()

    def settle(self) -> None:
        """Do all that was taken in, however young it is."""
        acts, self._work = [act for _, act in self._work], []
        for act in acts:
            act()

    def at_work(self) -> int:
        """Return how much was taken in and does not stand yet."""
        return len(self._work)

    def _later(self, act: Callable[[], None]) -> None:
        self._work.append((self._now() + timedelta(seconds=self.work_s), act))

    # -- profiles --------------------------------------------------------------------------------

    def find(self, who: Mapping[str, Any]) -> Body | None:
        """Return the profile that an identifier names, if it is there.

        Raises:
            Refusal: the identifiers are of different profiles.
        """
        found = {
            ref: profile
            for ref, profile in self.profiles.items()
            for name in _IDENTIFIERS
            if who.get(name) and profile["attributes"].get(name) == who[name]
        }
        if len(found) > 1:
            raise Refusal(
                409,
                "duplicate_profile",
                "The identifiers belong to different profiles.",
                pointer="/data/attributes",
            )
        return next(iter(found.values()), None)

    def upsert(self, who: Mapping[str, Any]) -> tuple[Body, bool]:
        """Make or change a profile; returns it, and whether it is new.

        Raises:
            Refusal: an identifier is none, or they are of different profiles.
        """
        _check(who)
        profile = self.find(who)
        fresh = profile is None
        if profile is None:
            profile = self._new_profile()
        about = profile["attributes"]
        for name in (*_IDENTIFIERS, *_PLAIN):
            if name in who:
                about[name] = who[name]
        about["properties"] = about["properties"] | dict(who.get("properties") or {})
        about["updated"] = self.stamp()
        return profile, fresh

    def suppress(self, ref: str, reason: str) -> None:
        """Stop mails to a profile, as after a hard bounce."""
        marketing = self.profiles[ref]["subscriptions"]["email"]["marketing"]
        marketing["suppression"] = [{"reason": reason, "timestamp": self.stamp()}]
        marketing["can_receive_email_marketing"] = False
        self.profiles[ref]["attributes"]["updated"] = self.stamp()
        self.record(ref, "Bounced Email", {})

    def _new_profile(self) -> Body:
        ref = f"01{self._new_code(24)}"
        attributes: Body = dict.fromkeys((*_IDENTIFIERS, *_PLAIN))
        attributes |= {"created": self.stamp(), "updated": self.stamp(), "properties": {}}
        attributes |= {"last_event_date": None, "location": dict.fromkeys(_PLACE)}
        self.profiles[ref] = {
            "type": "profile",
            "id": ref,
            "attributes": attributes,
            "subscriptions": _no_consent(),
            "links": {"self": f"https://a.klaviyo.com/api/profiles/{ref}/"},
        }
        return self.profiles[ref]

    # -- lists -----------------------------------------------------------------------------------

    def new_list(self) -> str:
        """Make a list that is empty; returns its id."""
        ref = self._new_code(6)
        self.lists[ref] = set()
        return ref

    def members(self, ref: str, told: list[Body]) -> tuple[set[str], set[str]]:
        """Return who is in a list, and who is named.

        Raises:
            Refusal: there is no such list, or no such profile, or too many are named.
        """
        if ref not in self.lists:
            raise Refusal(404, "not_found", "A list with that id does not exist.")
        named = {each["id"] for each in told}
        if not 1 <= len(named) <= _MEMBERS_MAX or not named <= self.profiles.keys():
            raise Refusal(400, "invalid", "Invalid profiles.", pointer="/data")
        return self.lists[ref], named

    # -- consent ---------------------------------------------------------------------------------

    def take_job(self, job: Body, *, subscribing: bool) -> None:
        """Take in a job of consent; it is done later.

        Raises:
            Refusal: a value of it is not valid.
        """
        historical = bool(job.get("historical_import"))
        for place, profile in enumerate(job["profiles"]["data"]):
            about = profile["attributes"]
            pointer = f"/data/attributes/profiles/data/{place}/attributes"
            _check(about, pointer)
            for channel, purposes in about["subscriptions"].items():
                name = "email" if channel == "email" else "phone_number"
                if not about.get(name):
                    raise Refusal(400, "invalid", f"{name} is required.", pointer=pointer)
                dated = "consented_at" in purposes["marketing"]
                if subscribing and dated != historical:
                    at = f"{pointer}/subscriptions/{channel}/marketing/consented_at"
                    raise Refusal(400, "invalid", "Goes with historical_import.", pointer=at)
        self.jobs += 1
        taken = copy.deepcopy(job)
        self._later(lambda: self._do_job(taken, subscribing=subscribing))

    def confirm(self) -> None:
        """Let all customers press the link of the mail that asks them."""
        waiting, self.waiting_for_customers = self.waiting_for_customers, []
        for about in waiting:
            self._consent(about, subscribing=True)

    def _do_job(self, job: Body, *, subscribing: bool) -> None:
        for profile in job["profiles"]["data"]:
            about = profile["attributes"]
            if subscribing and self.double_opt_in and not job.get("historical_import"):
                self.waiting_for_customers.append(about)
            else:
                self._consent(about, subscribing=subscribing)

    def _consent(self, about: Body, *, subscribing: bool) -> None:
        known = {name: about[name] for name in _IDENTIFIERS if about.get(name)}
        profile, _ = self.upsert(known)
        for channel, purposes in about["subscriptions"].items():
            marketing = profile["subscriptions"][_CHANNELS[channel]]["marketing"]
            wanted = purposes["marketing"]
            changed = marketing["consent"] != wanted["consent"]
            marketing |= {
                "consent": wanted["consent"],
                "consent_timestamp": wanted.get("consented_at") or self.stamp(),
            }
            marketing["last_updated"] = self.stamp()
            if channel == "email":
                marketing["suppression"] = []
                marketing["double_optin"] = self.double_opt_in
                marketing["method"] = "API"
            metric = _CONSENT_METRICS.get((channel, subscribing))
            if changed and metric is not None:
                self.record(profile["id"], metric, {})

    # -- events ----------------------------------------------------------------------------------

    def take_event(self, told: Body) -> None:
        """Take in an event; it stands later, once per unique id, profile and metric.

        Raises:
            Refusal: a value of it is not valid.
        """
        who = told["profile"]["data"]["attributes"]
        _check(who, "/data/attributes/profile/data/attributes")
        name = told["metric"]["data"]["attributes"]["name"]
        if not name or len(name) > 128:
            raise Refusal(400, "invalid", "Invalid metric name.", pointer="/data/attributes/metric")
        taken = copy.deepcopy(told)
        self._taken.append((name, str(told.get("unique_id"))))
        self._later(lambda: self._do_event(taken))

    def noted(self, name: str) -> set[str]:
        """Return the unique ids of all events of a metric that were taken in."""
        return {unique for metric, unique in self._taken if metric == name}

    def _do_event(self, told: Body) -> None:
        profile, _ = self.upsert(told["profile"]["data"]["attributes"])
        name = told["metric"]["data"]["attributes"]["name"]
        at = datetime.fromisoformat(told["time"]) if told.get("time") else self._now()
        unique = told.get("unique_id") or str(int(at.timestamp()))
        properties = dict(told["properties"]) | {"$event_id": unique}
        if told.get("value") is not None:
            properties["$value"] = told["value"]
        if told.get("value_currency"):
            properties["$value_currency"] = told["value_currency"]
        if (unique, profile["id"], name) not in self._unique:
            self._unique.add((unique, profile["id"], name))
            self.record(profile["id"], name, properties, at)

    def record(
        self, profile_ref: str, name: str, properties: Body, at: datetime | None = None
    ) -> str:
        """Record an event of a profile at once; returns its id."""
        metric = self.metrics.setdefault(name, self._new_code(6))
        at = (at or self._now()).replace(microsecond=0)
        ref = self._new_code(11)
        event = {
            "type": "event",
            "id": ref,
            "attributes": {
                "timestamp": int(at.timestamp()),
                "event_properties": properties,
                "datetime": at.isoformat(),
                "uuid": self._new_code(32),
            },
            "relationships": {
                "profile": {"data": {"type": "profile", "id": profile_ref}},
                "metric": {"data": {"type": "metric", "id": metric}},
            },
            "links": {"self": f"https://a.klaviyo.com/api/events/{ref}/"},
        }
        self.events[ref] = event
        self._happened(event, name)
        return ref


def _check(who: Mapping[str, Any], pointer: str = "/data/attributes") -> None:
    if not any(who.get(name) for name in _IDENTIFIERS):
        raise Refusal(400, "invalid", "An identifier is required.", pointer=pointer)
    if who.get("email") and not _EMAIL.fullmatch(who["email"]):
        raise Refusal(400, "invalid", "Invalid email address.", pointer=f"{pointer}/email")
    if who.get("phone_number") and not _PHONE.fullmatch(who["phone_number"]):
        at = f"{pointer}/phone_number"
        raise Refusal(400, "invalid", "Invalid phone number format.", pointer=at)


def _no_consent() -> Body:
    none: Body = {"consent": "NEVER_SUBSCRIBED", "consent_timestamp": None, "last_updated": None}
    email = none | {
        "can_receive_email_marketing": True,
        "method": None,
        "double_optin": None,
        "suppression": [],
        "list_suppressions": [],
    }
    return {
        "email": {"marketing": email},
        "sms": {"marketing": none | {"can_receive_sms_marketing": False}},
        "whatsapp": {"marketing": none | {"can_receive": False}},
        "mobile_push": {
            "marketing": {
                "can_receive_push_marketing": False,
                "consent": "NEVER_SUBSCRIBED",
                "consent_timestamp": None,
            }
        },
    }

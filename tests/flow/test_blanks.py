"""Goal: what is personal in a command is filled in when it is ordered: once, sealed, or not at all.

Method: a blank that needs a customer's postal address, asked for by a rule; customers who are
forgotten before and while it is ordered, orders of nobody, and processes that die in between.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from tests.support.contact import MIA, Post, Wish, open_post
from tests.support.mail import Mail
from trueup.canon.command import SendMessage
from trueup.decisions import filled
from trueup.decisions import order as ordering
from trueup.decisions.blank import Blank, Filled, Filling
from trueup.decisions.blanks import find_blanks
from trueup.decisions.contact.addressee import find_addressee
from trueup.decisions.contact.permit import Withdraw
from trueup.decisions.model import Action
from trueup.decisions.reads import find_decision

pytestmark = pytest.mark.anyio

DEPOT = "depot@brand.example"


class Pickup(Blank, frozen=True, kw_only=True):
    """The depot shall fetch something at a customer's."""

    command: ClassVar[str] = "pickup"

    of: str

    async def fill(self, at: Filling) -> Filled | Withdraw:
        """Return the mail to the depot."""
        who = await find_addressee(at.conn, at.hub, self.of)
        if who is None or who.home is None or at.connection_id is None:
            return Withdraw(because="nobody knows where they live")
        home = who.home.address
        text = "\n".join((*home.lines, home.postcode or "", home.city or ""))
        content = SendMessage(to=DEPOT, subject="Fetch", text=text)
        return Filled(content=content, connection_id=at.connection_id, person=who.home.person)


@pytest.fixture(autouse=True)
def pickup(monkeypatch: pytest.MonkeyPatch) -> None:
    def blanks() -> Mapping[str, type[Blank]]:
        return {**find_blanks(), Pickup.command: Pickup}

    monkeypatch.setattr(filled, "find_blanks", blanks)
    monkeypatch.setattr(ordering, "find_blanks", blanks)
    monkeypatch.setattr("tests.support.contact.find_blanks", blanks)


def fetch(post: Post, of: str) -> Action:
    """Return that the depot shall fetch something."""
    number = post.brand.hub.number_of("smtp")
    return Action(content=Pickup(of=of), connection_id=number, what="fetch it")


def texts(mail: Mail, to: str = DEPOT) -> list[str]:
    """Return what somebody was written."""
    return [each.message.get_content() for each in mail.taken if each.to == (to,)]


async def cycle(post: Post, times: int = 2) -> None:
    for _ in range(times):
        await post.turn()
        await post.send()
        post.brand.clock.advance(31)


async def test_an_address_is_filled_in_once_and_kept_nowhere_open(database_url: str) -> None:
    async with open_post(database_url) as post:
        to = await post.sell()
        post.wish(to, fetch(post, to))
        await post.turn()
        assert texts(post.mail, MIA) == [], "the notice waits until what it tells of was done"
        await cycle(post, 3)
        [text] = texts(post.mail)
        assert "10115" in text
        assert len(texts(post.mail, MIA)) == 1
        assert await post.states() == ["done"]
        [(kept,)] = await post.brand.rows("SELECT d::text FROM decisions.decision d")
        assert to in kept
        assert "10115" not in kept
        sealed = await post.brand.rows("SELECT content, person FROM outbox.command")
        assert len(sealed) == 2
        assert all(b"10115" not in bytes(body) and person is not None for body, person in sealed)


@pytest.mark.parametrize("step", ["want_commands", "move"])
async def test_a_crash_while_it_is_ordered_orders_it_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with open_post(database_url) as post:
        to = await post.sell()
        post.wish(to, fetch(post, to))

        async def dies(*_: object, **__: object) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as dying:
            dying.setattr(filled if step == "want_commands" else ordering, step, dies)
            with pytest.raises(KeyboardInterrupt):
                await cycle(post, 3)
        await cycle(post, 3)
        assert len(texts(post.mail)) == 1
        assert await post.states() == ["done"]


async def test_of_who_was_forgotten_nothing_is_filled_in_and_it_rests(database_url: str) -> None:
    async with open_post(database_url) as post:
        to, nobody = await post.sell(), f"connection/{post.number}/order/77"
        post.wish(to, fetch(post, to))
        post.wishes.standing["late"][nobody] = Wish(actions=(fetch(post, nobody),))
        await post.brand.rows("DELETE FROM govern.person RETURNING 1")
        await cycle(post)
        assert (post.mail.taken, await post.states()) == ([], ["withdrawn", "withdrawn"])
        for number in (1, 2):
            row, steps = await find_decision(post.brand.conn, number)
            assert "nobody knows where they live" in steps[-1]["why"]
            assert row["rests_until"] > post.brand.clock.now()


async def test_who_is_forgotten_while_it_is_filled_in_goes_dark(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_post(database_url) as post:
        to = await post.sell()
        post.wishes.standing["late"][to] = Wish(actions=(fetch(post, to),))
        meant = Pickup.fill

        async def late(self: Pickup, at: Filling) -> Filled | Withdraw:
            said = await meant(self, at)
            await at.conn.execute("DELETE FROM govern.person")
            return said

        with monkeypatch.context() as slow:
            slow.setattr(Pickup, "fill", late)
            await cycle(post)
        assert (post.mail.taken, await post.states()) == ([], ["withdrawn"])
        assert "whom it is about was forgotten meanwhile" in (await post.why())[-1]

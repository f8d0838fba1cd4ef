"""A brand whose customers have words of their own, and a reader that learned them."""

from datetime import timedelta

import msgspec

from tests.support.brand import Brand
from trueup.models.model import Look
from trueup.models.tickets.learn import MODEL, History, Ticketed
from trueup.models.tickets.matters import Matter, plain_of
from trueup.models.tickets.reader import Labelled
from trueup.models.train import Trained, train_model

OURS = {
    Matter.WHERE_IS_ORDER: (
        "Hows my bundle doing, any movement?",
        "Give me an ETA for the bundle please",
        "Is the bundle moving, any news on it?",
        "Got an ETA for my bundle?",
    ),
    Matter.DAMAGED: (
        "The zip on the bundle is bust",
        "Bust zip and a snapped buckle on this one",
        "Its buckle snapped right off, zip is bust too",
    ),
    Matter.OTHER: (
        "You people are the best, have a lovely weekend",
        "Lovely people, the best shop, have a nice day",
        "Have a great day, you lovely people",
    ),
}
"""As this brand's customers say it; the words of the rule are not among them."""

ASKS = "Hey, give me an ETA for my bundle, any movement?"


def history(brand: Brand, tickets: int = 240) -> History:
    """Return what the team tagged: one ticket an hour, of each matter in turn."""
    texts = [(matter, text) for matter, all_of in OURS.items() for text in all_of]
    now, found = brand.clock.now(), []
    for n in range(tickets):
        matter, text = texts[n % len(texts)]
        at = now - timedelta(hours=tickets - n)
        labelled = Labelled(plain_of(f"{text} ({n})"), matter)
        found.append(Ticketed(at.date(), labelled))
    return History(tuple(found), len(found))


async def keep_reader(brand: Brand) -> Trained:
    """Train the reader of tickets on the brand's own words, and keep it."""
    known = history(brand)

    async def read(look: Look) -> History:
        del look
        return known

    model = msgspec.structs.replace(MODEL, read=read)
    now = brand.clock.now()
    return await train_model(
        brand.conn, brand.hub, model, now, drift_share=0.5, tell=lambda _what, _share: None
    )

"""What a person may hand in: our own events, alone or in a list. The topic says which."""

from trueup.connectors.manual import mapping, reservation
from trueup.contract.envelope import Forms

FORMS = Forms(
    nouns={"movement": (mapping.TOPIC,), "reservation": (reservation.TOPIC,)},
    topics=frozenset((mapping.TOPIC, reservation.TOPIC)),
)

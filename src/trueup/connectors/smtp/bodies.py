"""What a person may hand in: mails that came back. A mail is no JSON and has one meaning here."""

from trueup.connectors.smtp.mapping import TOPIC
from trueup.contract.envelope import Forms

FORMS = Forms(
    nouns={TOPIC: (TOPIC,)},
    words=dict.fromkeys(("bounce", "bounces", "report", "mail", "eml", "message"), TOPIC),
    topics=frozenset((TOPIC,)),
)

"""Everything that can go wrong outside our control, as one tree.

HubError
├── ConfigError                 config.*        the person who runs the hub must change something
├── ConnectorError              connector.*
│   ├── AuthExpired             connector.auth_expired      ask the human once
│   ├── RateLimited             connector.rate_limited      after_s
│   ├── Unavailable             connector.unavailable       later
│   │   └── Resting             connector.resting           later: nobody asks for a while
│   ├── Refused                 connector.refused           never
│   └── ContractBroken          connector.contract_broken   never: the vendor broke its own words
├── IntakeError                 intake.*
│   ├── SignatureInvalid        intake.signature_invalid    401
│   ├── BodyTooLarge            intake.body_too_large       413
│   ├── BodyTooSlow             intake.body_too_slow        408
│   ├── MediaTypeUnsupported    intake.media_type           415
│   └── ConnectionUnknown       intake.connection_unknown   404
├── LedgerError                 ledger.*
│   ├── InsufficientStock       ledger.insufficient_stock   commands only, never facts
│   ├── SerialElsewhere         ledger.serial_elsewhere     commands only, never facts
│   ├── KeyReused               ledger.key_reused           same key, other content
│   └── ReservationClosed       ledger.reservation_closed   409: it holds nothing any more
├── ActionError                 action.*
│   ├── OutcomeUnknown          action.outcome_unknown      read back before any retry
│   └── Withheld                action.withheld             never: it may not be sent any more
├── AccessError                 access.*
│   ├── NotSignedIn             access.not_signed_in        401
│   ├── NotAllowed              access.not_allowed          403: the role has no right to it
│   ├── FormStale               access.form_stale           403: not a form of ours, or too old
│   ├── ConfirmFirst            access.confirm_first        403: the password is asked for again
│   ├── SecondFactorFirst       access.second_factor        403: a code of the app is owed
│   ├── WrongCredentials        access.wrong_credentials    403
│   ├── IssuerRefused         access.issuer_refused     403: it does not say who somebody is
│   ├── GuessedTooOften         access.guessed_too_often    after_s
│   └── LinkSpent               access.link_spent           410
└── DatabaseError               database.*
    ├── DatabaseUnavailable     database.unavailable        later
    └── DatabaseUnsafe          database.unsafe             refuses to start

InvariantBroken stands outside the tree: it is a bug, and no room catches it.
Bad data is never raised at all: it is an `Issue`, a value (see `trueup.canon.issue`).
"""

from typing import ClassVar, Literal

Fate = Literal["never", "later", "after_s", "ask_human", "read_back"]


class InvariantBroken(AssertionError):
    """Something that can not be true is true: this is a bug in Trueup."""


def invariant(condition: object, message: str) -> None:
    """Raise `InvariantBroken` unless `condition` holds (also under `python -O`)."""
    if not condition:
        raise InvariantBroken(message)


class HubError(Exception):
    """Something went wrong.

    Attributes:
        code: stable, dotted, lower case; what programs match on.
        fate: what should be done next.
        context: ids and numbers that help to find the cause; never personal data.
    """

    code: ClassVar[str] = "hub.error"
    fate: ClassVar[Fate] = "never"

    def __init__(self, message: str = "", /, **context: object) -> None:
        self.message = message or (type(self).__doc__ or self.code).strip().splitlines()[0]
        self.context = context
        super().__init__(self.message)

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in self.context.items())
        return f"{self.message} ({facts})" if facts else self.message


class ConfigError(HubError):
    """The configuration is wrong."""

    code = "config.invalid"
    fate = "ask_human"


class ConnectorError(HubError):
    """A vendor's system did not do what was asked."""

    code = "connector.error"


class AuthExpired(ConnectorError):
    """The vendor no longer accepts our credentials; connect the account again."""

    code = "connector.auth_expired"
    fate = "ask_human"


class RateLimited(ConnectorError):
    """The vendor asked us to slow down."""

    code = "connector.rate_limited"
    fate = "after_s"

    def __init__(self, message: str = "", /, *, after_s: float, **context: object) -> None:
        super().__init__(message, after_s=after_s, **context)
        self.after_s = after_s


class Unavailable(ConnectorError):
    """The vendor's system did not answer, or answered that it is down; nothing was done."""

    code = "connector.unavailable"
    fate = "later"


class Resting(Unavailable):
    """The vendor failed too often; nothing was asked, and nobody asks until a pause is over."""

    code = "connector.resting"

    def __init__(self, message: str = "", /, *, after_s: float, **context: object) -> None:
        super().__init__(message, after_s=after_s, **context)
        self.after_s = after_s


class Refused(ConnectorError):
    """The vendor understood the request and will not do it."""

    code = "connector.refused"


class ContractBroken(ConnectorError):
    """The vendor's answer does not have the shape its documentation promises."""

    code = "connector.contract_broken"


class IntakeError(HubError):
    """A delivery was refused at the door."""

    code = "intake.refused"
    status: ClassVar[int] = 400


class SignatureInvalid(IntakeError):
    """The delivery's signature does not match any active secret of the connection."""

    code = "intake.signature_invalid"
    status = 401


class BodyTooLarge(IntakeError):
    """The delivery's body is larger than the connection accepts."""

    code = "intake.body_too_large"
    status = 413


class BodyTooSlow(IntakeError):
    """The delivery's body did not come in time; send it again."""

    code = "intake.body_too_slow"
    status = 408


class MediaTypeUnsupported(IntakeError):
    """The delivery's content type is not one the connector reads."""

    code = "intake.media_type"
    status = 415


class ConnectionUnknown(IntakeError):
    """There is no such connection; see `trueup connections`."""

    code = "intake.connection_unknown"
    status = 404


class LedgerError(HubError):
    """The ledger refused a command."""

    code = "ledger.error"
    status: ClassVar[int] = 409


class InsufficientStock(LedgerError):
    """There are fewer units available than the command asks for."""

    code = "ledger.insufficient_stock"


class SerialElsewhere(LedgerError):
    """A serial that the command names is not where it is to be taken from."""

    code = "ledger.serial_elsewhere"


class KeyReused(LedgerError):
    """The idempotency key was used before with other content."""

    code = "ledger.key_reused"


class ReservationClosed(LedgerError):
    """The reservation has ended in another way, so this can not be done with it."""

    code = "ledger.reservation_closed"


class ActionError(HubError):
    """An action could not be carried out."""

    code = "action.error"


class OutcomeUnknown(ActionError):
    """The request was sent, and no answer says whether it was done; read back before any retry."""

    code = "action.outcome_unknown"
    fate = "read_back"


class Withheld(ActionError):
    """It was not sent: by the time it was to leave it might not be sent any more."""

    code = "action.withheld"

    def __init__(self, message: str = "", /, *, reason: str, **context: object) -> None:
        super().__init__(message, reason=reason, **context)
        self.reason = reason


class AccessError(HubError):
    """Somebody may not come in, or may not do what they ask for."""

    code = "access.refused"
    status: ClassVar[int] = 403


class NotSignedIn(AccessError):
    """Nobody is signed in here; programs send a token: `Authorization: Bearer ...`."""

    code = "access.not_signed_in"
    status = 401


class NotAllowed(AccessError):
    """Your role has no right to this; an owner can give you another."""

    code = "access.not_allowed"


class FormStale(AccessError):
    """This form is too old, or not one of ours; open its page again."""

    code = "access.form_stale"


class ConfirmFirst(AccessError):
    """Enter your password once more: this matters, and the last time is a while ago."""

    code = "access.confirm_first"

    def __init__(
        self, message: str = "", /, *, fields: tuple[tuple[str, str], ...] = (), **context: object
    ) -> None:
        super().__init__(message, **context)
        self.fields = fields


class SecondFactorFirst(AccessError):
    """Show your second factor first: a code of your app."""

    code = "access.second_factor"


class WrongCredentials(AccessError):
    """The name and the password do not belong together."""

    code = "access.wrong_credentials"


class IssuerRefused(AccessError):
    """The issuer did not say, in a way that can be believed, who you are."""

    code = "access.issuer_refused"


class GuessedTooOften(AccessError):
    """That failed too often."""

    code = "access.guessed_too_often"
    fate = "after_s"
    status = 429

    def __init__(self, message: str = "", /, *, after_s: int, **context: object) -> None:
        super().__init__(message, after_s=after_s, **context)
        self.after_s = after_s


class LinkSpent(AccessError):
    """This link was used, is too old, or was taken back; ask for a new one."""

    code = "access.link_spent"
    status = 410


class DatabaseError(HubError):
    """The database could not be used."""

    code = "database.error"


class DatabaseUnavailable(DatabaseError):
    """The database does not answer."""

    code = "database.unavailable"
    fate = "later"


class DatabaseUnsafe(DatabaseError):
    """The database is set up in a way that can lose acknowledged events."""

    code = "database.unsafe"
    fate = "ask_human"

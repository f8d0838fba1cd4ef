"""One call to a vendor's token endpoint: a grant goes out, a token comes back."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from trueup.contract.egress import Egress
from trueup.contract.grant import Grant, Token
from trueup.contract.loader import ConnectorFolder
from trueup.contract.oauth import Scheme, judge_token_reply, scheme_of
from trueup.errors import OutcomeUnknown, Refused, Unavailable
from trueup.intake.connections import Account
from trueup.outbox.policy import policy_of

EXCHANGE_TIMEOUT_S = 10.0


def token_scheme(folder: ConnectorFolder | None, account: Account) -> Scheme | None:
    """Return how an account comes by its tokens; None where a person gives what it needs."""
    if folder is None or not folder.has("auth"):
        return None
    return scheme_of(folder.manifest, account.connection.settings)


async def exchange(
    folder: ConnectorFolder, settings: Mapping[str, str], secrets: Mapping[str, str], grant: Grant
) -> Token:
    """Ask for a token.

    Args:
        folder: of a connector with an `auth.py`.
        settings: of the connection.
        secrets: of the connection; holds `refresh_token` for a grant of that kind.
        grant: what it is asked for with.

    Raises:
        AuthExpired: the grant is no longer accepted.
        Unavailable: there is no token now; the vendor may have handed one out that was lost.
        RateLimited, Refused, ContractBroken: as they say.
    """
    request = folder.auth.token_request(settings, secrets, grant)
    if not urlsplit(request.path).netloc:
        raise Refused("The connector names no whole address of its token endpoint")
    policy = policy_of(settings.get("api_base") or request.path, settings)
    async with Egress(policy, total_timeout_s=EXCHANGE_TIMEOUT_S) as egress:
        try:
            # To its own origin: to any other one it would go without its credentials.
            reply = await egress.send(request.path, request)
        except OutcomeUnknown as error:
            # No call of ours was carried out, so nothing is to be read back.
            raise Unavailable("The vendor's token endpoint did not answer.") from error
    judge_token_reply(reply)
    return folder.auth.token(reply)

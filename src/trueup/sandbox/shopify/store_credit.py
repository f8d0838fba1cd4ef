"""Store credit: accounts of a customer, one for each currency, made with the first credit."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from trueup.sandbox.shopify.scopes import allow
from trueup.sandbox.shopify.search import parse
from trueup.sandbox.shopify.shop import Credit, Shop, gid
from trueup.sandbox.shopify.view import Ask, Pick, listed, money, number_of

__all__ = ["accounts", "give"]

_READS: Final = "read_store_credit_accounts"
_TELLS: Final = "read_store_credit_account_transactions"
_WRITES: Final = "write_store_credit_account_transactions"
_NAME: Final = "storeCreditAccountCredit"
_MAX: Final = Decimal(15_000)


def accounts(ask: Ask, owner: int, args: dict[str, Any]) -> object:
    """Return a customer's accounts, those of one currency where that is asked for."""
    allow(ask, "storeCreditAccounts", _READS)
    wanted = {term.value for term in parse(args.pop("query", None))}
    given = ask.shop.credits.get(owner, [])
    currencies = sorted({each.currency for each in given})
    found = [each for each in currencies if not wanted or each in wanted]
    return listed(ask, found, lambda currency: _account(ask, owner, currency), args)


def give(ask: Ask, given: dict[str, Any]) -> Pick:
    """Give a customer credit, as often as it is asked for."""
    allow(ask, _NAME, _WRITES)
    shop, wish = ask.shop, given["creditInput"]
    owner = number_of(given["id"], "Customer") or 0
    amount, ends = wish["creditAmount"], wish.get("expiresAt")
    ends_at = None if ends is None else datetime.fromisoformat(ends)
    wrong = _wrong(shop, owner, amount, ends_at)
    if wrong is not None:
        error = Pick(
            "StoreCreditAccountCreditUserError", field=["creditInput"], code=wrong[0],
            message=wrong[1],
        )  # fmt: skip
        return _answer(None, [error])
    if ends_at is not None and shop.settings.credit_ends_by_day:
        ends_at = ends_at.replace(hour=23, minute=59, second=59)
    made = Credit(
        shop.new_id(), Decimal(amount["amount"]), amount["currencyCode"], shop.now(), ends_at,
        notified=bool(wish.get("notify")),
    )  # fmt: skip
    shop.credits.setdefault(owner, []).append(made)
    return _answer(_transaction(ask, owner, made), [])


def _wrong(
    shop: Shop, owner: int, amount: dict[str, Any], ends_at: datetime | None
) -> tuple[str, str] | None:
    if owner not in shop.customers:
        return "OWNER_NOT_FOUND", "Owner does not exist"
    if Decimal(amount["amount"]) <= 0:
        return "NEGATIVE_OR_ZERO_AMOUNT", "Amount must be positive"
    if Decimal(amount["amount"]) > _MAX:
        return "CREDIT_LIMIT_EXCEEDED", "The account's limit would be exceeded"
    if amount["currencyCode"] != shop.settings.currency:
        return "UNSUPPORTED_CURRENCY", "Currency is not supported"
    if ends_at is not None and ends_at <= shop.now():
        return "EXPIRES_AT_IN_PAST", "Expiry date must be in the future"
    return None


def _account(ask: Ask, owner: int, currency: str) -> Pick:
    given = [each for each in ask.shop.credits.get(owner, []) if each.currency == currency]

    def transactions(**args: Any) -> object:  # noqa: ANN401 - page arguments
        allow(ask, "transactions", _TELLS)
        args.pop("query", None)  # all of them are credits
        return listed(ask, given, lambda it: _transaction(ask, owner, it), args)

    return Pick(
        "StoreCreditAccount", id=gid("StoreCreditAccount", owner), transactions=transactions,
        balance=money(sum(each.amount for each in given), currency),
    )  # fmt: skip


def _transaction(ask: Ask, owner: int, made: Credit) -> Pick:
    return Pick(
        "StoreCreditAccountCreditTransaction",
        id=gid("StoreCreditAccountCreditTransaction", made.id), created_at=made.given_at,
        amount=money(made.amount, made.currency), expires_at=made.ends_at,
        balance_after_transaction=money(made.amount, made.currency),
        account=lambda: _account(ask, owner, made.currency),
    )  # fmt: skip


def _answer(transaction: Pick | None, errors: list[Pick]) -> Pick:
    return Pick(
        "StoreCreditAccountCreditPayload", store_credit_account_transaction=transaction,
        user_errors=errors,
    )  # fmt: skip

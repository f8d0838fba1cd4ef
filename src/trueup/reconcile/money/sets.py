"""Hold the books of money beside each other: every step is one statement over whole sets."""

from trueup.reconcile.money.engine import Engine, open_engine
from trueup.reconcile.money.model import Check, Found, Limits, MoneyReport, Rules, Tables
from trueup.reconcile.money.tables import books_of, load_books

_JUDGE = (
    *("touch_payments", "confirm_payments", "find_retried_payments", "write_retried_payments"),
    *("describe_uneven_orders", "judge_sales", "judge_refunds", "judge_strays"),
    "judge_unknown_payments",
)
_JUDGE_ENTRIES = (
    *("describe_uneven_payments", "find_twins", "judge_payments", "judge_lone_entries"),
    *("find_usual_fees", "find_uneven_fees", "tolerate_fees", "judge_fees", "judge_nets"),
)


def reconcile(tables: Tables, rules: Rules, limits: Limits | None = None) -> Found:
    """Compare orders with payments, and payments and fees with the entries of their vendors.

    Args:
        tables: the books; nothing of them is changed.
        rules: by what differences are judged.
        limits: how much of the machine it may take.

    Returns:
        A report per check; or what is wrong with the books, and then nothing was compared.

    Invariant: the differences of the two checks of sums, with what a tolerance let pass, come to
    the difference of the two sides' totals to the last digit, in each currency.
    """
    with open_engine(rules, limits) as engine:
        if issues := load_books(engine.conn, books_of(tables)):
            return Found(issues=issues)
        for name in ("make_owed_payments", "find_uneven_payments", "tolerate_payments"):
            engine.do(name)
        engine.do("drop_tolerated_payments")
        for name in ("find_copies", "write_copies", "find_uneven_orders", "tolerate_orders"):
            engine.do(name)
        engine.do("drop_tolerated_orders")
        for name in _JUDGE:
            engine.do(name)
        reports = [_orders(engine), _duplicates(engine)]
        if tables.entries is not None:
            for name in _JUDGE_ENTRIES:
                engine.do(name)
            reports += [_payments(engine), _fees(engine)]
        return Found(reports=tuple(reports))


def _orders(engine: Engine) -> MoneyReport:
    owed = engine.sums("sum_orders")
    for currency, amount in engine.do("sum_unpaid_cancelled"):
        owed[currency] -= amount
    paid = {currency: amount for currency, amount, _ in engine.do("sum_payments", settled=False)}
    orders = engine.count("orders")
    uneven = engine.do("count_uneven_orders")[0][0]
    counts = (orders, engine.count("owed_payment"), orders - uneven)
    return engine.report(Check.ORDERS, counts, (owed, paid), "sum_order_periods")


def _payments(engine: Engine) -> MoneyReport:
    ours, theirs = engine.do("sum_payments", settled=True), engine.do("sum_entries")
    count = sum(row[2] for row in ours)
    uneven = int(engine.do("count_uneven_payments")[0][0])
    return engine.report(
        Check.PAYMENTS,
        (count, sum(row[2] for row in theirs), count - uneven),
        ({row[0]: row[1] for row in ours}, {row[0]: row[1] for row in theirs}),
        "sum_payment_periods",
    )


def _fees(engine: Engine) -> MoneyReport:
    charges, off = engine.do("count_fees")[0]
    return engine.report(Check.FEES, (charges, charges, charges - off))


def _duplicates(engine: Engine) -> MoneyReport:
    orders, copies = engine.count("orders"), engine.count("copied")
    return engine.report(Check.DUPLICATES, (orders - copies, orders, orders - copies))

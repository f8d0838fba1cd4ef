"""Words of anybody lead to the pages of what they name, and run nothing."""

import pytest

from trueup.console.render import evidence, sentence


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("told by event/5.", "/events/5"),
        ("north/order/1001", "/orders/north/1001"),
        ("order/77 was not known", "/orders/shop/77"),
        ("perhaps stripe/payout/po_2, or none", "/payouts/stripe/po_2"),
        ("stripe/payout/po_2/entries", "/payouts/stripe/po_2"),
        ("north/order/gid:", "/orders/north/gid"),
        ("journal/TU261101-1", "/journals/TU261101-1"),
        ("sku/LAMP", "/skus/LAMP"),
        ("north/order/a?b#c", "/orders/north/a%3Fb%23c"),
    ],
)
def test_what_is_named_leads_to_its_page(text: str, address: str) -> None:
    assert f'<a href="{address}">' in evidence(text, "shop")


@pytest.mark.parametrize(
    "text",
    ["books/journal/77", "event/x", "event/5x", "bank/bank_line/7f3a", "preorder/5", "in order"],
)
def test_what_has_no_page_stays_words(text: str) -> None:
    assert evidence(text, "shop") == text


def test_an_order_that_nobody_tells_of_has_no_page() -> None:
    assert evidence("order/77") == "order/77"


def test_markup_in_words_is_words() -> None:
    shown = evidence("<b>north/order/<script>'\"</b>")
    assert "<b>" not in shown
    assert "<script>" not in shown
    assert "%3Cscript%3E" in shown


def test_a_sentence_begins_large_and_keeps_its_names() -> None:
    assert sentence("a key of ABC, po_1") == "A key of ABC, po_1"
    assert sentence("") == ""

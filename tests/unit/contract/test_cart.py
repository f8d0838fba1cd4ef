"""Links that open a storefront with a filled cart, as a manifest tells."""

import pytest

from trueup.contract.cart import CartLink
from trueup.contract.loader import find_connectors

SHOP = {"shop_domain": "north.myshopify.com"}


def link() -> CartLink:
    found = find_connectors()["shopify"].manifest.cart
    assert found is not None
    return found


def test_a_link_names_each_variant_with_its_units() -> None:
    told = link().link(SHOP, [("41", 2), ("42", 1)])
    assert told == "https://north.myshopify.com/cart/41:2,42:1"


def test_a_code_counts_where_the_storefront_takes_one() -> None:
    told = link().link(SHOP, [("41", 1)], "BACK-AB12")
    assert told == "https://north.myshopify.com/cart/41:1?discount=BACK-AB12"
    bare = CartLink(url="https://x/{lines}", line="{variant}={units}", between="&", source="a page")
    assert bare.link({}, [("41", 1)], "BACK-AB12") is None


@pytest.mark.parametrize(
    ("settings", "lines"), [({}, [("41", 1)]), (SHOP, []), (SHOP, [("41", 1), ("", 1)])]
)
def test_what_is_not_known_makes_no_link(
    settings: dict[str, str], lines: list[tuple[str, int]]
) -> None:
    assert link().link(settings, lines) is None


def test_a_variant_is_one_part_of_the_address() -> None:
    told = link().link(SHOP, [("4/../1?x={shop_domain}", 1)])
    assert told == "https://north.myshopify.com/cart/4%2F..%2F1%3Fx%3D%7Bshop_domain%7D:1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://x/{lines}"},
        {"url": "https://x/"},
        {"line": "{variant}"},
        {"code": "?code"},
    ],
)
def test_what_can_make_no_link_is_no_manifest(wrong: dict[str, str]) -> None:
    whole = {"url": "https://x/{lines}", "line": "{variant}:{units}", "between": ",", "source": "a"}
    with pytest.raises(ValueError, match=r"has|is https"):
        CartLink(**(whole | wrong))

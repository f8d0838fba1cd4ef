"""Why an account could not be connected, in words that help, and without any secret."""

import pytest

from trueup.access.manner import Language, Manner, read_as
from trueup.console.connect_form import draft_of, form_page, free_name
from trueup.console.trouble import explain
from trueup.contract.loader import find_connectors
from trueup.errors import (
    AuthExpired,
    ConfigError,
    ConnectorError,
    ContractBroken,
    HubError,
    RateLimited,
    Refused,
    Unavailable,
)
from trueup.pull.draft import Draft

SHOPIFY = find_connectors()["shopify"]
DRAFT = Draft(
    name="north",
    connector="shopify",
    settings={"shop_domain": "north.myshopify.com"},
    secrets={"access_token": "shpat_secret"},
)


@pytest.mark.parametrize(
    ("error", "said", "mend", "field"),
    [
        (AuthExpired(status=401), "does not let us in", "Admin API access token", ""),
        (Unavailable(status=503), "is down (503)", "Nothing is wrong", ""),
        (Unavailable(cause="ConnectError"), "does not answer", "Nothing is wrong", ""),
        (RateLimited(after_s=12.4), "less often", "in 12 seconds", ""),
        (Refused("no such shop", status=404), "no such shop.", "the account", "shop_domain"),
        (Refused("it is frozen", status=402), "it is frozen.", "Mend it at Shopify", ""),
        (Refused("denied", reason="egress"), "denied.", "stands in", "shop_domain"),
        (ContractBroken("no shop"), "as Shopify does: no shop.", "address", "shop_domain"),
        (ConfigError("name is taken.", field="name"), "name is taken.", "", "name"),
        (ConfigError("The vendor has not granted: a b."), "a b.", "install it anew", ""),
        (ConnectorError("odd"), "odd.", "", ""),
        (TimeoutError(), "takes too long", "Nothing is wrong", ""),
    ],
)
def test_each_error_has_its_words(
    error: HubError | TimeoutError, said: str, mend: str, field: str
) -> None:
    trouble = explain(error, SHOPIFY, DRAFT)
    assert said in trouble.said
    assert mend in trouble.mend
    assert field == trouble.field


def test_what_says_no_more_is_not_repeated() -> None:
    assert "What came back" not in explain(AuthExpired(status=401), SHOPIFY, DRAFT).mend
    told = explain(AuthExpired("the app lacks a scope"), SHOPIFY, DRAFT).mend
    assert told.endswith("What came back: the app lacks a scope.")


def test_it_is_said_in_its_readers_language() -> None:
    with read_as(Manner(language=Language.GERMAN)):
        told = explain(Unavailable(status=503), SHOPIFY, DRAFT)
    assert told.said == "Shopify meldet eine Störung (503)."


def test_what_a_vendor_repeats_of_a_secret_is_left_out() -> None:
    trouble = explain(Refused("the token shpat_secret is bad"), SHOPIFY, DRAFT)
    assert "shpat_secret" not in trouble.said + trouble.mend
    assert "the token … is bad" in trouble.said


def test_a_sandbox_that_is_away_is_told_apart_from_the_vendor() -> None:
    draft = Draft(
        name="n", connector="shopify", settings={"api_base": "http://127.0.0.1:9"}, secrets={}
    )
    assert "sandbox runs" in explain(Unavailable(), SHOPIFY, draft).mend


def test_a_form_holds_what_was_typed_but_no_secret() -> None:
    typed = {"name": "north", "f-shop_domain": "n.myshopify.com", "f-access_token": "shpat_x"}
    page = form_page(SHOPIFY, typed)
    values = {field.key: field.value for field in (*page.first, *page.more)}
    assert values["shop_domain"] == "n.myshopify.com"
    assert "shpat_x" not in str(page)
    draft = draft_of(SHOPIFY, typed | {"f-unheard_of": "x", "f-api_base": ""})
    assert draft.settings == {"shop_domain": "n.myshopify.com"}
    assert draft.secrets == {"access_token": "shpat_x"}


def test_every_connector_has_a_form() -> None:
    for folder in find_connectors().values():
        page = form_page(folder, {})
        keys = [field.key for field in (*page.first, *page.more)]
        assert len(keys) == len(set(keys))
        assert {field.key for field in folder.manifest.config} <= set(keys)


def test_a_name_is_offered_that_nobody_has() -> None:
    assert free_name(SHOPIFY, set()) == "shopify"
    assert free_name(SHOPIFY, {"shopify", "shopify-2"}) == "shopify-3"

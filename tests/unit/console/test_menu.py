"""The menu: sections that somebody may see, and where they are."""

from datetime import UTC, datetime

import pytest

from trueup.access.rights import Role
from trueup.access.visitor import Visitor
from trueup.console.render import SECTIONS, menu_of

VIEWER = Visitor(member_id=1, name="Vic", role=Role.VIEWER, confirmed_at=datetime.now(UTC))
OWNER = Visitor(member_id=2, name="Ada", role=Role.OWNER, confirmed_at=datetime.now(UTC))


@pytest.mark.parametrize(
    ("path", "section", "page"),
    [
        ("/", "Overview", "/"),
        ("/overview.json", "", ""),
        ("/today.json", "Overview", "/today"),
        ("/orders/north/1001", "Orders", "/orders"),
        ("/skus/TEE/X", "Stock", "/skus"),
        ("/events/7", "System", "/parked"),
        ("/rules/delay", "Decisions", ""),
        ("/ordersandmore", "", ""),
        ("/find", "", ""),
    ],
)
def test_where_an_address_belongs(path: str, section: str, page: str) -> None:
    menu = menu_of(OWNER, path)
    assert [link.label for link in menu.sections if link.here] == [section][: bool(section)]
    assert [link.path for link in menu.pages if link.here] == [page][: bool(page)]


def test_a_section_leads_to_the_first_page_that_its_reader_may_see() -> None:
    shown = {link.label: link.path for link in menu_of(VIEWER, "/skus").sections}
    assert "Money" not in shown
    assert shown["System"] == "/connections"
    assert "/dock" not in [link.path for link in menu_of(VIEWER, "/skus").pages]
    assert menu_of(None, "/sign-in") == ((), (), ())


def test_no_page_stands_twice() -> None:
    paths = [page.path for pages in SECTIONS.values() for page in pages]
    assert len(paths) == len(set(paths))

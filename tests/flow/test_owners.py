"""Goal: two shops that tell different things of one SKU. Method: real pipeline, real database."""

import pytest

from tests.support.spine import open_spine
from trueup.records.owners import merge_tellings, read_tellings

pytestmark = pytest.mark.anyio

_LATER = "2026-03-02T13:00:00.5Z"


async def test_what_another_shop_says_is_an_issue_until_both_agree(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await spine.take(spine.product(1, "MUG", name="north", barcode="4001"))
        assert await spine.open_issues() == []
        await spine.take(spine.product(7, "MUG", name="south", barcode="4002", price="22.00"))
        assert await spine.open_issues() == ["product.differs", "product.differs"]
        fields = merge_tellings((await read_tellings(spine.conn, ["MUG"]))["MUG"], {})
        barcode = next(field for field in fields if field.field == "barcode")
        assert barcode.value == "4001"
        assert barcode.others == ((spine.numbers["south"], "4002"),)
        await spine.take(spine.product(7, "MUG", name="south", barcode="4001", at=_LATER))
        assert await spine.open_issues() == []

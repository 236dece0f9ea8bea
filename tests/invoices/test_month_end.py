"""What `make month-end` does with thousands, with a few."""

import pytest

from tests.invoices.month_end import month_end


@pytest.mark.timeout(180)
async def test_workers_are_killed_and_each_invoice_is_one_pdf_one_row_and_one_event():
    result = await month_end(120)
    assert result.wrong == []
    assert (result.made, result.kills) == (120, 2)

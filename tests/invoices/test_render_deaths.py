"""Whoever makes an invoice may be killed at any instruction: the next attempt, or the sweep, completes it."""

import pytest

from app.errors import InvoiceNumberTaken
from app.media import ObjectAddress
from tests.invoices.interrupted import MOMENTS, Killed, rendering, with_issuer
from tests.invoices.orders import order
from tests.story import sha256_of


@pytest.fixture
async def render(environment):
    async with rendering(environment) as step:
        yield step


@pytest.mark.parametrize("moment", MOMENTS)
async def test_after_a_death_the_same_order_completes_it(render, rows, administrator, moment):
    ordered = order()
    with pytest.raises(Killed):
        await render(ordered, dies=moment)
    rendered = await render(ordered)
    assert rendered.is_new == (moment != "after the commit")
    await _is_whole(rows, administrator, ordered)


@pytest.mark.parametrize("moment", MOMENTS[1:3])
async def test_after_a_death_the_sweep_completes_it(render, rows, administrator, moment):
    ordered = order()
    with pytest.raises(Killed):
        await render(ordered, dies=moment)
    assert await render.sweep() == [], "it may still be at it"
    await rows.execute("UPDATE media.invoices SET sweep_at = now()")
    assert [rendered.is_new for rendered in await render.sweep()] == [True]
    await rows.execute("UPDATE media.invoices SET sweep_at = now()")
    assert await render.sweep() == []
    await _is_whole(rows, administrator, ordered)


@pytest.mark.parametrize("moment", MOMENTS[1:])
async def test_a_death_leaves_the_number_to_its_own_order(render, rows, administrator, moment):
    ordered = order()
    with pytest.raises(Killed):
        await render(ordered, dies=moment)
    with pytest.raises(InvoiceNumberTaken):
        await render(order(ordered["invoice_number"], price="2000.00"))
    await render(ordered)
    await _is_whole(rows, administrator, ordered)


async def test_what_another_issuer_completes_is_what_was_begun(render, rows, administrator):
    ordered = order()
    with pytest.raises(Killed):
        await render(ordered, dies="after the claim")
    await with_issuer(render, "Renamed Networks")(ordered)
    document = await rows.fetchval("SELECT document::text FROM media.invoices")
    assert "Sample Networks" in document
    assert "Renamed" not in document
    await _is_whole(rows, administrator, ordered)


async def test_a_death_after_the_number_was_superseded_keeps_both(render, rows, administrator):
    first = (await render(ordered := order())).media
    newer = {**order(ordered["invoice_number"], price="2000.00"), "supersedes": str(first.id)}
    with pytest.raises(Killed):
        await render(newer, dies="after the PUT")
    await render(newer)
    assert await rows.fetchval("SELECT count(*) FROM media.media_objects") == 2
    assert await rows.fetchval("SELECT count(*) FROM media.outbox") == 2
    paths = {row["storage_path"] for row in await rows.fetch("SELECT storage_path FROM media.media_objects")}
    number = ordered["invoice_number"]
    assert paths == {f"invoices/{number}.pdf", f"invoices/{number}-r2.pdf"}


async def test_bytes_of_a_forgotten_time_are_not_taken_for_another_order(render, rows, failures):
    """The database was restored to before the invoice, storage was not."""
    ordered = order()
    await render(ordered)
    await rows.execute("TRUNCATE media.invoices, media.media_objects")
    with pytest.raises(InvoiceNumberTaken):
        await render(order(ordered["invoice_number"], price="2000.00"))
    assert [entry["event"] for entry in failures] == ["invoice.place_taken"]
    failures.clear()
    assert await rows.fetchval("SELECT count(*) FROM media.media_objects") == 0


async def _is_whole(rows, administrator, ordered):
    """One row, one event, and the bytes that the row tells of."""
    assert await rows.fetchval("SELECT count(*) FROM media.outbox") == 1
    media = await rows.fetchrow("SELECT * FROM media.media_objects")
    assert media["storage_path"] == f"invoices/{ordered['invoice_number']}.pdf"
    address = ObjectAddress(media["bucket_name"], media["storage_path"])
    response = await administrator.get_object(address.bucket, address.key)
    async with response:
        pdf = await response.read()
    assert (media["file_size"], media["checksum_sha256"]) == (len(pdf), sha256_of(pdf))
    assert (media["version_id"] or "null") == response.headers.get("x-amz-version-id", "null")

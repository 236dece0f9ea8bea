"""InvoiceGenerated on the bus: what can't work is parked with its reason and holds up nothing."""

import asyncio
import json

import pytest

from tests.invoices.orders import generated, minimal, order


async def _until(rows, sql, value):
    async with asyncio.timeout(30):
        while await rows.fetchval(sql) != value:
            await asyncio.sleep(0.02)


@pytest.fixture
async def dead(bus, billing_subject):
    """What is parked from now on, of this test's subject."""
    subscription = await bus.subscribe("media.dead.BILLING")

    async def next_one():
        async with asyncio.timeout(20):
            while True:
                message = await subscription.next_msg(timeout=20)
                if message.headers["Media-Subject"] == billing_subject:
                    return message

    return next_one


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{", "no InvoiceGenerated"),
        (b"[1]", "event_type is not InvoiceGenerated"),
        (json.dumps({**order(), "event_type": "InvoicePaid"}).encode(), "event_type is not InvoiceGenerated"),
        (generated({**order(), "invoice_number": "../../secrets"}), "invoice_number"),
        (generated({**order(), "invoice_data": {}}), "subscriber"),
        (b'{"event_type": "InvoiceGenerated", "x": "' + b"a" * 700_000 + b'"}', "invoice_id"),
    ],
    ids=["half a message", "a list", "another event", "a path", "no data", "700 KB"],
)
async def test_what_is_no_order_is_parked_and_the_next_is_made(worker, generate, rows, dead, payload, reason):
    await generate(payload)
    await generate(generated(good := minimal()))
    parked = await dead()
    assert parked.data == payload
    assert reason in parked.headers["Media-Reason"]
    await _until(
        rows, "SELECT invoice_number FROM media.invoices WHERE rendered_at IS NOT NULL", good["invoice_number"]
    )


async def test_a_number_that_is_taken_is_parked_with_the_reason(worker, generate, rows, dead, make):
    made = (await make(ordered := order())).json()
    await generate(generated(order(ordered["invoice_number"], price="2000.00")))
    parked = await dead()
    assert parked.headers["Media-Reason"].startswith("invoice_number_taken: ")
    assert made["id"] in parked.headers["Media-Reason"]
    assert await rows.fetchval("SELECT count(*) FROM media.invoices") == 1


async def test_a_parked_order_can_be_replayed(worker, generate, rows, dead, api, bearer, make):
    """It came before what it supersedes."""
    first, admin = order(), bearer(roles=["admin"])
    newer = order(first["invoice_number"], price="2000.00")
    made = (await make(first)).json()
    await generate(generated(newer))
    parked = await dead()
    (sequence,) = [item["sequence"] for item in await _all_parked(api, admin) if made["id"] in item["reason"]]
    assert made["id"] in parked.headers["Media-Reason"]
    answer = await api.post(f"/api/v1/admin/parked-messages/{sequence}/replay", headers=admin)
    assert answer.status_code == 204, answer.text
    again = await dead()
    assert made["id"] in again.headers["Media-Reason"]


async def test_the_same_event_delivered_many_times_is_one_invoice(worker, generate, rows, events):
    payload = generated(order())
    for _ in range(20):
        await generate(payload)
    await _until(rows, "SELECT count(*) FROM media.media_objects", 1)
    media_id = await rows.fetchval("SELECT id::text FROM media.media_objects")
    await events.next(media_id)
    await events.none_more(media_id)
    assert await rows.fetchval("SELECT count(*) FROM media.outbox") == 1


async def _all_parked(api, admin):
    found, after = [], 0
    while page := (await api.get(f"/api/v1/admin/parked-messages?after={after}&limit=100", headers=admin)).json()[
        "items"
    ]:
        found, after = found + page, page[-1]["sequence"]
    return found

"""An invoice ordered over HTTP or announced on the bus becomes one PDF, for good."""

import asyncio
import hashlib
import uuid

import pytest

from tests.invoices.orders import generated, minimal, order
from tests.story import download, link_to, sha256_of


async def test_an_invoice_is_made_and_can_be_downloaded(make, api, storage, service, rows, idle_worker, events):
    ordered = order(number := f"FY26-27-{uuid.uuid4().hex[:8]}")
    answer = await make(ordered)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["storage_path"] == f"invoices/{number}.pdf"
    assert made["url"] == f"http://media.test/files/{made['id']}"
    pdf = (await download(api, storage, service, made["id"])).content
    assert pdf.startswith(b"%PDF-")
    media = (await api.get(f"/api/v1/media/{made['id']}", headers=service)).json()
    assert (media["status"], media["file_type"], media["mime_type"]) == ("ready", "pdf", "application/pdf")
    assert (media["context_type"], media["context_id"]) == ("invoice_pdf", ordered["invoice_id"])
    assert (media["file_size"], media["checksum_sha256"]) == (len(pdf), sha256_of(pdf))
    assert media["file_name"] == f"{number}.pdf"
    await idle_worker.relay()
    assert (await events.next(made["id"])).subject == "media.uploaded"
    assert await rows.fetchval("SELECT action FROM media.audit WHERE media_id = $1", made["id"]) == "invoice.rendered"


async def test_the_same_order_again_is_the_same_invoice(make, rows):
    ordered = order()
    first = await make(ordered)
    again = await make(dict(reversed(ordered.items())))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert await rows.fetchval("SELECT count(*) FROM media.outbox") == 1
    assert await rows.fetchval("SELECT count(*) FROM media.media_objects") == 1


async def test_other_data_under_the_same_number_is_refused(make, rows):
    ordered = order()
    first = (await make(ordered)).json()
    other = order(ordered["invoice_number"], price="2000.00")
    answer = await make(other)
    assert (answer.status_code, answer.json()["code"]) == (409, "invoice_number_taken")
    assert first["id"] in answer.json()["detail"]
    assert await rows.fetchval("SELECT count(*) FROM media.invoices") == 1


async def test_a_version_supersedes_the_one_before_which_stays(make, api, storage, service, rows):
    first = (await make(ordered := order())).json()
    before = (await download(api, storage, service, first["id"])).content
    number = ordered["invoice_number"]
    second = await make({**order(number, price="2000.00"), "supersedes": first["id"]})
    assert second.status_code == 201
    assert second.json()["storage_path"] == f"invoices/{number}-r2.pdf"
    third = await make({**order(number, price="3000.00"), "supersedes": second.json()["id"]})
    assert third.json()["storage_path"] == f"invoices/{number}-r3.pdf"
    assert (await download(api, storage, service, first["id"])).content == before
    chain = await rows.fetch("SELECT version, media_id::text, supersedes::text FROM media.invoices ORDER BY version")
    ids = [first["id"], second.json()["id"], third.json()["id"]]
    assert [tuple(row) for row in chain] == [(1, ids[0], None), (2, ids[1], ids[0]), (3, ids[2], ids[1])]
    assert (await make(ordered)).json() == first, "an event that comes late is still what it was"


@pytest.mark.parametrize("named", ["the first", "someone else"])
async def test_only_the_latest_version_can_be_superseded(make, named):
    first = (await make(ordered := order())).json()
    await make({**order(ordered["invoice_number"], price="2000.00"), "supersedes": first["id"]})
    supersedes = first["id"] if named == "the first" else str(uuid.uuid4())
    answer = await make({**order(ordered["invoice_number"], price="3000.00"), "supersedes": supersedes})
    assert (answer.status_code, answer.json()["code"]) == (409, "invoice_number_taken")


async def test_what_is_not_there_can_not_be_superseded(make, rows):
    answer = await make({**order(), "supersedes": str(uuid.uuid4())})
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_supersede")
    assert await rows.fetchval("SELECT count(*) FROM media.invoices") == 0


async def test_two_hundred_at_once_are_one_invoice(make, rows, api, storage, service, root, environment):
    ordered = order()
    answers = await asyncio.gather(*(make(ordered) for _ in range(200)))
    assert sorted({answer.status_code for answer in answers}) == [200, 201]
    assert [answer.status_code for answer in answers].count(201) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await rows.fetchval("SELECT count(*) FROM media.outbox") == 1
    pdf = (await download(api, storage, service, answers[0].json()["id"])).content
    found = await rows.fetchrow("SELECT file_size, checksum_sha256 FROM media.media_objects")
    assert tuple(found) == (len(pdf), sha256_of(pdf))


async def test_two_hundred_at_once_with_other_data_are_one_invoice(make, rows, api, storage, service):
    number = order()["invoice_number"]
    orders = [order(number, price=f"{price}.00") for price in range(1000, 1200)]
    answers = await asyncio.gather(*map(make, orders))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(409)) == (1, 199)
    made = answers[statuses.index(201)].json()
    assert await rows.fetchval("SELECT count(*) FROM media.invoices") == 1
    assert (await download(api, storage, service, made["id"])).status_code == 200


async def test_an_event_becomes_an_invoice(worker, generate, api, storage, service, rows, events):
    ordered = minimal()
    await generate(generated({**ordered, "a_field_of_later": 1}))
    async with asyncio.timeout(20):
        while (made := await rows.fetchval("SELECT id::text FROM media.media_objects")) is None:
            await asyncio.sleep(0.02)
    assert (await events.next(made)).subject == "media.uploaded"
    assert (await download(api, storage, service, made)).content.startswith(b"%PDF-")
    await generate(generated(ordered))
    await generate(generated(other := minimal()))
    async with asyncio.timeout(20):
        while await rows.fetchval("SELECT count(*) FROM media.media_objects") < 2:
            await asyncio.sleep(0.02)
    numbers = {row["invoice_number"] for row in await rows.fetch("SELECT invoice_number FROM media.invoices")}
    assert numbers == {ordered["invoice_number"], other["invoice_number"]}


async def test_a_deleted_invoice_is_not_made_again(make, api, bearer, rows):
    made = (await make(ordered := order())).json()
    admin = bearer(roles=["admin"])
    assert (await api.delete(f"/api/v1/media/{made['id']}", headers=admin)).status_code == 204
    answer = await make(ordered)
    assert (answer.status_code, answer.json()["code"]) == (409, "media_closed")
    newer = await make({**order(ordered["invoice_number"], price="2000.00"), "supersedes": made["id"]})
    assert newer.status_code == 201


async def test_only_services_with_the_scope_make_invoices(api, bearer):
    for claims in ({}, {"roles": ["service"], "scope": "media:write"}, {"roles": ["admin"]}):
        answer = await api.post(
            "/api/v1/media/invoices/generate-pdf", json=order(), headers=bearer(**claims), timeout=30
        )
        assert answer.status_code == 403, claims


async def test_an_invoice_can_not_be_rewritten(make, rows):
    await make(order())
    for change in ("UPDATE media.invoices SET document = '{}'", "DELETE FROM media.invoices"):
        with pytest.raises(Exception, match="an invoice can not be changed"):
            await rows.execute(change)


async def test_a_link_is_signed_for_readers_alone(make, api, bearer, service):
    made = (await make(order())).json()
    assert await link_to(api, service, made["id"])
    assert (await api.get(f"/api/v1/media/{made['id']}", headers=bearer())).status_code == 404


def test_orders_differ():
    assert hashlib.sha256(generated(order())).digest() != hashlib.sha256(generated(order())).digest()

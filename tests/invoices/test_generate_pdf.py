"""Ordering invoices over HTTP: what is wrong is said, and in a batch it holds up nothing else."""

import json

import pytest

from tests.invoices.orders import minimal, order

ONE = "/api/v1/media/invoices/generate-pdf"
MANY = f"{ONE}/batch"


async def test_a_sum_that_is_wrong_is_refused_with_the_right_one(make, rows):
    wrong = order()
    wrong["invoice_data"]["totals"]["total"] = "1181.00"
    answer = await make(wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "invoice_mismatch")
    assert "1181.00" in answer.json()["detail"]
    assert "1180.00" in answer.json()["detail"]
    assert await rows.fetchval("SELECT count(*) FROM media.invoices") == 0


async def test_the_tax_follows_the_place_of_supply(make):
    elsewhere = order()
    elsewhere["invoice_data"]["place_of_supply"] = "29"
    answer = await make(elsewhere)
    assert (answer.status_code, answer.json()["code"]) == (422, "invoice_mismatch")


async def test_an_unknown_field_is_refused(make):
    answer = await make({**order(), "invoice_nubmer": "x"})
    assert answer.status_code == 400
    assert "invoice_nubmer" in answer.json()["detail"]


async def test_ten_thousand_lines_are_refused(api, service):
    many = minimal()
    many["invoice_data"]["line_items"] *= 10_000
    answer = await api.post(ONE, json=many, headers=service)
    assert answer.status_code == 400
    assert "line_items" in answer.json()["detail"]
    assert "1000" in answer.json()["detail"]


async def test_what_would_take_long_to_set_is_refused(api, service):
    many = minimal()
    many["invoice_data"]["line_items"] = [{"description": "अ" * 400, "amount": "10.00"}] * 1_000
    answer = await api.post(ONE, json=many, headers=service)
    assert answer.status_code == 400
    assert "300000 are allowed" in answer.json()["detail"]


@pytest.mark.parametrize("path", [ONE, MANY])
async def test_ten_megabytes_are_refused(api, service, path):
    answer = await api.post(path, content=b" " * 10_000_000, headers={**service, "Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert "4194304" in answer.json()["detail"]


async def test_others_may_send_no_longer_bodies_than_before(api, service):
    body = b" " * 70_000
    answer = await api.post(
        "/api/v1/media/upload", content=body, headers={**service, "Content-Type": "application/json"}
    )
    assert answer.status_code == 413
    assert "65536" in answer.json()["detail"]


async def test_five_hundred_lines_are_made(make):
    many = minimal()
    many["invoice_data"]["line_items"] *= 500
    many["invoice_data"]["totals"]["total"] = "5000.00"
    assert (await make(many)).status_code == 201


async def test_a_batch_says_what_became_of_each(api, service, rows):
    taken, other = order(), order()
    await api.post(ONE, json=taken, headers=service)
    conflicting = order(taken["invoice_number"], price="2000.00")
    broken = {**order(), "invoice_id": 7}
    sent = [taken, conflicting, broken, other, {"x": 1}]
    answer = await api.post(MANY, json={"invoices": sent}, headers=service, timeout=30)
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [(item["status"], item.get("error")) for item in items] == [
        (200, None),
        (409, "invoice_number_taken"),
        (400, "invalid_request"),
        (201, None),
        (400, "invalid_request"),
    ]
    assert [item["invoice_number"] for item in items] == [*[one["invoice_number"] for one in sent[:4]], None]
    assert "invoice_id" in items[2]["detail"]
    assert items[3]["invoice"]["storage_path"] == f"invoices/{other['invoice_number']}.pdf"
    assert await rows.fetchval("SELECT count(*) FROM media.media_objects") == 2


async def test_a_batch_sent_again_changes_nothing(api, service, rows):
    sent = {"invoices": [order() for _ in range(40)]}
    first = (await api.post(MANY, json=sent, headers=service, timeout=50)).json()["items"]
    again = (await api.post(MANY, json=sent, headers=service, timeout=50)).json()["items"]
    assert {item["status"] for item in first} == {201}
    assert {item["status"] for item in again} == {200}
    assert [item["invoice"] for item in first] == [item["invoice"] for item in again]
    assert await rows.fetchval("SELECT count(*) FROM media.outbox") == 40


@pytest.mark.parametrize("count", [0, 501])
async def test_a_batch_has_its_bounds(api, service, count):
    answer = await api.post(MANY, json={"invoices": [{}] * count}, headers=service)
    assert answer.status_code == 400
    assert "invoices" in answer.json()["detail"]


@pytest.fixture
def no_issuer(environment):
    del environment["INVOICE_ISSUER_FILE"]


async def test_a_service_that_knows_no_issuer_says_so(no_issuer, api, service):
    answer = await api.post(ONE, json=order(), headers=service)
    assert (answer.status_code, answer.json()["code"]) == (503, "invoices_not_set_up")


async def test_no_body_gets_a_500(api, service):
    for body in (
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{" * 3000,
        b"\xff",
        b"1e999",
        json.dumps({"invoice_data": []}).encode(),
    ):
        for path in (ONE, MANY):
            answer = await api.post(path, content=body, headers={**service, "Content-Type": "application/json"})
            assert answer.status_code == 400, (path, body[:20], answer.text)

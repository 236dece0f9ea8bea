"""Billing announces an invoice on the bus, and whoever may have it downloads its PDF."""

import json
import secrets
import uuid
from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest

SUBJECT = "billing.invoice.generated"
SAMPLES = Path(__file__).parents[2] / "pdf_templates" / "samples"


@pytest.fixture
def order():
    """A sample with an id and a number that nobody else uses."""
    sample = json.loads((SAMPLES / "one-line.json").read_text())
    number = f"FY26-27-INV-{secrets.token_hex(6)}"
    return {**sample, "invoice_id": str(uuid.uuid4()), "invoice_number": number}


async def test_a_generated_invoice_is_downloaded_as_a_pdf(bus, events, service, anyone, order):
    await bus.publish(SUBJECT, json.dumps({"event_type": "InvoiceGenerated", **order}).encode())
    announced = await events.of_context(order["invoice_id"])
    assert (announced["event_type"], announced["context_type"]) == ("MediaUploaded", "invoice_pdf")
    link = await service.get(f"/api/v1/media/{announced['media_id']}/download")
    assert link.status_code == 302
    downloaded = await anyone.get(link.headers["location"])
    assert downloaded.headers["content-type"] == "application/pdf"
    text = _text(downloaded.content)
    for said in (order["invoice_number"], "Asha Kulkarni", "1,180.00"):
        assert said in text


async def test_an_ordered_invoice_is_answered_at_once(service, anyone, order):
    answer = await service.post("/api/v1/media/invoices/generate-pdf", json=order)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["storage_path"] == f"invoices/{order['invoice_number']}.pdf"
    link = await service.get(f"/api/v1/media/{made['id']}/download")
    assert order["invoice_number"] in _text((await anyone.get(link.headers["location"])).content)


async def test_a_user_makes_and_sees_no_invoice(user, service, order):
    assert (await user.post("/api/v1/media/invoices/generate-pdf", json=order)).status_code == 403
    made = (await service.post("/api/v1/media/invoices/generate-pdf", json=order)).json()
    assert (await user.get(f"/api/v1/media/{made['id']}")).status_code == 404


def _text(pdf):
    document = pypdfium2.PdfDocument(BytesIO(pdf))
    return "".join(page.get_textpage().get_text_bounded() for page in document)

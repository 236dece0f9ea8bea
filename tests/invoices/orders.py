"""Orders of invoices, as billing-service makes them: consistent, and no two with the same number."""

import json
import secrets
import uuid
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "pdf_templates" / "samples"


def order(number=None, *, name="Asha Kulkarni", price="1000.00", **more):
    """An order for one line, taxed with 18 % in the issuer's own state."""
    tax = f"{float(price) * 0.09:.2f}"
    total = f"{float(price) * 1.18:.2f}"
    return {
        "invoice_id": str(uuid.uuid4()),
        "invoice_number": number or f"FY26-27-{secrets.token_hex(6)}",
        "invoice_data": {
            "subscriber": {"name": name, "state_code": "27", "address": ["Law College Road", "Pune 411004"]},
            "line_items": [
                {"description": "Broadband", "quantity": "1", "unit_price": price, "tax_rate": "18", "amount": price}
            ],
            "totals": {"subtotal": price, "cgst": tax, "sgst": tax, "total": total, "balance": total},
            "issue_date": "2026-11-23",
        },
        **more,
    }


def minimal(number=None):
    """The least that makes an invoice."""
    return {
        "invoice_id": str(uuid.uuid4()),
        "invoice_number": number or f"FY26-27-{secrets.token_hex(6)}",
        "invoice_data": {
            "subscriber": {"name": "Asha"},
            "line_items": [{"description": "Broadband", "amount": "10.00"}],
            "totals": {"total": "10.00"},
        },
    }


def generated(ordered):
    """The event that billing-service publishes of it."""
    return json.dumps({"event_type": "InvoiceGenerated", **ordered}).encode()

"""Invoices: what billing-service sends, the issuer's block, and the document that a PDF is made of. Pure.

Amounts are decimal strings in the invoice's currency, never floats: "1180.00". Dates are ISO 8601: "2026-11-23". An
unknown field is refused; on the bus it is left out before (billing.py).
"""

from datetime import date
from hashlib import sha256
from typing import Annotated, Final, Literal, Self
from uuid import UUID

import msgspec
from msgspec import Meta

from app.field_forms import (
    Amount,
    Bic,
    CountryCode,
    CurrencyCode,
    Email,
    Gstin,
    HsnSac,
    Iban,
    Ifsc,
    Line,
    Number,
    Pan,
    Percentage,
    Phone,
    Quantity,
    Sentence,
    StateCode,
    Text,
    Unit,
    UpiId,
    VatId,
    Word,
)

MAX_LINES: Final = 1_000
MAX_ORDER_BYTES: Final = 300_000  # of JSON: what takes seconds to set in type holds up everybody else's
FORMAT_VERSION: Final = 1  # of a document as it is stored and embedded

Address = Annotated[tuple[Line, ...], Meta(max_length=8)]

Language = Literal["en-IN", "hi-IN"]
Standing = Literal["issued", "draft", "cancelled", "duplicate"]
Supply = Literal["regular", "reverse_charge", "sez", "export"]


class Subscriber(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Who is billed. Only the name is required."""

    name: Line
    account_number: Word | None = None
    address: Address = ()
    state_code: StateCode | None = None
    gstin: Gstin | None = None
    country: CountryCode = "IN"
    vat_id: VatId | None = None
    postal_code: Word | None = None
    city: Word | None = None
    phone: Phone | None = None
    email: Email | None = None


class LineItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line. `amount` is before tax: quantity x unit_price - discount. `taxable_value` is `amount` if left out."""

    description: Sentence
    amount: Amount
    hsn_sac: HsnSac | None = None
    quantity: Quantity | None = None
    unit: Unit | None = None
    unit_price: Quantity | None = None
    discount: Amount | None = None
    taxable_value: Amount | None = None
    tax_rate: Percentage | None = None


class OtherTax(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A tax or cess beside GST, in its own name."""

    name: Word
    amount: Amount


class Totals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the lines come to. Only the total is required."""

    total: Amount
    subtotal: Amount | None = None
    discount: Amount | None = None
    cgst: Amount | None = None
    sgst: Amount | None = None
    igst: Amount | None = None
    other_taxes: Annotated[tuple[OtherTax, ...], Meta(max_length=8)] = ()
    round_off: Amount | None = None
    amount_paid: Amount | None = None
    balance: Amount | None = None


class InvoiceData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """`invoice_data`: the contract with billing-service. `place_of_supply` is the subscriber's state if left out."""

    subscriber: Subscriber
    line_items: Annotated[tuple[LineItem, ...], Meta(min_length=1, max_length=MAX_LINES)]
    totals: Totals
    currency: CurrencyCode = "INR"
    language: Language = "en-IN"
    status: Standing = "issued"
    issue_date: date | None = None
    due_date: date | None = None
    service_from: date | None = None
    service_to: date | None = None
    place_of_supply: StateCode | None = None
    supply: Supply = "regular"
    notes: Text | None = None
    terms: Text | None = None

    @property
    def supplied_to(self) -> str | None:
        """The state code that decides between CGST with SGST and IGST."""
        of_gstin = self.subscriber.gstin[:2] if self.subscriber.gstin else None
        return self.place_of_supply or self.subscriber.state_code or of_gstin


class InvoiceOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A request for a PDF. `supersedes` names the media id of the version that this one replaces."""

    invoice_id: UUID
    invoice_number: Number
    invoice_data: InvoiceData
    supersedes: UUID | None = None

    @property
    def sha256(self) -> str:
        """Hex, of the order in its canonical form: the same order has the same one, whatever its JSON looked like."""
        return sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()


class Bank(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where to pay to."""

    account_name: Line
    account_number: Word
    bank_name: Line | None = None
    branch: Line | None = None
    ifsc: Ifsc | None = None
    iban: Iban | None = None
    bic: Bic | None = None


class Issuer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Who bills, as INVOICE_ISSUER_FILE says it in JSON. `logo` is an SVG, the text itself."""

    name: Line
    address: Address = ()
    state_code: StateCode | None = None
    gstin: Gstin | None = None
    pan: Pan | None = None
    country: CountryCode = "IN"
    vat_id: VatId | None = None
    postal_code: Word | None = None
    city: Word | None = None
    phone: Phone | None = None
    email: Email | None = None
    website: Word | None = None
    bank: Bank | None = None
    upi_id: UpiId | None = None
    signatory: Line | None = None
    logo: Annotated[str, Meta(min_length=1, max_length=100_000)] | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a PDF is made of, with the template and the fonts. Kept in the invoice's row, embedded in its PDF."""

    issuer: Issuer
    invoice_id: UUID
    invoice_number: Number
    invoice_data: InvoiceData
    version: Annotated[int, Meta(ge=1, le=100_000)] = 1
    replaces: UUID | None = None
    format: int = FORMAT_VERSION

    @property
    def as_json(self) -> bytes:
        """Canonical: the same document is the same bytes."""
        return msgspec.json.encode(self, order="deterministic")

    @classmethod
    def of(cls, order: InvoiceOrder, issuer: Issuer, *, version: int = 1) -> Self:
        """What is made of an order, as one version of its number."""
        return cls(
            issuer=issuer,
            invoice_id=order.invoice_id,
            invoice_number=order.invoice_number,
            invoice_data=order.invoice_data,
            version=version,
            replaces=order.supersedes,
        )

    @property
    def file_name(self) -> str:
        """`FY26-27-INV-000001.pdf`, and `FY26-27-INV-000001-r2.pdf` of its second version."""
        revision = f"-r{self.version}" if self.version > 1 else ""
        return f"{self.invoice_number}{revision}.pdf"

"""The words on an invoice, in each of its languages. Pure."""

from typing import Final

import msgspec

from app.invoices.data import Language, Standing, Supply


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """Templates in braces are filled by what makes the page, and `{page}` of `{pages}` by the Typst template."""

    tax_invoice: str
    invoice: str
    credit_note: str
    revision: str
    standing: dict[Standing, str]
    bill_to: str
    number: str
    issue_date: str
    due_date: str
    service_period: str
    place_of_supply: str
    supply: str
    supplies: dict[Supply, str]
    account_number: str
    pan: str
    vat_id: str
    state: str
    amount_due: str
    due_by: str
    credit_balance: str
    nothing_to_pay: str
    paid: str
    cancelled_total: str
    item: str
    description: str
    hsn_sac: str
    quantity: str
    unit: str
    unit_price: str
    discount: str
    taxable_value: str
    tax_rate: str
    amount: str
    subtotal: str
    cgst: str
    sgst: str
    igst: str
    tax: str
    round_off: str
    total: str
    amount_paid: str
    balance: str
    in_words: str
    tax_summary: str
    rate: str
    no_rate: str
    total_tax: str
    payment: str
    scan: str
    upi_id: str
    account_name: str
    bank_account: str
    bank: str
    branch: str
    iban: str
    bic: str
    qr: str
    logo: str
    signed_for: str
    signatory: str
    notes: str
    terms: str
    carried_forward: str
    brought_forward: str
    page_count: str
    attachment: str


LABELS: Final[dict[Language, Labels]] = {
    "en-IN": Labels(
        tax_invoice="Tax invoice",
        invoice="Invoice",
        credit_note="Credit note",
        revision="Revision {version}",
        standing={"issued": "", "draft": "Draft", "cancelled": "Cancelled", "duplicate": "Duplicate"},
        bill_to="Bill to",
        number="Invoice number",
        issue_date="Invoice date",
        due_date="Due date",
        service_period="Service period",
        place_of_supply="Place of supply",
        supply="Supply",
        supplies={
            "regular": "",
            "reverse_charge": "Reverse charge: tax payable by the recipient",
            "sez": "To a special economic zone",
            "export": "Export",
        },
        account_number="Account number",
        pan="PAN",
        vat_id="VAT ID",
        state="State",
        amount_due="Amount due",
        due_by="by {date}",
        credit_balance="Credit balance",
        nothing_to_pay="Nothing to pay",
        paid="Paid in full",
        cancelled_total="Total",
        item="#",
        description="Description",
        hsn_sac="HSN/SAC",
        quantity="Quantity",
        unit="Unit",
        unit_price="Unit price",
        discount="Discount",
        taxable_value="Taxable value",
        tax_rate="Tax",
        amount="Amount",
        subtotal="Subtotal",
        cgst="CGST",
        sgst="SGST",
        igst="IGST",
        tax="Tax",
        round_off="Round-off",
        total="Total",
        amount_paid="Amount paid",
        balance="Balance due",
        in_words="Amount in words",
        tax_summary="Tax summary",
        rate="Rate",
        no_rate="No rate",
        total_tax="Total tax",
        payment="Payment",
        scan="Scan with any UPI app",
        upi_id="UPI ID",
        account_name="Account name",
        bank_account="Account number",
        bank="Bank",
        branch="Branch",
        iban="IBAN",
        bic="BIC",
        qr="QR code to pay {amount} by UPI to {upi_id}",
        logo="Logo of {name}",
        signed_for="For {name}",
        signatory="Authorised signatory",
        notes="Notes",
        terms="Terms",
        carried_forward="Carried forward",
        brought_forward="Brought forward",
        page_count="Page {page} of {pages}",
        attachment="The data of invoice {number}",
    ),
    "hi-IN": Labels(
        tax_invoice="कर चालान",
        invoice="चालान",
        credit_note="क्रेडिट नोट",
        revision="संशोधन {version}",
        standing={"issued": "", "draft": "प्रारूप", "cancelled": "रद्द", "duplicate": "प्रतिलिपि"},
        bill_to="बिल प्राप्तकर्ता",
        number="चालान संख्या",
        issue_date="चालान दिनांक",
        due_date="देय तिथि",
        service_period="सेवा अवधि",
        place_of_supply="आपूर्ति का स्थान",
        supply="आपूर्ति",
        supplies={
            "regular": "",
            "reverse_charge": "रिवर्स चार्ज: कर प्राप्तकर्ता द्वारा देय",
            "sez": "विशेष आर्थिक क्षेत्र को",
            "export": "निर्यात",
        },
        account_number="खाता संख्या",
        pan="पैन",
        vat_id="वैट संख्या",
        state="राज्य",
        amount_due="देय राशि",
        due_by="{date} तक",
        credit_balance="जमा शेष",
        nothing_to_pay="कोई भुगतान देय नहीं",
        paid="पूर्ण भुगतान प्राप्त",
        cancelled_total="कुल योग",
        item="क्रम",
        description="विवरण",
        hsn_sac="HSN/SAC",
        quantity="मात्रा",
        unit="इकाई",
        unit_price="इकाई मूल्य",
        discount="छूट",
        taxable_value="कर योग्य मूल्य",
        tax_rate="कर दर",
        amount="राशि",
        subtotal="उप-योग",
        cgst="CGST",
        sgst="SGST",
        igst="IGST",
        tax="कर",
        round_off="पूर्णांकन",
        total="कुल योग",
        amount_paid="भुगतान की गई राशि",
        balance="शेष देय राशि",
        in_words="राशि शब्दों में",
        tax_summary="कर सारांश",
        rate="दर",
        no_rate="बिना दर",
        total_tax="कुल कर",
        payment="भुगतान",
        scan="किसी भी UPI ऐप से स्कैन करें",
        upi_id="UPI आईडी",
        account_name="खाताधारक",
        bank_account="खाता संख्या",
        bank="बैंक",
        branch="शाखा",
        iban="IBAN",
        bic="BIC",
        qr="UPI द्वारा {upi_id} को {amount} के भुगतान का QR कोड",
        logo="{name} का लोगो",
        signed_for="कृते {name}",
        signatory="अधिकृत हस्ताक्षरकर्ता",
        notes="टिप्पणियाँ",
        terms="नियम और शर्तें",
        carried_forward="आगे ले जाया गया",
        brought_forward="पिछले पृष्ठ से लाया गया",
        page_count="पृष्ठ {page} / {pages}",
        attachment="चालान {number} का डेटा",
    ),
}

"""What is left to pay, and how to pay it. Pure."""

from decimal import Decimal

from babel.dates import format_date

from app.invoices.amounts import Currency
from app.invoices.data import Bank, Document, InvoiceData, Totals
from app.invoices.labels import LABELS, Labels
from app.invoices.page_input import Fact, Headline, Payment, Qr
from app.invoices.payment_qr import qr_svg, upi_url


def balance_of(totals: Totals) -> Decimal:
    if totals.balance is not None:
        return Decimal(totals.balance)
    return Decimal(totals.total) - Decimal(totals.amount_paid or 0)


def headline_of(data: InvoiceData, currency: Currency) -> Headline:
    """The one figure that the reader looks for."""
    labels, balance = LABELS[data.language], balance_of(data.totals)
    if data.status == "cancelled":
        return Headline(
            label=labels.cancelled_total, amount=currency.money(data.totals.total), note=labels.nothing_to_pay
        )
    if balance < 0:
        return Headline(label=labels.credit_balance, amount=currency.money(-balance), note=labels.nothing_to_pay)
    return Headline(label=labels.amount_due, amount=currency.money(balance), note=_due_note(data, balance, labels))


def payment_of(document: Document, currency: Currency) -> Payment | None:
    """None when nothing is due. A code is for issued invoices in rupees alone."""
    data, issuer = document.invoice_data, document.issuer
    labels, balance = LABELS[data.language], balance_of(data.totals)
    if balance <= 0 or data.status == "cancelled":
        return None
    facts = _bank_facts(issuer.bank, labels) if issuer.bank else []
    qr = None
    if issuer.upi_id and data.currency == "INR":
        facts.append((labels.upi_id, issuer.upi_id))
        qr = _qr(document, balance, currency) if data.status == "issued" else None
    printed = tuple(Fact(label=label, value=value) for label, value in facts if value)
    return Payment(title=labels.payment, facts=printed, qr=qr) if printed else None


def _due_note(data: InvoiceData, balance: Decimal, labels: Labels) -> str:
    if not balance:
        return labels.paid if Decimal(data.totals.amount_paid or 0) else labels.nothing_to_pay
    if not data.due_date:
        return ""
    return labels.due_by.format(date=format_date(data.due_date, "d MMMM y", locale=data.language.replace("-", "_")))


def _bank_facts(bank: Bank, labels: Labels) -> list[tuple[str, str | None]]:
    return [
        (labels.account_name, bank.account_name),
        (labels.bank_account, bank.account_number),
        (labels.bank, bank.bank_name),
        (labels.branch, bank.branch),
        ("IFSC", bank.ifsc),
        (labels.iban, bank.iban),
        (labels.bic, bank.bic),
    ]


def _qr(document: Document, balance: Decimal, currency: Currency) -> Qr:
    issuer, labels = document.issuer, LABELS[document.invoice_data.language]
    upi_id = issuer.upi_id or ""
    url = upi_url(upi_id, issuer.name, f"{balance:.2f}", document.invoice_number)
    alt = labels.qr.format(amount=currency.money(balance), upi_id=upi_id)
    return Qr(svg=qr_svg(url), alt=alt, caption=labels.scan)

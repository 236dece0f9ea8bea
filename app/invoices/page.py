"""What a PDF says, of its document: every figure, date and label as it is printed. Pure.

The same document gives the same page: no clock, no locale of the system. Templates lay out and calculate nothing.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from babel import Locale
from babel.dates import format_date

from app.invoices.amount_words import in_words
from app.invoices.amounts import Currency, currency_of
from app.invoices.data import Document, InvoiceData, Issuer, Language, Subscriber
from app.invoices.gst_states import state_name
from app.invoices.labels import LABELS, Labels
from app.invoices.lines import columns_of, lines_of
from app.invoices.page_input import Day, Fact, Logo, Page, Party, Passage, Phrases, Signature, Total
from app.invoices.payment import balance_of, headline_of, payment_of
from app.invoices.tax_summary import tax_summary_of


def page_of(document: Document) -> Page:
    data, issuer = document.invoice_data, document.issuer
    labels, currency = LABELS[data.language], _currency(data)
    lines = lines_of(data, currency)
    return Page(
        language=data.language.partition("-")[0],
        region=data.language.partition("-")[2],
        title=_title(document, labels),
        number=document.invoice_number,
        revision=labels.revision.format(version=document.version) if document.version > 1 else "",
        standing=labels.standing[data.status],
        date=_day(data.issue_date),
        issuer=_party("", issuer, data.language),
        logo=Logo(svg=issuer.logo, alt=labels.logo.format(name=issuer.name)) if issuer.logo else None,
        recipient=_party(labels.bill_to, data.subscriber, data.language),
        facts=_facts(document, labels),
        headline=headline_of(data, currency),
        columns=columns_of(lines, labels),
        lines=lines,
        totals=_totals(data, currency, labels),
        in_words=Fact(label=labels.in_words, value=in_words(data.totals.total, data.currency, data.language)),
        tax_summary=tax_summary_of(data, currency),
        payment=payment_of(document, currency),
        signature=_signature(issuer, labels),
        notes=_passage(labels.notes, data.notes),
        terms=_passage(labels.terms, data.terms),
        phrases=Phrases(
            carried_forward=labels.carried_forward,
            brought_forward=labels.brought_forward,
            page_count=labels.page_count,
            attachment=labels.attachment.format(number=document.invoice_number),
        ),
    )


def _title(document: Document, labels: Labels) -> str:
    if Decimal(document.invoice_data.totals.total) < 0:
        return labels.credit_note
    return labels.tax_invoice if document.issuer.gstin else labels.invoice


def _currency(data: InvoiceData) -> Currency:
    totals, lines = data.totals, data.line_items
    summed = [totals.total, totals.subtotal, totals.discount, totals.cgst, totals.sgst, totals.igst, totals.round_off]
    paid = [totals.amount_paid, totals.balance, *(tax.amount for tax in totals.other_taxes)]
    of_lines = [amount for line in lines for amount in (line.amount, line.discount, line.taxable_value)]
    return currency_of(data.currency, data.language, filter(None, [*summed, *paid, *of_lines]))


def _day(day: date | None) -> Day | None:
    return Day(year=day.year, month=day.month, day=day.day) if day else None


def _said(day: date | None, language: Language, form: str = "d MMMM y") -> str:
    return format_date(day, form, locale=language.replace("-", "_")) if day else ""


def _present(facts: Iterable[tuple[str, str | None]]) -> tuple[Fact, ...]:
    return tuple(Fact(label=label, value=value) for label, value in facts if value)


def _party(label: str, party: Issuer | Subscriber, language: Language) -> Party:
    labels = LABELS[language]
    pan, website = (party.pan, party.website) if isinstance(party, Issuer) else (None, None)
    return Party(
        label=label,
        name=party.name,
        lines=(*_address(party, language), *filter(None, (party.phone, party.email, website))),
        facts=_present(
            [
                ("GSTIN", party.gstin),
                (labels.pan, pan),
                (labels.vat_id, party.vat_id),
            ]
        ),
    )


def _address(party: Issuer | Subscriber, language: Language) -> list[str]:
    """City, postal code and foreign country too, unless a line of the address says them."""
    country = "" if party.country == "IN" else Locale.parse(language, sep="-").territories.get(party.country, "")
    written = "\n".join(party.address)
    town = " ".join(part for part in (party.postal_code, party.city) if part and part not in written)
    return [*party.address, *(line for line in (town, country) if line and line not in written)]


def _facts(document: Document, labels: Labels) -> tuple[Fact, ...]:
    data = document.invoice_data
    supplied_to = state_name(data.supplied_to, data.language) if data.supplied_to else None
    return _present(
        [
            (labels.number, document.invoice_number),
            (labels.issue_date, _said(data.issue_date, data.language)),
            (labels.due_date, _said(data.due_date, data.language)),
            (labels.service_period, _period(data)),
            (labels.account_number, data.subscriber.account_number),
            (labels.place_of_supply, supplied_to),
            (labels.supply, labels.supplies[data.supply]),
        ]
    )


def _period(data: InvoiceData) -> str:
    form = "d MMM y" if data.language == "en-IN" else "d MMMM y"  # Hindi's short names are uncommon
    first, last = (_said(day, data.language, form) for day in (data.service_from, data.service_to))
    return f"{first} \u2013 {last}".strip() if first or last else ""


def _totals(data: InvoiceData, currency: Currency, labels: Labels) -> tuple[Total, ...]:
    totals = data.totals
    discount = -Decimal(totals.discount) if totals.discount else None
    taxes = [(labels.cgst, totals.cgst), (labels.sgst, totals.sgst), (labels.igst, totals.igst)]
    others = [(tax.name, tax.amount) for tax in totals.other_taxes]
    added = [(labels.discount, discount), *taxes, *others, (labels.round_off, totals.round_off)]
    steps = [(label, amount) for label, amount in added if amount and Decimal(amount)]
    if steps and totals.subtotal:
        steps.insert(0, (labels.subtotal, totals.subtotal))
    return (
        *(Total(label=label, amount=currency.amount(amount), is_total=False) for label, amount in steps),
        Total(label=labels.total, amount=currency.money(totals.total), is_total=True),
        *_settled(data, currency, labels),
    )


def _settled(data: InvoiceData, currency: Currency, labels: Labels) -> list[Total]:
    """What was paid and what is left, where that is not the total."""
    balance, total = balance_of(data.totals), Decimal(data.totals.total)
    paid = Decimal(data.totals.amount_paid or 0)
    left = (labels.credit_balance, -balance) if balance < 0 else (labels.balance, balance)
    rows = [(labels.amount_paid, -paid)] if paid else []
    rows += [left] if balance != total or paid else []
    return [Total(label=label, amount=currency.amount(amount), is_total=False) for label, amount in rows]


def _signature(issuer: Issuer, labels: Labels) -> Signature | None:
    if not issuer.signatory:
        return None
    return Signature(
        signed_for=labels.signed_for.format(name=issuer.name), name=issuer.signatory, role=labels.signatory
    )


def _passage(title: str, text: str | None) -> Passage | None:
    return Passage(title=title, lines=tuple(text.split("\n"))) if text and text.strip() else None

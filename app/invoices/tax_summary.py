"""Taxes by rate: what of the invoice is taxed at which rate, and how much tax that is. Pure.

Each rate's tax is rounded, so their sum may miss the invoice's own by the last decimal of some lines; the rate with
the most tax takes the difference. Where more is missing, or nothing is taxed, there is no summary: it would contradict
the totals.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from app.invoices.amounts import Currency, percentage
from app.invoices.data import InvoiceData, LineItem, Totals
from app.invoices.labels import LABELS, Labels
from app.invoices.page_input import TaxSummary

_NONE: Final = Decimal(0)


def tax_summary_of(data: InvoiceData, currency: Currency) -> TaxSummary | None:
    labels, taxes = LABELS[data.language], _taxes(data.totals, LABELS[data.language])
    bases = _taxable_by_rate(data, currency)
    columns = [_split(bases, tax, len(taxes), currency, len(data.line_items)) for tax in taxes.values()]
    if not columns or any(column is None for column in columns):
        return None
    amounts = [list(bases.values()), *(column for column in columns if column is not None)]
    if len(taxes) > 1:
        amounts.append([sum(row, _NONE) for row in zip(*amounts[1:], strict=True)])
    return TaxSummary(
        title=labels.tax_summary,
        columns=(labels.rate, labels.taxable_value, *taxes, *([labels.total_tax] if len(taxes) > 1 else [])),
        rows=tuple(
            (labels.no_rate if rate is None else percentage(rate), *map(currency.amount, row))
            for rate, row in zip(bases, zip(*amounts, strict=True), strict=True)
        ),
        total=(labels.total, *(currency.amount(sum(column, _NONE)) for column in amounts)),
    )


def _taxes(totals: Totals, labels: Labels) -> dict[str, Decimal]:
    named = {labels.cgst: totals.cgst, labels.sgst: totals.sgst, labels.igst: totals.igst}
    gst = {name: Decimal(amount) for name, amount in named.items() if amount and Decimal(amount)}
    other = sum((Decimal(tax.amount) for tax in totals.other_taxes), _NONE)
    return gst or ({labels.tax: other} if other else {})


def _taxable_by_rate(data: InvoiceData, currency: Currency) -> dict[Decimal | None, Decimal]:
    """What lines say of themselves; of all others the amount, less its share of the invoice's discount."""
    lines = sum((Decimal(line.amount) for line in data.line_items), _NONE)
    kept = lines - Decimal(data.totals.discount or 0)
    bases: dict[Decimal | None, Decimal] = {}
    for line in data.line_items:
        rate = None if line.tax_rate is None else Decimal(line.tax_rate)
        bases[rate] = bases.get(rate, _NONE) + _taxable(line, kept, lines)
    last = Decimal(1).scaleb(-currency.decimals)
    rounded = {rate: base.quantize(last, ROUND_HALF_UP) for rate, base in bases.items()}
    return dict(sorted(rounded.items(), key=lambda base: (base[0] is None, base[0] or _NONE)))


def _taxable(line: LineItem, kept: Decimal, lines: Decimal) -> Decimal:
    if line.taxable_value is not None or not lines:
        return Decimal(line.taxable_value or line.amount)
    return Decimal(line.amount) * kept / lines


def _split(
    bases: dict[Decimal | None, Decimal], tax: Decimal, taxes: int, currency: Currency, lines: int
) -> list[Decimal] | None:
    """What of `tax` is owed to each rate, if the rates explain it."""
    last = Decimal(1).scaleb(-currency.decimals)
    parts = [(base * (rate or _NONE) / 100 / taxes).quantize(last, ROUND_HALF_UP) for rate, base in bases.items()]
    missing = tax - sum(parts, _NONE)
    if abs(missing) > last * lines:
        return None
    most = max(range(len(parts)), key=lambda i: abs(parts[i]))
    parts[most] += missing
    return parts

"""The table of an invoice: its lines as printed, and the columns that they need. Pure."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from app.invoices.amounts import Currency, decimals_of, figure, percentage
from app.invoices.data import InvoiceData, LineItem
from app.invoices.labels import Labels
from app.invoices.page_input import Column, Line

_TEXTS: Final = {"description", "hsn_sac", "unit"}


def lines_of(data: InvoiceData, currency: Currency) -> tuple[Line, ...]:
    items = data.line_items
    quantity = decimals_of(item.quantity for item in items if item.quantity)
    price = decimals_of((item.unit_price for item in items if item.unit_price), least=currency.decimals)
    tells_taxable = any(item.taxable_value and Decimal(item.taxable_value) != Decimal(item.amount) for item in items)
    indian, running, lines = data.currency == "INR", Decimal(0), []
    for number, item in enumerate(items, start=1):
        running += Decimal(item.amount)
        lines.append(
            Line(
                item=str(number),
                description=item.description,
                hsn_sac=item.hsn_sac or "",
                quantity=figure(item.quantity, quantity, indian=indian) if item.quantity else "",
                unit=item.unit or "",
                unit_price=figure(item.unit_price, price, indian=indian) if item.unit_price else "",
                discount=_discount(item, currency),
                taxable_value=currency.amount(item.taxable_value or item.amount) if tells_taxable else "",
                tax_rate=percentage(item.tax_rate) if item.tax_rate else "",
                amount=currency.amount(item.amount),
                running=currency.amount(running),
            )
        )
    return tuple(lines)


def columns_of(lines: tuple[Line, ...], labels: Labels) -> tuple[Column, ...]:
    """Those that have a value in some line."""
    names = [name for name in Line.__struct_fields__ if name != "running"]
    values = {name: [getattr(line, name) for line in lines] for name in names}
    return tuple(
        Column(
            name=name,
            title=getattr(labels, name),
            is_figure=name not in _TEXTS,
            widest=() if name == "description" else _widest(values[name], is_figure=name not in _TEXTS),
        )
        for name in names
        if any(values[name])
    )


def _discount(item: LineItem, currency: Currency) -> str:
    return currency.amount(item.discount) if item.discount and Decimal(item.discount) else ""


def _widest(values: Iterable[str], *, is_figure: bool) -> tuple[str, ...]:
    """Of figures the one with the most digits, as those are of one width and commas are narrow. Of words, each."""
    if not is_figure:
        return tuple(sorted(set(values)))
    return (max(values, key=lambda value: (sum(map(str.isdigit, value)), len(value))),)

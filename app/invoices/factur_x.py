"""What an invoice says in the terms of EN 16931, for the XML of Factur-X and ZUGFeRD. Pure.

Invoices in EUR from an issuer in the European Union to a subscriber in it have that XML, if they say enough for it. VAT
is carried as the only entry of `totals.other_taxes`, named VAT, and as `tax_rate` on each line: above 0, as for other
supplies (exempt, reverse charge, export) EN 16931 asks for a category and a reason that invoice_data has no field for.
`totals.discount` is an allowance on all lines if the total is less by it, and has been taken off the lines otherwise.
Nothing is made up: where amounts do not add up, or something is missing, there is no XML, and a reason.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from app.invoices.data import Document, InvoiceData, Issuer, LineItem, Subscriber, Totals

# fmt: off
EU: Final = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
})
# UN/ECE recommendation 20. What is not here is ZZ: agreed on by the parties.
_UNITS: Final = {
    "piece": "H87", "pieces": "H87", "pcs": "H87", "minute": "MIN", "minutes": "MIN", "hour": "HUR", "hours": "HUR",
    "day": "DAY", "days": "DAY", "week": "WEE", "weeks": "WEE", "month": "MON", "months": "MON", "year": "ANN",
    "years": "ANN", "GB": "E34", "MB": "4L", "m": "MTR", "kg": "KGM",
}
# fmt: on
_ONE: Final = "C62"
_CENT: Final = Decimal("0.01")

Terms = dict[str, Any]  # by the terms' numbers: BT-1 is the invoice's number


class Incomplete(Exception):
    """An invoice does not say what its XML would have to: says what is missing or contradicts itself."""


def calls_for_factur_x(document: Document) -> bool:
    """Drafts, copies and cancelled invoices do not: nobody is to book them."""
    data = document.invoice_data
    parties = {document.issuer.country, data.subscriber.country}
    return data.status == "issued" and data.currency == "EUR" and parties <= EU


def terms_of(document: Document) -> Terms:
    """For the profile EN 16931. Raises Incomplete."""
    data = document.invoice_data
    lines = [_line(number, line) for number, line in enumerate(data.line_items)]
    return {
        "BT-1": document.invoice_number,
        "BT-2": _needed(data.issue_date, "issue_date"),
        "BT-5": data.currency,
        "BG-1": [{"BT-22": text} for text in (data.notes, data.terms) if text and text.strip()],
        "BG-4": _seller(document.issuer),
        "BG-7": _buyer(data.subscriber),
        "BG-25": lines,
        **_kind(document),
        **_period(data),
        **_payment(document),
        **_amounts(data, lines),
    }


def _kind(document: Document) -> Terms:
    """An invoice, or one that corrects the version before it."""
    if document.version == 1:
        return {"BT-3": "380"}
    return {"BT-3": "384", "BG-3": [{"BT-25": document.invoice_number}]}


def _seller(issuer: Issuer) -> Terms:
    return _party(issuer, "issuer") | {"vat_identifier": _needed(issuer.vat_id, "issuer.vat_id")}


def _buyer(subscriber: Subscriber) -> Terms:
    known = _text(subscriber.account_number)
    party = _party(subscriber, "subscriber") | {"vat_identifier": subscriber.vat_id}
    return party | ({"identifiers": {None: known}} if known else {})


def _party(party: Issuer | Subscriber, name: str) -> Terms:
    first, second, *others = [*filter(_text, party.address), "", ""]
    contact = {"phone": party.phone, "email": party.email}
    return {
        "name": _needed(_text(party.name), f"{name}.name"),
        "country_code": party.country,
        "postcode": _text(party.postal_code),
        "city": _text(party.city),
        "addr_l1": first,
        "addr_l2": second,
        "addr_l3": ", ".join(filter(None, others)),
        "contacts": [contact] if any(contact.values()) else [],
    }


def _period(data: InvoiceData) -> Terms:
    if data.service_from and data.service_to and data.service_from > data.service_to:
        raise Incomplete("service_from is after service_to")
    return {"BT-73": data.service_from, "BT-74": data.service_to}


def _payment(document: Document) -> Terms:
    terms = {"BT-9": document.invoice_data.due_date, "BT-83": document.invoice_number}
    bank = document.issuer.bank
    if bank and bank.iban:
        terms |= {"BT-81": "30", "BT-84": bank.iban, "BT-85": _text(bank.account_name), "BT-86": bank.bic}
    return terms


def _line(number: int, line: LineItem) -> Terms:
    name = f"line_items[{number}]"
    quantity, price = (
        Decimal(_needed(getattr(line, field), f"{name}.{field}")) for field in ("quantity", "unit_price")
    )
    amount, discount = _money(line.amount, f"{name}.amount"), _money(line.discount, f"{name}.discount")
    if min(price, discount) < 0:
        raise Incomplete(f"{name} has a negative price or discount")
    if _rounded(quantity * price) - discount != amount:
        raise Incomplete(f"{name}.amount is not quantity x unit_price - discount")
    if line.taxable_value and _money(line.taxable_value, f"{name}.taxable_value") != amount:
        raise Incomplete(f"{name}.taxable_value is not its amount")
    return {
        "BT-126": str(number + 1),
        "BT-129": line.quantity,
        "BT-130": _UNITS.get(line.unit, "ZZ") if line.unit else _ONE,
        "BT-131": str(amount),
        "BT-146": line.unit_price,
        "BT-151": "S",
        "BT-152": _rate(line, name),
        "BT-153": _needed(_text(line.description), f"{name}.description"),
        "BG-27": [{"amount": str(discount), "reason": "Discount"}] if discount else [],
    }


def _rate(line: LineItem, name: str) -> str:
    rate = Decimal(_needed(line.tax_rate, f"{name}.tax_rate"))
    if not rate:
        raise Incomplete(f"{name}.tax_rate is 0, which asks for a category of VAT")
    return f"{rate.normalize():f}"  # 19.0 and 19 are one rate


def _amounts(data: InvoiceData, lines: list[Terms]) -> Terms:
    """The sums, in the order in which EN 16931 makes them."""
    totals, net, vat = data.totals, sum(Decimal(line["BT-131"]) for line in lines), _vat(data.totals)
    total, rounding = _money(totals.total, "totals.total"), _money(totals.round_off, "totals.round_off")
    allowance = net + vat + rounding - total
    if allowance not in {0, _money(totals.discount, "totals.discount")}:
        raise Incomplete("the amounts do not add up to totals.total")
    paid = _money(totals.amount_paid, "totals.amount_paid")
    if totals.balance and _money(totals.balance, "totals.balance") != total - paid:
        raise Incomplete("totals.balance is not totals.total - totals.amount_paid")
    if total > paid and not data.due_date:
        raise Incomplete("due_date is missing")
    return {
        "BG-20": _allowances(allowance, lines),
        "BG-23": _breakdown(lines, allowance, vat),
        "BT-106": str(net),
        "BT-107": str(allowance) if allowance else None,
        "BT-109": str(net - allowance),
        "BT-110": str(vat),
        "BT-112": str(total - rounding),
        "BT-113": str(paid) if paid else None,
        "BT-114": str(rounding) if rounding else None,
        "BT-115": str(total - paid),
    }


def _vat(totals: Totals) -> Decimal:
    if any(_money(tax, "GST") for tax in (totals.cgst, totals.sgst, totals.igst)):
        raise Incomplete("totals has GST")
    if [tax.name.strip() for tax in totals.other_taxes] != ["VAT"]:
        raise Incomplete("totals.other_taxes is not one tax named VAT")
    return _money(totals.other_taxes[0].amount, "totals.other_taxes[0].amount")


def _allowances(allowance: Decimal, lines: list[Terms]) -> list[Terms]:
    if not allowance:
        return []
    if allowance < 0 or len({line["BT-152"] for line in lines}) > 1:
        raise Incomplete("totals.discount is negative, or on lines of more than one tax_rate")
    rate = lines[0]["BT-152"]
    return [{"amount": str(allowance), "reason": "Discount", "vat_category_code": "S", "vat_rate": rate}]


def _breakdown(lines: list[Terms], allowance: Decimal, vat: Decimal) -> list[Terms]:
    """By rate. With an allowance there is one rate."""
    bases: dict[str, Decimal] = {}
    for line in lines:
        bases[line["BT-152"]] = bases.get(line["BT-152"], -allowance) + Decimal(line["BT-131"])
    taxes = {rate: _rounded(base * Decimal(rate) / 100) for rate, base in bases.items()}
    if sum(taxes.values()) != vat:
        raise Incomplete(f"the lines' VAT is {sum(taxes.values())}, and totals.other_taxes[0].amount is {vat}")
    return [
        {"BT-116": str(bases[rate]), "BT-117": str(tax), "BT-118": "S", "BT-119": rate} for rate, tax in taxes.items()
    ]


def _needed(value: Any, name: str) -> Any:
    if not value:
        raise Incomplete(f"{name} is missing")
    return value


def _text(text: str | None) -> str:
    return (text or "").strip()


def _money(amount: str | None, name: str) -> Decimal:
    value = Decimal(amount or "0.00")
    if value != _rounded(value):
        raise Incomplete(f"{name} has more than two decimals")
    return _rounded(value)


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(_CENT, ROUND_HALF_UP)

"""Whether an invoice agrees with itself: sums, taxes, dates, currency, and numbers with a check digit. Pure.

Each check looks at what is given, and raises InvoiceMismatch. Decimals are exact: where one would be rounded in
silence, Inexact is raised. Half a smallest unit is rounded away from zero, so a credit note mirrors its invoice.
"""

from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from typing import Final, NamedTuple

from babel.core import get_global
from babel.numbers import get_currency_precision
from stdnum import luhn

from app.errors import InvoiceMismatch
from app.invoices.data import InvoiceData, Issuer, LineItem, OtherTax, Subscriber

# The longest exact value, the sum of taxable x rate x discounted subtotal over all lines, has under 50 digits.
_EXACT: Final = Context(prec=64, traps=[DivisionByZero, Inexact, InvalidOperation, Overflow])
_ROUNDING: Final = Context(prec=64, rounding=ROUND_HALF_UP, traps=[DivisionByZero, InvalidOperation, Overflow])

_IN_USE: Final = frozenset(
    code
    for currencies in get_global("territory_currencies").values()
    for code, _, ended, is_tender in currencies
    if is_tender and not ended
)
_TAXES: Final = ("cgst", "sgst", "igst")
_NAMES_OF_GST: Final = ("CGST", "SGST", "UTGST", "IGST", "GST")
_VAT: Final = "VAT"
_BETWEEN_STATES: Final = ("sez", "export")  # wherever the place of supply is: IGST Act, sections 7 and 16
_AMOUNTS_OF_A_LINE: Final = ("amount", "discount", "taxable_value")
_AMOUNTS_OF_TOTALS: Final = ("subtotal", "discount", *_TAXES, "round_off", "total", "amount_paid", "balance")
_TOTALS: Final = "invoice_data.totals"


class _Account(NamedTuple):
    data: InvoiceData
    issuer_state: str | None
    unit: Decimal  # the currency's smallest: 0.01
    lines: Decimal  # what the amounts of all lines come to

    def total(self, name: str) -> Decimal:
        """An amount of the totals by its name. What is not given is nothing."""
        return _value(getattr(self.data.totals, name))

    def taxes_given(self) -> list[str]:
        """Those that `tax_rate` is of: GST's, and VAT, which stands among the other taxes (decision 0021)."""
        gst = [name for name in _TAXES if getattr(self.data.totals, name) is not None]
        return [*gst, *(["other_taxes (VAT)"] if self._vat() else [])]

    def taxes(self) -> Decimal:
        """What they come to."""
        named = (_value(tax.amount) for tax in self._vat())
        return sum(named, sum((self.total(name) for name in _TAXES), Decimal(0)))

    def _vat(self) -> list[OtherTax]:
        return [tax for tax in self.data.totals.other_taxes if tax.name == _VAT]

    def expect_total(self, name: str, expected: Decimal, why: str) -> None:
        self.expect(f"{_TOTALS}.{name}", expected, getattr(self.data.totals, name), why)

    def expect(self, field: str, expected: Decimal, given: str | None, why: str) -> None:
        if _value(given) != expected:
            raise InvoiceMismatch(field, _written(expected, self.unit), given, why)


def check_arithmetic(data: InvoiceData, issuer_state: str | None) -> None:
    """Nothing, if the invoice agrees with itself. Raises InvoiceMismatch about the first thing that does not."""
    unit = _smallest_unit(data.currency)
    _check_decimals(data, unit)
    with localcontext(_EXACT):
        account = _Account(data, issuer_state, unit, sum((_value(line.amount) for line in data.line_items), Decimal(0)))
        for check in _CHECKS:
            check(account)


def check_issuer(issuer: Issuer) -> None:
    """Nothing, if the issuer's GSTIN can be one and is of its state. Raises InvoiceMismatch."""
    _check_gstin("issuer", issuer)


def _smallest_unit(currency: str) -> Decimal:
    if currency not in _IN_USE:
        raise InvoiceMismatch("invoice_data.currency", "a currency in use", currency, "ISO 4217 lists no such tender")
    return Decimal(1).scaleb(-get_currency_precision(currency))


def _check_decimals(data: InvoiceData, unit: Decimal) -> None:
    most = len(str(unit).partition(".")[2])
    for field, amount in _amounts(data):
        if len(amount.partition(".")[2]) > most:
            raise InvoiceMismatch(field, f"at most {most} decimals", amount, f"amounts in {data.currency} have no more")


def _amounts(data: InvoiceData) -> Iterator[tuple[str, str]]:
    """Every amount that is given, by its field."""
    fields = [
        *((f"{at}.{name}", getattr(line, name)) for at, line in _lines(data) for name in _AMOUNTS_OF_A_LINE),
        *((f"{_TOTALS}.{name}", getattr(data.totals, name)) for name in _AMOUNTS_OF_TOTALS),
        *((f"{_TOTALS}.other_taxes[{at}].amount", tax.amount) for at, tax in enumerate(data.totals.other_taxes)),
    ]
    return ((field, amount) for field, amount in fields if amount is not None)


def _check_lines(account: _Account) -> None:
    for at, line in _lines(account.data):
        if line.unit_price is not None:
            worth = _value(line.quantity or "1") * _value(line.unit_price) - _value(line.discount)
            why = "that is quantity x unit_price - discount"
            account.expect(f"{at}.amount", _rounded(worth, account.unit), line.amount, why)


def _check_taxable_values(account: _Account) -> None:
    for at, line in _lines(account.data):
        least, most = sorted((Decimal(0), _value(line.amount)))
        if not least <= _value(line.taxable_value) <= most:
            why = "no more of a line can be taxed than its amount"
            raise InvoiceMismatch(f"{at}.taxable_value", f"0 to {line.amount}", line.taxable_value, why)


def _check_subtotal(account: _Account) -> None:
    if account.data.totals.subtotal is not None:
        account.expect_total("subtotal", account.lines, "that is the sum of the lines' amounts")


def _check_taxes(account: _Account) -> None:
    """Each line, or each rate, may have been rounded on its own: a unit for each line and one more is let pass."""
    rated = [line for line in account.data.line_items if line.tax_rate is not None]
    if account.data.supply == "reverse_charge":
        for name in _TAXES:
            account.expect_total(name, Decimal(0), "under reverse charge the recipient pays the tax")
        return
    if account.data.supply in _BETWEEN_STATES and not account.taxes():
        return  # zero-rated
    if not rated or (len(rated) < len(account.data.line_items) and not account.taxes_given()):
        return
    given = account.taxes()
    due = _tax_due(account, rated)
    tolerance = account.unit * (len(account.data.line_items) + 1)
    if abs(given - due) > tolerance:
        field = f"{_TOTALS}.{' + '.join(account.taxes_given() or _TAXES)}"
        why = f"that is the sum of the lines' taxable values x tax rates, and {tolerance} of rounding is let pass"
        shown = _written(given, account.unit) if account.taxes_given() else None
        raise InvoiceMismatch(field, _written(due, account.unit), shown, why)


def _tax_due(account: _Account, rated: list[LineItem]) -> Decimal:
    """The invoice's discount lowers what is taxed, but for lines that say themselves how much of them is."""
    said = sum((_percent(line.taxable_value, line.tax_rate) for line in rated), Decimal(0))
    others = [line for line in rated if line.taxable_value is None]
    left = sum((_percent(line.amount, line.tax_rate) for line in others), Decimal(0))
    if account.lines:
        left = _ROUNDING.divide(left * (account.lines - account.total("discount")), account.lines)
    return _rounded(_ROUNDING.add(said, left), account.unit)


def _check_split(account: _Account) -> None:
    """Wherever it is supplied to: a tax in two equal parts, or one for both, under their own names."""
    account.expect_total("sgst", account.total("cgst"), "CGST and SGST are equal parts")
    if account.total("igst"):
        account.expect_total("cgst", Decimal(0), "IGST is charged instead of CGST and SGST")
    for at, tax in enumerate(account.data.totals.other_taxes):
        if tax.name.upper() in _NAMES_OF_GST:
            why = "GST has fields of its own: cgst, sgst, igst"
            raise InvoiceMismatch(f"{_TOTALS}.other_taxes[{at}].name", "the name of another tax", tax.name, why)


def _check_place_of_supply(account: _Account) -> None:
    place, own, supply = account.data.supplied_to, account.issuer_state, account.data.supply
    if supply in _BETWEEN_STATES:
        for name in ("cgst", "sgst"):
            account.expect_total(name, Decimal(0), f"a supply of the kind {supply} is taxed with IGST, or not at all")
        return
    if place is None or own is None or not account.taxes_given():
        return
    if place == own:
        why = f"the place of supply {place} is the issuer's own state, so the tax is CGST and SGST"
        account.expect_total("igst", Decimal(0), why)
        account.expect_total("sgst", account.total("cgst"), f"{why}, in equal parts")
    else:
        why = f"the place of supply {place} is not the issuer's state {own}, so the tax is IGST"
        account.expect_total("cgst", Decimal(0), why)
        account.expect_total("sgst", Decimal(0), why)


def _check_round_off(account: _Account) -> None:
    if abs(account.total("round_off")) >= 1:
        given = account.data.totals.round_off
        raise InvoiceMismatch(f"{_TOTALS}.round_off", "less than 1", given, "it rounds to whole units of the currency")


def _check_total(account: _Account) -> None:
    added = sum((account.total(name) for name in (*_TAXES, "round_off")), Decimal(0))
    others = sum((_value(tax.amount) for tax in account.data.totals.other_taxes), Decimal(0))
    why = "that is the lines' amounts - discount + cgst + sgst + igst + other_taxes + round_off"
    account.expect_total("total", account.lines - account.total("discount") + added + others, why)


def _check_balance(account: _Account) -> None:
    if account.data.totals.balance is not None:
        account.expect_total(
            "balance", account.total("total") - account.total("amount_paid"), "that is total - amount_paid"
        )


def _check_dates(account: _Account) -> None:
    for first, last in (("issue_date", "due_date"), ("service_from", "service_to")):
        begin, end = getattr(account.data, first), getattr(account.data, last)
        if begin and end and end < begin:
            raise InvoiceMismatch(f"invoice_data.{last}", f"{begin} or later", str(end), f"that is the {first}")


def _check_subscriber(account: _Account) -> None:
    _check_gstin("invoice_data.subscriber", account.data.subscriber)


def _check_gstin(at: str, party: Subscriber | Issuer) -> None:
    if party.gstin is None:
        return
    # Not stdnum.in_.gstin, which knows no Ladakh (38) and no other territory (97).
    right = party.gstin[:-1] + luhn.calc_check_digit(party.gstin[:-1], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    if party.gstin != right:
        raise InvoiceMismatch(f"{at}.gstin", right, party.gstin, "its last character is a check digit of the others")
    if party.state_code not in (None, party.gstin[:2]):
        raise InvoiceMismatch(f"{at}.state_code", party.gstin[:2], party.state_code, "the GSTIN begins with its state")


_CHECKS: Final[tuple[Callable[[_Account], None], ...]] = (
    _check_lines,
    _check_taxable_values,
    _check_subtotal,
    _check_place_of_supply,
    _check_split,
    _check_taxes,
    _check_round_off,
    _check_total,
    _check_balance,
    _check_dates,
    _check_subscriber,
)


def _lines(data: InvoiceData) -> Iterator[tuple[str, LineItem]]:
    return ((f"invoice_data.line_items[{number}]", line) for number, line in enumerate(data.line_items))


def _value(given: str | None) -> Decimal:
    return Decimal(given or "0")


def _percent(value: str | None, rate: str | None) -> Decimal:
    return (_value(value) * _value(rate)).scaleb(-2)


def _rounded(value: Decimal, unit: Decimal) -> Decimal:
    return value.quantize(unit, ROUND_HALF_UP, _ROUNDING)


def _written(value: Decimal, unit: Decimal) -> str:
    """As an amount is: with all decimals of the currency, zero without a sign."""
    return f"{_rounded(value, unit) or abs(_rounded(value, unit)):f}"

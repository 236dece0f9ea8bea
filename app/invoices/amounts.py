"""Figures as they are printed: grouped, of one number of decimals to a column, with the currency's sign. Pure.

Rupees are grouped as in India (12,34,567.00) in every language, other currencies by thousands (1,234,567.00).
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import msgspec
from babel.numbers import get_currency_precision, get_currency_symbol

from app.invoices.data import Language

MINUS: Final = "\u2212"  # as wide as a digit, unlike the hyphen
_SPACE: Final = "\u00a0"  # a line never ends between the sign and the figure


class Currency(msgspec.Struct, frozen=True):
    """How amounts of one invoice are printed. `decimals` are the currency's own, or more where the data has more."""

    code: str
    symbol: str
    decimals: int

    def amount(self, value: str | Decimal) -> str:
        """`12,34,567.00`."""
        return figure(value, self.decimals, indian=self.code == "INR")

    def money(self, value: str | Decimal) -> str:
        """`₹ 12,34,567.00`."""
        text = self.amount(value)
        sign, digits = (MINUS, text[1:]) if text.startswith(MINUS) else ("", text)
        return f"{sign}{self.symbol}{_SPACE}{digits}"


def currency_of(code: str, language: Language, amounts: Iterable[str]) -> Currency:
    symbol = get_currency_symbol(code, locale=language.replace("-", "_"))
    return Currency(code, symbol, decimals_of(amounts, least=get_currency_precision(code)))


def decimals_of(figures: Iterable[str], least: int = 0) -> int:
    """The most decimals that one of them needs, so that a column aligns."""
    return max([least, *(len(figure.partition(".")[2].rstrip("0")) for figure in figures)])


def figure(value: str | Decimal, decimals: int, *, indian: bool) -> str:
    number = Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    whole, point, fraction = f"{abs(number):f}".partition(".")
    sign = MINUS if number < 0 else ""
    return f"{sign}{_in_groups(whole, 2 if indian else 3)}{point}{fraction}"


def percentage(value: str | Decimal) -> str:
    """`18%`, `0.25%`: no more decimals than it has."""
    return f"{figure(value, decimals_of([str(value)]), indian=False)}%"


def _in_groups(digits: str, of: int) -> str:
    """The last three digits are a group, and those before them groups `of` two or three."""
    head, tail = digits[:-3], digits[-3:]
    start = len(head) % of
    groups = [head[:start], *(head[i : i + of] for i in range(start, len(head), of)), tail]
    return ",".join(group for group in groups if group)

"""An amount in words: lakh and crore, English or Hindi. Pure.

The number words are two libraries'. Each is asked for less than a crore at a time, as neither knows all amounts; crores
are counted in the same words.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec
from babel.numbers import get_currency_name, get_currency_precision
from indic_numtowords import num2words as indic_words
from num2words import num2words

from app.invoices.data import Language

_CRORE: Final = 10_000_000


class _Phrases(msgspec.Struct, frozen=True):
    counted: Callable[[int], str]
    minus: str
    rupee: tuple[str, str]
    paisa: tuple[str, str]
    joined: str
    whole: str


def in_words(amount: str | Decimal, currency: str, language: Language) -> str:
    """`One lakh twenty thousand rupees and fifty paise only`; of other currencies `Ten euros and 50/100 only`."""
    phrases, value = _PHRASES[language], Decimal(amount)
    count, fraction = int(abs(value)), abs(value) % 1
    said = f"{_count(count, currency, language)} {_unit(phrases, count, currency, language)}"
    if fraction:
        said = phrases.joined.format(said, _fraction(phrases, fraction, currency))
    said = phrases.whole.format(f"{phrases.minus} {said}" if value < 0 else said)
    return said[0].upper() + said[1:]


def _count(count: int, currency: str, language: Language) -> str:
    """Rupees in crore and lakh, what others count in English in millions."""
    if language == "en-IN" and currency != "INR":
        return str(num2words(count, lang="en")).replace(",", "")
    return _PHRASES[language].counted(count)


def _unit(phrases: _Phrases, count: int, currency: str, language: Language) -> str:
    if currency == "INR":
        return phrases.rupee[count != 1]
    return get_currency_name(currency, count=count, locale=language.replace("-", "_"))


def _fraction(phrases: _Phrases, fraction: Decimal, currency: str) -> str:
    """Paise in words; parts of another currency, or of a paisa, in digits as on a cheque."""
    decimals = max(get_currency_precision(currency), -int(fraction.normalize().as_tuple().exponent))
    parts = int(fraction.scaleb(decimals))
    if currency == "INR" and decimals == 2:
        return f"{phrases.counted(parts)} {phrases.paisa[parts != 1]}"
    return f"{parts:0{decimals}d}/{10**decimals}"


def _english(number: int) -> str:
    crores, rest = divmod(number, _CRORE)
    said = str(num2words(rest, lang="en_IN")).replace(",", "")
    if not crores:
        return said
    head = f"{_english(crores)} crore"
    return f"{head} and {said}" if 0 < rest < 100 else f"{head} {said}" if rest else head


def _hindi(number: int) -> str:
    crores, rest = divmod(number, _CRORE)
    said = str(indic_words(rest, lang="hi"))
    if not crores:
        return said
    head = f"{_hindi(crores)} करोड़"
    return f"{head} {said}" if rest else head


_PHRASES: Final = {
    "en-IN": _Phrases(_english, "minus", ("rupee", "rupees"), ("paisa", "paise"), "{} and {}", "{} only"),
    "hi-IN": _Phrases(_hindi, "ऋण", ("रुपया", "रुपये"), ("पैसा", "पैसे"), "{} और {}", "{} मात्र"),
}

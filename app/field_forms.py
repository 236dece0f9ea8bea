"""The forms that text takes in an invoice: for each a pattern, and what a value is that the pattern lets pass. Pure.

Refusals (field_problems.py) and the API's documentation quote the descriptions.
"""

from typing import Annotated, Final

from msgspec import Meta

# The last part keeps a line end out, which `$` would let pass.
_END: Final = r"$(?!\n)"
# What is printed reads as it was sent. So none of these: control characters, what turns the direction of what follows
# or marks it up, what has a meaning by private agreement only, noncharacters. The API's document has these patterns, so
# they are in escapes that Python and ECMA-262 read alike: as characters, most could not stand in YAML.
_UNPRINTED: Final = (
    r"\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffc\ue000-\uf8ff\ufdd0-\ufdef"
    r"\ufffe\uffff"
)
_PRINTED: Final = f"[^{_UNPRINTED}]"
# Above U+FFFF the two have no escape in common, so what is allowed there is named: planes, but for their noncharacters.
_PLANES: Final = "".join(f"{chr(plane)}-{chr(plane + 0xFFFD)}" for plane in range(0x1_0000, 0xF_0000, 0x1_0000))
_LEGAL: Final = rf"(?![\s\S]*[^\u0000-\uffff{_PLANES}])"
# Written out, as `\s` is not the same everywhere.
_SPACE: Final = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
# A text of these alone shows nothing. Among others they are welcome: joiners and selectors make scripts and emoji.
_BLANK: Final = (
    rf"\n{_SPACE}\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2064"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\U000e0020-\U000e01ef"
)
_SHOWS: Final = f"{_LEGAL}(?=[{_BLANK}]*[^{_BLANK}])"

_PLAIN: Final = "printable characters: no control characters, marks of direction or characters of private use"

# It is part of an object key. None ends as the file of a later version does: `…-r2`.
Number = Annotated[
    str,
    Meta(
        pattern=rf"^(?!.*-r[0-9]+$)[A-Za-z0-9][A-Za-z0-9_-]{{0,63}}{_END}",
        description="an invoice number: 1 to 64 ASCII letters, digits, - and _, first no sign, at the end no -r2",
    ),
]
# Zero has one form for each number of decimals: "-0.00" is refused.
Amount = Annotated[
    str,
    Meta(
        pattern=rf"^(?!-[0.]+$)-?(0|[1-9][0-9]{{0,11}})(\.[0-9]{{1,3}})?{_END}",
        description='an amount: a decimal string such as "1180.00", without sign for zero, separators or exponent',
    ),
]
Quantity = Annotated[
    str,
    Meta(
        pattern=rf"^(?!-[0.]+$)-?(0|[1-9][0-9]{{0,11}})(\.[0-9]{{1,6}})?{_END}",
        description='a number: a decimal string such as "1.5", without sign for zero, separators or exponent',
    ),
]
Percentage = Annotated[
    str,
    Meta(
        pattern=rf"^(100(\.0{{1,3}})?|[1-9]?[0-9](\.[0-9]{{1,3}})?){_END}",
        description='a percentage: a decimal string from "0" to "100", of up to 3 decimals',
    ),
]
StateCode = Annotated[
    str,
    Meta(pattern=rf"^[0-9]{{2}}{_END}", description='a state code of GST: two digits such as "27", "96" for abroad'),
]
CountryCode = Annotated[
    str, Meta(pattern=rf"^[A-Z]{{2}}{_END}", description='a country code of ISO 3166-1: two capitals such as "IN"')
]
CurrencyCode = Annotated[
    str, Meta(pattern=rf"^[A-Z]{{3}}{_END}", description='a currency code of ISO 4217: three capitals such as "INR"')
]
Gstin = Annotated[
    str,
    Meta(
        pattern=rf"^[0-9]{{2}}[A-Z]{{5}}[0-9]{{4}}[A-Z][1-9A-Z]Z[0-9A-Z]{_END}",
        description='a GSTIN: 15 digits and capitals such as "27AAPFU0939F1ZV"',
    ),
]
HsnSac = Annotated[str, Meta(pattern=rf"^[0-9]{{4,8}}{_END}", description="an HSN or SAC code: 4 to 8 digits")]
VatId = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Z]{{2}}[0-9A-Z+*]{{2,13}}{_END}",
        description='a VAT id: the country\'s two capitals, then 2 to 13 digits and capitals, such as "DE123456789"',
    ),
]
Email = Annotated[
    str,
    Meta(
        pattern=rf"^{_LEGAL}[^@{_SPACE}{_UNPRINTED}]{{1,64}}@[^@{_SPACE}{_UNPRINTED}]{{1,189}}{_END}",
        description='a mail address such as "asha@example.com"',
    ),
]
Phone = Annotated[
    str,
    Meta(
        pattern=rf"^[+0-9][0-9 ()./-]{{2,31}}{_END}",
        description='a phone number: 3 to 32 ASCII digits, spaces and ()./- such as "+91 22 5550 1000"',
    ),
]
UpiId = Annotated[
    str,
    Meta(pattern=rf"^[A-Za-z0-9._-]{{2,64}}@[A-Za-z0-9.-]{{2,64}}{_END}", description='a UPI id such as "name@bank"'),
]
Pan = Annotated[str, Meta(pattern=rf"^[A-Z]{{5}}[0-9]{{4}}[A-Z]{_END}", description='a PAN such as "AAPFU0939F"')]
Ifsc = Annotated[str, Meta(pattern=rf"^[A-Z]{{4}}0[A-Z0-9]{{6}}{_END}", description='an IFSC such as "SMPL0000123"')]
Iban = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Z]{{2}}[0-9]{{2}}[A-Z0-9]{{8,30}}{_END}",
        description='an IBAN without spaces, such as "DE02120300000000202051"',
    ),
]
Bic = Annotated[
    str, Meta(pattern=rf"^[A-Z0-9]{{8}}([A-Z0-9]{{3}})?{_END}", description="a BIC: 8 or 11 digits and capitals")
]
Unit = Annotated[str, Meta(pattern=rf"^{_SHOWS}{_PRINTED}{{1,16}}{_END}", description=f"1 to 16 {_PLAIN}")]
Word = Annotated[str, Meta(pattern=rf"^{_SHOWS}{_PRINTED}{{1,80}}{_END}", description=f"1 to 80 {_PLAIN}")]
Line = Annotated[str, Meta(pattern=rf"^{_SHOWS}{_PRINTED}{{1,200}}{_END}", description=f"1 to 200 {_PLAIN}")]
Sentence = Annotated[str, Meta(pattern=rf"^{_SHOWS}{_PRINTED}{{1,500}}{_END}", description=f"1 to 500 {_PLAIN}")]
Text = Annotated[
    str,
    Meta(pattern=rf"^{_SHOWS}({_PRINTED}|\n){{1,4000}}{_END}", description=f"1 to 4000 line ends (\\n) and {_PLAIN}"),
]

"""What a template prints: strings that are ready, in the order they are read in. Pure.

pdf_templates/README.md describes each field for who writes a template of their own. An empty string, an empty list or null
is a part that this invoice has not.
"""

import msgspec


class _Printed(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Day(_Printed):
    year: int
    month: int
    day: int


class Fact(_Printed):
    label: str
    value: str


class Party(_Printed):
    label: str
    name: str
    lines: tuple[str, ...]
    facts: tuple[Fact, ...]


class Logo(_Printed):
    svg: str
    alt: str


class Headline(_Printed):
    label: str
    amount: str
    note: str


class Column(_Printed):
    name: str
    title: str
    is_figure: bool
    widest: tuple[str, ...]


class Line(_Printed):
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
    running: str


class Total(_Printed):
    label: str
    amount: str
    is_total: bool


class TaxSummary(_Printed):
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...]


class Qr(_Printed):
    svg: str
    alt: str
    caption: str


class Payment(_Printed):
    title: str
    facts: tuple[Fact, ...]
    qr: Qr | None


class Signature(_Printed):
    signed_for: str
    name: str
    role: str


class Passage(_Printed):
    title: str
    lines: tuple[str, ...]


class Phrases(_Printed):
    carried_forward: str
    brought_forward: str
    page_count: str
    attachment: str


class Page(_Printed):
    language: str
    region: str
    title: str
    number: str
    revision: str
    standing: str
    date: Day | None
    issuer: Party
    logo: Logo | None
    recipient: Party
    facts: tuple[Fact, ...]
    headline: Headline
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    totals: tuple[Total, ...]
    in_words: Fact
    tax_summary: TaxSummary | None
    payment: Payment | None
    signature: Signature | None
    notes: Passage | None
    terms: Passage | None
    phrases: Phrases

"""What a template prints: strings that are ready, in the order they are read in. Pure.

pdf_templates/README.md describes each field for who writes a template of their own. An empty string, an empty list or
null is a part that this invoice has not.
"""

import msgspec


class Day(msgspec.Struct, frozen=True, kw_only=True):
    year: int
    month: int
    day: int


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    value: str


class Party(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    name: str
    lines: tuple[str, ...]
    facts: tuple[Fact, ...]


class Logo(msgspec.Struct, frozen=True, kw_only=True):
    svg: str
    alt: str


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    amount: str
    note: str


class Column(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    title: str
    is_figure: bool
    widest: tuple[str, ...]


class Line(msgspec.Struct, frozen=True, kw_only=True):
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


class Total(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    amount: str
    is_total: bool


class TaxSummary(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...]


class Qr(msgspec.Struct, frozen=True, kw_only=True):
    svg: str
    alt: str
    caption: str


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    facts: tuple[Fact, ...]
    qr: Qr | None


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    signed_for: str
    name: str
    role: str


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    lines: tuple[str, ...]


class Phrases(msgspec.Struct, frozen=True, kw_only=True):
    carried_forward: str
    brought_forward: str
    page_count: str
    attachment: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
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

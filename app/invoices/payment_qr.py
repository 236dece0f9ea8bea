"""The QR code that a UPI app pays an invoice from. Pure."""

import re
from typing import Final
from urllib.parse import quote

import segno

_DARK: Final = re.compile(b"\x01+")
_MASK: Final = 3  # any is read alike; to compare all eight takes longer than to set the page
_PAYEE_LENGTH: Final = 50  # a longer name makes a code too fine for a phone


def upi_url(upi_id: str, payee: str, amount: str, note: str) -> str:
    """The deep link of NPCI's specification. `amount` is in rupees, with two decimals."""
    name = quote(payee[:_PAYEE_LENGTH], safe="")
    return f"upi://pay?pa={quote(upi_id, safe='@')}&pn={name}&am={amount}&cu=INR&tn={quote(note, safe='')}"


def qr_svg(text: str) -> str:
    """Black squares on nothing, up to its edge: the template keeps four squares clear around it, as readers need."""
    code = segno.make(text, error="m", mode="byte", mask=_MASK, micro=False, boost_error=False)
    path = "".join(
        f"M{run.start()} {y}h{len(run[0])}v1h-{len(run[0])}z"
        for y, row in enumerate(code.matrix)
        for run in _DARK.finditer(row)
    )
    size = len(code.matrix)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"><path d="{path}"/></svg>'

"""Amounts of lines as Sage computes them: each line rounded half up to cents, each tax on its own."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from sage_unified.mapping.books import Row

CENT: Final = Decimal("0.01")
_UNCHARGED: Final = frozenset(
    ("reverse_charge", "intra_eu_supply", "intra_eu_acquisition", "export", "import", "exempt",
     "outside_scope")
)  # fmt: skip
"""Treatments under which the supplier's document bears no tax, whatever the rate's percentage."""


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def net_of(quantity: Decimal, unit_price: Decimal, discount_percentage: Decimal) -> Decimal:
    """A line's net amount."""
    gross = cents(quantity * unit_price)
    return gross - cents(gross * discount_percentage / 100)


def tax_of(net: Decimal, rate: Row | None, *, is_reverse_charge: bool) -> Decimal:
    """The tax charged on a line; of a combined rate the sum of its parts, each rounded."""
    if rate is None or is_reverse_charge or rate["treatment"] in _UNCHARGED:
        return Decimal(0)
    parts = [Decimal(p) for p in rate["components"] if p is not None] or [
        rate["percentage"] or Decimal(0)
    ]
    return sum((cents(net * part / 100) for part in parts), Decimal(0))

"""What every record is made of: ids, stubs, money to the cent, times that no clock gives.

Ids are 32 hex digits derived from the business and the record's natural key, so that the same seed
writes the same bytes.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import blake2b

from sage_sandbox.store import Record

FIRST_DAY = date(2024, 7, 1)
"""First day with full books; opening balances carry the day before."""
LAST_DAY = date(2026, 6, 30)
"""The books' today: nothing is dated later, and no clock is read."""

ZERO = Decimal("0.00")
CENT = Decimal("0.01")
_RATE_DIGITS = Decimal("0.000001")
_INVERSE_DIGITS = Decimal("0.0000000001")


def hex_id(*parts: object) -> str:
    """Give the 32-hex id of a natural key."""
    return blake2b("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def stub(resource: str, record_id: str, displayed_as: str) -> Record:
    """Give the three attributes by which another record points to this one."""
    return {"id": record_id, "displayed_as": displayed_as, "$path": f"/{resource}/{record_id}"}


def stub_of(record: Record) -> Record:
    """Give the stub of a whole record."""
    return {
        "id": record["id"],
        "displayed_as": record["displayed_as"],
        "$path": record["$path"],
    }


def cents(amount: Decimal) -> Decimal:
    """Round an amount half up to two places, as Sage shows money."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def rate_digits(rate: Decimal) -> Decimal:
    """Round an exchange rate to six places."""
    return rate.quantize(_RATE_DIGITS, ROUND_HALF_UP)


def inverse(rate: Decimal) -> Decimal:
    """Give the inverse of an exchange rate to ten places."""
    return Decimal(1) if rate == 1 else (1 / rate).quantize(_INVERSE_DIGITS, ROUND_HALF_UP)


def month_end(day: date) -> date:
    """Give the last day of a day's month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)

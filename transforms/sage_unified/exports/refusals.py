"""What keeps a file from being written, and the money and periods that every format shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from sage_unified.errors import UnifiedError


class ExportRefusedError(UnifiedError):
    """The books do not hold what the file must say; no file was written."""

    def __init__(self, what: str, cure: str, *, error_code: str) -> None:
        text = f"{what} No file was written and the warehouse is unchanged. {cure}"
        super().__init__(text, error_code=error_code)


@dataclass(frozen=True)
class Business:
    """What the files say of the business itself; one row of ``dim_business``."""

    business_id: str
    country: str
    name: str
    base_currency: str
    year_end: date | None
    """A financial year end: its day and month count."""
    tax_number: str | None
    siret: str | None
    chart: str | None

    @property
    def label(self) -> str:
        """For names of files: the beginning of the id."""
        return "".join(c for c in self.business_id if c.isascii() and c.isalnum())[:8]


@dataclass(frozen=True)
class Period:
    """Days from ``first`` to ``last``, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


def require_country(business: Business, country: str, file: str) -> None:
    """Raise :class:`ExportRefusedError` for a business of another country."""
    if business.country != country:
        raise ExportRefusedError(
            f"{file} is a file of {country} and business {business.business_id} is of "
            f"{business.country}.",
            "Name a business of that country with --business.",
            error_code="export-business-wrong",
        )


def fiscal_year(business: Business, day: date) -> Period:
    """The financial year that ``day`` is in.

    Raises :class:`ExportRefusedError` when Sage has no year end of the business.
    """
    if business.year_end is None:
        raise ExportRefusedError(
            f"Business {business.business_id} has no financial year end, so its financial years are "
            "not known.",
            "Set it in Sage, then run: sage-elt run",
            error_code="export-identifier-missing",
        )
    last = _year_end(business.year_end, day.year)
    if day > last:
        return Period(last + timedelta(1), _year_end(business.year_end, day.year + 1))
    return Period(_year_end(business.year_end, day.year - 1) + timedelta(1), last)


def require_one_year(business: Business, period: Period) -> Period:
    """The financial year of a period; raises :class:`ExportRefusedError` when it is in two."""
    year = fiscal_year(business, period.first)
    if period.last > year.last:
        raise ExportRefusedError(
            f"The period {period} of business {business.business_id} is in two financial years; the "
            f"first ends on {year.last}.",
            f"Export each by itself: --to {year.last}, then --from {year.last + timedelta(1)}.",
            error_code="export-period-wrong",
        )
    return year


def require_cents(entries: pl.DataFrame) -> None:
    """Raise :class:`ExportRefusedError` for an ``amount`` that two decimals can not hold."""
    split = entries.filter(pl.col("amount") != pl.col("amount").round(2))
    if not split.is_empty():
        raise ExportRefusedError(
            f"{split.height} ledger entries, among them {split['entry_id'][0]}, have fractions of a "
            "cent, which the file can not hold.",
            "Correct them in Sage, then run: sage-elt run",
            error_code="export-amount-unusable",
        )


def require_accounts(entries: pl.DataFrame, file: str) -> None:
    """Raise :class:`ExportRefusedError` for an entry whose ``code`` is not known."""
    without = entries.filter(pl.col("code").is_null())
    if not without.is_empty():
        raise ExportRefusedError(
            f"{without.height} ledger entries are on accounts without a code, among them account "
            f"{without['account_id'][0]}, and {file} needs one.",
            "Give the account a code in Sage, then run: sage-elt run --full-refresh",
            error_code="export-account-unusable",
        )


def _year_end(pattern: date, year: int) -> date:
    """The year end of a calendar year; the last of February stays the last of February."""
    if (pattern + timedelta(1)).day == 1 and pattern.month == 2:
        return date(year, 3, 1) - timedelta(1)
    return pattern.replace(year=year)

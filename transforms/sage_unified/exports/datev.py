"""DATEV: booking batches and the debtors and creditors in them, in the EXTF format (version 700).

Source: rules/exports.csv. Amounts are in base currency; opening balances are not in the batches, DATEV
carries its own forward.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.exports.datev_format import limited, records, reference
from sage_unified.exports.datev_legs import Chart, bookings
from sage_unified.exports.refusals import (
    Business,
    ExportRefusedError,
    require_accounts,
    require_cents,
    require_country,
)
from sage_unified.exports.texts import decimal_comma
from sage_unified.vocabulary import EU_MEMBERS

FILE: Final = "The DATEV batch"
_CHARTS: Final = ("SKR03", "SKR04")
_MOST_CENTS: Final = 999_999_999_999
"""Ten digits before the comma and two behind."""
_SUPPLY_WITHIN_EU: Final = "11"
_KIND_UNKNOWN: Final = "0"
_STREET: Final = "STR"


def require_chart(business: Business) -> str:
    """The chart of the business: SKR03 or SKR04.

    Raises :class:`ExportRefusedError` for a business that has none of them.
    """
    require_country(business, "DE", FILE)
    if business.chart not in _CHARTS:
        raise ExportRefusedError(
            f"The chart of business {business.business_id} is {business.chart or 'not known'}, and tax "
            f"keys are known for {' and '.join(_CHARTS)}.",
            "Name the chart in the overrides, then run: sage-elt transform",
            error_code="export-chart-unknown",
        )
    return business.chart


def booking_lines(entries: pl.DataFrame, chart: Chart) -> pl.Series:
    """The lines of a batch of whole, balanced transactions; for ``entries`` see ``datev_legs.bookings``.

    Raises :class:`ExportRefusedError` for an account without a code, a fraction of a cent and an amount
    of more than ten digits.
    """
    require_accounts(entries, FILE)
    require_cents(entries)
    booked = bookings(entries, chart)
    if booked.filter(pl.col("cents") > _MOST_CENTS).height:
        raise ExportRefusedError(
            "An amount has more than ten digits before the comma, which a line of DATEV can not hold.",
            "Split the booking in Sage, then run: sage-elt run",
            error_code="export-amount-unusable",
        )
    eu_number = pl.when(pl.col("key") == _SUPPLY_WITHIN_EU).then(_vat_number())
    return records(
        booked,
        "booking",
        {
            "Umsatz (ohne Soll/Haben-Kz)": decimal_comma(pl.col("cents")),
            "Soll/Haben-Kennzeichen": pl.col("side"),
            "Konto": pl.col("account"),
            "Gegenkonto (ohne BU-Schlüssel)": pl.col("counter_account"),
            "BU-Schlüssel": pl.col("key"),
            "Belegdatum": pl.col("date").dt.strftime("%d%m"),
            "Belegfeld 1": pl.coalesce(
                reference(pl.col("document_number"), 36),
                reference(pl.col("reference"), 36),
                reference(pl.col("transaction_id"), 36),
            ),
            "Buchungstext": limited(pl.col("description"), 60),
            "EU-Land u. UStID (Bestimmung)": eu_number.str.slice(0, 15),
            "Festschreibung": pl.lit("0"),
            "Fälligkeit": pl.col("due_date").dt.strftime("%d%m%Y"),
        },
    )


def contact_lines(contacts: pl.DataFrame, persons: pl.DataFrame) -> pl.Series:
    """The lines of the debtors and creditors, by number.

    ``contacts`` is ``dim_contact``, ``persons`` what ``datev_accounts.personal_numbers`` gives.
    """
    numbered = persons.join(contacts, on="contact_id", validate="m:1").sort(
        pl.col("number").cast(pl.Int64)
    )
    number = _vat_number()
    prefix = number.str.slice(0, 2)
    is_vat_number = prefix.is_in(EU_MEMBERS)
    of_debtors = pl.col("role") == "receivable"
    limit = pl.col("credit_limit").round(0).cast(pl.Int64)
    return records(
        numbered,
        "contact",
        {
            "Konto": pl.col("number"),
            "Name (Adressatentyp keine Angabe)": limited(pl.col("name"), 50),
            "Adressatentyp": pl.lit(_KIND_UNKNOWN),
            "EU-Land": pl.when(is_vat_number).then(prefix.replace({"GR": "EL"})),
            "EU-USt-IdNr.": pl.when(is_vat_number).then(number.str.slice(2, 13)),
            "Adressart": pl.when(limited(pl.col("address_line_1"), 36).is_not_null()).then(
                pl.lit(_STREET)
            ),
            "Straße": limited(pl.col("address_line_1"), 36),
            "Postleitzahl": limited(pl.col("postal_code"), 10),
            "Ort": limited(pl.col("city"), 30),
            "Land": limited(pl.col("country"), 2),
            "Adresszusatz": limited(pl.col("address_line_2"), 36),
            "Kreditlimit (Debitor)": pl.when(of_debtors & (limit > 0)).then(limit.cast(pl.String)),
            "Fälligkeit in Tagen (Debitor)": pl.when(
                of_debtors & pl.col("credit_days").is_between(0, 999)
            ).then(pl.col("credit_days").cast(pl.String)),
        },
    )


def _vat_number() -> pl.Expr:
    return pl.col("tax_number").str.to_uppercase().str.replace_all(r"[^0-9A-Z]", "")

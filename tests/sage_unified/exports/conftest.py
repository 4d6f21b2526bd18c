"""Rows as the exporters get them, from any text and amounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import strategies as st

from sage_unified.exports.refusals import Business

ENTRY_TYPES = {
    "transaction_no": pl.Int64,
    "entry_id": pl.String,
    "transaction_id": pl.String,
    "transaction_type": pl.String,
    "date": pl.Date,
    "debit": pl.Decimal(19, 4),
    "credit": pl.Decimal(19, 4),
    "amount": pl.Decimal(19, 4),
    "description": pl.String,
    "journal_code": pl.String,
    "created_at": pl.Datetime("us", "UTC"),
    "tax_rate_id": pl.String,
    "account_id": pl.String,
    "contact_id": pl.String,
    "currency": pl.String,
    "currency_amount": pl.Decimal(19, 4),
    "code": pl.String,
    "account_name": pl.String,
    "account_class": pl.String,
    "account_subclass": pl.String,
    "is_control_account": pl.Boolean,
    "contact_name": pl.String,
    "contact_reference": pl.String,
    "auxiliary_account": pl.String,
    "tax_number": pl.String,
    "document_number": pl.String,
    "document_date": pl.Date,
    "due_date": pl.Date,
    "reference": pl.String,
}
DAY = date(2025, 3, 14)
Entries = Callable[..., pl.DataFrame]


@pytest.fixture(scope="session")
def make_entries() -> Entries:
    """Entries of transactions, each a list of (code, amount) or of such rows with more columns."""

    def entries(*transactions: list[dict[str, Any]], **columns: Any) -> pl.DataFrame:
        rows = []
        for number, legs in enumerate(transactions, 1):
            for place, leg in enumerate(legs):
                amount = Decimal(leg["amount"])
                row = {
                    "transaction_no": number,
                    "entry_id": f"e{number}-{place}",
                    "transaction_id": f"t{number}",
                    "transaction_type": "SALES_INVOICE",
                    "date": DAY,
                    "debit": max(amount, Decimal(0)),
                    "credit": max(-amount, Decimal(0)),
                    "created_at": datetime(2025, 3, 15, tzinfo=UTC),
                    "account_id": f"a{leg['code']}",
                    "account_name": "Konto",
                    "is_control_account": False,
                }
                rows.append(row | columns | leg | {"amount": amount})
        return pl.DataFrame(rows, schema=ENTRY_TYPES)

    return entries


@pytest.fixture(scope="session")
def french() -> Business:
    return Business(
        business_id="b1",
        country="FR",
        name="Mobilier",
        base_currency="EUR",
        year_end=date(2025, 12, 31),
        tax_number=None,
        siret="73282932000074",
        chart="PCG",
    )


@pytest.fixture(scope="session")
def awkward() -> st.SearchStrategy[str | None]:
    """Names as people type them: separators, quotes, line ends, emoji, umlauts, nothing."""
    likely = st.sampled_from(
        [
            "",
            " ",
            "\t",
            "|",
            ";",
            '"',
            "a;b",
            'Müller "& Söhne"',
            "Œuvre\r\nétoile",
            "🪑 Stühle",
            "a\u2028b",
            "\x85",
            "ŁódźŒ",
            "=1+1",
            "<x/>&amp;",
            "]]>",
            "ﬁ",
            "\ufeffx",
        ]
    )
    anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=70)
    return st.one_of(st.none(), likely, anything)

"""Tax rates as the classifier takes them, one keyword a column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest

PERIOD = pl.Struct({"percentage": pl.String, "from_date": pl.String, "to_date": pl.String})
PART = pl.Struct(
    {"id": pl.String, "name": pl.String, "percentage": pl.String, "percentages": pl.List(PERIOD)}
)
SCHEMA = {
    "country": pl.String,
    "ni_based": pl.Boolean,
    "tax_rate_id": pl.String,
    "name": pl.String,
    "percentage": pl.String,
    "percentages": pl.List(PERIOD),
    "is_combined_rate": pl.Boolean,
    "component_tax_rates": pl.List(PART),
    "retailer": pl.Boolean,
    "document_date": pl.Date,
}
DEFAULTS: dict[str, Any] = {
    "country": "GB",
    "ni_based": False,
    "tax_rate_id": "0" * 32,
    "name": "VAT",
    "percentage": "20",
    "percentages": [],
    "is_combined_rate": False,
    "component_tax_rates": [],
    "retailer": False,
    "document_date": date(2024, 5, 1),
}


@pytest.fixture(scope="session")
def rates() -> Callable[..., pl.DataFrame]:
    """A frame of rates; what a row does not say is an own rate "VAT" of 20% in GB on 2024-05-01."""

    def frame(*rows: dict[str, Any]) -> pl.DataFrame:
        return pl.DataFrame([{**DEFAULTS, **row} for row in rows], schema=SCHEMA)

    return frame

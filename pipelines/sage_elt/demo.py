"""The demo: seven countries' sandbox books through the whole road, and what came of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl
from cryptography.fernet import Fernet

from sage_elt.jobs.syncing import DEMO_CONNECTION, books_pipeline
from sage_elt.warehouse import Warehouse, WarehouseSettingError

COUNTRIES = ("GB", "IE", "DE", "FR", "ES", "CA", "US")


@dataclass(frozen=True)
class CountryResult:
    """What arrived of one business."""

    country: str
    business_id: str
    rows: int
    """Records in the raw schema, child rows included."""
    trial_balance_difference: Decimal
    """Largest sum of a month's closing balances; 0.00 when the books balance. Base currency."""
    sage_difference: Decimal
    """Largest difference of an account to Sage's own balance. Base currency."""
    rates_mapped: int
    rates_unmapped: int


@contextmanager
def demo_settings(sandbox: Mapping[str, str]) -> Iterator[None]:
    """The sandbox's addresses, a token key and a working folder of its own, for this process."""
    with tempfile.TemporaryDirectory(prefix="sage-elt-demo-") as folder:
        settings = {
            **sandbox,
            "SOURCES__SAGE_ACCOUNTING__TOKEN_KEY": Fernet.generate_key().decode(),
            "SOURCES__SAGE_ACCOUNTING__CONNECTION": DEMO_CONNECTION,
            "SOURCES__SAGE_ACCOUNTING__REQUESTS_PER_MINUTE": "0",
            "DLT_DATA_DIR": folder,
        }
        before = {name: os.environ.get(name) for name in settings}
        os.environ.update(settings)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def start_over(warehouse: Warehouse) -> None:
    """Remove what an earlier demo left.

    Raises :class:`WarehouseSettingError` for a file that holds anything else: real books are never
    mixed with the demo's.
    """
    if warehouse.path is None:
        raise WarehouseSettingError(
            "The demo loads into DuckDB only. Run it without --destination."
        )
    if not warehouse.path.exists():
        return
    warehouse.check_writable()
    warehouse.wait_until_free(0)
    demo = books_pipeline(warehouse, DEMO_CONNECTION).pipeline_name
    if warehouse.pipelines() - {demo} or (not warehouse.pipelines() and warehouse.tables("main")):
        raise WarehouseSettingError(
            f"The file {warehouse.path} exists and is no demo's, so the demo left it as it is. Run it "
            "in another folder, or set DESTINATION__DUCKDB__CREDENTIALS to another file.",
            error_code="books-mixed",
        )
    warehouse.path.unlink()


def results(warehouse: Warehouse, checks: pl.DataFrame) -> list[CountryResult]:
    """What arrived, by country, in the order of the demo; ``checks`` are the tie-outs."""
    tables = [
        table
        for table, columns in warehouse.tables("sage").items()
        if "business_id" in columns and not table.startswith("_")
    ]
    union = " UNION ALL ".join(f'SELECT business_id FROM sage."{table}"' for table in tables)
    rows = warehouse.rows(
        f"SELECT country, business_id, count(*) FROM ({union}) "
        "JOIN unified.dim_business USING (business_id) GROUP BY ALL"
    )
    found = [
        _result(country, business_id, count, checks.filter(pl.col("business_id") == business_id))
        for country, business_id, count in rows
    ]
    return sorted(found, key=lambda result: COUNTRIES.index(result.country))


def _result(country: str, business_id: str, rows: int, checks: pl.DataFrame) -> CountryResult:
    def largest_difference(name: str) -> Decimal:
        differences = checks.filter(pl.col("check") == name)["difference"].drop_nulls().to_list()
        return max((abs(difference) for difference in differences), default=Decimal(0))

    rates = checks.filter((pl.col("check") == "tax_rates_mapped") & pl.col("found").is_not_null())
    known, mapped = (int(rates[column].sum()) for column in ("expected", "found"))
    return CountryResult(
        country,
        business_id,
        rows,
        largest_difference("trial_balance_sums_to_zero"),
        largest_difference("trial_balance_equals_sage"),
        rates_mapped=mapped,
        rates_unmapped=known - mapped,
    )


def size_of(path: Path) -> str:
    """A file's size for people."""
    return f"{path.stat().st_size / 1024 / 1024:.1f} MiB"

"""No float touches money: not in a schema, and not in a sum of a million cents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sage_unified as su
from sage_accounting.shapes import WIRE
from sage_unified.columns import MONEY
from sage_unified.marts.trial_balance import trial_balance
from sage_unified.model import polars_types
from sage_unified.raw import RAW
from sage_unified.tables import Table

FLOATS = ("DOUBLE", "FLOAT", "REAL")
ENTRIES = 1_000_000


def inner(kind: pl.DataType) -> Iterator[pl.DataType]:
    """A type and the types in it."""
    yield kind
    if isinstance(kind, pl.List):
        yield from inner(kind.inner)  # type: ignore[arg-type]
    if isinstance(kind, pl.Struct):
        for field in kind.fields:
            yield from inner(field.dtype)  # type: ignore[arg-type]


@pytest.mark.parametrize("table", RAW)
def test_no_raw_column_is_read_as_a_float(table: str) -> None:
    assert not [kind for of in RAW[table].values() for kind in inner(of) if kind.is_float()]


def test_no_value_of_the_catalogue_is_taken_from_the_wire_as_a_float() -> None:
    assert not [kind for kind, of in WIRE.items() if pa.types.is_floating(of)]


@pytest.mark.parametrize("table", su.TABLES, ids=lambda table: f"{table.schema}.{table.name}")
def test_no_column_of_the_warehouse_is_a_float(table: Table) -> None:
    kinds = su.duckdb_types(table.schema, table.name).values()
    assert not [kind for kind in kinds if any(word in kind.upper() for word in FLOATS)]


@pytest.fixture(scope="module")
def of_many() -> pl.DataFrame:
    """The columns of ledger entries that do not matter here, for a million of them."""
    types = polars_types("unified", "fct_ledger_entry")
    usual = {
        "business_id": "b1",
        "account_id": "a1",
        "date": date(2026, 1, 31),
        "is_deleted": False,
        "is_closing_entry": False,
    }
    literals = [pl.lit(usual.get(name)).cast(kind).alias(name) for name, kind in types.items()]
    return pl.DataFrame({"n": pl.int_range(ENTRIES, eager=True)}).with_columns(literals).drop("n")


@settings(max_examples=5, deadline=None)
@given(cents=st.lists(st.integers(0, 10**10), min_size=1, max_size=100))
def test_a_million_cents_are_summed_exactly(of_many: pl.DataFrame, cents: list[int]) -> None:
    """By the trial balance, whose sums every statement and tie-out shares; the drawn amounts in turn."""
    times, rest = divmod(ENTRIES, len(cents))
    drawn = pl.Series([Decimal(amount) / 100 for amount in cents], dtype=MONEY)
    entries = of_many.with_columns(
        pl.concat([drawn] * times + [drawn.head(rest)]).alias("debit"),
        pl.lit(0, MONEY).alias("credit"),
    )
    accounts = pl.LazyFrame(schema=dict(polars_types("unified", "dim_account")))
    (balance,) = trial_balance(entries.lazy(), accounts).collect()["closing_balance"]
    assert balance == Decimal(sum(cents) * times + sum(cents[:rest])) / 100

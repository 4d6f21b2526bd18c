"""The tables of the warehouse: columns, types, and what a build promises."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TypeAlias

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sage_unified as su
from sage_unified.model import STEPS, polars_types
from sage_unified.raw import RAW
from sage_unified.rules import rule_table

LOAD_DATE = date(2024, 7, 1)
NAMES = [(table.schema, table.name) for table in su.TABLES]
UNIFIED = [name for schema, name in NAMES if schema == "unified"]
Books = Callable[..., dict[str, pl.LazyFrame]]
Tables: TypeAlias = dict[tuple[str, str], pl.DataFrame]


def built(books: dict[str, pl.LazyFrame]) -> Tables:
    return su.build(books, LOAD_DATE)


@pytest.fixture(scope="module")
def tables(raw_books: Books) -> Tables:
    return built(raw_books())


@pytest.fixture(scope="module")
def tables_of_nothing() -> Tables:
    return built({})


@pytest.fixture(scope="module")
def tables_of_reversed_rows(raw_books: Books) -> Tables:
    return built({table: frame.reverse() for table, frame in raw_books().items()})


@pytest.mark.parametrize("name", NAMES, ids=".".join)
def test_table_has_its_columns_and_types(tables: Tables, name: tuple[str, str]) -> None:
    assert dict(tables[name].schema) == dict(polars_types(*name))


@pytest.mark.parametrize("name", NAMES, ids=".".join)
def test_empty_load_gives_an_empty_table_of_the_same_types(
    tables_of_nothing: Tables, name: tuple[str, str]
) -> None:
    frame = tables_of_nothing[name]
    assert frame.is_empty()
    assert dict(frame.schema) == dict(polars_types(*name))


@pytest.mark.parametrize("table", UNIFIED)
def test_columns_are_those_of_the_model_in_its_order(tables: Tables, table: str) -> None:
    listed = rule_table("unified_model").filter(pl.col("table") == table)["column"]
    assert tables["unified", table].columns == listed.to_list()


@pytest.mark.parametrize("table", UNIFIED)
def test_column_that_must_not_be_null_is_not(tables: Tables, table: str) -> None:
    model = rule_table("unified_model").filter(pl.col("table") == table, pl.col("nullable") == "NO")
    nulls = tables["unified", table].select(model["column"].to_list()).null_count()
    assert {column for column, count in nulls.row(0, named=True).items() if count} == set()


@pytest.mark.parametrize("name", NAMES, ids=".".join)
def test_no_column_is_a_float(name: tuple[str, str]) -> None:
    assert not [kind for kind in polars_types(*name).values() if kind.is_float()]


@pytest.mark.parametrize("name", NAMES, ids=".".join)
def test_order_of_the_raw_rows_makes_no_difference(
    tables: Tables, tables_of_reversed_rows: Tables, name: tuple[str, str]
) -> None:
    assert tables_of_reversed_rows[name].equals(tables[name])


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(missing=st.sets(st.sampled_from(sorted(su.raw_columns()))))
def test_any_raw_tables_may_be_missing(raw_books: Books, missing: set[str]) -> None:
    books = {name: frame for name, frame in raw_books().items() if name not in missing}
    assert list(built(books)) == NAMES


def test_raw_columns_are_known_ones() -> None:
    assert all(columns == tuple(RAW[table]) for table, columns in su.raw_columns().items())


def test_table_comes_after_what_it_is_made_of() -> None:
    seen: set[str] = set()
    for table in STEPS:
        assert set(table.after) <= seen
        seen.add(table.name)


def test_key_that_stands_twice_is_named_without_its_rows(raw_books: Books) -> None:
    books = raw_books()
    books["transactions"] = pl.concat([books["transactions"], books["transactions"]])
    with pytest.raises(su.BuildError, match=r"unified\.fct_ledger_entry") as caught:
        built(books)
    assert "inv1" not in str(caught.value)

"""Transforms over a DuckDB file: only what changed, all at once, described, the same as from scratch."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from sandbox_books import british_and_canadian, write_raw

import sage_unified as su
from sage_elt.builds import build_changed
from sage_elt.duckdb_file import duckdb_destination
from sage_elt.warehouse import Warehouse

LOAD_DATE = date(2026, 7, 1)
NOTHING_SET = su.read_overrides(pl.DataFrame(schema=dict(su.OVERRIDE_COLUMNS)))
TABLES = [(table.schema, table.name) for table in su.TABLES]


@pytest.fixture(scope="module")
def raw() -> dict[str, pl.DataFrame]:
    return british_and_canadian()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, raw: dict[str, pl.DataFrame]) -> Path:
    """A file with the raw tables, and all that is built of them."""
    path = tmp_path_factory.mktemp("template") / "sage.duckdb"
    write_raw(path, raw)
    build(Warehouse(duckdb_destination(path), path))
    return path


@pytest.fixture
def built(template: Path, tmp_path: Path) -> Warehouse:
    path = Path(shutil.copy(template, tmp_path / "sage.duckdb"))
    return Warehouse(duckdb_destination(path), path)


def change(warehouse: Warehouse, sql: str) -> None:
    with warehouse.writing() as connection:
        connection.execute(sql)


def build(warehouse: Warehouse, overrides: pl.DataFrame = NOTHING_SET) -> dict[Any, int]:
    return build_changed(warehouse, LOAD_DATE, overrides)


def contents(warehouse: Warehouse) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    names = (f'"{schema}"."{table}"' for schema, table in TABLES)
    queries = (f"SELECT * FROM {name} ORDER BY ALL" for name in names)
    return dict(zip(TABLES, map(warehouse.rows, queries), strict=True))


def built_at(warehouse: Warehouse) -> dict[str, Any]:
    return dict(warehouse.rows("SELECT business_id, built_at FROM unified._builds"))


def countries(warehouse: Warehouse) -> dict[str, str]:
    return dict(warehouse.rows("SELECT country, business_id FROM unified.dim_business"))


def test_tables_are_those_of_the_transforms(built: Warehouse, raw: dict[str, pl.DataFrame]) -> None:
    made = su.build({name: frame.lazy() for name, frame in raw.items()}, LOAD_DATE)
    heights = {name: frame.height for name, frame in made.items()}
    assert {name: len(rows) for name, rows in contents(built).items()} == heights


def test_business_whose_rows_are_the_same_is_left_as_it_is(built: Warehouse) -> None:
    before = built_at(built)
    build(built)
    assert built_at(built) == before


def test_only_the_business_whose_rows_changed_is_built(built: Warehouse) -> None:
    before, ids = built_at(built), countries(built)
    change(built, f"UPDATE sage.contacts SET name = 'New' WHERE business_id = '{ids['CA']}'")
    build(built)
    after = built_at(built)
    assert {country for country, name in ids.items() if after[name] != before[name]} == {"CA"}


def test_built_in_steps_equals_built_from_scratch(built: Warehouse) -> None:
    ids = countries(built)
    change(built, f"DELETE FROM sage.sales_invoices WHERE business_id = '{ids['CA']}'")
    change(built, f"DELETE FROM sage.tax_rates WHERE business_id = '{ids['CA']}'")
    build(built)
    in_steps = contents(built)
    change(built, "DROP TABLE unified._builds")
    build(built)
    assert contents(built) == in_steps


def test_business_that_left_the_raw_schema_leaves_the_tables(built: Warehouse) -> None:
    gone = countries(built)["CA"]
    with built.writing() as connection:
        for (name,) in connection.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_catalog = current_catalog() AND table_schema = 'sage'"
        ).fetchall():
            connection.execute(f"DELETE FROM sage.\"{name}\" WHERE business_id = '{gone}'")
    build(built)
    assert list(countries(built)) == ["GB"]
    assert built.rows("SELECT count(*) FROM unified.bridge_tax_rate_component") == [(0,)]


def test_override_builds_its_business_anew(built: Warehouse) -> None:
    account = built.rows("SELECT business_id, account_id FROM unified.dim_account LIMIT 1")[0]
    row = {
        "business_id": account[0],
        "kind": "account",
        "id": account[1],
        "account_class": "equity",
    }
    build(built, su.read_overrides(pl.DataFrame([row])))
    found = built.rows("SELECT account_id FROM unified.dim_account WHERE class_method = 'override'")
    assert found == [(account[1],)]


def test_mistake_in_the_raw_rows_leaves_the_old_tables(built: Warehouse) -> None:
    before = contents(built)
    change(built, "INSERT INTO sage.transactions FROM sage.transactions LIMIT 1")
    with pytest.raises(su.BuildError):
        build(built)
    assert contents(built) == before


def test_nothing_is_left_beside_the_file(built: Warehouse) -> None:
    assert built.path is not None
    assert [path.name for path in built.path.parent.iterdir()] == ["sage.duckdb"]


def test_every_table_and_column_bears_its_description(built: Warehouse) -> None:
    where = "database_name = 'warehouse' AND schema_name IN ('unified', 'marts')"
    undescribed = built.rows(
        f"SELECT table_name FROM duckdb_tables() WHERE {where} AND comment IS NULL "
        f"UNION SELECT table_name || '.' || column_name FROM duckdb_columns() WHERE {where} "
        "AND comment IS NULL"
    )
    assert [name for (name,) in undescribed if not name.startswith("_builds")] == []


def test_load_without_any_business_makes_empty_tables(tmp_path: Path) -> None:
    path = tmp_path / "empty.duckdb"
    duckdb.connect(str(path)).close()
    rows = build(Warehouse(duckdb_destination(path), path))
    assert set(rows) == set(TABLES)
    assert set(rows.values()) == {0}

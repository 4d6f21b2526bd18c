"""Copies: lakes that hold what the file holds, and pairs that can not be."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import duckdb
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from dlt.destinations import filesystem, postgres
from pyiceberg.table import StaticTable

from sage_elt.copies import TABLE_FORMATS, TableFormat, copy_warehouse
from sage_elt.duckdb_file import duckdb_destination
from sage_elt.warehouse import Warehouse, WarehouseError, WarehouseSettingError

INVOICES = """
    SELECT 'b' AS business_id, 'i' || n AS id, (n / 3)::DECIMAL(38, 12) AS total_amount,
        DATE '2026-01-01' + n::INTEGER AS date, TIMESTAMPTZ '2026-01-02 03:04:05+00' AS created_at,
        n % 2 = 0 AS sent, NULL::VARCHAR AS notes
    FROM range(1000) AS r(n)
"""


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Warehouse:
    """A table with rows, one without, and one of marts."""
    path = tmp_path / "sage.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS w")
        connection.execute("CREATE SCHEMA w.sage; CREATE SCHEMA w.marts")
        connection.execute(f"CREATE TABLE w.sage.sales_invoices AS {INVOICES}")
        connection.execute("CREATE TABLE w.sage._deletions (business_id VARCHAR, id VARCHAR)")
        connection.execute("CREATE TABLE w.marts.cash_flow AS SELECT 'b' AS business_id")
    return Warehouse(duckdb_destination(path), path)


@pytest.fixture
def lake(tmp_path: Path) -> Warehouse:
    return Warehouse(filesystem(f"file://{tmp_path}/lake"), None)


def change(file: Warehouse, sql: str) -> None:
    with file.writing() as connection:
        connection.execute(sql)


def iceberg(folder: Path) -> StaticTable:
    newest = max((folder / "metadata").glob("*.metadata.json"))
    return StaticTable.from_metadata(str(newest))


AS_ARROW: dict[TableFormat, Callable[[Path], pa.Table]] = {
    "parquet": lambda folder: pl.read_parquet(folder / "*.parquet").to_arrow(),
    "delta": lambda folder: pa.table(DeltaTable(folder).to_pyarrow_table()),
    "iceberg": lambda folder: iceberg(folder).scan().to_arrow(),
}
AS_POLARS: dict[TableFormat, Callable[[Path], pl.DataFrame]] = {
    "parquet": lambda folder: pl.read_parquet(folder / "*.parquet"),
    "delta": lambda folder: pl.read_delta(str(folder)),
    "iceberg": lambda folder: pl.scan_iceberg(iceberg(folder)).collect(),
}


def totals(rows: Any) -> tuple[int, Decimal]:
    found = duckdb.sql("SELECT count(*), sum(total_amount) FROM rows").fetchone()
    assert found is not None
    return found


def totals_of(file: Warehouse) -> tuple[int, Decimal]:
    return file.rows("SELECT count(*), sum(total_amount) FROM sage.sales_invoices")[0]  # type: ignore[return-value]


@pytest.fixture(params=TABLE_FORMATS)
def table_format(request: pytest.FixtureRequest) -> TableFormat:
    wanted: TableFormat = request.param
    return wanted


def test_duckdb_finds_the_rows_of_the_file_in_the_lake(
    file: Warehouse, lake: Warehouse, table_format: TableFormat, tmp_path: Path
) -> None:
    copy_warehouse(file, lake, table_format)
    rows = AS_ARROW[table_format](tmp_path / "lake/sage/sales_invoices")
    assert totals(rows) == totals_of(file)


def test_polars_finds_them_in_their_types(
    file: Warehouse, lake: Warehouse, table_format: TableFormat, tmp_path: Path
) -> None:
    copy_warehouse(file, lake, table_format)
    rows = AS_POLARS[table_format](tmp_path / "lake/sage/sales_invoices").sort("id")
    expected = file.frames("sage", {"sales_invoices": rows.columns})["sales_invoices"].collect()
    assert rows.rows() == expected.sort("id").rows()
    assert rows.schema["total_amount"] == pl.Decimal(38, 12)


def test_copy_that_is_repeated_holds_each_row_once_and_no_old_ones(
    file: Warehouse, lake: Warehouse, table_format: TableFormat, tmp_path: Path
) -> None:
    copy_warehouse(file, lake, table_format)
    change(file, "DELETE FROM sage.sales_invoices WHERE sent")
    change(file, "UPDATE sage.sales_invoices SET total_amount = total_amount + 1")
    copy_warehouse(file, lake, table_format)
    rows = AS_ARROW[table_format](tmp_path / "lake/sage/sales_invoices")
    assert totals(rows) == totals_of(file)


def test_table_without_rows_is_in_the_lake_with_its_columns(
    file: Warehouse, lake: Warehouse, table_format: TableFormat, tmp_path: Path
) -> None:
    copy_warehouse(file, lake, table_format)
    rows = AS_ARROW[table_format](tmp_path / "lake/sage/_deletions")
    assert (rows.num_rows, rows.column_names) == (0, ["business_id", "id"])


def test_table_that_lost_its_rows_has_none_in_the_lake(
    file: Warehouse, lake: Warehouse, table_format: TableFormat, tmp_path: Path
) -> None:
    copy_warehouse(file, lake, table_format)
    change(file, "DELETE FROM sage.sales_invoices")
    copy_warehouse(file, lake, table_format)
    assert AS_ARROW[table_format](tmp_path / "lake/sage/sales_invoices").num_rows == 0


def test_lake_is_of_parquet_unless_told_otherwise(
    file: Warehouse, lake: Warehouse, tmp_path: Path
) -> None:
    copy_warehouse(file, lake)
    rows = AS_ARROW["parquet"](tmp_path / "lake/sage/sales_invoices")
    assert totals(rows) == totals_of(file)


def test_sync_into_a_lake_is_refused(lake: Warehouse) -> None:
    with pytest.raises(WarehouseSettingError, match="would not be exact"):
        lake.check_writable()


def test_cursors_of_every_connection_come_along(tmp_path: Path) -> None:
    old, new = (
        Warehouse(duckdb_destination(path), path)
        for path in (tmp_path / "old.duckdb", tmp_path / "new.duckdb")
    )
    names = ("sage_elt__one", "sage_elt__other")
    for cursor, name in enumerate(names):
        synced(cursor, dlt.pipeline(name, destination=old.destination, dataset_name="sage"))
    for _ in range(2):
        copy_warehouse(old, new)
    there = [
        dlt.pipeline(
            name, str(tmp_path / "fresh"), destination=new.destination, dataset_name="sage"
        )
        for name in names
    ]
    for pipeline in there:
        pipeline.sync_destination()
    found = [each.state["sources"]["sage_accounting"]["resources"] for each in there]
    assert found == [{"contacts": {"cursor": 0}}, {"contacts": {"cursor": 1}}]


def synced(cursor: int, pipeline: dlt.Pipeline) -> None:
    """Something that keeps a cursor, as a sync does."""

    @dlt.resource(name="contacts")
    def contacts() -> Any:
        dlt.current.resource_state()["cursor"] = cursor
        yield [{"business_id": "b", "id": str(cursor)}]

    @dlt.source(name="sage_accounting")
    def sage() -> Any:
        return contacts

    pipeline.run(sage())
    pipeline.deactivate()


def test_copy_of_nothing_is_refused(tmp_path: Path, lake: Warehouse) -> None:
    path = tmp_path / "none.duckdb"
    duckdb.connect(path).close()
    with pytest.raises(WarehouseError, match="nothing to copy"):
        copy_warehouse(Warehouse(duckdb_destination(path), path), lake)


def test_copy_onto_itself_is_refused(file: Warehouse) -> None:
    with pytest.raises(WarehouseSettingError, match="itself"):
        copy_warehouse(file, file)


def test_copy_from_a_lake_is_refused(file: Warehouse, lake: Warehouse) -> None:
    with pytest.raises(WarehouseSettingError, match="no source"):
        copy_warehouse(lake, file)


def test_table_format_of_a_database_is_refused(file: Warehouse) -> None:
    server = Warehouse(postgres("postgresql://nobody:nothing@127.0.0.1:1/none"), None)
    with pytest.raises(WarehouseSettingError, match="one of lakes"):
        copy_warehouse(file, server, "delta")


def test_copy_from_a_server_into_a_file_is_refused(file: Warehouse) -> None:
    server = Warehouse(postgres("postgresql://nobody:nothing@127.0.0.1:1/none"), None)
    with pytest.raises(WarehouseSettingError, match="shortened"):
        copy_warehouse(server, file)

"""Pipelines that load into the same tables of a PostgreSQL, each with a package of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from postgres_books import connected, new_database
from postgres_server import postgres_server

from sage_elt.shared_tables import (
    SCHEMA_NAME,
    adopt_tables,
    agree_on_tables,
    drop_staging,
    with_own_staging,
)
from sage_elt.warehouse import WarehouseBusyError

STAGED = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'contacts'"


class Warehouse:
    """A database, and a working folder for each worker."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.folder = folder

    def pipeline(self, name: str, *, worker: str = "one", has_own_staging: bool = True) -> Any:
        destination: Any = dlt.destinations.postgres(self.address)
        return dlt.pipeline(
            name,
            pipelines_dir=str(self.folder / worker),
            destination=with_own_staging(destination, name) if has_own_staging else destination,
            dataset_name="sage",
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with connected(self.address) as cursor:
            cursor.execute(sql)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_server() as address:
        yield address


@pytest.fixture
def warehouse(server: str, tmp_path: Path) -> Warehouse:
    name = tmp_path.name.replace("[", "_").replace("]", "_")
    return Warehouse(new_database(server, name), tmp_path)


def extract(pipeline: Any, business: str, **columns: Any) -> None:
    table = pa.table(
        {"business_id": [business], "id": ["1"], **{n: [v] for n, v in columns.items()}}
    )
    merged = dlt.mark.make_hints(
        table_name="contacts", write_disposition="merge", primary_key=["business_id", "id"]
    )

    @dlt.source(name=SCHEMA_NAME)
    def one_contact() -> Any:
        hinted = dlt.mark.with_hints(table, merged, create_table_variant=True)
        return dlt.resource([hinted], name="contacts")

    pipeline.extract(one_contact())


def load(pipeline: Any, business: str, **columns: Any) -> None:
    adopted = adopt_tables(pipeline)
    extract(pipeline, business, **columns)
    agree_on_tables(pipeline, adopted)
    pipeline.normalize()
    pipeline.load()


@pytest.mark.parametrize(
    ("has_own_staging", "waiting"), [(True, ["north"]), (False, ["south"])], ids=["own", "default"]
)
def test_rows_that_wait_to_be_merged_stay_while_another_pipeline_loads(
    warehouse: Warehouse, has_own_staging: bool, waiting: list[str]
) -> None:
    """With dlt's default layout they are replaced by the other one's, and merged for it."""
    north = warehouse.pipeline("north", has_own_staging=has_own_staging)
    load(north, "north", name="a")
    with north.sql_client() as client:
        staging = client.staging_dataset_name
    south = warehouse.pipeline("south", has_own_staging=has_own_staging)
    load(south, "south", name="b")
    assert [b for (b,) in warehouse.rows(f"SELECT business_id FROM {staging}.contacts")] == waiting


def test_staging_is_gone_when_it_is_merged(warehouse: Warehouse) -> None:
    pipeline = warehouse.pipeline("north")
    load(pipeline, "north", name="a")
    drop_staging(pipeline)
    assert warehouse.rows(STAGED) == [("sage",)]


def test_pipeline_loads_again_after_its_staging_is_gone(warehouse: Warehouse) -> None:
    pipeline = warehouse.pipeline("north")
    for name in "ab":
        load(pipeline, "north", name=name)
        drop_staging(pipeline)
    assert warehouse.rows("SELECT business_id, name FROM sage.contacts") == [("north", "b")]


def test_stored_schema_holds_the_columns_of_all_pipelines(warehouse: Warehouse) -> None:
    load(warehouse.pipeline("north"), "north", name="a")
    load(warehouse.pipeline("south"), "south", town="b")
    fresh = warehouse.pipeline("north", worker="another")
    adopt_tables(fresh)
    assert {"name", "town"} <= fresh.schemas[SCHEMA_NAME].tables["contacts"]["columns"].keys()


def test_column_made_meanwhile_stays_in_the_stored_schema(warehouse: Warehouse) -> None:
    """Both started from the same tables; the one that ends last must not forget the other's column."""
    north, south = warehouse.pipeline("north"), warehouse.pipeline("south")
    for pipeline in (north, south):
        load(pipeline, pipeline.pipeline_name, name="a")
    north.activate()
    adopted = adopt_tables(north)
    extract(north, "north", street="x")
    south.activate()
    load(south, "south", town="y")
    north.activate()
    agree_on_tables(north, adopted)
    north.normalize()
    north.load()
    fresh = warehouse.pipeline("west", worker="another")
    adopt_tables(fresh)
    columns = fresh.schemas[SCHEMA_NAME].tables["contacts"]["columns"]
    assert {"name", "street", "town"} <= columns.keys()


def test_schema_is_stored_once_however_many_pipelines_load(warehouse: Warehouse) -> None:
    for name in ("north", "south", "west"):
        load(warehouse.pipeline(name), name, name="a")
    counted = f"SELECT count(*) FROM sage._dlt_version WHERE schema_name = '{SCHEMA_NAME}'"
    assert warehouse.rows(counted) == [(1,)]


def test_new_field_that_another_sync_typed_otherwise_meanwhile_is_not_loaded(
    warehouse: Warehouse,
) -> None:
    north, south = warehouse.pipeline("north"), warehouse.pipeline("south")
    for pipeline in (north, south):
        load(pipeline, pipeline.pipeline_name, name="a")
    north.activate()
    adopted = adopt_tables(north)
    extract(north, "north", levy="text")
    south.activate()
    load(south, "south", levy=7)
    north.activate()
    with pytest.raises(WarehouseBusyError, match=r"contacts\.levy"):
        agree_on_tables(north, adopted)
    assert not north.has_pending_data


def test_tables_are_created_once_by_pipelines_that_start_at_the_same_time(
    warehouse: Warehouse,
) -> None:
    """Whoever waits for the lock finds the tables there and creates none."""
    north = warehouse.pipeline("north")
    adopted = adopt_tables(north)
    extract(north, "north", name="a")
    load(warehouse.pipeline("south"), "south", name="b")
    north.activate()
    agree_on_tables(north, adopted)
    north.normalize()
    north.load()
    assert sorted(warehouse.rows("SELECT business_id, name FROM sage.contacts")) == [
        ("north", "a"),
        ("south", "b"),
    ]

"""Transforms and checks over a PostgreSQL: the tables of DuckDB, exchanged business by business."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dlt
import polars as pl
import pytest
from dlt.destinations import postgres
from postgres_books import new_database
from postgres_server import postgres_or_skip
from postgres_tables import (
    duckdb_table,
    postgres_columns,
    postgres_execute,
    postgres_rows,
    postgres_table,
)
from sandbox_books import british_and_canadian, write_raw

import sage_unified as su
from sage_elt.duckdb_file import duckdb_destination
from sage_elt.jobs.checking import check
from sage_elt.jobs.transforming import transform
from sage_elt.published_tables import TablesAtDestination
from sage_elt.warehouse import Warehouse, WarehouseError

TABLES = [(table.schema, table.name) for table in su.TABLES]
NUMBERS = itertools.count()


@pytest.fixture(scope="module", autouse=True)
def working_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLT_DATA_DIR", str(tmp_path_factory.mktemp("dlt")))
        patch.chdir(tmp_path_factory.mktemp("empty"))
        yield


@pytest.fixture(scope="module")
def raw() -> dict[str, pl.DataFrame]:
    return british_and_canadian()


@pytest.fixture(scope="module")
def templates(raw: dict[str, pl.DataFrame]) -> Iterator[str]:
    """A server with the databases ``raw``, of raw tables, and ``built``, where all is built of them."""
    with postgres_or_skip() as server:
        pipeline = dlt.pipeline(
            "raw", destination=postgres(new_database(server, "raw")), dataset_name="sage"
        )
        pipeline.run(
            [dlt.resource([frame.to_arrow()], name=name) for name, frame in raw.items()],
            schema=dlt.Schema("sage_accounting"),
        )
        transform(Warehouse(postgres(new_database(server, "built", template="raw")), None))
        yield server


@pytest.fixture
def address(templates: str, request: pytest.FixtureRequest) -> str:
    """A database of the test's own, with the raw tables only."""
    template = getattr(request, "param", "raw")
    return new_database(templates, f"own{next(NUMBERS)}", template=template)


BUILT = pytest.mark.parametrize("address", ["built"], indirect=True)
"""All is built in it already."""


@pytest.fixture
def server(address: str) -> Warehouse:
    """The warehouse in that database."""
    return Warehouse(postgres(address), None)


@pytest.fixture(scope="module")
def in_file(tmp_path_factory: pytest.TempPathFactory, raw: dict[str, pl.DataFrame]) -> Warehouse:
    """The same raw tables in a DuckDB file, and what is built of them."""
    path = tmp_path_factory.mktemp("file") / "sage.duckdb"
    write_raw(path, raw)
    warehouse = Warehouse(duckdb_destination(path), path)
    transform(warehouse)
    return warehouse


def assert_equal(address: str, in_file: Warehouse) -> None:
    assert in_file.path is not None
    for schema, table in TABLES:
        columns = list(su.duckdb_types(schema, table))
        assert postgres_table(address, schema, table, columns) == duckdb_table(
            in_file.path, schema, table, columns
        ), f"{schema}.{table}"


def business_ids(address: str) -> dict[str, str]:
    rows = postgres_rows(address, "SELECT country__id, id FROM sage.businesses")
    return dict(rows)


def builds(address: str) -> dict[str, Any]:
    return dict(postgres_rows(address, "SELECT business_id, built_at FROM unified._builds"))


def incoming(address: str) -> list[Any]:
    return postgres_rows(
        address, "SELECT nspname FROM pg_namespace WHERE nspname LIKE '%incoming%'"
    )


def test_tables_equal_those_of_duckdb(server: Warehouse, address: str, in_file: Warehouse) -> None:
    rows = transform(server)
    assert rows == transform(in_file)
    assert_equal(address, in_file)


@BUILT
def test_checks_are_those_of_duckdb(server: Warehouse, in_file: Warehouse) -> None:
    assert check(server).rows() == check(in_file).rows()


@BUILT
def test_columns_have_the_order_and_the_descriptions_of_the_model(
    server: Warehouse, address: str
) -> None:
    for schema in ("unified", "marts"):
        present = postgres_columns(address, schema)
        for name in (name for of, name in TABLES if of == schema):
            assert present[name] == list(su.duckdb_types(schema, name))
    text = "SELECT obj_description('unified.dim_account'::regclass)"
    assert postgres_rows(address, text) == [(su.describe("unified", "dim_account").table,)]


@BUILT
def test_nothing_is_exchanged_when_nothing_changed(server: Warehouse, address: str) -> None:
    before = builds(address)
    transform(server)
    assert builds(address) == before


def test_businesses_transformed_at_once_lose_none_of_each_other(
    server: Warehouse, address: str, in_file: Warehouse
) -> None:
    ids = list(business_ids(address).values())
    with ThreadPoolExecutor(len(ids)) as threads:
        list(threads.map(lambda one: transform(server, businesses=[one]), ids))
    assert_equal(address, in_file)


@BUILT
def test_same_business_transformed_twice_at_once_is_there_once(
    server: Warehouse, address: str, in_file: Warehouse
) -> None:
    postgres_execute(address, "UPDATE unified._builds SET fingerprint = 'older'")
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: transform(server), range(2)))
    assert_equal(address, in_file)


def test_only_the_named_business_is_transformed_and_checked(
    server: Warehouse, address: str
) -> None:
    gb = business_ids(address)["GB"]
    transform(server, businesses=[gb])
    assert list(builds(address)) == [gb]
    assert set(check(server, businesses=[gb])["business_id"]) == {gb}


@BUILT
def test_business_that_left_the_raw_schema_leaves_the_tables(
    server: Warehouse, address: str
) -> None:
    postgres_execute(address, "INSERT INTO unified._builds VALUES ('gone', 'x', now())")
    postgres_execute(address, "UPDATE unified.dim_tax_rate SET business_id = 'gone'")
    transform(server)
    left = "SELECT count(*) FROM unified.dim_tax_rate WHERE business_id = 'gone'"
    assert postgres_rows(address, left) == [(0,)]
    assert "gone" not in builds(address)


@BUILT
def test_interrupted_exchange_leaves_the_old_tables(server: Warehouse, address: str) -> None:
    postgres_execute(
        address,
        "UPDATE unified._builds SET fingerprint = 'older'",
        "UPDATE unified.dim_account SET display_name = 'old'",
        # the last table that is filled refuses its rows
        "ALTER TABLE marts.vat_summary ADD CONSTRAINT no CHECK (false) NOT VALID",
    )
    with pytest.raises(Exception, match="did not answer as expected"):
        transform(server)
    names = "SELECT DISTINCT display_name FROM unified.dim_account"
    assert postgres_rows(address, names) == [("old",)]
    assert incoming(address) == []


@BUILT
def test_unfinished_business_is_built_again(
    server: Warehouse, address: str, in_file: Warehouse
) -> None:
    postgres_execute(
        address,
        "UPDATE unified._builds SET fingerprint = ''",
        "DELETE FROM unified.fct_document",
    )
    transform(server)
    assert_equal(address, in_file)


@BUILT
def test_tables_of_another_version_are_made_anew(
    server: Warehouse, address: str, in_file: Warehouse
) -> None:
    postgres_execute(
        address,
        "ALTER TABLE unified.dim_account DROP COLUMN display_name",
        "UPDATE unified.dim_contact SET business_id = 'gone'",
    )
    transform(server)
    assert_equal(address, in_file)


@BUILT
def test_tables_of_another_version_are_not_made_anew_for_one_business(
    server: Warehouse, address: str
) -> None:
    postgres_execute(address, "ALTER TABLE unified.dim_account DROP COLUMN display_name")
    with pytest.raises(WarehouseError, match="another version"):
        transform(server, businesses=[business_ids(address)["GB"]])


@BUILT
def test_nothing_of_an_exchange_is_left_behind(address: str) -> None:
    assert incoming(address) == []


def test_empty_raw_schema_makes_empty_tables(address: str, server: Warehouse) -> None:
    tables = TablesAtDestination(server, is_partial=False)
    tables.replace({}, {}, [])
    assert tables.fingerprints() == {}
    assert set(tables.counts().values()) == {0}


def test_working_copy_is_removed(server: Warehouse, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLT_DATA_DIR", str(tmp_path))
        transform(server)
    assert [path.name for path in (tmp_path / "pipelines").iterdir()] == []

"""Merges straight from Parquet leave what dlt's own merges by a staging copy leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
import pytest
from dlt.common.destination import Destination
from dlt.common.schema.typing import TDeleteInsertStrategyDict

from sage_elt.duckdb_file import duckdb_destination

KEY = ["business_id", "id"]
PACKAGES: list[dict[str, list[dict[str, Any]]]] = [
    {
        "invoices": [
            {"business_id": "b1", "id": "1", "total": 10},
            {"business_id": "b1", "id": "2", "total": 20},
            {"business_id": "b2", "id": "1", "total": 30},
        ],
        "invoices__lines": [
            {"business_id": "b1", "_root_id": "1", "_list_idx": 0},
            {"business_id": "b1", "_root_id": "1", "_list_idx": 1},
            {"business_id": "b2", "_root_id": "1", "_list_idx": 0},
        ],
    },
    {
        "invoices": [
            {"business_id": "b1", "id": "1", "total": 11, "note": "new", "_deleted": None},
            {"business_id": "b1", "id": "2", "total": None, "note": None, "_deleted": True},
        ],
        "invoices__lines": [
            {"business_id": "b1", "_root_id": "1", "_list_idx": 0, "_deleted": None},
            {"business_id": "b2", "_root_id": "1", "_list_idx": None, "_deleted": True},
        ],
    },
]


def load(destination: Destination[Any, Any], folder: Path, *, distinct: bool) -> None:
    pipeline = dlt.pipeline(
        "books", pipelines_dir=str(folder), destination=destination, dataset_name="sage"
    )
    merge: TDeleteInsertStrategyDict = {"disposition": "merge", "strategy": "delete-insert"}
    if distinct:
        merge["deduplicated"] = True
    for package in PACKAGES:
        pipeline.run(resource(package, merge))


def resource(package: dict[str, list[dict[str, Any]]], merge: TDeleteInsertStrategyDict) -> Any:
    def tables() -> Iterator[Any]:
        for name, rows in package.items():
            table = pa.Table.from_pylist(rows)
            columns: dict[str, Any] = {}
            if "_deleted" in table.column_names:
                columns["_deleted"] = {"data_type": "bool", "hard_delete": True}
            key: dict[str, Any] = (
                {"primary_key": KEY} if name == "invoices" else {"merge_key": [KEY[0], "_root_id"]}
            )
            hints = dlt.mark.make_hints(
                table_name=name, write_disposition=merge, columns=columns or None, **key
            )
            yield dlt.mark.with_hints(table, hints, create_table_variant=True)

    return dlt.resource(tables, name="invoices")


def rows(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{file}' AS books (READ_ONLY)")
        return {
            table: sorted(
                connection.execute(f"SELECT * FROM books.sage.{table}").fetchall(), key=repr
            )
            for table in ("invoices", "invoices__lines")
        }


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("direct")
    load(duckdb_destination(folder / "sage.duckdb"), folder, distinct=True)
    return folder / "sage.duckdb"


def test_direct_merge_leaves_what_a_merge_by_staging_leaves(direct: Path, tmp_path: Path) -> None:
    load(dlt.destinations.duckdb(str(tmp_path / "own.duckdb")), tmp_path, distinct=False)
    assert rows(direct) == rows(tmp_path / "own.duckdb")


def test_repeated_package_changes_nothing(direct: Path) -> None:
    before = rows(direct)
    load(duckdb_destination(direct), direct.parent, distinct=True)
    assert rows(direct) == before


def test_direct_merge_makes_no_staging_tables(direct: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{direct}' AS books (READ_ONLY)")
        found = connection.execute(
            "SELECT count(*) FROM information_schema.tables "
            "WHERE table_schema LIKE '%staging%' AND table_name LIKE 'invoices%'"
        ).fetchone()
    assert found == (0,)

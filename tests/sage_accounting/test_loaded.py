"""What a run asks the warehouse: the ids that are loaded, and for how long the file is held for it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import dlt
import pytest

from sage_accounting.catalogue import load_catalogue
from sage_accounting.loaded import IDLE_S, LoadedRecords, LoadedTables

CATALOGUE = load_catalogue()
WRITES = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('CREATE TABLE other (id INT)')"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "books.duckdb"


@pytest.fixture
def tables(file: Path, tmp_path: Path) -> LoadedTables:
    """Two loaded lists of two businesses."""
    pipeline = dlt.pipeline(
        "loaded", pipelines_dir=str(tmp_path), destination=dlt.destinations.duckdb(str(file)),
        dataset_name="sage",
    )  # fmt: skip
    rows = [{"business_id": business, "id": id_} for business, id_ in ("a1", "a2", "b1")]
    for name in ("contacts", "products"):
        pipeline.run(rows, table_name=name)
    assert pipeline.default_schema_name is not None
    return LoadedTables(pipeline, pipeline.default_schema_name)


def ids(tables: LoadedTables, name: str) -> frozenset[str] | None:
    return LoadedRecords(tables, CATALOGUE[name], ["a", "b"]).ids("a")


def may_write(file: Path) -> bool:
    return (
        subprocess.run([sys.executable, "-c", WRITES, file], stderr=subprocess.DEVNULL).returncode
        == 0
    )


def test_lists_that_ask_one_after_the_other_share_a_connection(tables: LoadedTables) -> None:
    assert ids(tables, "contacts") == {"1", "2"}
    connection = tables.connected().native_connection
    tables.close_if_idle()
    assert ids(tables, "products") == {"1", "2"}
    assert tables.connected().native_connection is connection


def test_other_program_may_write_a_moment_after_the_last_question(
    tables: LoadedTables, file: Path
) -> None:
    ids(tables, "contacts")
    time.sleep(1.5 * IDLE_S)
    tables.close_if_idle()
    assert may_write(file)


def test_other_program_may_write_when_the_run_is_over(tables: LoadedTables, file: Path) -> None:
    ids(tables, "contacts")
    tables.close()
    assert may_write(file)


def test_list_that_was_never_loaded_has_no_ids(tables: LoadedTables) -> None:
    assert ids(tables, "sales_invoices") == frozenset()


def test_warehouse_that_another_program_holds_has_no_answer(
    tables: LoadedTables, file: Path
) -> None:
    code = WRITES + "; print('held', flush=True); sys.stdin.read()"
    code = code.replace("duckdb.connect(sys.argv[1])", "(kept := duckdb.connect(sys.argv[1]))")
    with subprocess.Popen(
        [sys.executable, "-c", code, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert ids(tables, "contacts") is None
        holder.communicate()

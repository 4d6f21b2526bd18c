"""A schema of a destination, read through dlt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from dlt.destinations import postgres
from postgres_books import new_database
from postgres_server import postgres_or_skip
from postgres_tables import postgres_execute, postgres_rows

from sage_elt import datasets
from sage_elt.datasets import Dataset
from sage_elt.duckdb_file import duckdb_destination

ROWS = 23


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Numbers from 1 on a PostgreSQL, those up to 5 of the business ``a``."""
    with postgres_or_skip() as server:
        address = new_database(server, "books")
        postgres_execute(
            address,
            "CREATE SCHEMA sage",
            "CREATE TABLE sage.numbers AS SELECT CASE WHEN n <= 5 THEN 'a' ELSE 'b' END AS business_id, "
            f"n::bigint AS n FROM generate_series(1, {ROWS}) AS r(n)",
        )
        yield address


@pytest.fixture
def dataset(address: str) -> Dataset:
    return Dataset(postgres(address), "sage")


@pytest.mark.parametrize("at_a_time", [1, 5, ROWS, 1000])
def test_rows_come_once_and_no_more_of_them_at_a_time_than_asked(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    monkeypatch.setattr(datasets, "CHUNK_ROWS", at_a_time)
    with dataset.reading() as rows:
        columns = rows.columns(["numbers"])["numbers"]
        batches = list(rows.batches("numbers", columns))
    assert sorted(n for b in batches for n in b["n"].to_pylist()) == [*range(1, ROWS + 1)]
    assert max(batch.num_rows for batch in batches) <= at_a_time


def test_only_rows_of_the_businesses_come(dataset: Dataset) -> None:
    with dataset.reading() as rows:
        columns = rows.columns(["numbers"])["numbers"]
        (batch,) = rows.batches("numbers", columns, ["a"])
    assert set(batch["n"].to_pylist()) == {1, 2, 3, 4, 5}


def test_destination_without_cursors_gives_all_rows(tmp_path: Path) -> None:
    path = tmp_path / "books.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE SCHEMA sage")
        connection.execute(f"CREATE TABLE sage.numbers AS FROM range(1, {ROWS} + 1) AS r(n)")
    with Dataset(duckdb_destination(path), "sage").reading() as rows:
        columns = rows.columns(["numbers"])["numbers"]
        (batch,) = rows.batches("numbers", columns)
    assert sorted(batch["n"].to_pylist()) == [*range(1, ROWS + 1)]


def test_result_stays_on_the_server_until_it_is_asked_for(
    address: str, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "CHUNK_ROWS", 2)
    with dataset.reading() as rows:
        columns = rows.columns(["numbers"])["numbers"]
        next(rows.batches("numbers", columns))
        last = "SELECT query FROM pg_stat_activity WHERE state = 'idle in transaction'"
        ((query,),) = postgres_rows(address, last)
    assert query.startswith("FETCH 2 ")

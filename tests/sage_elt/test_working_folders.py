"""A working folder that is used with two destinations."""

from __future__ import annotations

from pathlib import Path

import dlt
import pytest

from sage_elt.duckdb_file import duckdb_destination
from sage_elt.warehouse import Warehouse
from sage_elt.working_folders import keep_to_destination


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.chdir(tmp_path)


def sync(path: Path, records: int) -> int:
    """The cursor from which a sync into a file went on; it leaves ``records`` behind."""
    warehouse = Warehouse(duckdb_destination(path), path)
    pipeline = dlt.pipeline("sync", destination=warehouse.destination, dataset_name="sage")
    keep_to_destination(pipeline, warehouse)
    pipeline.sync_destination()
    found = []

    @dlt.resource(name="contacts")
    def contacts():  # type: ignore[no-untyped-def]  # dlt takes what it yields
        state = dlt.current.resource_state()
        found.append(state.get("cursor", 0))
        state["cursor"] = records
        yield [{"id": records}]

    pipeline.run(contacts(), schema=dlt.Schema("sage_accounting"))
    pipeline.deactivate()
    return int(found[0])


def test_sync_goes_on_from_the_cursor_of_its_own_destination(tmp_path: Path) -> None:
    one, other = tmp_path / "one.duckdb", tmp_path / "other.duckdb"
    assert [sync(one, 1), sync(one, 2)] == [0, 1]
    assert [sync(other, 10), sync(other, 20), sync(other, 30)] == [0, 10, 20]
    assert [sync(one, 3), sync(other, 40), sync(one, 4)] == [2, 30, 3]

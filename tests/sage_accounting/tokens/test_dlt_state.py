"""The copies in dlt's state and in its destination."""

import threading
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from sage_accounting.tokens.crypt import Sealed
from sage_accounting.tokens.dlt_state import DltState
from sage_accounting.tokens.steps import Step


@pytest.fixture
def warehouse(tmp_path: Path) -> Any:
    return dlt.destinations.duckdb(str(tmp_path / "warehouse" / "sage.duckdb"))


@pytest.fixture
def state(warehouse: Any, tmp_path: Path) -> DltState:
    (tmp_path / "warehouse").mkdir()
    return DltState("acme", warehouse, tmp_path / "pipelines")


FILE = Path("warehouse", "sage_auth__acme.duckdb")


def test_record_comes_back_from_the_working_folder(state: DltState) -> None:
    state.write(Sealed(3, 4, "text"))
    assert state.read_local() == Sealed(3, 4, "text")


def test_record_comes_back_from_the_destination(state: DltState) -> None:
    state.write(Sealed(3, 4, "text"))
    state.write(Sealed(4, 5, "newer"))
    assert state.read_destination() == Sealed(4, 5, "newer")


def test_nothing_stored_is_none_in_both_places(state: DltState) -> None:
    assert (state.read_local(), state.read_destination()) == (None, None)


def test_reading_creates_no_destination(state: DltState, tmp_path: Path) -> None:
    state.read_destination()
    assert not (tmp_path / FILE).exists()


def test_duckdb_copy_has_a_file_of_its_own_beside_the_warehouse(
    state: DltState, tmp_path: Path
) -> None:
    state.write(Sealed(1, 1, "text"))
    assert [file.name for file in (tmp_path / "warehouse").iterdir()] == [FILE.name]


def test_configured_warehouse_decides_where_the_copy_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "books.duckdb"))
    DltState("acme", "duckdb", tmp_path / "pipelines").write(Sealed(1, 1, "text"))
    assert (tmp_path / FILE.name).exists()


def test_two_connections_keep_their_records_apart(
    state: DltState, warehouse: Any, tmp_path: Path
) -> None:
    state.write(Sealed(1, 1, "acme"))
    DltState("other", warehouse, tmp_path / "pipelines").write(Sealed(2, 2, "other"))
    assert (state.read_local(), state.read_destination()) == (Sealed(1, 1, "acme"),) * 2


def test_pipeline_that_was_active_still_is(state: DltState, tmp_path: Path) -> None:
    books = dlt.pipeline("books", pipelines_dir=str(tmp_path / "pipelines"))
    state.write(Sealed(1, 1, "text"))
    assert dlt.current.pipeline() is books


def test_copy_in_the_middle_of_an_extraction_leaves_its_state_alone(
    state: DltState, warehouse: Any, tmp_path: Path
) -> None:
    @dlt.resource
    def rows() -> Any:
        dlt.current.resource_state()["before"] = 1
        state.write(Sealed(1, 1, "text"))
        thread = threading.Thread(target=state.write, args=(Sealed(2, 2, "text"),))
        thread.start()
        thread.join()
        dlt.current.resource_state()["after"] = 2
        yield {"id": 1}

    books = dlt.pipeline("books", destination=warehouse, pipelines_dir=str(tmp_path / "pipelines"))
    books.run(rows)
    resource_state = books.state["sources"]["books"]["resources"]["rows"]
    assert (resource_state, state.read_local()) == (
        {"before": 1, "after": 2},
        Sealed(2, 2, "text"),
    )


def test_destination_holds_the_newest_state_only(state: DltState, tmp_path: Path) -> None:
    for version in (1, 2, 3):
        state.write(Sealed(version, version, "text"))
    with duckdb.connect(str(tmp_path / FILE)) as connection:
        tables = "SELECT (SELECT count(*) FROM sage_auth._dlt_pipeline_state), (SELECT count(*) FROM sage_auth._dlt_loads)"
        assert connection.execute(tables).fetchall() == [(1, 1)]


def test_state_file_that_is_no_json_is_begun_anew(state: DltState, tmp_path: Path) -> None:
    state.write(Sealed(1, 1, "text"))
    (tmp_path / "pipelines" / "sage_auth__acme" / "state.json").write_text('{"half": ')
    assert state.read_local() is None
    state.write(Sealed(2, 2, "text"))
    assert state.read_destination() == Sealed(2, 2, "text")


class StoppedError(Exception):
    """A crash that the test survives."""


@pytest.mark.parametrize("at", ["before_state", "state_saved", "extracted", "normalized", "loaded"])
def test_write_after_a_write_that_stopped_anywhere_reaches_the_destination(
    warehouse: Any, tmp_path: Path, state: DltState, at: Step
) -> None:
    def stop(step: Step) -> None:
        if step == at:
            raise StoppedError

    state.write(Sealed(1, 1, "text"))
    with pytest.raises(StoppedError):
        DltState("acme", warehouse, tmp_path / "pipelines", stop).write(Sealed(2, 2, "text"))
    state.write(Sealed(3, 3, "text"))
    assert state.read_destination() == Sealed(3, 3, "text")


def test_without_a_destination_the_record_stays_in_the_working_folder(tmp_path: Path) -> None:
    state = DltState("acme", None, tmp_path)
    state.write(Sealed(1, 1, "text"))
    assert (state.read_local(), state.read_destination()) == (Sealed(1, 1, "text"), None)


def test_file_system_destination_keeps_a_copy_too(tmp_path: Path) -> None:
    bucket = dlt.destinations.filesystem(str(tmp_path / "bucket"))
    DltState("acme", bucket, tmp_path / "one").write(Sealed(1, 1, "text"))
    assert DltState("acme", bucket, tmp_path / "two").read_destination() == Sealed(1, 1, "text")

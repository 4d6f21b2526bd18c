"""The notebooks: no cell fails, whatever the warehouse holds and whoever holds the warehouse."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import duckdb
import pytest
from export_books import write_books

pytest.importorskip("marimo")
pytest.importorskip("altair")

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
CHARTS = {"cash_and_customers": 4, "tour": 3, "vat_review": 1}
CHART = "<marimo-mime-renderer"
SENTENCES = {
    "cash_and_customers": "Nothing was sold in the chosen countries yet",
    "tour": "There is no ledger entry yet",
    "vat_review": "so there is no return to review",
}
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
_HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with businesses of two countries and currencies."""
    folder = tmp_path_factory.mktemp("notebooks")
    path, other = folder / "sage.duckdb", folder / "other.duckdb"
    write_books(path, "GB", 5, mapped=False)
    write_books(other, "US", 5, mapped=False)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS made")
        connection.execute(f"ATTACH '{other}' AS other (READ_ONLY)")
        tables = connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'other'"
        ).fetchall()
        for schema, table in tables:
            connection.execute(
                f'INSERT INTO made."{schema}"."{table}" SELECT * FROM other."{schema}"."{table}"'
            )
    return path


@pytest.fixture
def emptied(books: Path, tmp_path: Path) -> Path:
    """All tables, and no row in any but the businesses."""
    path = tmp_path / "sage.duckdb"
    path.write_bytes(books.read_bytes())
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS made")
        for schema, table in connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'made'"
        ).fetchall():
            if table != "dim_business":
                connection.execute(f'DELETE FROM made."{schema}"."{table}"')
    return path


def run(name: str, warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """All that a notebook shows, as text. A cell that fails raises."""
    monkeypatch.chdir(warehouse.parent)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(warehouse))
    spec = spec_from_file_location(f"notebook_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    outputs, _ = module.app.run()
    return "\n".join(_text(output) for output in outputs if output is not None)


def _text(output: Any) -> str:
    from marimo import as_html

    return str(as_html(output).text)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another process has the file open to write."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        holder.communicate()


def test_every_notebook_is_tried() -> None:
    assert sorted(CHARTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_notebook_plots_the_books(name: str, books: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run(name, books, monkeypatch)
    assert shown.count(CHART) == CHARTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_notebook_without_rows_says_so_and_plots_nothing(
    name: str, emptied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run(name, emptied, monkeypatch)
    assert SENTENCES[name] in shown
    assert shown.count(CHART) == (1 if name == "tour" else 0)  # the outcomes of the tie-outs


@pytest.mark.parametrize("name", NAMES)
def test_notebook_without_a_warehouse_says_what_to_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Run: sage-elt sync" in run(name, tmp_path / "none.duckdb", monkeypatch)


@pytest.mark.parametrize("name", NAMES)
def test_notebook_before_the_first_transform_says_what_to_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb.connect(str(tmp_path / "sage.duckdb")).close()
    assert "Run: sage-elt run" in run(name, tmp_path / "sage.duckdb", monkeypatch)


@pytest.mark.parametrize("name", NAMES)
def test_notebook_waits_for_no_writer_and_names_it(
    name: str, books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(books):
        assert "is held open by process" in run(name, books, monkeypatch)


@pytest.mark.parametrize("name", NAMES)
def test_notebook_that_is_open_keeps_no_writer_waiting(
    name: str, books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(name, books, monkeypatch)
    with held(books):
        pass

"""Overrides are read from a file beside the warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from sage_elt.duckdb_file import duckdb_destination
from sage_elt.overrides import load_overrides
from sage_elt.warehouse import Warehouse, WarehouseSettingError
from sage_unified import OverrideError

HEADER = "business_id,kind,id,chart_standard\n"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    path = tmp_path / "sage.duckdb"
    return Warehouse(duckdb_destination(path), path)


def write(warehouse: Warehouse, name: str, text: str) -> None:
    assert warehouse.path is not None
    (warehouse.path.parent / name).write_text(text, encoding="utf-8")


def charts(warehouse: Warehouse) -> list[tuple[str, str]]:
    return load_overrides(warehouse).select("business_id", "chart_standard").rows()


def test_no_file_sets_nothing(warehouse: Warehouse) -> None:
    assert load_overrides(warehouse).is_empty()


def test_csv_is_read(warehouse: Warehouse) -> None:
    write(warehouse, "sage_overrides.csv", HEADER + "b1,chart,,SKR04\n")
    assert charts(warehouse) == [("b1", "SKR04")]


def test_toml_is_read(warehouse: Warehouse) -> None:
    text = '[[chart]]\nbusiness_id = "b1"\nchart_standard = "SKR04"\n'
    write(warehouse, "sage_overrides.toml", text)
    assert charts(warehouse) == [("b1", "SKR04")]


def test_setting_names_another_file(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(warehouse, "other.csv", HEADER + "b1,chart,,SKR03\n")
    monkeypatch.setenv("TRANSFORMS__OVERRIDES", str(tmp_path / "other.csv"))
    assert charts(warehouse) == [("b1", "SKR03")]


def test_mistake_is_named_by_the_line_of_the_file(warehouse: Warehouse) -> None:
    write(warehouse, "sage_overrides.csv", HEADER + "b1,chart,,SKR04\n\nb2,chart,,SKR99\n")
    with pytest.raises(OverrideError, match="line 4, column chart_standard"):
        load_overrides(warehouse)


def test_line_of_too_few_cells_is_refused(warehouse: Warehouse) -> None:
    write(warehouse, "sage_overrides.csv", HEADER + "b1,chart\n")
    with pytest.raises(WarehouseSettingError, match="line 2"):
        load_overrides(warehouse)


def test_file_that_is_not_there_is_refused(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSFORMS__OVERRIDES", "no-such.csv")
    with pytest.raises(WarehouseSettingError, match="can not be read"):
        load_overrides(warehouse)

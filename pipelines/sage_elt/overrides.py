"""The tenants' overrides, from a file beside the warehouse.

``sage_overrides.csv`` has a header of :data:`sage_unified.OVERRIDE_COLUMNS`; ``sage_overrides.toml``
has a table ``[[tax_rate]]``, ``[[account]]`` or ``[[chart]]`` for each. Another place is named with
``TRANSFORMS__OVERRIDES`` (dlt's setting ``transforms.overrides``).
"""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path
from typing import Any, Final

import dlt
import polars as pl

from sage_elt.warehouse import Warehouse, WarehouseSettingError
from sage_unified import OVERRIDE_COLUMNS, read_overrides

SETTING: Final = "transforms.overrides"
_NAMES: Final = ("sage_overrides.csv", "sage_overrides.toml")


def load_overrides(warehouse: Warehouse) -> pl.DataFrame:
    """The overrides of all tenants, validated; none when there is no file.

    Raises ``OverrideError`` for a row that sets nothing sound and :class:`WarehouseSettingError` for a
    file that can not be read.
    """
    path = _path(warehouse)
    if path is None:
        return read_overrides(pl.DataFrame(schema=dict(OVERRIDE_COLUMNS)))
    try:
        text = path.read_text(encoding="utf-8")
        rows = _of_toml(text) if path.suffix == ".toml" else _of_csv(text)
    except (OSError, ValueError, csv.Error) as error:
        raise WarehouseSettingError(
            f"The overrides in {path} can not be read ({error}). No table was changed. Correct the "
            f"file, or name another with {_variable()}.",
            error_code="overrides-unreadable",
        ) from error
    return read_overrides(rows)


def _path(warehouse: Warehouse) -> Path | None:
    named: object = dlt.config.get(SETTING)
    if named:
        return Path(str(named))
    folder = warehouse.path.parent if warehouse.path else Path()
    return next((folder / name for name in _NAMES if (folder / name).exists()), None)


def _variable() -> str:
    return SETTING.upper().replace(".", "__")


def _of_csv(text: str) -> pl.DataFrame:
    reader = csv.DictReader(text.splitlines(), strict=True)
    rows: list[dict[str, Any]] = []
    for row in reader:
        if None in row or None in row.values():
            raise ValueError(f"line {reader.line_num} has not as many cells as the header")
        rows.append({**row, "line": reader.line_num})
    return _frame(rows, tuple(reader.fieldnames or ()))


def _of_toml(text: str) -> pl.DataFrame:
    """A row a table; its line is the number of the table among all of them."""
    tables = tomllib.loads(text)
    rows = [{"kind": kind, **row} for kind, listed in tables.items() for row in listed]
    numbered = [{**row, "line": number} for number, row in enumerate(rows, 1)]
    return _frame(numbered, tuple(dict.fromkeys(name for row in rows for name in row)))


def _frame(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pl.DataFrame:
    schema: dict[str, Any] = {**dict.fromkeys(columns, pl.String), "line": pl.Int64}
    return pl.DataFrame(rows, schema=schema, strict=False)

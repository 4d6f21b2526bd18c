"""DuckDB's types in dlt's words and the other way round: what dlt loads into a DuckDB file as such."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast

from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema.typing import TColumnSchema
from dlt.destinations import duckdb

_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_TYPES: Final[Mapping[str, TColumnSchema]] = {
    "VARCHAR": {"data_type": "text"},
    "JSON": {"data_type": "json"},
    "BOOLEAN": {"data_type": "bool"},
    "DATE": {"data_type": "date"},
    "TIMESTAMPTZ": {"data_type": "timestamp", "timezone": True},
    "TIMESTAMP WITH TIME ZONE": {"data_type": "timestamp", "timezone": True},
    "TIMESTAMP": {"data_type": "timestamp", "timezone": False},
    "TINYINT": {"data_type": "bigint", "precision": 8},
    "SMALLINT": {"data_type": "bigint", "precision": 16},
    "INTEGER": {"data_type": "bigint", "precision": 32},
    "BIGINT": {"data_type": "bigint", "precision": 64},
    "DOUBLE": {"data_type": "double"},
    "BLOB": {"data_type": "binary"},
    "TIME": {"data_type": "time"},
}


def dlt_columns(types: Mapping[str, str]) -> dict[str, TColumnSchema]:
    """dlt's description of columns with these DuckDB types."""
    return {name: {"name": name, **_dlt_type(kind)} for name, kind in types.items()}


def duckdb_types(columns: Mapping[str, TColumnSchema]) -> dict[str, str]:
    """DuckDB's types of columns that dlt describes."""
    types = duckdb().capabilities().get_type_mapper()
    table = cast(PreparedTableSchema, {"name": ""})
    return {name: types.to_destination_type(column, table) for name, column in columns.items()}


def _dlt_type(kind: str) -> TColumnSchema:
    if match := _DECIMAL.fullmatch(kind):
        return {"data_type": "decimal", "precision": int(match[1]), "scale": int(match[2])}
    return _TYPES[kind]

"""The packaged rule tables: law, charts and report layouts as data, validated when first read.

:func:`rule_table` gives a table as a frame: ``decimal`` columns are Decimal(9, 4), ``date`` Date,
``integer`` Int64, ``flag`` Boolean, all else text; an empty cell is null. What each table may hold
stands in ``rule_schemas.py``; a mistake is a :class:`RuleTableError` that names file, line and column.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from typing import Final

import polars as pl

from sage_unified.columns import PERCENTAGE
from sage_unified.errors import RuleTableError
from sage_unified.rule_schemas import SCHEMAS, Column, Kind, Row, TableSchema

RULES_VERSION: Final = "2026.1"
"""Of rules and rate tables together; every classified row carries it."""

_TYPES: Mapping[Kind, pl.DataType] = {
    "text": pl.String(),
    "pattern": pl.String(),
    "integer": pl.Int64(),
    "decimal": PERCENTAGE,
    "date": pl.Date(),
    "flag": pl.Boolean(),
}


@cache
def rule_table(name: str) -> pl.DataFrame:
    """A packaged table by the name of its file without ``.csv``, rows in the file's order."""
    text = (files("sage_unified") / "rules" / f"{name}.csv").read_text(encoding="utf-8")
    return read_rules(f"{name}.csv", text, SCHEMAS[name])


def read_rules(file: str, text: str, schema: TableSchema) -> pl.DataFrame:
    """``text`` (CSV) as a validated frame; ``file`` is what a mistake is reported under.

    Raises :class:`RuleTableError`.
    """
    rows, lines = _rows(file, text, schema)
    return validated(file, rows, lines, schema)


def validated(
    file: str, rows: Sequence[Row], lines: Sequence[int], schema: TableSchema
) -> pl.DataFrame:
    """``rows``, cells as text by column, as a frame of the schema's types; ``lines`` are where they stand.

    Raises :class:`RuleTableError`.
    """
    values = [
        {
            name: _value(file, line, name, row[name], column)
            for name, column in schema.columns.items()
        }
        for row, line in zip(rows, lines, strict=True)
    ]
    _check_rows(file, schema, rows, lines)
    types = {name: _TYPES[column.kind] for name, column in schema.columns.items()}
    return pl.DataFrame(values, schema=types, orient="row")


def _rows(file: str, text: str, schema: TableSchema) -> tuple[list[Row], list[int]]:
    """The rows as text by column, and the line on which each ends."""
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    header = next(reader, [])
    for name in schema.columns:
        if name not in header:
            raise RuleTableError(file, 1, name, "the column is missing")
    for name in header:
        if name not in schema.columns:
            raise RuleTableError(file, 1, name, "the column is not known")
    rows: list[Row] = []
    lines: list[int] = []
    for cells in reader:
        if len(cells) != len(header):
            mistake = f"the row has {len(cells)} cells, the header {len(header)}"
            raise RuleTableError(file, reader.line_num, header[-1], mistake)
        rows.append(dict(zip(header, cells, strict=True)))
        lines.append(reader.line_num)
    return rows, lines


def _value(
    file: str, line: int, name: str, text: str, column: Column
) -> str | int | Decimal | date | bool | None:
    if text == "":
        if column.required:
            raise RuleTableError(file, line, name, "the cell is empty")
        return None
    if column.one_of and text not in column.one_of:
        raise RuleTableError(file, line, name, f"{text!r} is none of {', '.join(column.one_of)}")
    try:
        match column.kind:
            case "integer":
                return int(text)
            case "decimal":
                return Decimal(text)
            case "date":
                return date.fromisoformat(text)
            case "flag":
                return {"0": False, "1": True}[text]
            case "pattern":
                pl.Series([""]).str.contains(text)
                return text
            case "text":
                return text
    except (ValueError, InvalidOperation, KeyError, pl.exceptions.ComputeError) as error:
        raise RuleTableError(file, line, name, f"{text!r} is no {column.kind}") from error


def _check_rows(file: str, schema: TableSchema, rows: Sequence[Row], lines: Sequence[int]) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for row, line in zip(rows, lines, strict=True):
        key = tuple(row[name] for name in schema.key)
        if key in seen:
            repeated = f"the key {', '.join(key)} is that of line {seen[key]} again"
            raise RuleTableError(file, line, schema.key[-1], repeated)
        seen[key] = line
        if mistake := schema.row_check(row, rows):
            raise RuleTableError(file, line, *mistake)

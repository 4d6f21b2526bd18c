"""What each rule table may hold: columns, vocabularies, keys, and what a row may not contradict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Literal, TypeAlias

from sage_unified.formulas import MANUAL, parse_calculation, parse_sum
from sage_unified.vocabulary import (
    ACCOUNT_CLASSES,
    CATEGORIES,
    COUNTRIES,
    RATE_CLASSES,
    TAX_TYPES,
    TREATMENTS,
)

Kind: TypeAlias = Literal["text", "pattern", "integer", "decimal", "date", "flag"]
Row: TypeAlias = Mapping[str, str]
"""Cells as text by column."""
Mistake: TypeAlias = tuple[str, str] | None
"""Column and what is wrong with it."""


@dataclass(frozen=True)
class Column:
    """What a cell of a column may hold."""

    kind: Kind = "text"
    required: bool = True
    one_of: tuple[str, ...] = ()
    """The vocabulary; empty = any text."""


@dataclass(frozen=True)
class TableSchema:
    """What a rule table must look like."""

    columns: Mapping[str, Column]
    key: tuple[str, ...]
    """Columns that together are unique."""
    row_check: Callable[[Row, Sequence[Row]], Mistake] = lambda _row, _rows: None
    """What is wrong with a row beside all rows; asked after every cell is good."""


def _dates_in_order(row: Row, _rows: Sequence[Row]) -> Mistake:
    if row["to_date"] and row["to_date"] < row["from_date"]:
        return "to_date", f"{row['to_date']} is before the from_date {row['from_date']}"
    return None


def _decides_or_stops(row: Row, _rows: Sequence[Row]) -> Mistake:
    """A rule maps (category, class, treatment) or says why not; a tax_type rule does neither."""
    maps = [bool(row[name]) for name in ("category_code", "rate_class", "treatment")]
    if row["match_on"] == "tax_type":
        return None if row["tax_type"] != "default" else ("tax_type", "'default' decides nothing")
    if row["unmapped_reason"]:
        return ("unmapped_reason", "the rule maps as well") if any(maps) else None
    return None if all(maps) else ("category_code", "the rule neither maps nor says why not")


def _codes_in_order(row: Row, _rows: Sequence[Row]) -> Mistake:
    first, last = row["code_from"], row["code_to"]
    if not (first.isdigit() and last.isdigit()):
        return "code_from", f"{first}-{last} is no range of digits"
    if row["match"] == "prefix" and len(first) != len(last):
        return "code_to", f"{last} is not as long as the prefix {first}"
    return ("code_to", f"{last} is before {first}") if int(first) > int(last) else None


def _formula_parses(row: Row, rows: Sequence[Row]) -> Mistake:
    """A calculation uses boxes above it, so that no two need each other."""
    above = takewhile(lambda other: other is not row, rows)
    of_return = [other for other in above if other["country"] == row["country"]]
    try:
        if row["kind"] == "sum":
            parse_sum(row["formula"])
        elif row["kind"] == "calc":
            usable = {other["box"] for other in of_return if other["kind"] != MANUAL}
            parse_calculation(row["formula"], usable)
        elif row["formula"] != MANUAL:
            return "formula", f"a manual box has the formula {MANUAL!r}"
    except ValueError as error:
        return "formula", str(error)
    return None


_TEXT = Column()
_NOTE = Column(required=False)
_COUNTRY = Column(one_of=COUNTRIES)
_FLAG = Column("flag")
_CLASS = Column(one_of=ACCOUNT_CLASSES)

SCHEMAS: Final[Mapping[str, TableSchema]] = {
    "countries": TableSchema(
        {
            "country": _COUNTRY,
            "currency": _TEXT,
            "chart_standard": _TEXT,
            "code_digits": Column("integer", required=False),
            "tax": Column(one_of=("vat", "sales_tax")),
            "output_box": Column(required=False),
            "input_box": Column(required=False),
            "source": _TEXT,
            "certainty": _TEXT,
        },
        key=("country",),
    ),
    "tax_rules": TableSchema(
        {
            "rule_id": _TEXT,
            "country": Column(one_of=(*COUNTRIES, "*")),
            "priority": Column("integer"),
            "match_on": Column(one_of=("id", "name", "figure", "tax_type")),
            "pattern": Column("pattern"),
            "pct_condition": Column(one_of=("any", "zero", "nonzero")),
            "on_pct_mismatch": Column(one_of=("conflict", "skip")),
            "category_code": Column(required=False, one_of=CATEGORIES),
            "rate_class": Column(required=False, one_of=(*RATE_CLASSES, "by_figure")),
            "direction": Column(one_of=("both", "sale", "purchase")),
            "treatment": Column(required=False, one_of=TREATMENTS),
            "tax_type": Column(one_of=(*TAX_TYPES, "default")),
            "unmapped_reason": Column(required=False),
            "requires_eu": _FLAG,
            "note": _NOTE,
        },
        key=("rule_id",),
        row_check=_decides_or_stops,
    ),
    "vat_rates": TableSchema(
        {
            "country": _COUNTRY,
            "region": Column(required=False),
            "tax": _TEXT,
            "tax_type": Column(one_of=TAX_TYPES),
            "rate_class": Column(one_of=RATE_CLASSES),
            "percentage": Column("decimal"),
            "from_date": Column("date"),
            "to_date": Column("date", required=False),
            "source_note": _TEXT,
        },
        key=("country", "region", "tax_type", "rate_class", "percentage", "from_date"),
        row_check=_dates_in_order,
    ),
    "sage_tax_ids": TableSchema(
        {
            "country": _COUNTRY,
            "tax_rate_id": _TEXT,
            "default_name": _TEXT,
            "percentage": Column("decimal"),
            "category_code": Column(one_of=CATEGORIES),
            "rate_class": Column(one_of=RATE_CLASSES),
            "treatment": Column(one_of=TREATMENTS),
            "tax_type": Column(one_of=TAX_TYPES),
            "status": Column(one_of=("seen", "inferred")),
            "evidence": _TEXT,
        },
        key=("tax_rate_id",),
    ),
    "vat_scope": TableSchema(
        {
            "treatment": Column(one_of=(*TREATMENTS, "import (category AE)")),
            "direction": Column(one_of=("sale", "purchase", "*")),
            "counterparty_zone": Column(one_of=("home", "eu", "world", "*")),
            "vat_scope": Column(required=False),
            "note": _NOTE,
        },
        key=("treatment", "direction", "counterparty_zone"),
    ),
    "account_ranges": TableSchema(
        {
            "country": _COUNTRY,
            "standard": _TEXT,
            "match": Column(one_of=("numeric", "prefix")),
            "code_from": _TEXT,
            "code_to": _TEXT,
            "label": _TEXT,
            "class": _CLASS,
            "subclass": _TEXT,
            "source": _TEXT,
            "certainty": _TEXT,
        },
        key=("country", "standard", "code_from", "code_to"),
        row_check=_codes_in_order,
    ),
    "ledger_type_map": TableSchema(
        {
            "kind": Column(one_of=("type", "group", "control")),
            "id": _TEXT,
            "synonyms": _NOTE,
            "class": _CLASS,
            "default_subclass": _TEXT,
            "allowed_subclasses": _TEXT,
            "normal_balance": Column(one_of=("debit", "credit")),
            "statement": Column(one_of=("BS", "PL")),
            "notes": _NOTE,
            "source": _TEXT,
            "certainty": _TEXT,
        },
        key=("kind", "id"),
    ),
    "vat_boxes": TableSchema(
        {
            "country": _COUNTRY,
            "return": _TEXT,
            "box": _TEXT,
            "label": _TEXT,
            "kind": Column(one_of=("sum", "calc", MANUAL)),
            "formula": _TEXT,
            "rounding": Column(one_of=("2dp", "whole_down", "whole_half_up")),
            "source": _TEXT,
            "certainty": _TEXT,
        },
        key=("country", "box"),
        row_check=_formula_parses,
    ),
    "unified_model": TableSchema(
        {
            "table": _TEXT,
            "column": _TEXT,
            "duckdb_type": _TEXT,
            "nullable": Column(one_of=("YES", "NO")),
            "meaning": _NOTE,
            "sage_source": _TEXT,
        },
        key=("table", "column"),
    ),
    "unified_tables": TableSchema(
        {"table": _TEXT, "key": _TEXT, "meaning": _TEXT},
        key=("table",),
    ),
    "mart_columns": TableSchema(
        {
            "mart": _TEXT,
            "column": _TEXT,
            "duckdb_type": _TEXT,
            "nullable": Column(one_of=("YES", "NO")),
            "meaning": _TEXT,
        },
        key=("mart", "column"),
    ),
    "marts": TableSchema(
        {
            "mart": _TEXT,
            "grain": _TEXT,
            "columns": _TEXT,
            "tie_out": _NOTE,
            "notes": _NOTE,
        },
        key=("mart",),
    ),
    "exports": TableSchema(
        {
            "export": _TEXT,
            "record": _TEXT,
            "position": Column("integer"),
            "field": _TEXT,
            "format": _NOTE,
            "required": _NOTE,
            "unified_source": _NOTE,
            "note": _NOTE,
            "source": _TEXT,
            "certainty": _TEXT,
        },
        key=("export", "record", "position", "field"),
    ),
    "datev_keys": TableSchema(
        {
            "chart": Column(one_of=("SKR03", "SKR04")),
            "key": _TEXT,
            "direction": Column(one_of=("sale", "purchase")),
            "treatment": Column(one_of=TREATMENTS),
            "percentage": Column("decimal"),
            "tax_account": Column(required=False),
            "from_date": Column("date"),
            "to_date": Column("date", required=False),
            "source": _TEXT,
            "certainty": _TEXT,
        },
        key=("chart", "key", "from_date"),
        row_check=_dates_in_order,
    ),
    "datev_automatic": TableSchema(
        {
            "chart": Column(one_of=("SKR03", "SKR04")),
            "code_from": _TEXT,
            "code_to": _TEXT,
            "direction": Column(one_of=("sale", "purchase")),
            "percentage": Column("decimal"),
            "source": _TEXT,
            "certainty": _TEXT,
        },
        key=("chart", "code_from"),
    ),
    "datev_fields": TableSchema(
        {
            "record": Column(one_of=("booking", "contact")),
            "position": Column("integer"),
            "field": _TEXT,
            "kind": Column(one_of=("number", "text")),
            "source": _TEXT,
            "certainty": _TEXT,
        },
        key=("record", "position"),
    ),
}

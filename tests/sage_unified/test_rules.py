"""Rule tables: the packaged ones are sound, and a mistake is named by file, line and column."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from sage_unified.errors import RuleTableError
from sage_unified.rule_schemas import SCHEMAS, Column, TableSchema
from sage_unified.rules import RULES_VERSION, read_rules, rule_table

SMALL = TableSchema(
    {
        "key": Column(),
        "country": Column(one_of=("GB", "IE")),
        "priority": Column("integer"),
        "percentage": Column("decimal"),
        "from_date": Column("date", required=False),
        "flag": Column("flag"),
        "pattern": Column("pattern"),
    },
    key=("key",),
)
HEADER = "key,country,priority,percentage,from_date,flag,pattern"
GOOD = "k1,GB,1,17.5,2010-01-01,0,^a+$"


def read(*rows: str, header: str = HEADER) -> pl.DataFrame:
    return read_rules("small.csv", "\n".join([header, *rows]) + "\n", SMALL)


@pytest.mark.parametrize("name", list(SCHEMAS))
def test_packaged_table_is_sound(name: str) -> None:
    assert not rule_table(name).is_empty()


def test_cells_have_the_types_of_their_columns() -> None:
    assert read(GOOD).row(0) == (
        "k1",
        "GB",
        1,
        Decimal("17.5"),
        date(2010, 1, 1),
        False,
        "^a+$",
    )


def test_empty_cell_is_null_where_it_may_be() -> None:
    assert read("k1,GB,1,5,,1,x")["from_date"].to_list() == [None]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("k2,FR,1,5,,0,x", "country"),
        ("k2,GB,one,5,,0,x", "priority"),
        ("k2,GB,1,five,,0,x", "percentage"),
        ("k2,GB,1,5,2010-02-30,0,x", "from_date"),
        ("k2,GB,1,5,,yes,x", "flag"),
        ("k2,GB,1,5,,0,(x", "pattern"),
        ("k2,GB,1,5,,0,(?=x)", "pattern"),
        (",GB,1,5,,0,x", "key"),
        ("k1,GB,1,5,,0,x", "key"),
        ("k2,GB,1,5,,0", "pattern"),
    ],
    ids=lambda value: value if "," not in value else "",
)
def test_mistake_names_file_line_and_column(row: str, column: str) -> None:
    with pytest.raises(RuleTableError) as caught:
        read(GOOD, row)
    assert (caught.value.file, caught.value.line, caught.value.column) == ("small.csv", 3, column)


def test_line_is_counted_past_a_cell_with_a_line_break() -> None:
    with pytest.raises(RuleTableError, match="line 4, column country"):
        read('"k\n1",GB,1,5,,0,x', "k2,FR,1,5,,0,x")


@pytest.mark.parametrize(
    ("header", "column"), [(HEADER.replace("flag,", ""), "flag"), (HEADER + ",extra", "extra")]
)
def test_missing_or_unknown_column_is_named(header: str, column: str) -> None:
    with pytest.raises(RuleTableError, match=f"line 1, column {column}"):
        read(header=header)


def broken(table: str, pattern: str, replacement: str) -> str:
    """The packaged table as CSV with the first match of ``pattern`` replaced."""
    frame = rule_table(table).with_columns(pl.selectors.boolean().cast(pl.Int8))
    text, count = re.subn(pattern, replacement, frame.write_csv(), count=1, flags=re.MULTILINE)
    assert count == 1
    return text


@pytest.mark.parametrize(
    ("table", "pattern", "replacement", "mistake"),
    [
        ("vat_rates", "1991-01-01,2006-06-30", "1991-01-01,1990-06-30", "to_date.*before"),
        (
            "tax_rules",
            r"S,by_figure,both,domestic,default,,1?",
            r"S,,both,domestic,default,,",
            "neither maps",
        ),
        ("account_ranges", "numeric,1,1999", "numeric,1999,1", "code_to.*before"),
        ("account_ranges", "prefix,101,108", "prefix,101,1080", "code_to.*not as long"),
        ("vat_boxes", "=1\\+2", "=1+77", "formula.*'77'"),
        ("vat_boxes", "tax where direction=sale", "tax wher direction=sale", "formula.*no term"),
        ("vat_boxes", "=abs\\(3-4\\)", "=abs(3-4", "formula.*not closed"),
    ],
)
def test_row_that_contradicts_itself_is_refused(
    table: str, pattern: str, replacement: str, mistake: str
) -> None:
    text = broken(table, pattern, replacement)
    with pytest.raises(RuleTableError, match=mistake):
        read_rules(f"{table}.csv", text, SCHEMAS[table])


def test_rule_ids_are_of_one_form() -> None:
    assert rule_table("tax_rules")["rule_id"].str.contains(r"^R\d{3}$").all()


def test_regional_rows_are_told_apart_by_an_empty_region() -> None:
    assert rule_table("vat_rates")["region"].null_count() > 0


def test_version_is_a_year_and_a_number() -> None:
    assert re.fullmatch(r"20\d\d\.\d+", RULES_VERSION)

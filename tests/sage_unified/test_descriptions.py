"""Every table and column is described, and the page of them is current."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import sage_unified as su

ROOT = Path(__file__).resolve().parents[2]
TABLES = [(table.schema, table.name) for table in su.TABLES]


@pytest.mark.parametrize("name", TABLES, ids=".".join)
def test_table_and_its_columns_are_described(name: tuple[str, str]) -> None:
    description = su.describe(*name)
    assert description.table
    assert [c for c in su.duckdb_types(*name) if not description.columns.get(c)] == []


def test_page_of_the_schemas_is_current() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "make_schema_docs.py"))
    assert (ROOT / "docs" / "schema.md").read_text(encoding="utf-8") == script["page"](), (
        "run: python scripts/make_schema_docs.py"
    )

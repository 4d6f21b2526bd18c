"""Writes docs/schema.md from the tables that describe the warehouse: ``python scripts/make_schema_docs.py``.

The same tables give the warehouse its ``COMMENT ON``; a test holds that the page is current.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sage_unified import TABLES, describe, duckdb_types, rule_table

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "schema.md"

_HEAD: Final = """\
# The schemas `unified` and `marts`

Made by `sage-elt transform` from the raw schema; written by `scripts/make_schema_docs.py`, not by hand.
Amounts are DECIMAL, never floating point; `base_` amounts are in the business's base currency. Ask the
warehouse itself: `SELECT column_name, comment FROM duckdb_columns() WHERE schema_name = 'unified'`.
`unified._builds` keeps what each business was last built from: a business whose raw rows, rules and
overrides are the same is not built again.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for schema in ("unified", "marts"):
        parts.append(f"## {schema}\n")
        parts += [_table(schema, name) for name in _names(schema)]
    return "\n".join(parts)


def _names(schema: str) -> list[str]:
    return sorted(table.name for table in TABLES if table.schema == schema)


def _table(schema: str, name: str) -> str:
    description = describe(schema, name)
    source = "unified_model" if schema == "unified" else "mart_columns"
    owner = "table" if schema == "unified" else "mart"
    rows = rule_table(source).rows(named=True)
    nullable = {row["column"]: row["nullable"] for row in rows if row[owner] == name}
    lines = [f"### {schema}.{name}\n", f"{description.table}\n"]
    lines += ["| column | type | null | meaning |", "|---|---|---|---|"]
    for column, kind in duckdb_types(schema, name).items():
        null = "yes" if nullable[column] == "YES" else "no"
        meaning = description.columns[column].replace("|", "\\|")
        lines.append(f"| `{column}` | {kind} | {null} | {meaning} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

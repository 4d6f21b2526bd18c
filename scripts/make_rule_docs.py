"""Writes docs/reference/rules.md from the rule tables: ``python scripts/make_rule_docs.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sage_unified.rule_schemas import SCHEMAS, Column
from sage_unified.rules import RULES_VERSION, rule_table

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "rules.md"

_HEAD: Final = f"""\
# Rule tables

The law, the charts of accounts and the layouts by which raw rows become `unified` and `marts`, version
`{RULES_VERSION}`. Every classified row carries that version and the rule's id. To override a rule for your own tax
rate or account: [overrides](../overrides.md). To change a rule for everybody, or to add those of a country:
[a country's rules](../how-to/add-a-country-rule.md).

The tables are CSV files in `transforms/sage_unified/rules/`, checked when first read: a mistake is named with file,
line and column. Written by `scripts/make_rule_docs.py`, not by hand.
"""
_SUBJECTS: Final = {
    "account_ranges": "Class and subclass of a ledger account by its code, for each chart of accounts.",
    "countries": "What holds for a country as a whole.",
    "datev_automatic": "DATEV's automatic accounts, which take the tax out of an amount by themselves.",
    "datev_fields": "The columns of a DATEV booking batch and of its list of customers and suppliers.",
    "datev_keys": "DATEV's posting keys by treatment and percentage, with the account that the tax goes to.",
    "exports": "The fields of each export file, and where each comes from.",
    "ledger_type_map": "Class and subclass of a ledger account by Sage's own account type, group or control.",
    "mart_columns": "The columns of the marts; shown in [the schema](../schema.md).",
    "marts": "Grain of each mart, and what it ties out to.",
    "sage_tax_ids": "Sage's own tax rates, known by their id.",
    "tax_rules": "What a tax rate's id, name or figure says; the first rule that fits decides.",
    "unified_model": "The columns of the unified schema; shown in [the schema](../schema.md).",
    "unified_tables": "The unified tables with their keys.",
    "vat_boxes": "The boxes of each country's return, as formulas over the tax lines.",
    "vat_rates": "Which percentage belongs to which class in a country, and from when to when.",
    "vat_scope": "Which part of a return a line belongs to, by treatment and place of the other party.",
}
_SHOWN: Final = (
    "countries",
    "vat_rates",
    "sage_tax_ids",
    "tax_rules",
    "vat_scope",
    "vat_boxes",
    "ledger_type_map",
    "datev_keys",
    "datev_automatic",
)
"""Tables whose rows people look up; the others are long layouts."""
_VERBATIM: Final = ("pattern", "formula", "id", "rule_id", "tax_rate_id", "synonyms")


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(name) for name in sorted(SCHEMAS))])


def _section(name: str) -> str:
    schema, rows = SCHEMAS[name], rule_table(name)
    lines = [
        f"## {name}\n",
        f"{_SUBJECTS[name]} {rows.height} rows, one for each {', '.join(f'`{c}`' for c in schema.key)}.\n",
        "| column | holds |",
        "|---|---|",
        *(f"| `{column}` | {_holds(kind)} |" for column, kind in schema.columns.items()),
        "",
    ]
    if name in _SHOWN:
        lines += [
            f"| {' | '.join(rows.columns)} |",
            "|" + "---|" * rows.width,
            *(f"| {' | '.join(map(_cell, rows.columns, row))} |" for row in rows.iter_rows()),
            "",
        ]
    return "\n".join(lines)


def _holds(column: Column) -> str:
    what = (
        column.kind if not column.one_of else "one of " + ", ".join(f"`{v}`" for v in column.one_of)
    )
    return what if column.required else f"{what}; may be empty"


def _cell(column: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value).replace("|", "\\|")
    return f"`{text}`" if column in _VERBATIM else text.replace("*", "\\*").replace("_", "\\_")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

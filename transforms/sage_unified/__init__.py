"""Sage raw tables to one accounting schema: pure functions over polars frames.

The classifiers take and give a DataFrame with its rows in order; :func:`build` makes the tables of the
warehouse from the raw ones and :func:`check` ties them out. Nothing here knows a file, the network or
the clock.
"""

from sage_unified.accounts import classify_ledger_accounts
from sage_unified.checks import check, checked_columns
from sage_unified.errors import BuildError, InputError, RuleTableError, UnifiedError
from sage_unified.marts.ageing import aged_items
from sage_unified.marts.vat_return import vat_return
from sage_unified.model import TABLES, build, duckdb_types, raw_columns
from sage_unified.rules import RULES_VERSION, rule_table
from sage_unified.tax_lines import classify_tax_lines
from sage_unified.tax_rates import classify_tax_rates

__all__ = [
    "RULES_VERSION",
    "TABLES",
    "BuildError",
    "InputError",
    "RuleTableError",
    "UnifiedError",
    "aged_items",
    "build",
    "check",
    "checked_columns",
    "classify_ledger_accounts",
    "classify_tax_lines",
    "classify_tax_rates",
    "duckdb_types",
    "raw_columns",
    "rule_table",
    "vat_return",
]

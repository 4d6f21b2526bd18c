"""Sage raw tables to one accounting schema: pure functions over polars frames.

The classifiers take and give a DataFrame with its rows in order; :func:`build` makes the tables of the
warehouse from the raw ones and :func:`check` ties them out. Nothing here knows a file, the network or
the clock.
"""

from sage_unified.accounts import classify_ledger_accounts
from sage_unified.checks import check, checked_columns
from sage_unified.descriptions import Description, describe
from sage_unified.errors import BuildError, InputError, OverrideError, RuleTableError, UnifiedError
from sage_unified.marts.ageing import aged_items
from sage_unified.marts.vat_return import vat_return
from sage_unified.model import TABLES, build, build_into, duckdb_types, raw_columns
from sage_unified.overrides import COLUMNS as OVERRIDE_COLUMNS
from sage_unified.overrides import read_overrides
from sage_unified.rules import RULES_VERSION, rule_table
from sage_unified.tax_lines import classify_tax_lines
from sage_unified.tax_rates import classify_tax_rates

__all__ = [
    "OVERRIDE_COLUMNS",
    "RULES_VERSION",
    "TABLES",
    "BuildError",
    "Description",
    "InputError",
    "OverrideError",
    "RuleTableError",
    "UnifiedError",
    "aged_items",
    "build",
    "build_into",
    "check",
    "checked_columns",
    "classify_ledger_accounts",
    "classify_tax_lines",
    "classify_tax_rates",
    "describe",
    "duckdb_types",
    "raw_columns",
    "read_overrides",
    "rule_table",
    "vat_return",
]

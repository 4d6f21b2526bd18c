"""The closed vocabularies of the unified schema, each once.

Source: the columns' meanings in rules/unified_model.csv; categories are those of EN 16931
(UNTDID 5305). ``rules.py`` holds every rule table to them. Countries are those of rules/countries.csv.
"""

from __future__ import annotations

import csv
from datetime import date
from importlib.resources import files
from typing import Final

# read here and not as a rule table: the schemas of all rule tables need the vocabulary first
_COUNTRIES: Final = tuple(
    csv.DictReader(
        (files("sage_unified") / "rules" / "countries.csv").read_text(encoding="utf-8").splitlines()
    )
)
COUNTRIES: Final = tuple(row["country"] for row in _COUNTRIES)
SALES_TAX_COUNTRIES: Final = tuple(r["country"] for r in _COUNTRIES if r["tax"] == "sales_tax")
"""Where tax is not a European value added tax: no reduced classes, no rules of the union."""

CATEGORIES: Final = ("S", "Z", "E", "AE", "K", "G", "O", "L", "M")
RATE_CLASSES: Final = (
    "standard",
    "reduced",
    "second_reduced",
    "intermediate",
    "super_reduced",
    "temporary",
    "increased",
    "special",
    "other",
    "flat_rate_addition",
    "zero",
    "none",
    "unknown",
)
TREATMENTS: Final = (
    "domestic",
    "reverse_charge",
    "intra_eu_supply",
    "intra_eu_acquisition",
    "export",
    "import",
    "exempt",
    "outside_scope",
    "margin",
    "oss",
    "unknown",
)
TAX_TYPES: Final = (
    "VAT",
    "VAT_RE",
    "RE",
    "FLAT_RATE_ADDITION",
    "IGIC",
    "IPSI",
    "GST",
    "HST",
    "GST_HST",
    "PST",
    "QST",
    "GST_PST",
    "GST_QST",
    "SALES_TAX",
    "USE_TAX",
)
ACCOUNT_CLASSES: Final = ("asset", "liability", "equity", "income", "expense")

EU_MEMBERS: Final = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)  # fmt: skip
"""The 27 members by ISO code; Greece also as EL, as VAT numbers write it."""
EU_INCLUDES_GB_UNTIL: Final = date(2020, 12, 31)
"""Last day on which GB was treated as a member; for goods, Northern Ireland still is."""

UNKNOWN_COUNTRY: Final = "ZZ"
UNKNOWN_CURRENCY: Final = "XXX"
"""Of a business whose record was not loaded: the codes that ISO 3166 and 4217 reserve for none."""

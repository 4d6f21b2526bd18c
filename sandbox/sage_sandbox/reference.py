"""Small lists, settings and exchange rates: what a business has before its first booking."""

from __future__ import annotations

from decimal import Decimal

from sage_sandbox.charts.tables import Row, offered, rows, settings
from sage_sandbox.ledger import Ledger
from sage_sandbox.records import (
    LAST_DAY,
    ZERO,
    hex_id,
    inverse,
    rate_digits,
    stub,
    stub_of,
)
from sage_sandbox.store import Record

_JOURNALS = (
    ("sales", "VE", "Ventes", "SALES"),
    ("purchases", "AC", "Achats", "PURCHASES"),
    ("bank", "BQ", "Banque", "BANK"),
    ("other", "OD", "Opérations diverses", "OTHER"),
    ("opening", "REPBAL", "À-nouveaux", "OPENING_BALANCES"),
)
"""France: our kind of posting, Sage's code, its name, its type."""


def enumerations(country: str) -> dict[str, list[Record]]:
    """Give the records of the country's small lists by collection, tax types left out."""
    lists: dict[str, list[Record]] = {}
    for row in rows("reference"):
        if row["collection"] == "tax_types" or not offered(row, country):
            continue
        record = {**stub(row["collection"], row["id"], row["displayed_as"]), **_fields(row)}
        if row["collection"] == "address_regions":
            record["name"] = row["displayed_as"]
        lists.setdefault(row["collection"], []).append(record)
    return lists


def exchange_rate(base: str, currency: str, day: str) -> Decimal:
    """Give the units of a currency for one of base on a day; it moves by month, as a table would."""
    if base == currency:
        return Decimal(1)
    per_eur = {row["currency"]: Decimal(row["per_eur"]) for row in rows("exchange_rates")}
    drift = int(hex_id(base, currency, day[:7])[:4], 16) % 41 - 20
    return rate_digits(per_eur[currency] / per_eur[base] * (1000 + drift) / 1000)


def add_lists(ledger: Ledger, at: str) -> None:
    """Store tax types and profiles, the template's name, exchange rates, analysis types."""
    country = ledger.business.country
    _add_tax_types(ledger, at)
    template = hex_id(ledger.business.id, "coa_templates", country)
    ledger.put(
        "coa_templates",
        {
            **stub("coa_templates", template, f"Standard chart {country}"),
            "created_at": at,
            "updated_at": at,
            "name": f"Standard chart {country}",
            "country": ledger.name("countries", country),
        },
    )
    _add_exchange_rates(ledger, at)
    _add_analysis_types(ledger, at)


def add_journal_codes(ledger: Ledger, at: str) -> None:
    """France: store the journals and keep their stubs for the postings."""
    for kind, code, name, code_type in _JOURNALS:
        journal_id = hex_id(ledger.business.id, "journal_codes", code)
        record = {
            **stub("journal_codes", journal_id, f"{name} ({code})"),
            "created_at": at,
            "updated_at": at,
            "name": name,
            "code": code,
            "journal_code_type": ledger.name("journal_code_types", code_type),
            "control_name": code,
            "reserved": True,
        }
        ledger.put("journal_codes", record)
        ledger.journal_codes[kind] = {**stub_of(record), "name": name, "code": code}


def add_migration_tax_returns(ledger: Ledger, at: str) -> None:
    """Great Britain and Ireland: store the returns of the year before the books start."""
    frequency = ledger.name("tax_return_frequencies", "QUARTERLY")
    gb, ie = ledger.business.country == "GB", ledger.business.country == "IE"
    for number, (first, last) in enumerate(
        (("2024-01-01", "2024-03-31"), ("2024-04-01", "2024-06-30")), 1
    ):
        output, input_tax = Decimal(8200 + number * 117), Decimal(5100 + number * 89)
        return_id = hex_id(ledger.business.id, "migration_tax_returns", first)
        due = output - input_tax
        boxes = [output, ZERO, output, input_tax, due, output * 5, input_tax * 5, ZERO, ZERO]
        ledger.put(
            "migration_tax_returns",
            {
                **stub("migration_tax_returns", return_id, f"{first} to {last}"),
                "created_at": at,
                "updated_at": at,
                "from_date": first,
                "to_date": last,
                "tax_return_frequency": frequency,
                "total_amount": due,
                "gb": {f"box_{n}": box for n, box in enumerate(boxes, 1)} if gb else None,
                "ie": {
                    "box_T1": output,
                    "box_T2": input_tax,
                    "box_T3": due,
                    "box_T4": ZERO,
                    "box_E1": ZERO,
                    "box_E2": ZERO,
                    "box_ES1": ZERO,
                    "box_ES2": ZERO,
                }
                if ie
                else None,
            },
        )


def _fields(row: Row) -> Record:
    return dict(pair.split("=", 1) for pair in filter(None, row["fields"].split("|")))


def _add_tax_types(ledger: Ledger, at: str) -> None:
    country = ledger.business.country
    monthly = ledger.names.get("tax_return_frequencies", {}).get("QUARTERLY")
    for row in rows("reference"):
        if row["collection"] != "tax_types" or not offered(row, country):
            continue
        fields = _fields(row)
        region = ledger.names["address_regions"][fields["region"]] if "region" in fields else None
        tax_type = stub("tax_types", row["id"], row["displayed_as"])
        federal = fields["federal"] == "1"
        ledger.put(
            "tax_types",
            {
                **tax_type,
                "federal_tax": federal,
                "country": ledger.name("countries", country),
                "address_regions": [region] if region else [],
                "tax_rates": [
                    rate.stub
                    for rate in ledger.rate_of.values()
                    if _tax_type_of(rate.id, country) == row["id"]
                ],
            },
        )
        profile_id = hex_id(ledger.business.id, "tax_profiles", row["id"])
        ledger.put(
            "tax_profiles",
            {
                **stub("tax_profiles", profile_id, row["displayed_as"]),
                "created_at": at,
                "updated_at": at,
                "tax_type": tax_type,
                "tax_number": settings(country)["tax_number"] if federal else None,
                "tax_number_suffix": None,
                "collect_tax": True,
                "tax_return_frequency": monthly,
                "address_region": region,
            },
        )


def _tax_type_of(rate_id: str, country: str) -> str:
    if country == "US":
        return "US_SALES_TAX"
    if country != "CA":
        return f"{country}_VAT"
    return rate_id if rate_id in ("CA_PST_BC", "CA_PST_SK", "CA_QST") else "CA_GST_HST"


def _add_exchange_rates(ledger: Ledger, at: str) -> None:
    base = ledger.name("currencies", ledger.currency)
    for currency in ledger.names["currencies"].values():
        if currency is base:
            continue
        rate = exchange_rate(ledger.currency, currency["id"], LAST_DAY.isoformat())
        common = {
            "displayed_as": currency["displayed_as"],
            "rate": rate,
            "inverse_rate": inverse(rate),
            "base_currency": base,
            "currency": currency,
        }
        for name in ("exchange_rates", "business_exchange_rates", "live_exchange_rates"):
            record = {**common, "$path": f"/{name}/{currency['id']}", "updated_at": at}
            record["retrieved_at" if name.startswith("live") else "created_at"] = at
            if name != "business_exchange_rates" or currency["id"] in ("EUR", "GBP", "USD"):
                ledger.collection(name).put(currency["id"], record)


def _add_analysis_types(ledger: Ledger, at: str) -> None:
    for name, categories in (("Department", ("Retail", "Trade")), ("Project", ("North", "South"))):
        type_id = hex_id(ledger.business.id, "analysis_types", name)
        analysis_type = stub("analysis_types", type_id, name)
        records = []
        for number, category in enumerate(categories, 1):
            category_id = hex_id(type_id, category)
            code = f"{name[:3].upper()}{number}"
            record = {
                **stub("analysis_type_categories", category_id, category),
                "created_at": at,
                "updated_at": at,
                "code": code,
                "name": category,
                "combined_id": f"{type_id}{category_id}",
                "analysis_type": analysis_type,
            }
            records.append(ledger.put("analysis_type_categories", record))
        ledger.put(
            "analysis_types",
            {
                **analysis_type,
                "created_at": at,
                "updated_at": at,
                "active_areas": ["sales", "purchases", "journals"],
                "analysis_type_level": ["TRANSACTION"],
                "analysis_type_categories": records,
                "name": name,
            },
        )

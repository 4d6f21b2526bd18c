"""The chart of accounts of a country as ledger accounts, and the template it came from."""

from __future__ import annotations

from sage_sandbox.charts.tables import Row, rows
from sage_sandbox.records import hex_id, stub
from sage_sandbox.store import Record
from sage_sandbox.tax import Rate

_GROUP = {
    "FIXED_ASSETS": ("ASSET", "Asset"),
    "FUTURE_ASSETS": ("ASSET", "Asset"),
    "CURRENT_ASSETS": ("ASSET", "Asset"),
    "BANK": ("ASSET", "Asset"),
    "CURRENT_LIABILITY": ("LIABILITY", "Liability"),
    "FUTURE_LIABILITY": ("LIABILITY", "Liability"),
    "LINE_OF_CREDIT": ("LIABILITY", "Liability"),
    "EQUITY": ("CAPITAL", "Capital"),
    "SALES": ("INCOME", "Income"),
    "OTHER_INCOME": ("INCOME", "Income"),
    "DIRECT_EXPENSES": ("EXPENDITURE", "Expenditure"),
    "OVERHEADS": ("EXPENDITURE", "Expenditure"),
    "DEPRECIATION": ("EXPENDITURE", "Expenditure"),
}
_CLASSIFICATION = {
    "FIXED_ASSETS": "FIXED_ASSET",
    "FUTURE_ASSETS": "FIXED_ASSET",
    "CURRENT_ASSETS": "CURRENT_ASSET",
    "BANK": "BANK",
    "CURRENT_LIABILITY": "CURRENT_LIABILITY",
    "FUTURE_LIABILITY": "LONG_TERM_LIABILITY",
    "LINE_OF_CREDIT": "CURRENT_LIABILITY",
    "EQUITY": "CAPITAL",
    "SALES": "SALES",
    "OTHER_INCOME": "OTHER_INCOME",
    "DIRECT_EXPENSES": "DIRECT_EXPENSE",
    "OVERHEADS": "OVERHEAD",
    "DEPRECIATION": "OVERHEAD",
}
_SCOPES = {
    "SALES": ["sales", "other_receipt", "reporting", "journals"],
    "OTHER_INCOME": ["sales", "other_receipt", "reporting", "journals"],
    "DIRECT_EXPENSES": ["purchasing", "other_payment", "reporting", "journals"],
    "OVERHEADS": ["purchasing", "other_payment", "reporting", "journals"],
    "FIXED_ASSETS": ["purchasing", "other_payment", "reporting", "journals"],
    "BANK": ["bank", "reporting", "journals"],
}


def ledger_accounts(
    business_id: str,
    chart: str,
    rates: dict[str, Rate],
    names: dict[str, dict[str, Record]],
    created_at: str,
) -> tuple[list[Record], dict[str, list[Record]]]:
    """Give the ledger accounts of a chart and the stubs of those that have a role, by role."""
    records = []
    roles: dict[str, list[Record]] = {}
    for row in rows(chart):
        record = _ledger_account(business_id, row, rates, names, created_at)
        records.append(record)
        if row["role"]:
            account = stub("ledger_accounts", record["id"], record["displayed_as"])
            roles.setdefault(row["role"], []).append(account)
    return records, roles


def coa_accounts(
    business_id: str,
    chart: str,
    rates: dict[str, Rate],
    names: dict[str, dict[str, Record]],
    created_at: str,
) -> list[Record]:
    """Give the template's accounts: what a new business of the country would start with."""
    records = []
    for row in rows(chart):
        account_id = hex_id(business_id, "coa_accounts", row["nominal_code"])
        records.append(
            {
                **stub("coa_accounts", account_id, f"{row['name']} ({row['nominal_code']})"),
                "created_at": created_at,
                "updated_at": created_at,
                "control_name": row["control_name"] or None,
                "fixed_tax_rate": False,
                "cis_materials": False,
                "cis_labour": False,
                **_common(row, rates, names),
            }
        )
    return records


def _ledger_account(
    business_id: str,
    row: Row,
    rates: dict[str, Rate],
    names: dict[str, dict[str, Record]],
    created_at: str,
) -> Record:
    account_id = hex_id(business_id, "ledger_accounts", row["nominal_code"])
    kind, control = row["type"], row["control_name"]
    displayed_as = f"{row['name']} ({row['nominal_code']})"
    expense = kind in ("DIRECT_EXPENSES", "OVERHEADS", "DEPRECIATION", "FIXED_ASSETS")
    income = kind in ("SALES", "OTHER_INCOME")
    return {
        **stub("ledger_accounts", account_id, displayed_as),
        "created_at": created_at,
        "updated_at": created_at,
        "display_name": row["name"],
        "visible_scopes": _SCOPES.get(kind, ["reporting", "journals"]),
        "included_in_chart": True,
        "fixed_tax_rate": False,
        "visible_in_banking": kind == "BANK",
        "visible_in_expenses": expense,
        "visible_in_journals": True,
        "visible_in_other_payments": expense,
        "visible_in_other_receipts": income,
        "visible_in_reporting": True,
        "visible_in_sales": income,
        "balance_details": None,
        "is_control_account": bool(control),
        "control_name": control or None,
        "display_formatted": displayed_as,
        "tax_recoverable": True,
        "recoverable_percentage": None,
        "non_recoverable_ledger_account": None,
        "cis_materials": False,
        "tax_instalment": False,
        "cis_labour": False,
        "gifi_code": int(row["gifi_code"]) if row.get("gifi_code") else None,
        **_common(row, rates, names),
    }


def _common(row: Row, rates: dict[str, Rate], names: dict[str, dict[str, Record]]) -> Record:
    group, label = _GROUP[row["type"]]
    rate = rates.get(row["tax"]) if row["tax"] else None
    return {
        "name": row["name"],
        "nominal_code": int(row["nominal_code"]),
        "ledger_account_group": {"id": group, "displayed_as": label},
        "ledger_account_type": names["ledger_account_types"][row["type"]],
        "ledger_account_classification": names["ledger_account_classifications"][
            _CLASSIFICATION[row["type"]]
        ],
        "tax_rate": rate.stub if rate else None,
    }

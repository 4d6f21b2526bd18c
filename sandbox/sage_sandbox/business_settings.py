"""The settings singletons of a business."""

from __future__ import annotations

from decimal import Decimal

from sage_sandbox.charts.tables import settings
from sage_sandbox.ledger import Ledger
from sage_sandbox.records import FIRST_DAY
from sage_sandbox.store import Record

_DEFAULT_ACCOUNTS = {
    "bank_charges": "bank_charges",
    "bank_interest_received": "interest_income",
    "bank_interest_charges_paid": "bank_charges",
    "exchange_rate_gains": "exchange_gain",
    "exchange_rate_losses": "exchange_loss",
    "sales": "sales_goods",
    "sales_discount": "sales_discount",
    "purchase": "cost_goods",
    "purchase_discount": "purchase_discount",
    "product_sales": "sales_goods",
    "product_purchase": "cost_goods",
    "service_sales": "sales_services",
    "service_purchase": "cost_services",
    "stock_purchase": "stock",
    "other_receipt": "other_income",
    "other_payment": "overhead",
    "customer_receipt_discount": "sales_discount",
    "vendor_payment_discount": "purchase_discount",
    "carriage": "shipping",
}
"""Default ledger accounts: Sage's name without its ending, our role."""

_HEADINGS = (
    "sales_invoice",
    "sales_credit_note",
    "sales_corrective_invoice",
    "sales_quote",
    "sales_estimate",
    "pro_forma",
    "remittance_advice",
    "statement",
    "delivery_note",
)


def add_settings(ledger: Ledger, bank_account: Record, at: str) -> None:
    """Store the settings singletons that the country has."""
    made = {
        "business_settings": _business_settings(ledger),
        "financial_settings": _financial_settings(ledger),
        "invoice_settings": _invoice_settings(ledger, bank_account),
        "email_settings": {
            "default_messages": [
                {"message_type": kind, "locale": "en", "message": "Please find it attached."}
                for kind in ("sales_invoice", "sales_quote", "statement")
            ],
            "pdf_attached": True,
            "send_bcc": False,
        },
        "cis_settings": {
            "$path": "/cis_settings",
            "unique_tax_reference": "1234567890",
            "contractor": False,
            "subcontractor": False,
            "accounts_office_reference": None,
            "paye_reference": None,
            "tax_rate": ledger.rates["standard"].stub,
        },
        "datev_settings": {
            "$path": "/datev_settings",
            "tax_consultant_number": 123456,
            "client_number": 10001,
            "next_customer_number": 10900,
            "next_supplier_number": 70900,
        },
    }
    for name, record in made.items():
        if name in ledger.business.collections:
            stamped = record if name == "cis_settings" else {**record, "updated_at": at}
            ledger.collection(name).put("singleton", stamped)


def _business_settings(ledger: Ledger) -> Record:
    french = ledger.business.country == "FR"
    registration = settings(ledger.business.country)["registration"]
    if ledger.business.record["ni_based"]:
        registration = "NORTHERN_IRELAND"
    return {
        "$path": "/business_settings",
        "siret": "12345678900012" if french else None,
        "management_centre_member": False if french else None,
        "rcs_number": "Nantes B 123 456 789" if french else None,
        "share_capital": Decimal(10000) if french else None,
        "business_activity_type": ledger.name("business_activity_types", "BIC") if french else None,
        "legal_form_type": ledger.name("legal_form_types", "SARL") if french else None,
        "auxiliary_accounts_visible": french,
        "default_ledger_accounts": {
            f"{name}_ledger_account": ledger.account(role)
            for name, role in _DEFAULT_ACCOUNTS.items()
        },
        "business_type": ledger.name("business_types", "LIMITED_COMPANY"),
        "country_of_registration": ledger.name("countries_of_registration", registration),
        "business_created_at": ledger.business.record["created_at"],
        "wizard_complete": True,
    }


def _financial_settings(ledger: Ledger) -> Record:
    country = ledger.business.country
    northern = bool(ledger.business.record["ni_based"])
    offices = ledger.names.get("tax_offices", {})
    return {
        "$path": "/financial_settings",
        "year_end_date": "2026-06-30",
        "year_end_lockdown_date": "2025-06-30",
        "accounting_type": "accrual",
        "accounts_start_date": FIRST_DAY.isoformat(),
        "base_currency": ledger.name("currencies", ledger.currency),
        "multi_currency_enabled": True,
        "use_live_exchange_rates": False,
        "mtd_activation_status": "enabled" if country == "GB" else None,
        "mtd_connected": country == "GB",
        "mtd_authenticated_date": None,
        "tax_scheme": ledger.names.get("tax_schemes", {}).get("STANDARD"),
        "tax_return_frequency": ledger.names.get("tax_return_frequencies", {}).get("QUARTERLY"),
        "tax_number": settings(country)["tax_number"],
        "general_tax_number": "99/123/45678" if country == "DE" else None,
        "tax_office": next(iter(offices.values()), None),
        "default_irpf_rate": Decimal(15) if country == "ES" else None,
        "flat_rate_tax_percentage": None,
        "recoverable_percentage": None,
        "sales_tax_calculation": "invoice",
        "purchase_tax_calculation": "invoice",
        "postponed_accounting": country in ("GB", "IE") and not northern,
        "destination_vat": False,
    }


def _invoice_settings(ledger: Ledger, bank_account: Record) -> Record:
    prefix = settings(ledger.business.country)["prefix"]
    spanish = ledger.business.country == "ES"
    return {
        "$path": "/invoice_settings",
        "next_invoice_number": ledger.numbers["sales_invoices"] + 1,
        "next_credit_note_number": ledger.numbers["sales_credit_notes"] + 1,
        "separate_invoice_credit_note_numbering": True,
        "sales_invoice_number_prefix": prefix,
        "sales_credit_note_number_prefix": "CN-",
        "invoice_terms_and_conditions": "Payment within the credit period.",
        "default_note_on_invoice": None,
        "default_note_on_credit_note": None,
        "default_note_on_estimate": None,
        "default_note_on_quote": None,
        "next_quote_number": ledger.numbers["sales_quotes"] + 1,
        "quote_number_prefix": "SQ-",
        "estimate_number_prefix": "SE-",
        "quote_default_days_to_expiry": 30,
        "estimate_default_days_to_expiry": 30,
        "quote_terms_and_conditions": None,
        "estimate_terms_and_conditions": None,
        "delivery_note_terms_and_conditions": None,
        "delivery_note_show_signature": True,
        "delivery_note_show_picked": False,
        "delivery_note_show_notes": True,
        "delivery_note_show_contact_details": True,
        "quick_entry_prefix": "QE-",
        "late_payment_percentage": None,
        "prompt_payment_percentage": None,
        "show_auto_entrepreneur": False,
        "show_insurance": False,
        "insurer": None,
        "insurance_area": None,
        "insurance_type": None,
        "insurance_text": None,
        "payment_bank_account": bank_account,
        "sales_corrective_invoice_number_prefix": "R-" if spanish else None,
        "next_sales_corrective_invoice_number": ledger.numbers["sales_corrective_invoices"] + 1
        if spanish
        else None,
        "document_headings": dict.fromkeys(_HEADINGS),
        "line_item_titles": dict.fromkeys(("description", "unit_price", "quantity", "discount")),
        "footer_details": dict.fromkeys(("column_1", "column_2", "column_3")),
        "print_contact_details": {
            "business_name": True,
            "website": True,
            "telephone": True,
            "mobile": False,
            "email_address": True,
            "due_date": True,
            "default_delivery_address": "MAIN",
        },
        "print_statements": {"days_overdue": True, "table_of_balances": True},
        "customer_credit_days": 30,
        "vendor_credit_days": 30,
        "customer_credit_terms": "date_from_invoice",
        "vendor_credit_terms": "date_from_payment",
    }

"""A business on its first day: country, chart, rates, lists, items, contacts, bank accounts."""

from __future__ import annotations

from random import Random

from sage_sandbox.accounts import coa_accounts, ledger_accounts
from sage_sandbox.banking import add_bank_account
from sage_sandbox.charts.tables import rows, settings
from sage_sandbox.collections import load_endpoints
from sage_sandbox.contacts import add_contact, address_record, place_of_business
from sage_sandbox.items import add_items, add_price_types, name_suppliers
from sage_sandbox.ledger import Ledger
from sage_sandbox.records import hex_id, stub, stub_of
from sage_sandbox.reference import add_journal_codes, add_lists, enumerations
from sage_sandbox.store import Business, Collection, Record
from sage_sandbox.tax import by_role, tax_rates

FOUNDED_AT = "2024-06-28T09:00:00Z"
"""When lists, chart, items and first contacts were set up."""
_WITHOUT_RECORDS = ("tax_determinations", "migrations")
"""A calculator and a migration tool: nothing in the books."""


def found(country: str, seed: int, index: int) -> Ledger:
    """Give the ledger of a new business without contacts or postings."""
    business = _business(country, seed, index)
    names: dict[str, dict[str, Record]] = {}
    for name, records in enumerations(country).items():
        names[name] = {record["id"]: stub_of(record) for record in records}
        for record in records:
            if name in business.collections:
                business.collections[name].put(record["id"], record)
    rates, rate_records = tax_rates(business.id, country, FOUNDED_AT)
    roles = by_role(rates)
    chart = _chart(country, seed, index)
    accounts, account_roles = ledger_accounts(business.id, chart, roles, names, FOUNDED_AT)
    ledger = Ledger(
        business=business,
        currency=settings(country)["currency"],
        accounts=account_roles,
        rates=roles,
        rate_of={rate.id: rate for rate in rates},
        names=names,
    )
    for record in rate_records:
        ledger.put("tax_rates", record)
    for record in accounts:
        ledger.put("ledger_accounts", record)
    for record in coa_accounts(business.id, chart, roles, names, FOUNDED_AT):
        ledger.put("coa_accounts", record)
    if "journal_codes" in business.collections:
        add_journal_codes(ledger, FOUNDED_AT)
    add_lists(ledger, FOUNDED_AT)
    add_price_types(ledger, FOUNDED_AT)
    add_items(ledger, FOUNDED_AT)
    _add_bank_accounts(ledger)
    return ledger


def add_contacts(ledger: Ledger, rng: Random, customers: int, suppliers: int) -> None:
    """Store the first contacts: customers, suppliers, and a prospect that will never buy."""
    for number in range(customers):
        add_contact(ledger, rng, "CUSTOMER", number, FOUNDED_AT)
    for number in range(suppliers):
        add_contact(ledger, rng, "VENDOR", number, FOUNDED_AT)
    name_suppliers(ledger, list(ledger.collection("contacts"))[customers:], FOUNDED_AT)
    add_contact(ledger, rng, "CUSTOMER", customers, FOUNDED_AT)


def _chart(country: str, seed: int, index: int) -> str:
    charts = settings(country)["chart"].split()
    return charts[(seed + index) % len(charts)]


def _business(country: str, seed: int, index: int) -> Business:
    row = settings(country)
    business_id = hex_id("business", country, seed, index)
    northern = country == "GB" and index == 1
    name = row["name"] if index == 0 else f"{row['name']} {index + 1}"
    label = next(r["displayed_as"] for r in rows("reference") if r["id"] == country)
    record: Record = {
        **stub("businesses", business_id, name),
        "created_at": FOUNDED_AT,
        "updated_at": FOUNDED_AT,
        "name": name,
        "country": stub("countries", country, label),
        "address_line_1": "1 Works Yard",
        "address_line_2": None,
        "city": place_of_business(country, northern)["value"],
        "region": place_of_business(country, northern)["region"],
        "postal_code": place_of_business(country, northern)["postal_code"],
        "telephone": row["telephone"],
        "mobile": None,
        "website": row["website"],
        "default_delivery_address": None,
        "subscriptions": [{"active": True, "status": "active"}],
        "is_demo": False,
        "ni_based": northern,
    }
    collections = {
        endpoint.name: Collection(endpoint.name)
        for endpoint in load_endpoints().values()
        if endpoint.kind != "account"
        and endpoint.name not in _WITHOUT_RECORDS
        and endpoint.offered_in(country)
    }
    return Business(id=business_id, country=country, record=record, collections=collections)


def _add_bank_accounts(ledger: Ledger) -> None:
    country = ledger.business.country
    place = place_of_business(country, bool(ledger.business.record["ni_based"]))
    for role in ("bank", "savings", "foreign_bank", "cash", "credit_card"):
        currency = ledger.currency
        if role == "foreign_bank":
            currency = settings(country)["foreign_currency"]
        address = None
        if role == "bank":
            address = address_record(ledger, place, "2 Bank Street", "Branch", FOUNDED_AT, True)
        bank = add_bank_account(ledger, role, currency, address, FOUNDED_AT)
        if address:
            address["bank_account"] = stub_of(bank)
            ledger.put("addresses", address)

"""Customers and suppliers at home and abroad, with their addresses and persons."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Literal

from sage_sandbox.charts.tables import Row, rows, settings, words
from sage_sandbox.ledger import Ledger
from sage_sandbox.records import ZERO, stub, stub_of
from sage_sandbox.store import Record

Zone = Literal["home", "eu", "eu_consumer", "world"]

EU = frozenset({"AT", "BE", "DE", "DK", "ES", "FR", "IE", "IT", "NL", "PL", "PT", "SE"})
_ABROAD = {
    "GB": (["IE", "FR", "NL", "DE"], ["US", "CH"]),
    "IE": (["FR", "DE", "NL", "IT"], ["GB", "US"]),
    "US": ([], ["CA", "GB"]),
    "CA": ([], ["US", "FR"]),
    "FR": (["DE", "BE", "ES", "IT"], ["CH", "US"]),
    "ES": (["FR", "DE", "IT", "PL"], ["US", "CH"]),
    "DE": (["AT", "NL", "FR", "PL"], ["CH", "US"]),
}
"""Where a country's contacts abroad are: in the EU, and elsewhere."""
_CURRENCY = {"GB": "GBP", "US": "USD", "CA": "CAD", "CH": "CHF", "AU": "AUD"}
"""Currency of a country; the EU's is EUR, any other country is invoiced in base currency."""
_PATTERN: tuple[Zone, ...] = (
    "home", "home", "world", "home", "eu", "home", "home", "home", "eu_consumer", "home",
)  # fmt: skip
"""Zones of the contacts by their number, repeated."""


def zone_of(contact: Record) -> Zone:
    """Tell where a contact is for tax, as its record says."""
    treatment = contact["tax_treatment"]
    if treatment["eu_tax_registered"]:
        return "eu"
    if treatment["eu_not_tax_registered"]:
        return "eu_consumer"
    return "world" if treatment["rest_of_world_tax"] else "home"


def address_record(
    ledger: Ledger, place: Row, street: str, name: str, at: str, main: bool, **owner: Record
) -> Record:
    """Give an address; ``owner`` is its ``contact`` or ``bank_account``."""
    country = place["country"]
    group = "ALL"
    if country in EU:
        group = "EU"
    if ledger.business.country in ("GB", "IE") and country in ("GB", "IE"):
        group = "GBIE"
    if ledger.business.country in ("US", "CA") and country in ("US", "CA"):
        group = "USCA"
    address_id = ledger.new_id("addresses")
    return {
        **stub("addresses", address_id, name),
        "address_line_1": street,
        "address_line_2": None,
        "city": place["value"],
        "postal_code": place["postal_code"],
        "country": ledger.name("countries", country),
        "deleted_at": None,
        "created_at": at,
        "updated_at": at,
        "bank_account": owner.get("bank_account"),
        "contact": owner.get("contact"),
        "address_type": ledger.name("address_types", "ACCOUNTS" if main else "DELIVERY"),
        "name": name,
        "region": place["region"],
        "country_group": ledger.name("country_groups", group),
        "is_main_address": main,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A contact to be written; ``number`` varies its terms, ``place`` is a city's row."""

    kind: Literal["CUSTOMER", "VENDOR"]
    number: int
    name: str
    zone: Zone
    place: Row
    street: str
    person: str


def add_contact(
    ledger: Ledger, rng: Random, kind: Literal["CUSTOMER", "VENDOR"], number: int, at: str
) -> Record:
    """Make up and store a contact; give its record.

    The number decides the zone, so that a few contacts already hold all of them.
    """
    home = ledger.business.country
    zone, place = _place(ledger, rng, number)
    first, last = (rng.choice(words(home, kind))["value"] for kind in ("first", "last"))
    contact = Contact(
        kind=kind,
        number=number,
        name=_company_name(home, place["country"], rng),
        zone=zone,
        place=place,
        street=f"{rng.randrange(1, 180)} {rng.choice(_streets(place['country']))['value']}",
        person=f"{first} {last}",
    )
    return write_contact(ledger, contact, at)


def write_contact(ledger: Ledger, contact: Contact, at: str) -> Record:
    """Store a contact with an address (every sixth: two) and a person; give its record."""
    number, place = contact.number, contact.place
    reference = f"{'C' if contact.kind == 'CUSTOMER' else 'S'}{number:04d}"
    me = stub("contacts", ledger.new_id("contacts"), f"{contact.name} ({reference})")
    main = address_record(ledger, place, contact.street, "Main address", at, True, contact=me)
    ledger.put("addresses", main)
    delivery = None
    if number % 6 == 0:
        depot = f"1 {contact.street}"
        delivery = address_record(ledger, place, depot, "Depot", at, False, contact=me)
        ledger.put("addresses", delivery)
    person = ledger.put("contact_persons", _person(ledger, contact.person, main, at))
    record = {
        **me,
        "created_at": at,
        "updated_at": at,
        "links": [{"href": me["$path"], "rel": "self", "type": "application/json"}],
        "deleted_at": None,
        "balance": ZERO,
        "name": contact.name,
        "reference": reference,
        "main_address": main,
        "delivery_address": delivery,
        "main_contact_person": person,
        "deletable": False,
        "email": person["email"],
        "gdpr_obfuscated": False,
        "system": False,
        "is_active": True,
        **_commercial_fields(ledger, contact.kind, number),
        **_tax_fields(ledger, contact.zone, place, number),
    }
    return ledger.put("contacts", record)


def zone_abroad(ledger: Ledger, country: str, registered: bool) -> Zone:
    """Tell what a contact in another country is to the business."""
    home = ledger.business.country
    northern = bool(ledger.business.record["ni_based"])
    if country in EU and (home in EU or northern):
        return "eu" if registered else "eu_consumer"
    return "world"


def _place(ledger: Ledger, rng: Random, number: int) -> tuple[Zone, Row]:
    home = ledger.business.country
    zone = _PATTERN[number % len(_PATTERN)]
    eu, world = _ABROAD[home]
    northern = bool(ledger.business.record["ni_based"])
    if zone == "home" or (zone != "world" and not eu):
        kind = "ni_city" if northern and number % 2 else "city"
        return "home", rng.choice(words(home, kind))
    country = (world if zone == "world" else eu)[number // len(_PATTERN) % 2]
    # Great Britain left: to a business there, a contact in the EU is one outside
    return zone_abroad(ledger, country, zone == "eu"), rng.choice(words(country, "city"))


def _streets(country: str) -> tuple[Row, ...]:
    return words(country, "street") or words("GB", "street")


def _company_name(home: str, country: str, rng: Random) -> str:
    source = country if words(country, "stem") else home
    return " ".join(rng.choice(words(source, kind))["value"] for kind in ("stem", "trade", "form"))


def _person(ledger: Ledger, name: str, address: Record, at: str) -> Record:
    telephone = settings(ledger.business.country)["telephone"].rpartition(" ")[0]
    person_id = ledger.new_id("contact_persons")
    number = int(person_id[:6], 16) % 10**6
    kind = ledger.name("contact_person_types", "ACCOUNTS")
    return {
        **stub("contact_persons", person_id, name),
        "created_at": at,
        "updated_at": at,
        "deleted_at": None,
        "contact_person_types": [kind],
        "name": name,
        "job_title": None,
        "telephone": f"{telephone} {number:06d}",
        "mobile": None,
        "email": f"accounts{number}@example.com" if number % 5 else None,
        "fax": None,
        "is_main_contact": True,
        "address": stub_of(address),
        "is_preferred_contact": True,
    }


def _commercial_fields(ledger: Ledger, kind: str, number: int) -> Record:
    customer = kind == "CUSTOMER"
    types = [ledger.name("contact_types", kind)]
    if customer and number % 9 == 7:
        types.append(ledger.name("contact_types", "VENDOR"))  # both, though only sold to
    price_types = list(ledger.collection("product_sales_price_types"))
    usual = ledger.rates["standard"].stub
    if "resale" in ledger.rates and number % 5 == 3:
        usual = ledger.rates["resale"].stub
    return {
        "contact_types": types,
        "default_sales_ledger_account": ledger.account("sales_goods") if customer else None,
        "default_sales_tax_rate": usual if customer else None,
        "default_purchase_ledger_account": None if customer else ledger.account("cost_goods"),
        "notes": None,
        "locale": None,
        "bank_account_details": None
        if customer
        else {
            "account_name": "Main",
            "account_number": f"{20000000 + number}",
            "sort_code": None,
            "bic": None,
            "iban": None,
        },
        "credit_limit": Decimal(5000) if customer else None,
        "credit_days": (30, 14, 60)[number % 3],
        "credit_terms": "date_from_invoice" if customer else "date_from_payment",
        "credit_terms_and_conditions": "Payment within the credit period." if customer else None,
        "product_sales_price_type": stub_of(price_types[number % len(price_types)])
        if customer and price_types
        else None,
        "source_guid": None,
        "has_unfinished_recurring_invoices": False,
        "destination_vat_blocking": False,
        "registered_number": f"{4000000 + number * 17}",
    }


def _tax_fields(ledger: Ledger, zone: Zone, place: Row, number: int) -> Record:
    home, country = ledger.business.country, place["country"]
    northern = home == "GB" and place["kind"] == "ni_city"
    currency = "EUR" if country in EU else _CURRENCY.get(country, ledger.currency)
    if zone in ("home", "eu_consumer"):
        currency = ledger.currency
    auxiliary = None
    if home in ("FR", "ES"):
        auxiliary = f"{'411' if home == 'FR' else '430'}{number:05d}"
    if home == "DE":
        auxiliary = str(10000 + number)
    reverse = home == "GB" and zone == "home" and number % 10 == 7
    return {
        "tax_number": None if zone == "eu_consumer" else f"{country}{100000000 + number * 7919}",
        "tax_treatment": {
            "home_tax": zone == "home",
            "eu_tax_registered": zone == "eu",
            "eu_not_tax_registered": zone == "eu_consumer",
            "rest_of_world_tax": zone == "world",
            "is_importer": False,
        },
        "tax_calculation": "domestic_reverse_charge" if reverse else None,
        "currency": ledger.name("currencies", currency),
        "aux_reference": auxiliary,
        "auxiliary_account": auxiliary,
        "ni_based": northern if home == "GB" else None,
        "gb_based": country == "GB" if home in ("GB", "IE") else None,
        "cis_registered": False,
        "cis_settings": None,
    }


def place_of_business(country: str, northern: bool) -> Row:
    """Give where the business itself is."""
    kind = "ni_city" if northern else "city"
    return next(r for r in rows("words") if (r["country"], r["kind"]) == (country, kind))
